"""A team whose status is gone, though it serves: restored from a backup (which holds no status), or cleared by hand."""

from __future__ import annotations

from agentteam_operator.api.status import Outcome, Phase, RevisionStatus, RolloutStatus, Transition
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.observed import RevisionObserved
from agentteam_operator.core.view import View


def adopted(view: View) -> View:
    """The view with what serves as the active revision, if the status says nothing at all.

    Otherwise the team would be taken for a new one, and what serves for a leftover.
    """
    if view.rollout is not None or view.status.active_revision:
        return view
    serving = _serving(view)
    if serving is None:
        return view
    found = Finding("Adopted", f"the status was lost; {serving.hash} serves and is taken for what passed")
    rollout = RolloutStatus(
        phase=Phase.COMPLETED,
        revision=serving.hash,
        started_at=view.now,
        phase_started_at=view.now,
        reason=found.reason,
        message=found.message,
        transitions=[Transition(phase=Phase.COMPLETED, at=view.now, reason=found.reason, message=found.message)],
    )
    known = RevisionStatus(
        hash=serving.hash,
        version=serving.version,
        created_at=serving.created_at,
        outcome=Outcome.SUCCESSFUL,
        reason=found.reason,
        message=found.message,
        image=serving.image,
    )
    update = {
        "active_revision": serving.hash,
        "stable_revision": serving.hash,
        "rollout": rollout,
        "revisions": [known],
    }
    return view.with_status(view.status.model_copy(update=update))


def _serving(view: View) -> RevisionObserved | None:
    """Of what the active Service selects: ready rather than not, and of two colours the one that isn't asked for."""
    selected = [
        live
        for live in view.observed.revisions.values()
        if live.deployment_uid and live.replicas and (view.selects(live.hash) or view.selects(None))
    ]
    target = view.observed.target
    return max(selected, key=lambda live: (bool(live.ready_pods), live.hash != target, live.hash), default=None)
