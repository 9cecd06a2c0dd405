"""Rounds of golden conversations during the watch: begun when needed, counted once, dropped, and never too dear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core import names, rounds, timing
from agentteam_operator.core.analysis import Judgement, MetricVerdict
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import CreateObject, DeleteObject
from agentteam_operator.core.observed import JobObserved, PodCounters, Snapshot
from agentteam_operator.core.pairs import PairsObserved
from agentteam_operator.core.round_starts import PAUSE_SECONDS, update
from agentteam_operator.core.verdicts import judge

from tests.unit.core.situations import (
    BLUE,
    CALM,
    ENVIRONMENT,
    GREEN,
    NOW,
    Situation,
    ago,
    revision_of,
)

ROUND = names.CHECK_ROUND
REPEATED: dict[str, Any] = {
    "conversations": [
        {"name": "greet", "turns": [{"user": "hi"}]},
        {"name": "refund", "turns": [{"user": "my money"}], "samples": 6, "repeatDuringWatch": True},
    ],
    "conversationsTimeoutSeconds": 60,
    "maxSyntheticCost": 1.0,
}
IDLE = PodCounters(started=0, succeeded=0, failed=0, duration_buckets=())
SCRAPED = Snapshot(ago(5), {f"chat-{revision}-{index}": IDLE for revision in (BLUE, GREEN) for index in range(3)})
TESTED = RoundsStatus(tests_cost=0.1)
RUNNING = RoundsStatus(begun=3, ended=2, begun_at=ago(10), ended_at=ago(45), tests_cost=0.1, dearest=0.2, spent=0.3)

QUIET = replace(
    CALM[Phase.WATCHING],
    green=revision_of(GREEN, 3),
    endpoints=(BLUE, GREEN),
    rollout=REPEATED,
    in_phase_seconds=40.0,
    step_held_seconds=40.0,
    took_traffic=True,
    snapshot=SCRAPED,
    rounds=TESTED,
)
"""A team without runs of its own, in the middle of its watch; before the first round."""


def few(finished: int = 0, reason: str = "TooFewSamples", **state: Any) -> Judgement:  # noqa: ANN401 - any field
    """What errorRate says of so many runs of either colour."""
    counts = ColourCounts(started=finished, finished=finished)
    metric = MetricVerdict(name="errorRate", verdict=Verdict.INCONCLUSIVE, reason=reason, message="too few")
    return Judgement(AnalysisStatus(blue=counts, green=counts, **state), (metric,))


def state_after(situation: Situation) -> RoundsStatus:
    """The rounds after a tick's look at them, and after its word on the next one."""
    view = judge(situation.view())
    judged = replace(view, judgement=situation.judgement or view.judgement)
    return rounds.state_of(update(judged))


STARTS: dict[str, tuple[Situation, bool]] = {
    "too few runs": (replace(QUIET, judgement=few()), True),
    "no runs at all": (replace(QUIET, judgement=few(reason="NoData")), True),
    "too few blocks": (replace(QUIET, judgement=few(25, "TooFewBlocks")), True),
    "while a step is held": (replace(QUIET, phase=Phase.SHIFTING, judgement=few()), True),
    "before a step is reached": (
        replace(QUIET, phase=Phase.SHIFTING, step_held_seconds=None, judgement=few()),
        False,
    ),
    "in another phase": (replace(QUIET, phase=Phase.AWAITING_PROMOTION, judgement=few()), False),
    "another metric has too little": (replace(QUIET, judgement=few(30, "NoData")), False),
    "something else holds": (replace(QUIET, judgement=few(reason="RunsHang")), False),
    "Prometheus can't be read": (replace(QUIET, judgement=few(consecutive_errors=1)), False),
    "Prometheus doesn't scrape green": (replace(QUIET, judgement=few(), snapshot=Snapshot(ago(5), {})), False),
    "Prometheus wasn't asked yet": (replace(QUIET, judgement=few(), snapshot=None), False),
    "enough runs at this pace": (replace(QUIET, judgement=few(18, reachable_log_evidence=8.0)), False),
    "many runs, but seldom": (replace(QUIET, judgement=few(18, reachable_log_evidence=0.5)), True),
    "not asked for": (replace(QUIET, judgement=few(), rollout={}), False),
    "without a cap": (replace(QUIET, judgement=few(), rollout={**REPEATED, "maxSyntheticCost": None}), False),
    "settings that can't be read": (replace(QUIET, judgement=few(), unread=frozenset({"rollout"})), False),
    "too soon": (replace(QUIET, judgement=few(), step_held_seconds=PAUSE_SECONDS - 1), False),
    "too soon after the last": (
        replace(
            QUIET,
            judgement=few(),
            rounds=TESTED.model_copy(update={"begun": 1, "ended": 1, "ended_at": ago(PAUSE_SECONDS - 1)}),
        ),
        False,
    ),
    "long enough after the last": (
        replace(
            QUIET,
            judgement=few(),
            rounds=TESTED.model_copy(update={"begun": 1, "ended": 1, "ended_at": ago(PAUSE_SECONDS)}),
        ),
        True,
    ),
    "no time left": (replace(QUIET, judgement=few(), overdue=True), False),
    "nobody to ask": (replace(QUIET, judgement=few(), green=revision_of(GREEN, 0, 3)), False),
    "blue takes no traffic": (replace(QUIET, judgement=few(), endpoints=(GREEN,)), False),
    "a stray pod": (replace(QUIET, judgement=few(), stray_pods=frozenset({"stray"})), False),
    "cost never told": (replace(QUIET, judgement=few(), rounds=None), False),
    "cost told no more": (
        replace(QUIET, judgement=few(), rounds=TESTED.model_copy(update={"cost_unknown": True})),
        False,
    ),
    "the cap is reached": (
        replace(QUIET, judgement=few(), rounds=TESTED.model_copy(update={"spent": 0.9, "dearest": 0.11})),
        False,
    ),
    "the cap is just not reached": (
        replace(QUIET, judgement=few(), rounds=TESTED.model_copy(update={"spent": 0.5, "dearest": 0.5})),
        True,
    ),
}


@pytest.mark.parametrize(("situation", "starts"), STARTS.values(), ids=STARTS.keys())
def test_when_a_round_begins(situation: Situation, *, starts: bool) -> None:
    found = state_after(situation)
    before = situation.rounds or RoundsStatus()
    assert found.begun - before.begun == starts
    assert (found.begun_at == NOW) is starts


def test_without_a_prometheus_rounds_are_had_at_once() -> None:
    environment = replace(ENVIRONMENT, metrics_configured=False)
    status = decide(QUIET.observed(), environment, NOW).status
    assert status.rollout is not None
    assert status.rollout.rounds is not None
    assert status.rollout.rounds.begun == 1


def had(*pairs: PairsObserved, cost: float | None = 0.25, **fields: Any) -> JobObserved:  # noqa: ANN401 - any field
    return JobObserved(finished=True, succeeded=bool(pairs), pairs=pairs, cost=cost, **fields)


GOOD_PAIRS = PairsObserved("10.0.0.1", 6, 1, 0)
ENDS: dict[str, tuple[JobObserved | None, float, dict[str, Any]]] = {
    "counted": (had(GOOD_PAIRS), 10, {"ended": 3, "counted": 1, "pairs": 6, "spent": 0.55, "dearest": 0.25}),
    "cheaper than the dearest": (had(GOOD_PAIRS, cost=0.1), 10, {"spent": 0.4, "dearest": 0.2}),
    "of a cost that nobody knows": (
        had(GOOD_PAIRS, cost=None),
        10,
        {"counted": 1, "spent": 0.5, "dearest": 0.2, "cost_unknown": True},
    ),
    "failed without a word": (
        had(cost=None),
        10,
        {"ended": 3, "counted": 0, "spent": 0.5, "failed_in_row": 1, "trouble": "its Job failed without a word"},
    ),
    "brought no pairs": (had(message="all pods are gone"), 10, {"spent": 0.55, "trouble": "all pods are gone"}),
    "more pairs than there are samples": (had(replace(GOOD_PAIRS, pairs=7)), 10, {"counted": 0, "failed_in_row": 1}),
    "still running": (JobObserved(finished=False, succeeded=False), 10, {"ended": 2, "spent": 0.3}),
    "not there yet": (None, 10, {"ended": 2, "spent": 0.3}),
    "its words aren't there yet": (JobObserved(finished=True, succeeded=True), 10, {"ended": 2}),
    "its words never come": (JobObserved(finished=True, succeeded=True), 200, {"ended": 3, "failed_in_row": 1}),
    "without an end": (JobObserved(finished=False, succeeded=False), 200, {"ended": 3, "failed_in_row": 1}),
    "never made": (None, 200, {"ended": 3, "spent": 0.5, "failed_in_row": 1}),
    "without an image": (
        JobObserved(finished=False, succeeded=False, waiting_reason="ImagePullBackOff", message="no such image"),
        10,
        {"ended": 3, "trouble": "no such image"},
    ),
}


@pytest.mark.parametrize(("job", "seconds", "expected"), ENDS.values(), ids=ENDS.keys())
def test_how_a_round_ends(job: JobObserved | None, seconds: float, expected: dict[str, Any]) -> None:
    running = RUNNING.model_copy(update={"begun_at": ago(seconds)})
    found = state_after(replace(QUIET, rounds=running, jobs={ROUND: job} if job else {}))
    assert {field: getattr(found, field) for field in expected} == expected


def test_a_round_is_counted_once() -> None:
    situation = replace(QUIET, rounds=RUNNING, jobs={ROUND: had(GOOD_PAIRS)})
    once = state_after(situation)
    assert state_after(replace(situation, rounds=once)) == once


def test_what_is_dropped_for_its_time_is_looked_at_once_more() -> None:
    """A cache may have missed the Job's end."""
    late = replace(QUIET, rounds=RUNNING.model_copy(update={"begun_at": ago(200)})).observed()
    assert decide(replace(late, live=False), ENVIRONMENT, NOW).needs_live_read


@pytest.mark.parametrize(
    ("phase", "rollout"),
    [
        pytest.param(Phase.AWAITING_PROMOTION, REPEATED, id="the-phase-is-over"),
        pytest.param(Phase.ROLLING_BACK, REPEATED, id="on-the-way-back"),
        pytest.param(Phase.WATCHING, {}, id="the-spec-wants-none"),
    ],
)
def test_a_round_that_nobody_waits_for_is_dropped_and_charged(phase: Phase, rollout: Mapping[str, Any]) -> None:
    situation = replace(QUIET, phase=phase, rollout=rollout, rounds=RUNNING, paused_in=Phase.WATCHING)
    found = state_after(situation)
    assert (found.ended, found.counted, found.spent, found.failed_in_row) == (3, 0, 0.5, 0)


def test_rounds_that_fail_are_tried_so_often_in_a_phase() -> None:
    failed = RUNNING.model_copy(update={"ended": 3, "failed_in_row": rounds.FAILED_AT_MOST, "trouble": "no quota"})
    stuck = replace(QUIET, judgement=few(), rounds=failed.model_copy(update={"ended_at": ago(35)}))
    assert rounds.stopped(stuck.view()) == ("RoundsFailed", "3 rounds in a row couldn't be had: no quota")
    assert state_after(stuck).begun == 3
    resumed = replace(stuck, in_phase_seconds=31.0)
    assert state_after(resumed).begun == 4


def test_the_tests_before_the_traffic_say_what_a_round_may_cost() -> None:
    testing = replace(CALM[Phase.TESTING], green=revision_of(GREEN, 3), rollout=REPEATED)
    job = JobObserved(finished=True, succeeded=True, cost=0.4)
    status = decide(replace(testing, jobs={names.CHECK_CONVERSATIONS: job}).observed(), ENVIRONMENT, NOW).status
    assert _rounds(status.rollout) == RoundsStatus(tests_cost=0.4)
    dearer = replace(testing, rounds=RoundsStatus(tests_cost=0.5), jobs={names.CHECK_CONVERSATIONS: job})
    assert _rounds(decide(dearer.observed(), ENVIRONMENT, NOW).status.rollout) == RoundsStatus(tests_cost=0.5)


def _rounds(rollout: RolloutStatus | None) -> RoundsStatus | None:
    return rollout.rounds if rollout else None


def _actions(situation: Situation) -> tuple[list[dict[str, Any]], list[str]]:
    """Jobs that are made, and names of those that are deleted."""
    observed = situation.observed()
    observed = replace(observed, revisions={k: replace(v, config_uid="") for k, v in observed.revisions.items()})
    children = {
        ("Job", name): {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "uid": "u"}}
        for name in observed.jobs
    }
    actions = decide(replace(observed, children=children), ENVIRONMENT, NOW).actions
    made = [dict(action.manifest) for action in actions if isinstance(action, CreateObject)]
    gone = [action.name for action in actions if isinstance(action, DeleteObject) and action.kind == "Job"]
    return [manifest for manifest in made if manifest["kind"] == "Job"], gone


def test_a_round_is_a_job_like_that_of_the_tests() -> None:
    ([job], gone) = _actions(replace(QUIET, rounds=RUNNING))
    assert job["metadata"]["name"].endswith("-round-3")
    assert gone == []
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"][:2] == ["converse", "--round"]
    # Pods are asked from another one on in each round.
    targets = [
        url for option, url in zip(container["args"], container["args"][1:], strict=False) if option == "--target"
    ]
    assert targets == [f"http://10.0.0.{index}:8000" for index in (2, 0, 1)]
    assert container["args"].count("--control") == 3
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert set(variables) == {"AUTOGEN_REVISION", "AGENTTEAM_CONVERSATION_0"}
    assert '"name":"refund"' in variables["AGENTTEAM_CONVERSATION_0"]
    assert job["spec"]["backoffLimit"] == 0
    security = job["spec"]["template"]["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert "runAsUser" in security


@pytest.mark.parametrize(
    ("situation", "gone"),
    [
        pytest.param(replace(QUIET, rounds=RUNNING), False, id="runs"),
        pytest.param(
            replace(QUIET, rounds=RUNNING.model_copy(update={"ended": 3, "ended_at": NOW})), True, id="was-counted"
        ),
        pytest.param(replace(CALM[Phase.ROLLING_BACK], rollout=REPEATED, rounds=RUNNING), True, id="on-the-way-back"),
    ],
)
def test_a_rounds_job_goes_with_the_round(situation: Situation, *, gone: bool) -> None:
    job = JobObserved(finished=False, succeeded=False)
    assert _actions(replace(situation, jobs={ROUND: job}))[1] == ([f"chat-{GREEN}-round-3"] if gone else [])


def test_the_job_of_the_last_round_stays_after_a_rollback_for_whoever_looks() -> None:
    ended = RUNNING.model_copy(update={"ended": 3})
    back = replace(CALM[Phase.ROLLED_BACK], rollout=REPEATED, rounds=ended, jobs={ROUND: had(GOOD_PAIRS)})
    assert _actions(back)[1] == []


def test_the_next_rollout_of_the_same_revision_goes_on_with_the_numbers() -> None:
    before = CALM[Phase.ROLLED_BACK]
    rollout = replace(before, rounds=RUNNING.model_copy(update={"ended": 3, "pairs": 18})).status().rollout
    assert rounds.carried(rollout, GREEN) == RoundsStatus(begun=3, ended=3)
    assert rounds.carried(rollout, BLUE) is None
    assert rounds.carried(before.status().rollout, GREEN) is None


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        pytest.param(
            TESTED.model_copy(update={"begun": 1, "ended": 1, "ended_at": ago(29)}), 1.0, id="the-next-begins"
        ),
        pytest.param(RUNNING.model_copy(update={"begun_at": ago(134)}), 1.0, id="one-is-given-up"),
    ],
)
def test_time_is_looked_at_when_it_may_change_something(state: RoundsStatus, seconds: float) -> None:
    assert timing.next_look_seconds(replace(QUIET, rounds=state).view()) == seconds


def test_a_person_is_not_asked_while_rounds_may_bring_the_verdict() -> None:
    late = replace(QUIET, in_phase_seconds=700.0, step_held_seconds=700.0)
    observed = replace(late, judgement=None, rounds=RUNNING.model_copy(update={"begun_at": ago(5)})).observed()
    status = decide(observed, ENVIRONMENT, NOW).status
    assert status.rollout is not None
    assert status.rollout.phase is Phase.WATCHING
    later = decide(observed, ENVIRONMENT, NOW + timedelta(seconds=61)).status
    assert later.rollout is not None
    assert later.rollout.phase is Phase.AWAITING_PROMOTION
