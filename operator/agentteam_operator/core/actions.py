"""A person's words: annotations that tell the operator to do something, each heard once and answered.

`agentteam.dev/<action>: REVISION` or `REVISION/NONCE`. The revision says what is meant, so that a stale word does no
harm; the nonce makes one that was said before a new one. What became of each stands in `status.actions`, and as long as
it does the same value means nothing more; a word that is taken back is forgotten. An action that makes no sense now is
refused, with the reason: it doesn't lie in wait for a phase that it would fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentteam_operator.api.order_status import ActionName, ActionStatus, RestartStatus, RollbackStatus
from agentteam_operator.api.revision import restarted_hash
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, RevisionStatus
from agentteam_operator.core import names
from agentteam_operator.core.gates.asking import PAUSED
from agentteam_operator.core.view import BEFORE_TRAFFIC, View

MAX_VALUE_CHARACTERS = 128
MAX_NONCE_CHARACTERS = 64

_TO_BE_PAUSED = frozenset({Phase.SHIFTING, Phase.WATCHING})
_RESUMABLE = frozenset({Phase.TESTING, Phase.SHIFTING, Phase.WATCHING, Phase.SETTLING})


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether an action is done, in words, and what it changes in the status besides what the rules then do."""

    accepted: bool
    message: str
    update: Mapping[str, Any] | None = None


def target_in_force(spec_target: str, status: AgentTeamStatus) -> str:
    """Hash of the revision that is to serve: what the spec asks for, unless a person ordered otherwise since."""
    back, restarted = status.rollback_to, status.restarted
    if back is not None and back.instead_of == spec_target:
        return back.revision
    if restarted is not None and restarted.of == spec_target:
        return restarted.revision
    return spec_target


def heard(view: View) -> View:
    """The view with every new word of a person answered; those that are to be done are in `view.said`."""
    view = _with_orders_that_stand(view)
    entries = {entry.action: entry for entry in view.status.actions}
    for action in ActionName:
        value = view.observed.team.annotations.get(names.action_annotation(action))
        held = entries.get(action)
        if value is None:
            entries.pop(action, None)
        elif (held is None or held.value != value[:MAX_VALUE_CHARACTERS]) and not _too_early(view, action):
            answer = _answer(view, action, value)
            entries[action] = ActionStatus(
                action=action,
                value=value[:MAX_VALUE_CHARACTERS],
                at=view.now,
                accepted=answer.accepted,
                message=answer.message,
            )
            view = _done(view, action, answer)
    kept = [entries[action] for action in ActionName if action in entries]
    return view if kept == view.status.actions else view.with_status(view.status.model_copy(update={"actions": kept}))


def _too_early(view: View, action: ActionName) -> bool:
    """What is said of a candidate waits the moment until it is one."""
    return view.phase is Phase.VALIDATING and action in {ActionName.ABORT, ActionName.PAUSE}


def _with_orders_that_stand(view: View) -> View:
    """An order to go back ends with the spec that it was given against; one to restart, with its revision."""
    update: dict[str, Any] = {}
    back, restarted = view.status.rollback_to, view.status.restarted
    if back is not None and back.instead_of != view.observed.spec_target:
        update["rollback_to"] = None
    if restarted is not None and restarted.of != view.observed.spec_target:
        known = {entry.hash for entry in view.status.revisions}
        update |= {} if restarted.revision in known else {"restarted": None}
    return view.with_status(view.status.model_copy(update=update)) if update else view


def _answer(view: View, action: ActionName, value: str) -> Answer:
    revision, _, nonce = value.partition("/")
    if not revision or len(value) > MAX_VALUE_CHARACTERS or len(nonce) > MAX_NONCE_CHARACTERS:
        said = f"{names.action_annotation(action)} must be REVISION or REVISION/NONCE, such as {_example(view)}"
        return _refused(f"{said}, of {MAX_VALUE_CHARACTERS} characters at most")
    return _ANSWERS[action](view, revision, nonce)


def _example(view: View) -> str:
    return f"{view.rollout.revision if view.rollout else '97b76932a4'}/2"


def _done(view: View, action: ActionName, answer: Answer) -> View:
    if not answer.accepted:
        return view
    if answer.update:
        view = view.with_status(view.status.model_copy(update=dict(answer.update)))
    return replace(view, said=view.said | {action})


def _refused(message: str) -> Answer:
    return Answer(accepted=False, message=message)


def _not_on_trial(view: View, revision: str, verb: str) -> Answer | None:
    """The answer where there is no candidate of this name to do something with."""
    rollout = view.rollout
    if rollout is None or not view.in_progress or rollout.phase is Phase.ROLLING_BACK:
        where = f": the last one's phase is {rollout.phase.value}" if rollout else ""
        return _refused(f"there is no rollout to {verb}{where}")
    if rollout.revision != revision:
        return _refused(f"{revision} isn't the candidate, {rollout.revision} is")
    return None


def _promote(view: View, revision: str, _nonce: str) -> Answer:
    refused = _not_on_trial(view, revision, "promote")
    if refused is not None:
        return refused
    if view.phase is not Phase.AWAITING_PROMOTION:
        return _refused(f"nothing waits for a person in phase {_phase(view)}: to end a watch early, lower watchSeconds")
    return Answer(accepted=True, message=f"{revision} goes on")


def _abort(view: View, revision: str, _nonce: str) -> Answer:
    return _not_on_trial(view, revision, "abort") or Answer(accepted=True, message=f"{revision} is taken back")


def _pause(view: View, revision: str, _nonce: str) -> Answer:
    refused = _not_on_trial(view, revision, "pause")
    if refused is not None:
        return refused
    rollout = view.rollout
    if rollout is not None and rollout.phase in BEFORE_TRAFFIC and not rollout.gates_skipped:
        update = {"rollout": rollout.model_copy(update={"held_by_person": True})}
        return Answer(accepted=True, message=f"{revision} waits before it gets any traffic", update=update)
    if view.phase in _TO_BE_PAUSED:
        return Answer(accepted=True, message=f"{revision} stays at its share of the traffic")
    if view.phase is Phase.AWAITING_PROMOTION:
        return _pause_for_good(view, revision)
    return _refused(f"phase {_phase(view)} can't be paused: traffic goes over, or went; abort to go back")


def _pause_for_good(view: View, revision: str) -> Answer:
    """What waits for a verdict, too, is to wait for a person alone; before any traffic it does so anyhow."""
    if view.awaits_first_traffic or (view.rollout and view.rollout.reason == PAUSED):
        return _refused("it waits for a person already, and for nothing else")
    return Answer(accepted=True, message=f"{revision} waits for a person, whatever is seen of it meanwhile")


def _resume(view: View, revision: str, _nonce: str) -> Answer:
    refused = _not_on_trial(view, revision, "resume")
    if refused is not None:
        return refused
    rollout = view.rollout
    if rollout is not None and rollout.held_by_person and rollout.phase in BEFORE_TRAFFIC:
        update = {"rollout": rollout.model_copy(update={"held_by_person": False})}
        return Answer(accepted=True, message=f"{revision} no longer waits before its traffic", update=update)
    if view.phase is not Phase.AWAITING_PROMOTION or rollout is None:
        return _refused(f"it isn't paused: its phase is {_phase(view)}")
    if rollout.paused_in not in _RESUMABLE:
        return _refused("it waits for promote, or for abort")
    return Answer(accepted=True, message=f"{revision} goes on in {rollout.paused_in.value}, from its beginning")


def _retry(view: View, revision: str, _nonce: str) -> Answer:
    back, rollout = view.status.rollback_to, view.rollout
    if back is not None and back.instead_of == revision:
        update = {"rollback_to": None, "revisions": _forgotten(view, revision)}
        return Answer(accepted=True, message=f"{revision} is asked for again", update=update)
    if revision != view.observed.target:
        return _refused(f"{view.observed.target} is asked for: apply what {revision} was made from, then retry")
    if view.in_progress:
        return _refused(f"a rollout is under way: its phase is {_phase(view)}")
    ended = rollout is not None and rollout.phase in {Phase.FAILED, Phase.ROLLED_BACK}
    given_up = rollout is not None and rollout.revision == revision and ended
    if not view.failed_before(revision) and not given_up:
        return _refused(f"{revision} hasn't failed")
    update = {"revisions": _forgotten(view, revision)}
    return Answer(accepted=True, message=f"{revision} is tried again", update=update)


def _forgotten(view: View, revision: str) -> list[RevisionStatus]:
    """The history without what is held against a revision."""
    cleared = {"outcome": Outcome.PENDING, "reason": "", "message": ""}
    return [
        entry.model_copy(update=cleared) if entry.hash == revision and entry.outcome is Outcome.FAILED else entry
        for entry in view.status.revisions
    ]


def _rollback(view: View, revision: str, _nonce: str) -> Answer:
    status = view.status
    if revision == view.observed.target == status.active_revision:
        return _refused(f"{revision} serves already")
    if revision == view.observed.target:
        return _refused(f"{revision} is asked for already: if it failed, retry it")
    if not view.retained(revision):
        kept = [entry.hash for entry in status.revisions if view.retained(entry.hash)]
        return _refused(f"{revision} isn't kept: there are {', '.join(kept) or 'none'} to go back to")
    order = RollbackStatus(revision=revision, instead_of=view.observed.spec_target)
    return Answer(accepted=True, message=f"back to {revision}", update={"rollback_to": order})


def _restart(view: View, revision: str, nonce: str) -> Answer:
    status, spec_target = view.status, view.observed.spec_target
    if view.in_progress:
        return _refused(f"a rollout is under way: its phase is {_phase(view)}")
    if revision != status.active_revision:
        return _refused(f"{revision} doesn't serve, {status.active_revision or 'nothing'} does")
    if view.observed.target != revision or (status.rollback_to and status.rollback_to.revision != spec_target):
        return _refused("what serves isn't what the spec asks for: retry that, or change the spec")
    fresh = restarted_hash(spec_target, f"{revision}/{nonce}")
    if any(entry.hash == fresh for entry in status.revisions):
        return _refused("this was said before: give it another nonce, such as REVISION/2")
    order = RestartStatus(revision=fresh, of=spec_target, nonce=f"{revision}/{nonce}")
    update = {"restarted": order, "rollback_to": None}
    return Answer(accepted=True, message=f"{revision} is made anew as {fresh}", update=update)


def _phase(view: View) -> str:
    return view.phase.value if view.phase else "none"


_ANSWERS: Mapping[ActionName, Callable[[View, str, str], Answer]] = {
    ActionName.PROMOTE: _promote,
    ActionName.ABORT: _abort,
    ActionName.PAUSE: _pause,
    ActionName.RESUME: _resume,
    ActionName.RETRY: _retry,
    ActionName.ROLLBACK: _rollback,
    ActionName.RESTART: _restart,
}
