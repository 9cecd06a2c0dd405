"""Each rule of the transition table fires in a situation of its own, and nothing fires in a calm one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.field_problems import FieldProblem
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Outcome, Phase, Verdict
from agentteam_operator.core import actions, names
from agentteam_operator.core.decide import TRANSITIONS, Rule, advance, decide
from agentteam_operator.core.decision import DeleteObject
from agentteam_operator.core.observed import JobObserved, Refusal

from tests.unit.core.situations import (
    BLUE,
    CALM,
    ENVIRONMENT,
    GREEN,
    NOW,
    OTHER,
    TEAM,
    TESTED,
    Situation,
    ago,
    revision_of,
    verdict,
)

ALL_READY = revision_of(GREEN, 3)
NONE_READY = revision_of(GREEN, 0, 3)
NONE_LEFT = replace(NONE_READY, pods=tuple(replace(pod, lost_since=ago(1)) for pod in NONE_READY.pods))
"""They were ready, and stopped being so."""
CREATION: Mapping[str, Any] = {"base": "", "blue": None}
LONG = 10_000.0
PASSED = JobObserved(finished=True, succeeded=True)
FAILED = JobObserved(finished=True, succeeded=False, message="no model")
SHARED = JobObserved(finished=True, succeeded=False, message="both revisions fail", inconclusive=True)
ABORT, PAUSE, PROMOTE, RESUME = (
    names.action_annotation(action)
    for action in (ActionName.ABORT, ActionName.PAUSE, ActionName.PROMOTE, ActionName.RESUME)
)

BEFORE_AND_AFTER = {
    **TESTED,
    "hooks": [*TESTED["hooks"], {**TESTED["hooks"][0], "name": "after", "when": "AfterSwitch"}],
}

CAUSES: Mapping[str, Mapping[str, Any]] = {
    "intent.new_target": {"target": OTHER},
    "intent.superseded": {"target": OTHER},
    "intent.reverted": {"target": BLUE, "active": BLUE},
    "intent.aborted": {"annotations": {ABORT: GREEN}},
    "intent.paused": {"annotations": {PAUSE: GREEN}},
    "intent.promoted": {"annotations": {PROMOTE: GREEN}},
    "intent.promoted_untested": {"annotations": {PROMOTE: GREEN}, "paused_in": Phase.TESTING},
    "intent.promoted_by_steps": {"annotations": {PROMOTE: GREEN}, "paused_in": Phase.HEALTH_CHECKING},
    "intent.resumed_test": {"annotations": {RESUME: GREEN}, "paused_in": Phase.TESTING},
    "intent.resumed_shift": {"annotations": {RESUME: GREEN}, "paused_in": Phase.SHIFTING},
    "intent.resumed_watch": {"annotations": {RESUME: GREEN}, "paused_in": Phase.WATCHING},
    "intent.resumed_settling": {"annotations": {RESUME: GREEN}, "paused_in": Phase.SETTLING},
    "intent.invalid": {"problems": (FieldProblem("spec.team", "", "is missing: write one"),)},
    "intent.valid": {},
    "intent.mended": {"reason": "InvalidSpec"},
    "pods.broken": {"green": revision_of(GREEN, 1, 2, waiting_reason="CrashLoopBackOff")},
    "pods.refused": {"green": None, "refusals": (Refusal("Deployment", f"{TEAM}-{GREEN}", "is invalid", final=True),)},
    "pods.ready": {"green": ALL_READY},
    "pods.ready_and_known": {"green": ALL_READY, "gates_skipped": True},
    "pods.not_ready_in_time": {"green": NONE_READY, "overdue": True},
    "checks.to_be_tested": {"green": ALL_READY, "rollout": TESTED},
    "checks.recovered_untested": {"green": ALL_READY, "reason": "ReadyTimeout", "rollout": TESTED},
    "checks.tests_passed": {"jobs": {"conversations": PASSED, "hook/smoke": PASSED}},
    "checks.healthy": {"probe": PASSED},
    "checks.healthy_and_immediate": {"probe": PASSED, "rollout": {"traffic": {"mode": "Immediate"}}},
    "checks.healthy_and_held": {"probe": PASSED, "rollout": {"autoPromote": False}},
    "checks.asked_others": {
        "green": ALL_READY,
        "probe": replace(FAILED, created_at=ago(60)),
        "jobs": {"conversations": replace(FAILED, created_at=ago(60))},
    },
    "checks.failed": {"probe": FAILED, "jobs": {"hook/smoke": FAILED}},
    "checks.late": {"overdue": True, "rollout": BEFORE_AND_AFTER, "green": ALL_READY},
    "checks.undecided_pause": {"jobs": {"conversations": SHARED, "hook/smoke": PASSED}},
    "checks.undecided_rollback": {
        "jobs": {"conversations": SHARED, "hook/smoke": PASSED},
        "rollout": {**TESTED, "analysis": {"onInconclusive": "Rollback"}},
    },
    "checks.undecided_promote": {
        "jobs": {"conversations": SHARED, "hook/smoke": PASSED},
        "rollout": {**TESTED, "analysis": {"onInconclusive": "Promote"}},
    },
    "pods.recovered": {"green": ALL_READY, "reason": "ReadyTimeout"},
    "traffic.lost": {"green": NONE_LEFT},
    "traffic.lost_while_serving": {"green": NONE_LEFT},
    "traffic.sized": {"green": ALL_READY},
    "traffic.switched": {"green": ALL_READY, "active": GREEN, "selects": GREEN, "endpoints": (GREEN,)},
    "traffic.first_switched": {
        **CREATION,
        "green": ALL_READY,
        "active": GREEN,
        "selects": GREEN,
        "endpoints": (GREEN,),
    },
    "traffic.switch_not_verified": {"overdue": True},
    "traffic.step_not_reached": {"overdue": True},
    "traffic.strays_stayed": {"overdue": True, "stray_pods": frozenset({"stray"})},
    "traffic.restored": {"endpoints": (BLUE,)},
    "traffic.never_left": {"blue": revision_of(BLUE, 0, 3), "took_traffic": False},
    "traffic.given_up_restoring": {"overdue": True},
    "traffic.nothing_to_restore": CREATION,
    "traffic.superseded_at_creation": {**CREATION, "reason": "Superseded"},
    "judgement.worse": {"judgement": verdict(Verdict.FAILED)},
    "judgement.step_held": {"step_held_seconds": 60.0, "judgement": verdict(Verdict.PASSED)},
    "judgement.last_step_held": {"step": 1, "step_held_seconds": 60.0, "judgement": verdict(Verdict.PASSED)},
    "judgement.watched": {"in_phase_seconds": 600.0, "judgement": verdict(Verdict.PASSED)},
    "judgement.acquitted_in_pause": {"in_phase_seconds": 600.0, "judgement": verdict(Verdict.PASSED)},
    "judgement.step_held_in_pause": {
        "paused_in": Phase.SHIFTING,
        "step_held_seconds": 60.0,
        "judgement": verdict(Verdict.PASSED),
    },
    "judgement.last_step_held_in_pause": {
        "paused_in": Phase.SHIFTING,
        "step": 1,
        "step_held_seconds": 60.0,
        "judgement": verdict(Verdict.PASSED),
    },
    "judgement.acquitted_while_serving": {
        "active": GREEN,
        "green": ALL_READY,
        "in_phase_seconds": 600.0,
        "judgement": verdict(Verdict.PASSED),
    },
    "judgement.settled": {"in_phase_seconds": 120.0, "green": ALL_READY, "probe": PASSED},
    "judgement.settled_in_the_end": {"overdue": True, "gates_skipped": True, "blue": revision_of(BLUE, 1, 2)},
    "pods.fewer_than_before": {"overdue": True, "gates_skipped": True},
    "judgement.undecided_pause": {"rollout": {}},
    "judgement.undecided_rollback": {"rollout": {"analysis": {"onInconclusive": "Rollback"}}},
    "judgement.undecided_promote": {"rollout": {"analysis": {"onInconclusive": "Promote"}}},
    "judgement.settings_unread": {"overdue": True, "unread": frozenset({"rollout"}), "step_held_seconds": 5.0},
    "judgement.nobody_promoted": {"overdue": True},
}
"""What makes a gate speak up, by the gate."""

UNDECIDED: Mapping[Phase, Mapping[str, Any]] = {
    Phase.SHIFTING: {"in_phase_seconds": LONG, "step_held_seconds": LONG},
    Phase.WATCHING: {"in_phase_seconds": LONG},
    Phase.SETTLING: {
        "in_phase_seconds": LONG,
        "green": ALL_READY,
        "probe": PASSED,
        "rollout": {"traffic": {"mode": "Immediate"}},
    },
}
"""When a verdict should long have been there."""


def gate_name(rule: Rule) -> str:
    return f"{rule.gate.__module__.rpartition('.')[2]}.{rule.gate.__name__}"


def situation(phase: Phase | None, rule: Rule) -> Situation:
    name = gate_name(rule)
    assert name in CAUSES, f"say in CAUSES what makes {name} fire"
    calm = CALM.get(phase) or Situation(phase)
    found = replace(calm, **CAUSES[name])
    if name.startswith("judgement.undecided") and phase is not None:
        late = dict(UNDECIDED[phase])
        late["rollout"] = {**late.get("rollout", {}), **CAUSES[name]["rollout"]}
        found = replace(found, **late, judgement=verdict(Verdict.INCONCLUSIVE, answers=3))
    return found


RULES = [
    pytest.param(phase, rule, id=f"{phase.value if phase else 'None'}-{gate_name(rule)}-{rule.to.value}")
    for phase, rules in TRANSITIONS.items()
    for rule in rules
]


@pytest.mark.parametrize(("phase", "rule"), RULES)
def test_fires_in_its_situation(phase: Phase | None, rule: Rule) -> None:
    view = actions.heard(situation(phase, rule).view())
    first = next(other for other in TRANSITIONS[phase] if other.gate(view))
    assert first == rule

    before = view.rollout.transitions if view.rollout and rule.to is not Phase.VALIDATING else []
    after = advance(view).rollout
    assert after is not None
    steps = after.transitions or after.earlier
    begun_anew = len(steps) <= len(before)  # another rollout has begun in the same tick
    entered = steps if begun_anew else steps[len(before) :]
    assert rule.to in {entry.phase for entry in (*entered, *after.earlier)}


@pytest.mark.parametrize("phase", [phase for phase in TRANSITIONS if phase is not Phase.VALIDATING])
def test_nothing_fires_in_a_calm_situation(phase: Phase | None) -> None:
    view = CALM[phase].view()
    assert advance(view).phase is phase
    assert not [gate_name(rule) for rule in TRANSITIONS[phase] if rule.gate(view)]


def test_every_phase_has_rules_and_can_be_left() -> None:
    assert set(TRANSITIONS) == {None, *Phase}
    assert all(TRANSITIONS.values())


def test_every_phase_can_be_entered() -> None:
    assert {rule.to for rules in TRANSITIONS.values() for rule in rules} == set(Phase)


@pytest.mark.parametrize(
    ("phase", "active"),
    [
        pytest.param(Phase.PREPARING, BLUE, id="before-the-switch"),
        pytest.param(Phase.SETTLING, GREEN, id="after-the-switch"),
    ],
)
def test_going_back_makes_blue_active_at_once(phase: Phase, active: str) -> None:
    view = replace(CALM[phase], active=active, annotations={ABORT: GREEN}).view()
    after = advance(actions.heard(view))
    assert after.phase is Phase.ROLLING_BACK
    assert after.status.active_revision == BLUE


def test_the_switch_is_committed_before_it_is_made() -> None:
    after = advance(replace(CALM[Phase.SWITCHING], green=ALL_READY).view())
    assert (after.phase, after.status.active_revision) == (Phase.SWITCHING, GREEN)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("Superseded", Outcome.CANCELLED), ("Aborted", Outcome.FAILED)],
)
def test_what_is_remembered_of_a_candidate_that_was_taken_back(reason: str, outcome: Outcome) -> None:
    after = advance(replace(CALM[Phase.ROLLING_BACK], target=OTHER, reason=reason, endpoints=(BLUE,)).view())
    assert {entry.hash: entry.outcome for entry in after.status.revisions}[GREEN] is outcome


@pytest.mark.parametrize(("reason", "target"), [("Superseded", OTHER), ("Aborted", GREEN)])
def test_a_retained_revision_stays_good_when_the_way_back_to_it_is_broken_off(reason: str, target: str) -> None:
    calm = replace(CALM[Phase.ROLLING_BACK], target=target, reason=reason, endpoints=(BLUE,), gates_skipped=True)
    known = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
    decision = decide(replace(calm, outcomes=known).observed(), ENVIRONMENT, NOW)
    assert {entry.hash: entry.outcome for entry in decision.status.revisions}[GREEN] is Outcome.SUCCESSFUL
    assert not [action for action in decision.actions if isinstance(action, DeleteObject)]


def test_a_retained_revision_that_was_aborted_is_not_begun_again() -> None:
    """Though it is asked for and isn't remembered as bad: the annotation would end it again, and so on."""
    calm = replace(CALM[Phase.ROLLED_BACK], reason="Aborted", gates_skipped=True, annotations={})
    view = replace(calm, outcomes={BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}).view()
    assert advance(view).phase is Phase.ROLLED_BACK


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        pytest.param("EndpointsLost", Outcome.FAILED, id="it-served-and-fell"),
        pytest.param("AboveLimit", Outcome.FAILED, id="it-served-badly"),
        pytest.param("ReadyTimeout", Outcome.SUCCESSFUL, id="no-room-for-its-pods"),
        pytest.param("ImagePullFailed", Outcome.SUCCESSFUL, id="the-registry-is-down"),
        pytest.param("Aborted", Outcome.SUCCESSFUL, id="a-person-said-no"),
    ],
)
def test_a_way_back_that_failed_speaks_against_the_revision_only_if_it_served(reason: str, outcome: Outcome) -> None:
    """One that couldn't start is kept: it may be the only good one."""
    outcomes = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
    calm = replace(CALM[Phase.ROLLING_BACK], reason=reason, endpoints=(BLUE,), gates_skipped=True, outcomes=outcomes)
    decision = decide(calm.observed(), ENVIRONMENT, NOW)
    assert decision.status.rollout is not None
    assert decision.status.rollout.phase is Phase.ROLLED_BACK, "it isn't begun again at once"
    assert {entry.hash: entry.outcome for entry in decision.status.revisions}[GREEN] is outcome
