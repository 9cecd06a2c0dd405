"""Asking a person: the words that tell whoever was woken what can be answered, and how."""

from __future__ import annotations

from datetime import datetime

from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.view import View
from agentteam_operator.core.words import shortened

PAUSED = "Paused"
"""Reason of a rollout that a person holds, rather than one that lacks a verdict."""

INCONCLUSIVE = "Inconclusive"
"""Reason of a rollout that lacks a verdict, which may come while a person is asked."""

LONGEST_QUESTION_CHARACTERS = 900
"""The commands stand at its end: they mustn't be what is cut off where it is told after other things."""

_BY_ITSELF = ". It goes on by itself once enough is seen, with nothing against it"

_PAST_THE_REST = {
    Phase.SHIFTING: "to send it all traffic now, without the rest of the steps and of the watch",
    Phase.WATCHING: "to send it all traffic now, without the rest of the watch",
}
"""What promote does where the candidate has a share of the traffic: more than most who are asked would mean."""

_AGAIN = {Phase.TESTING: "to test again", Phase.SETTLING: "to look on"}
_ANEW = {Phase.SHIFTING: "To begin the step anew", Phase.WATCHING: "To watch anew"}
"""What resume does; before any traffic only promote leads on."""


def to_say(action: ActionName, revision: str, moment: datetime) -> str:
    """The annotation that a person sets to say it. The moment makes it another word than any that was said before."""
    return f"{names.action_annotation(action)}={revision}/{moment.timestamp():.0f}"


def asking(view: View, found: Finding | None) -> Finding | None:
    """The finding with the commands that answer it. The number makes each question's answer one of its own."""
    if found is None or view.rollout is None:
        return None
    team = view.observed.team
    phase = view.rollout.paused_in if view.phase is Phase.AWAITING_PROMOTION else view.phase
    by_itself = found.reason == INCONCLUSIVE
    (first, action), *others = _answers(phase, found, by_itself=by_itself)
    word = to_say(action, view.rollout.revision, view.now)
    how = f"{first}: kubectl annotate --overwrite -n {team.namespace} agentteam {team.name} {word}"
    answers = [how, *(f"{said}: the same with {names.action_annotation(it)}" for said, it in others)]
    tail = (_BY_ITSELF if by_itself else "") + ". " + "; ".join(answers)
    return Finding(found.reason, shortened(found.message, LONGEST_QUESTION_CHARACTERS - len(tail)) + tail)


def _answers(phase: Phase | None, found: Finding, *, by_itself: bool) -> list[tuple[str, ActionName]]:
    """What can be said, what it does in words, and first what most likely is meant."""
    kept = [("to have it wait for a person's word", ActionName.PAUSE)] if by_itself else []
    rest = [*kept, ("to go back", ActionName.ABORT)]
    if phase in _PAST_THE_REST:
        onward = "To go on" if found.reason == PAUSED else _ANEW[phase]
        return [(onward, ActionName.RESUME), (_PAST_THE_REST[phase], ActionName.PROMOTE), *rest]
    again = _AGAIN.get(phase) if phase else None
    return [("To go on", ActionName.PROMOTE), *([(again, ActionName.RESUME)] if again else []), *rest]
