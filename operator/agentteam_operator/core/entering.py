"""What entering a phase means for the revisions: who is the candidate, who is active, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentteam_operator.api.status import Outcome, Phase, RevisionStatus, RolloutStatus
from agentteam_operator.core import history
from agentteam_operator.core.gates import intent
from agentteam_operator.core.versions import version_of
from agentteam_operator.core.view import View


def _validating(view: View, _source: Phase | None) -> View:
    """The new rollout goes out from what serves, which after a rollback onto nothing is the candidate of then."""
    if view.rollout is None:
        return view
    return view.with_status(view.status.model_copy(update={"active_revision": view.rollout.base_revision}))


def _preparing(view: View, _source: Phase | None) -> View:
    """The candidate enters the history, newest first."""
    rollout = view.rollout
    if rollout is None:
        return view
    known = next((old for old in view.status.revisions if old.hash == rollout.revision), None)
    entry = known or RevisionStatus(hash=rollout.revision, created_at=view.now)
    entry = entry.model_copy(
        update={
            "version": version_of(view, rollout.revision),
            "image": view.green.image if view.green else view.spec.image or view.environment.default_image,
            "outcome": known.outcome if known and rollout.gates_skipped else Outcome.PENDING,
        }
    )
    others = [old for old in view.status.revisions if old.hash != rollout.revision]
    serving = {rollout.revision, rollout.base_revision, view.status.active_revision}
    entries = history.kept([entry, *others], serving, view.settings)
    return view.with_status(
        view.status.model_copy(update={"candidate_revision": rollout.revision, "revisions": entries})
    )


def checked_again(view: View, _source: Phase | None = None) -> View:
    """A check after another one needs a Job of its own name."""
    if view.rollout is None:
        return view
    rollout = view.rollout.model_copy(update={"attempt": view.rollout.attempt + 1})
    return view.with_status(view.status.model_copy(update={"rollout": rollout}))


def _testing(view: View, source: Phase | None) -> View:
    """The same tests once more, after other pods' or a person's pause."""
    return view if source is Phase.PREPARING else checked_again(view)


def _health_checking(view: View, source: Phase | None) -> View:
    """The same check once more: after other pods' or a person's pause, or of a first revision that was given up."""
    again = {Phase.FAILED, Phase.HEALTH_CHECKING, Phase.AWAITING_PROMOTION}
    return checked_again(view) if source in again else view


def _switching(view: View, source: Phase | None) -> View:
    """The second entry is the commit: from now on traffic is meant for the candidate."""
    if source is not Phase.SWITCHING or view.rollout is None:
        return view
    return view.with_status(view.status.model_copy(update={"active_revision": view.rollout.revision}))


def _rolling_back(view: View, _source: Phase | None) -> View:
    """From now on traffic is meant for the old revision."""
    if view.rollout is None:
        return view
    return view.with_status(view.status.model_copy(update={"active_revision": view.rollout.base_revision}))


def _completed(view: View, source: Phase | None) -> View:
    """The candidate is stable; or, when the spec was reverted, what serves is what is asked for again."""
    if view.rollout is None:
        return view
    active = view.status.active_revision
    reverted = source in {Phase.ROLLED_BACK, Phase.FAILED}
    rollout = _of_what_serves(view.rollout, active) if reverted else view.rollout
    view = view.with_status(
        view.status.model_copy(update={"rollout": rollout, "stable_revision": active, "candidate_revision": ""})
    )
    return view if reverted else _note_outcome(view, Outcome.SUCCESSFUL)


def _of_what_serves(rollout: RolloutStatus, active: str) -> RolloutStatus:
    """The rollout as that of the active revision. What was said of the candidate stays said of the candidate."""
    *passed, completed = rollout.transitions
    named = [entry.model_copy(update={"revision": entry.revision or rollout.revision}) for entry in passed]
    return rollout.model_copy(
        update={
            "revision": active,
            "base_revision": "",
            "gates": [],
            "analysis": None,
            "rounds": None,
            "transitions": [*named, completed],
        }
    )


def _given_up(view: View, source: Phase | None) -> View:
    """The candidate is out. At creation it stays, for there is nothing else; a refused spec never was one."""
    if view.rollout is None:
        return view
    if source is not Phase.VALIDATING and not _still_good(view.rollout):
        view = _note_outcome(view, intent.outcome_of(view.rollout.reason))
    keep = view.rollout is not None and view.rollout.phase is Phase.FAILED and source is not Phase.VALIDATING
    return view if keep else view.with_status(view.status.model_copy(update={"candidate_revision": ""}))


def _still_good(rollout: RolloutStatus) -> bool:
    """A revision that passed before isn't any worse because the way back to it was broken off, or lacked room.

    It would be deleted as one that failed, and be the only good one.
    """
    return rollout.gates_skipped and rollout.reason in _NO_FAULT_OF_ITS_OWN


def _note_outcome(view: View, outcome: Outcome) -> View:
    """Write into the history how the rollout's revision ended."""
    rollout = view.rollout
    if rollout is None:
        return view
    update = {"outcome": outcome, "reason": rollout.reason, "message": rollout.message}
    entries = [
        entry.model_copy(update=update) if entry.hash == rollout.revision else entry for entry in view.status.revisions
    ]
    return view.with_status(view.status.model_copy(update={"revisions": entries}))


_NO_FAULT_OF_ITS_OWN = frozenset(
    {"Superseded", "Aborted", "ReadyTimeout", "ImagePullFailed", "ContainerConfigError", "SwitchTimeout"}
)
"""Why going back to a revision may end without a word about it: its pods, which ran before, couldn't start now."""

EFFECTS: Mapping[Phase, Callable[[View, Phase | None], View]] = {
    Phase.VALIDATING: _validating,
    Phase.PREPARING: _preparing,
    Phase.TESTING: _testing,
    Phase.HEALTH_CHECKING: _health_checking,
    Phase.SWITCHING: _switching,
    Phase.SETTLING: checked_again,
    Phase.ROLLING_BACK: _rolling_back,
    Phase.COMPLETED: _completed,
    Phase.ROLLED_BACK: _given_up,
    Phase.FAILED: _given_up,
}
"""What entering a phase does, given the phase that was left; phases that aren't named change nothing."""
