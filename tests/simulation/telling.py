"""How an operator process tells notifiers: the product's own books in simulated time, over a wire that may fail."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from agentteam_operator.api.incident_status import DeliveryState
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Delivery, NotifierFacts, Notify
from agentteam_operator.observe.store import TeamKey
from agentteam_operator.providers.notifications.config import DEFAULT_EVENTS
from agentteam_operator.providers.notifications.ledger import RECORD_AFTER, Chain, Due, Ledger

from tests.simulation.timeline import Timeline

PAGER, CHAT = "pager", "chat"
NOTIFIERS = (NotifierFacts(PAGER, DEFAULT_EVENTS, default=True), NotifierFacts(CHAT, DEFAULT_EVENTS, default=True))

SEND_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 60.0


class Unheard(Exception):  # noqa: N818 - what the operator sees of it
    """The notifier didn't answer."""


class Teller(Protocol):
    """An operator process, as far as telling is concerned."""

    name: str
    alive: bool

    def due(self, seconds: float) -> None:
        """Tick in so many seconds."""


class Ears(Protocol):
    """What stands between a process and the notifiers."""

    def tell(self, process: Teller, due: Due) -> None:
        """Tell a notifier, or raise."""


class Telling:
    """The `Notifier` of one life of a process."""

    def __init__(self, process: Teller, ears: Ears, timeline: Timeline) -> None:
        self._process = process
        self._ears = ears
        self._timeline = timeline
        self._ledger = Ledger()
        self._at: dict[Chain, float] = {}
        self._attempts: dict[Chain, int] = {}
        self._wakes: list[float] = []

    @property
    def next_at(self) -> float:
        """When somebody is to be told next; infinity if nobody is."""
        return min((*self._at.values(), *self._wakes), default=float("inf"))

    def offer(self, team: TeamRef, notify: Notify) -> None:
        for chain in sorted(self._ledger.take(team, notify, self._now)):
            self._at.setdefault(chain, self._in(SEND_SECONDS))

    def outcomes(self, key: TeamKey) -> tuple[Delivery, ...]:
        return self._ledger.outcomes(key, self._now)

    def forget(self, key: TeamKey) -> None:
        self._ledger.forget(key, self._now)

    def run_due(self) -> None:
        """Make one attempt for each chain whose time has come, and wake the team when there is something to write."""
        if any(at <= self._timeline.seconds for at in self._wakes):
            self._wakes = [at for at in self._wakes if at > self._timeline.seconds]
            self._process.due(0.0)
        for chain in sorted(chain for chain, at in self._at.items() if at <= self._timeline.seconds):
            due = self._ledger.next(chain)
            if due is None:
                del self._at[chain]
            else:
                self._attempt(chain, due)

    def _attempt(self, chain: Chain, due: Due) -> None:
        attempts = self._attempts.get(chain, 0) + 1
        try:
            self._ears.tell(self._process, due)
        except Unheard:
            self._attempts[chain] = attempts
            self._at[chain] = self._in(min(LONGEST_PAUSE_SECONDS, 2.0 ** (attempts - 1)))
            return
        self._attempts.pop(chain, None)
        self._at[chain] = self._in(SEND_SECONDS)
        outcome = Delivery(due.notice.id, due.notifier, DeliveryState.DELIVERED, attempts, self._now)
        self._ledger.finish(due, outcome)
        ripe = any(other.notice == outcome.notice for other in self._ledger.outcomes(chain[0], self._now))
        self._wakes.append(self._in(0.0 if ripe else RECORD_AFTER.total_seconds()))

    @property
    def _now(self) -> datetime:
        return self._timeline.now

    def _in(self, seconds: float) -> float:
        return round(self._timeline.seconds + seconds, 3)
