"""The port to those who tell people: the other place at which faults are simulated."""

from __future__ import annotations

from typing import Protocol

from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Delivery, Notify


class Notifier(Protocol):
    """Tells people in its own time, and says later how it went. Nothing here waits, fails or raises."""

    def offer(self, team: TeamRef, notify: Notify) -> None:
        """Take up what is due, unless it was taken up before; what isn't said to go on any more is over."""

    def outcomes(self, key: tuple[str, str]) -> tuple[Delivery, ...]:
        """How deliveries of a team (namespace, name) ended, as far as that is worth writing down by now."""

    def forget(self, key: tuple[str, str]) -> None:
        """The team is gone: what was going on about it is over."""
