"""Events: each step of the timeline, told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agentteam_operator.api.status import Phase, Transition
from agentteam_operator.core.state import Action, EmitEvent
from agentteam_operator.core.view import View

EVENT_MEMORY = timedelta(minutes=10)
"""How long a transition's event is offered again: over a restart, but not beyond the Event's own life."""

_WARNING = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED, Phase.AWAITING_PROMOTION})


def recent(view: View) -> Iterator[Action]:
    """An Event for each recent step of the timeline; telling one twice is refused by its name."""
    for entry in told_of(view):
        yield EmitEvent(
            key=f"{view.observed.team.uid}/{entry.revision}/{entry.phase}/{entry.at.timestamp():.3f}",
            type="Warning" if entry.phase in _WARNING and entry.reason != "Superseded" else "Normal",
            reason=entry.phase.value,
            message=f"revision {entry.revision}: {entry.reason}: {entry.message}"[:1024],
            at=entry.at,
        )


def told_of(view: View) -> list[Transition]:
    """The recent steps, each with its revision, oldest first: also those of a rollout that gave way to this one."""
    rollout = view.rollout
    if rollout is None:
        return []
    own = (entry.model_copy(update={"revision": entry.revision or rollout.revision}) for entry in rollout.transitions)
    return [entry for entry in (*rollout.earlier, *own) if view.now - entry.at <= EVENT_MEMORY]
