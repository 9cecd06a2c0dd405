"""The probe Job over its life: pods that go while they are probed, checks that are tried again, evidence that stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import AgentTeamStatus, Phase, Transition
from agentteam_operator.core import names, progress, timing
from agentteam_operator.core.checks import CHECKED_AT_MOST
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import CreateObject, DeleteObject, EmitEvent
from agentteam_operator.core.gates import checks, pods
from agentteam_operator.core.observed import JobObserved, Manifest
from agentteam_operator.core.plan import children, events
from agentteam_operator.core.view import View

from tests.unit.core.situations import CALM, ENVIRONMENT, GREEN, NOW, TEAM, TESTED, Situation, ago, revision_of

ALL_READY = revision_of(GREEN, 3)
CHECKING = replace(CALM[Phase.HEALTH_CHECKING], green=ALL_READY)
UNREACHABLE = JobObserved(finished=True, succeeded=False, message="Unreachable", created_at=ago(60))
"""Of a Job that is older than the pods, which began 30 s ago."""
ALL_PASSED = dict.fromkeys(("conversations", "hook/smoke"), JobObserved(finished=True, succeeded=True))
RESUME = names.action_annotation(ActionName.RESUME)


def in_attempt(situation: Situation, attempt: int) -> View:
    """The situation in a later health check, with its probe."""
    return replace(situation, attempt=attempt).view()


def jobs(view: View) -> dict[tuple[str, str], Manifest]:
    assert view.rollout is not None
    name = names.check_job(TEAM, GREEN, names.CHECK_HEALTH, view.rollout.attempt)
    return {("Job", name): {"kind": "Job", "metadata": {"name": name, "uid": "uid-job"}}}


def test_a_pod_that_was_replaced_while_it_was_probed_is_no_fault_of_the_candidate() -> None:
    decision = decide(replace(CHECKING, probe=UNREACHABLE).observed(), ENVIRONMENT, NOW)
    assert decision.status.rollout is not None
    assert (decision.status.rollout.phase, decision.status.rollout.attempt) == (Phase.HEALTH_CHECKING, 2)
    made = [action.manifest for action in decision.actions if isinstance(action, CreateObject)]
    assert [job["metadata"]["name"] for job in made if job["kind"] == "Job"] in ([], [f"{TEAM}-{GREEN}-health-2"])


def test_the_replacement_is_waited_for_but_not_for_ever() -> None:
    starting = replace(CHECKING, green=revision_of(GREEN, 0, 3), probe=UNREACHABLE)
    assert (checks.asked_others(starting.view()), checks.failed(starting.view())) == (None, None)
    late = checks.late(replace(starting, overdue=True).view())
    assert late is not None
    assert late.reason == "HealthCheckTimeout"


def test_pods_that_go_again_and_again_end_in_a_verdict() -> None:
    situation, checked = replace(CHECKING, probe=UNREACHABLE), 1
    while True:
        rollout = decide(situation.observed(), ENVIRONMENT, NOW).status.rollout
        assert rollout is not None
        if rollout.phase is not Phase.HEALTH_CHECKING:
            break
        checked += 1
        situation = replace(situation, attempt=rollout.attempt, rechecks=rollout.rechecks)
    assert (checked, rollout.phase, rollout.reason) == (CHECKED_AT_MOST, Phase.ROLLING_BACK, "HealthCheckFailed")


@pytest.mark.parametrize("phase", [Phase.TESTING, Phase.HEALTH_CHECKING])
def test_what_was_checked_before_is_not_counted(phase: Phase) -> None:
    """By an earlier rollout of the same revision, by tests, or before a person had them made once more."""
    found: dict[str, Any] = {"probe": UNREACHABLE, "jobs": {names.CHECK_CONVERSATIONS: UNREACHABLE}}
    situation = replace(CALM[phase], green=ALL_READY, attempt=CHECKED_AT_MOST, **found)
    rollout = decide(situation.observed(), ENVIRONMENT, NOW).status.rollout
    assert rollout is not None
    assert (rollout.phase, rollout.attempt, rollout.rechecks) == (phase, CHECKED_AT_MOST + 1, 1)


@pytest.mark.parametrize(
    ("phase", "fields", "enters"),
    [
        pytest.param(Phase.TESTING, {"jobs": ALL_PASSED}, Phase.HEALTH_CHECKING, id="the-next-phase"),
        pytest.param(
            Phase.AWAITING_PROMOTION,
            {"paused_in": Phase.TESTING, "rollout": TESTED, "annotations": {RESUME: GREEN}},
            Phase.TESTING,
            id="a-person-wants-the-tests-once-more",
        ),
        pytest.param(
            Phase.FAILED, {"reason": "ReadyTimeout", "green": ALL_READY}, Phase.HEALTH_CHECKING, id="at-creation"
        ),
    ],
)
def test_each_phase_has_checks_of_its_own(phase: Phase, fields: dict[str, Any], enters: Phase) -> None:
    situation = replace(CALM[phase], rechecks=2, **{"rollout": CALM[phase].rollout, **fields})
    rollout = decide(situation.observed(), ENVIRONMENT, NOW).status.rollout
    assert rollout is not None
    assert (rollout.phase, rollout.rechecks) == (enters, 0)


def test_pods_that_were_probed_are_judged_by_it() -> None:
    fresh = replace(CHECKING, probe=replace(UNREACHABLE, created_at=ago(10))).view()
    assert checks.asked_others(fresh) is None
    assert checks.failed(fresh) is not None


def test_a_probe_whose_pod_is_not_made_says_why() -> None:
    quota = "FailedCreate: exceeded quota: small"
    waiting = replace(CHECKING, probe=JobObserved(finished=False, succeeded=False, message=quota))
    view = waiting.view()
    assert view.rollout is not None
    assert progress.words(view, view.rollout) == f"checking the health of {GREEN}: {quota}"
    late = checks.late(replace(waiting, overdue=True).view())
    assert late is not None
    assert late.message == f"health: no verdict in time; {quota}"


def test_the_verdict_of_an_earlier_check_says_nothing() -> None:
    view = in_attempt(CHECKING, 2)
    stale = replace(view, observed=replace(view.observed, jobs=replace(CHECKING, probe=UNREACHABLE).observed().jobs))
    assert (checks.failed(stale), checks.healthy(stale)) == (None, None)


def test_a_first_revision_is_probed_ever_more_seldom() -> None:
    assert [pods.health_retry_seconds(attempt) for attempt in (1, 2, 3, 4, 5, 6, 10_000)] == [
        60,
        120,
        240,
        480,
        900,
        900,
        900,
    ]
    failed = replace(CALM[Phase.FAILED], green=ALL_READY, reason="HealthCheckFailed", in_phase_seconds=100)
    assert pods.recovered(in_attempt(failed, 1)) is not None
    assert pods.recovered(in_attempt(failed, 2)) is None
    assert timing.next_look_seconds(in_attempt(failed, 2)) == 20


def test_a_probe_that_may_not_be_made_is_not_tried_at_every_look() -> None:
    failed = replace(CALM[Phase.FAILED], green=ALL_READY, reason="WriteRefused")
    assert pods.recovered(replace(failed, in_phase_seconds=59).view()) is None
    assert pods.recovered(replace(failed, in_phase_seconds=60).view()) is not None


@pytest.mark.parametrize("check", [names.CHECK_HEALTH, names.CHECK_CONVERSATIONS, names.hook_check("h" * 50)])
def test_the_jobs_name_stays_within_its_bounds(check: str) -> None:
    longest = {names.check_job("t" * 40, GREEN, check, attempt) for attempt in range(9_990, 10_010)}
    assert max(map(len, longest)) <= 63
    assert len(longest) == 20


@pytest.mark.parametrize("phase", [Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED])
def test_a_probe_that_failed_is_kept_until_the_next_rollout(phase: Phase) -> None:
    view = in_attempt(replace(CALM[phase], probe=UNREACHABLE), 1)
    kept = replace(view, observed=replace(view.observed, children=jobs(view)))
    assert list(children.obsolete(kept)) == []
    assert view.rollout is not None
    other = view.rollout.model_copy(update={"revision": "c" * 10})
    following = kept.with_status(kept.status.model_copy(update={"rollout": other}))
    assert [type(action) for action in children.obsolete(following)] == [DeleteObject]


def test_a_probe_that_passed_goes_with_its_phase() -> None:
    passed = replace(CALM[Phase.SHIFTING], probe=replace(UNREACHABLE, succeeded=True))
    view = in_attempt(passed, 1)
    view = replace(view, observed=replace(view.observed, children=jobs(view)))
    assert [type(action) for action in children.obsolete(view)] == [DeleteObject]


def told(*transitions: Transition) -> list[datetime]:
    status = AgentTeamStatus(rollout=CALM[Phase.FAILED].view().status.rollout)
    assert status.rollout is not None
    rollout = status.rollout.model_copy(update={"transitions": list(transitions)})
    view = CALM[Phase.FAILED].view().with_status(status.model_copy(update={"rollout": rollout}))
    return [action.at for action in events.recent(view) if isinstance(action, EmitEvent)]


def test_a_check_that_fails_as_before_is_told_once() -> None:
    first, second, third = (NOW - timedelta(seconds=seconds) for seconds in (300, 200, 100))

    def failed(at: datetime, message: str = "401") -> Transition:
        return Transition(phase=Phase.FAILED, at=at, reason="HealthCheckFailed", message=message)

    assert told(failed(first), failed(second), failed(third, "404")) == [first, third]
