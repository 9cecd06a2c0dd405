"""Events: each step of the timeline, told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agentteam_operator.api.status import Phase, Transition
from agentteam_operator.core.decision import Action, EmitEvent
from agentteam_operator.core.view import View

EVENT_MEMORY = timedelta(minutes=10)
"""How long a transition's event is offered again: over a restart, but not beyond the Event's own life."""

_WARNING = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED, Phase.AWAITING_PROMOTION})

_TRIED_AGAIN = frozenset({Phase.HEALTH_CHECKING, Phase.ROLLING_BACK, Phase.FAILED})


def recent(view: View) -> Iterator[Action]:
    """An Event for each recent step of the timeline; telling one twice is refused by its name."""
    yield from _answers(view)
    old_news = _repeated(view)
    for entry in told_of(view):
        if (entry.phase, entry.at) in old_news:
            continue
        yield EmitEvent(
            key=f"{view.observed.team.uid}/{entry.revision}/{entry.phase}/{entry.at.timestamp():.3f}",
            type="Warning" if entry.phase in _WARNING and entry.reason != "Superseded" else "Normal",
            reason=entry.phase.value,
            message=f"revision {entry.revision}: {entry.reason}: {entry.message}"[:1024],
            at=entry.at,
        )


def _answers(view: View) -> Iterator[Action]:
    """What became of a person's words."""
    for entry in view.status.actions:
        if view.now - entry.at > EVENT_MEMORY:
            continue
        said = "is done" if entry.accepted else "is refused"
        yield EmitEvent(
            key=f"{view.observed.team.uid}/action/{entry.action}/{entry.value}/{entry.at.timestamp():.3f}",
            type="Normal" if entry.accepted else "Warning",
            reason="ActionAccepted" if entry.accepted else "ActionRefused",
            message=f"{entry.action} {entry.value} {said}: {entry.message}"[:1024],
            at=entry.at,
        )


def _repeated(view: View) -> set[tuple[Phase, datetime]]:
    """Steps of a health check that was tried again and ended just as before."""
    said: set[tuple[Phase, str, str]] = set()
    repeated: set[tuple[Phase, datetime]] = set()
    for entry in view.rollout.transitions if view.rollout else ():
        words = (entry.phase, entry.reason, entry.message)
        if words in said and entry.phase in _TRIED_AGAIN:
            repeated.add((entry.phase, entry.at))
        said.add(words)
    return repeated


def told_of(view: View) -> list[Transition]:
    """The recent steps, each with its revision, oldest first: also those of a rollout that gave way to this one."""
    rollout = view.rollout
    if rollout is None:
        return []
    own = (entry.model_copy(update={"revision": entry.revision or rollout.revision}) for entry in rollout.transitions)
    return [entry for entry in (*rollout.earlier, *own) if view.now - entry.at <= EVENT_MEMORY]
