"""What is guaranteed at each step: the invariants 1 to 6 of docs/rollout.md, of one tick."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agentteam_operator.api.order_status import Orderer
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, RolloutStatus
from agentteam_operator.core import names
from agentteam_operator.core.decision import Action, ApplyObject, CreateObject, Decision, DeleteObject, ScaleDeployment
from agentteam_operator.core.view import IN_PROGRESS

from tests.machine.model import TEAM, Model

WORD = "AWordOfItsOwn"
"""What a check calls what it found: for its gate alone, never for the rollout."""

_OVER = frozenset({Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED})


def before(model: Model, status: AgentTeamStatus, action: Action) -> None:
    """Hold one action against what is there. `status` is the one that was stored before it."""
    if isinstance(action, CreateObject | ApplyObject):
        manifest = action.manifest
        if (manifest["kind"], manifest["metadata"]["name"]) == ("Service", names.active_service(TEAM)):
            _traffic_is_safe(model, status, dict(manifest["spec"]["selector"]))
    elif isinstance(action, ScaleDeployment | DeleteObject):
        _nothing_that_serves_is_taken_away(model, status, action)


def _traffic_is_safe(model: Model, status: AgentTeamStatus, selector: Mapping[str, str]) -> None:
    rollout = status.rollout
    assert selector[names.LABEL_TEAM] == TEAM, "1: the Service selects this team's pods alone"
    answered = set(model.selected(model.service.selector)) if model.service is not None else set()
    if answered - model.strays:
        assert any(model.selected(selector)), "1: the Service isn't pointed from ready pods at none"
    revision = selector.get(names.LABEL_REVISION)
    assert rollout is not None, "4: without a rollout nothing is selected"
    if rollout.phase not in _OVER and revision in {None, rollout.revision}:
        assert _cleared(rollout), "4: a candidate is selected before its gates have passed"
    if revision is not None and revision != status.active_revision:
        assert revision == rollout.revision, "4: the stored status says so before the Service does"
        assert not _answers(model, rollout.base_revision), "4: the candidate serves alone only if nobody else could"


def _answers(model: Model, revision: str) -> bool:
    live = model.revisions.get(revision)
    return bool(live and live.ready_pods)


def _cleared(rollout: RolloutStatus) -> bool:
    passed = {gate.name for gate in rollout.gates if gate.verdict == "Passed"}
    tests = {gate.name for gate in rollout.gates if gate.name.startswith(("conversations", "hook/"))}
    undecided = {gate.name for gate in rollout.gates if gate.verdict == "Inconclusive"}
    needed = {"validation", "readiness", "health"} | (tests - {"hook/billing"})
    return rollout.gates_skipped or needed <= passed | (undecided & tests)


def _nothing_that_serves_is_taken_away(
    model: Model, status: AgentTeamStatus, action: ScaleDeployment | DeleteObject
) -> None:
    if isinstance(action, DeleteObject) and action.kind != "Deployment":
        return
    revision = action.name.removeprefix(f"{TEAM}-")
    size = action.replicas if isinstance(action, ScaleDeployment) else 0
    live, rollout = model.revisions[revision], status.rollout
    if size >= live.replicas and isinstance(action, ScaleDeployment):
        return
    in_progress = rollout is not None and rollout.phase in IN_PROGRESS
    on_trial = rollout is not None and in_progress and revision in {rollout.revision, rollout.base_revision}
    selected = model.service is not None and model.service.selector.get(names.LABEL_REVISION) == revision
    assert not on_trial, f"2: {revision} shrinks from {live.replicas} to {size} while on trial"
    assert not (selected and size == 0), "2: what the Service selects goes to nothing"
    assert not (revision == status.active_revision and in_progress), "2: what serves shrinks during a rollout"


def after(model: Model, decision: Decision) -> None:
    """Hold a whole decision against what it was made of."""
    rollout = decision.status.rollout
    document = decision.status.to_document()
    assert json.dumps(document, ensure_ascii=False, allow_nan=False).encode(), "the status can be stored"
    assert AgentTeamStatus.parse(document) == decision.status, "the status is read as written"
    assert decision.requeue_after_seconds is None or decision.requeue_after_seconds >= 0
    if rollout is None or model.spec.suspend:
        return
    assert all(entry.reason != WORD for entry in rollout.transitions), "a check's word is the rollout's reason"
    if rollout.phase in IN_PROGRESS:
        assert rollout.deadline is not None, f"6: no deadline in {rollout.phase}"
        assert decision.requeue_after_seconds is not None, f"6: nobody looks again in {rollout.phase}"
    _old = model.status.rollout
    if _old is not None and _same_phase(_old, rollout):
        assert _old.deadline == rollout.deadline, f"6: the deadline moved in {rollout.phase}"
        if rollout.deadline is not None and model.answers != "none":
            assert model.now < rollout.deadline, f"6: {rollout.phase} outlasts its deadline"
    _the_guard_goes_back_once(model.status, decision.status)
    known = {entry.hash for entry in model.status.revisions if entry.outcome is Outcome.SUCCESSFUL}
    for entry in decision.status.revisions:
        if entry.outcome is Outcome.SUCCESSFUL and entry.hash not in known and entry.reason != "Adopted":
            assert rollout.phase is Phase.COMPLETED, f"{entry.hash} is called Successful in {rollout.phase}"
            assert _cleared(rollout), f"{entry.hash} is called Successful without its gates"


def _the_guard_goes_back_once(before: AgentTeamStatus, after: AgentTeamStatus) -> None:
    """From what was rolled out for good, to a revision that it never left; and during a rollout it rests."""
    if after.rollout is not None and after.rollout.phase in IN_PROGRESS:
        assert after.guard == before.guard, f"the guard finds something in {after.rollout.phase}"
    order = after.rollback_to
    if order is None or order.by is not Orderer.GUARD or order == before.rollback_to:
        return
    left = {entry.hash for entry in before.revisions if entry.left_at}
    assert after.rollout is not None
    assert after.rollout.phase is Phase.COMPLETED, f"the guard goes back in {after.rollout.phase}"
    assert before.rollback_to is None or before.rollback_to.instead_of != order.instead_of, "an order stood"
    assert not {order.revision, before.active_revision} & left, "the guard goes to and fro"


def _same_phase(before: RolloutStatus, after: RolloutStatus) -> bool:
    """The same stay in a phase; of Shifting, the same step, reached or not reached in both."""
    one, other = (
        (
            rollout.phase,
            rollout.phase_started_at,
            rollout.revision,
            rollout.phase is Phase.SHIFTING and rollout.step_started_at,
        )
        for rollout in (before, after)
    )
    return one == other and after.phase in IN_PROGRESS


def restored(model: Model) -> None:
    """Invariant 3: once the Service sends everything to the old revision, the way back is over."""
    rollout = model.status.rollout
    if rollout is None or rollout.phase is not Phase.ROLLING_BACK or model.service is None or model.spec.suspend:
        return
    if model.service.selector.get(names.LABEL_REVISION) != rollout.base_revision or not rollout.base_revision:
        return
    blue, green = (model.revisions.get(name) for name in (rollout.base_revision, rollout.revision))
    endpoints = model.service.endpoints
    whole = bool(endpoints) and endpoints <= {pod.name for pod in (blue.pods if blue else ())}
    assert not whole, f"3: {rollout.base_revision} serves, and the way back isn't over; green is {green}"
