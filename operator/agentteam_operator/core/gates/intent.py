"""What people want: the spec's target, the annotations of a person, and whether the spec can be run at all."""

from __future__ import annotations

from agentteam_operator.api.order_status import ActionName, Orderer
from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.gates.asking import PAUSED, asking
from agentteam_operator.core.view import View

_MENDABLE = frozenset({"InvalidSpec", "NameConflict"})
"""Refusals that are looked at again, since what they complain of can be mended outside the spec."""

SETTINGS_UNREAD = "SettingsUnread"
"""Reason of a rollout that doesn't know how to go on: with a part of `spec.rollout` unread, not all was asked."""

FORMER_GOES_SECONDS = 60
"""How long the objects of an earlier team of the same name are waited for; then they count as in the way for good."""


def new_target(view: View) -> Finding | None:
    """The spec asks for a revision that doesn't serve, and that isn't known to be bad."""
    target = view.observed.target
    if target == view.status.active_revision:
        return None
    if ActionName.RETRY in view.said:
        return Finding("Retried", f"a person wants {target} to be tried again")
    if view.rollout and view.rollout.revision == target and (view.phase is Phase.FAILED or _went_back_from(view)):
        return None
    if view.status.active_revision and view.failed_before(target):
        return None
    return _ordered(view, target)


def _ordered(view: View, target: str) -> Finding:
    """Who asks for the target, and what it is."""
    back, restarted = view.status.rollback_to, view.status.restarted
    if back is not None and back.revision == target:
        if back.by is Orderer.GUARD:
            return Finding("RollbackOrdered", f"the guard goes back to {target}: {back.because}")
        return Finding("RollbackOrdered", f"a person wants to go back to {target}")
    if restarted is not None and restarted.revision == target and not view.retained(target):
        return Finding("RestartOrdered", f"a person wants {restarted.of} made anew, as {target}")
    what = "a retained revision" if view.retained(target) else "a new revision"
    return Finding("SpecChanged", f"the spec asks for {what}, {target}")


def _went_back_from(view: View) -> bool:
    """It has just been taken back, though it passed before: tried again at once it would end the same."""
    rollout = view.rollout
    if rollout is None or view.phase is not Phase.ROLLED_BACK:
        return False
    return rollout.reason == "Aborted" or (rollout.gates_skipped and rollout.reason != "Superseded")


def _who(view: View) -> str:
    """Who asks for the target."""
    back = view.status.rollback_to
    if back is None:
        return "the spec"
    return "the guard" if back.by is Orderer.GUARD else "a person"


def reverted(view: View) -> Finding | None:
    """The spec asks again for what serves already."""
    if view.stranded:
        return None  # it is meant to serve, and doesn't: the candidate goes on until a pod of it is ready
    if view.status.active_revision and view.observed.target == view.status.active_revision:
        who = _who(view)
        return Finding("Reverted", f"{who} asks again for {view.observed.target}, which serves")
    return None


def superseded(view: View) -> Finding | None:
    """The spec, or a person, asks for something else while the candidate is on trial."""
    if view.rollout is None or not view.superseded:
        return None
    who = _who(view)
    return Finding("Superseded", f"{who} now asks for {view.observed.target} instead of {view.rollout.revision}")


def outcome_of(reason: str) -> Outcome:
    """What the history says of a candidate that was taken back for this reason."""
    return Outcome.CANCELLED if reason == "Superseded" else Outcome.FAILED


def aborted(view: View) -> Finding | None:
    """A person said no."""
    return _said(view, ActionName.ABORT, Finding("Aborted", "aborted by a person"))


def promoted(view: View) -> Finding | None:
    """A person said yes."""
    return _said(view, ActionName.PROMOTE, Finding("Promoted", "promoted by a person"))


def promoted_untested(view: View) -> Finding | None:
    """A person said yes to a candidate that its tests, or its health, say nothing of."""
    if view.rollout is None:
        return None
    unasked = view.rollout.paused_in is Phase.HEALTH_CHECKING and view.rollout.reason == SETTINGS_UNREAD
    return promoted(view) if unasked or view.rollout.paused_in is Phase.TESTING else None


def promoted_by_steps(view: View) -> Finding | None:
    """A person said yes to the candidate's first traffic, which it gets by steps."""
    return promoted(view) if view.awaits_first_traffic and view.gradual else None


def paused(view: View) -> Finding | None:
    """A person wants the rollout to stay where it is, until a person says how it goes on."""
    said = f"a person paused it at {view.weight_percent} %"
    return asking(view, _said(view, ActionName.PAUSE, Finding(PAUSED, said)))


def resumed_test(view: View) -> Finding | None:
    """A person wants the tests once more."""
    return _resumed(view, Phase.TESTING)


def resumed_shift(view: View) -> Finding | None:
    """A person wants the shift to go on: the step begins anew."""
    return _resumed(view, Phase.SHIFTING)


def resumed_watch(view: View) -> Finding | None:
    """A person wants the watch to go on: it begins anew."""
    return _resumed(view, Phase.WATCHING)


def resumed_settling(view: View) -> Finding | None:
    """A person wants another look while the candidate carries all traffic."""
    return _resumed(view, Phase.SETTLING)


def _resumed(view: View, phase: Phase) -> Finding | None:
    if view.rollout is None or view.rollout.paused_in is not phase:
        return None
    return _said(view, ActionName.RESUME, Finding("Resumed", "a person wants it to go on"))


def _said(view: View, action: ActionName, found: Finding) -> Finding | None:
    return found if action in view.said else None


def invalid(view: View) -> Finding | None:
    """The spec can't be run, or a name it needs belongs to somebody else."""
    if view.observed.problems:
        said = "; ".join(f"{problem.path}: {problem.message}" for problem in view.observed.problems)
        return Finding("InvalidSpec", said)
    if view.observed.foreign:
        kind, name = min(view.observed.foreign)
        return Finding(
            "NameConflict",
            f"{kind} {name} exists and isn't this AgentTeam's: delete or rename it, or rename the team",
        )
    return _left_behind(view)


def _left_behind(view: View) -> Finding | None:
    """What should have gone with an earlier team of this name was waited for in vain. Its pods are in nobody's way."""
    left = [key for key in view.observed.former if key[0] != "Pod"]
    refused = view.phase is Phase.FAILED and view.rollout is not None and view.rollout.reason == "NameConflict"
    if not left or not (refused or (view.phase is Phase.VALIDATING and view.overdue)):
        return None
    kind, name = min(left)
    said = f"{kind} {name} of an earlier AgentTeam {view.observed.team.name} hasn't gone: delete it"
    return Finding("NameConflict", said)


def awaits_former(view: View) -> str:
    """What is waited for before the rollout begins, in words; empty when nothing is."""
    if view.phase is not Phase.VALIDATING or not view.observed.former or view.overdue:
        return ""
    kind, name = min(view.observed.former)
    return f"waiting for the objects of the previous team of this name to go, such as {kind} {name}"


def valid(view: View) -> Finding | None:
    """Nothing speaks against the spec, and nothing of an earlier team of this name is left to wait for."""
    return None if invalid(view) or awaits_former(view) else Finding("Valid", "the spec is valid")


def refused_for_now(view: View) -> bool:
    """The rollout ended with a refusal that can be mended outside the spec."""
    return view.rollout is not None and view.rollout.reason in _MENDABLE


def mended(view: View) -> Finding | None:
    """What validation refused is acceptable now."""
    if not refused_for_now(view) or invalid(view):
        return None
    return Finding("Mended", "what was refused is acceptable now")
