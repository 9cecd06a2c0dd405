"""What repeated golden conversations say of a candidate, and how they stand in for the runs of a quiet team."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import pytest
from agentteam_operator.api.rollout import RolloutSettings
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.status import Phase, Verdict
from agentteam_operator.core import evidence, names
from agentteam_operator.core.analysis import Judgement, MetricVerdict
from agentteam_operator.core.decide import advance
from agentteam_operator.core.gates import judgement
from agentteam_operator.core.observed import PodObserved, Snapshot
from agentteam_operator.core.pairs import PairsObserved
from agentteam_operator.core.round_verdict import log_threshold, metrics_settings, rounds_verdict, stands_in, weighed
from agentteam_operator.core.verdicts import judge

from tests.unit.core.situations import ENVIRONMENT, GREEN, ago, revision_of
from tests.unit.core.test_round_evidence import after
from tests.unit.core.test_rounds import QUIET, REPEATED, few

PODS = ("10.0.0.0", "10.0.0.1", "10.0.0.2")
"""Addresses of green's pods in these situations."""


def spread(*failed: int, control: int = 0, each: int = 2) -> tuple[PairsObserved, ...]:
    """A round with each of green's pods, of which so many samples fail, and so many of blue's in each."""
    return tuple(PairsObserved(address, each, bad, control) for address, bad in zip(PODS, failed, strict=False))


def with_cost(state: RoundsStatus, **fields: Any) -> RoundsStatus:  # noqa: ANN401 - any field
    return state.model_copy(update={"tests_cost": 0.01, "dearest": 0.01, "spent": 0.1, **fields})


WELL, ILL, ONE_ILL = spread(0, 0, 0), spread(2, 2, 2), spread(2, 0, 0)
ONLY = (PairsObserved(PODS[0], 6, 6, 0),)
VERDICTS: dict[str, tuple[RoundsStatus, Verdict, str, str]] = {
    "no round yet, nothing wrong": (with_cost(RoundsStatus()), Verdict.SKIPPED, "", ""),
    "too few samples": (
        with_cost(after(*[WELL] * 3)),
        Verdict.INCONCLUSIVE,
        "TooFewSamples",
        "18 pairs of samples in 3 rounds, fewer than minSamples 20 (cost 0.1 of 1)",
    ),
    "too few rounds": (
        with_cost(after(*[WELL] * 5)),
        Verdict.INCONCLUSIVE,
        "TooFewBlocks",
        "so few rounds could have proven nothing (odds of 3,000 : 1 at the most)",
    ),
    "enough, and well": (
        with_cost(after(*[WELL] * 6)),
        Verdict.PASSED,
        "WithinLimits",
        "in 6 rounds of golden conversations green fails 0.0 % (0 of 36), blue 0.0 % (0 of 36): not proven worse;",
    ),
    "proven": (
        with_cost(after(*[ILL] * 6)),
        Verdict.FAILED,
        "WorseThanBlue",
        "green fails 100.0 % (36 of 36), blue 0.0 % (0 of 36): worse with odds 22,000 : 1 (cost",
    ),
    "proven by fewer than minSamples": (
        with_cost(after(*[(PairsObserved(PODS[0], 3, 3, 0),)] * 6)),
        Verdict.PENDING,
        "AboveLimit",
        "not proven worse, but more than the 5.0 % that are tolerated",
    ),
    "proven, on its only pod": (
        with_cost(after(*[ONLY] * 6)),
        Verdict.FAILED,
        "WorseThanBlue",
        "though on its only pod, which may be sick by itself",
    ),
    "one pod is sick": (
        with_cost(after(*[ONE_ILL] * 16)),
        Verdict.PENDING,
        "SickPod",
        f"but not clearly so without pod chat-{GREEN}-0, which may be sick by itself; holding",
    ),
    "the sick pod is gone": (
        with_cost(after(*[(PairsObserved("10.0.0.9", 2, 2, 0), *WELL[1:])] * 16)),
        Verdict.PENDING,
        "AboveLimit",
        "not proven worse",
    ),
    "both fail": (
        with_cost(after(*[spread(1, 1, 1, control=1)] * 6)),
        Verdict.PENDING,
        "SharedFault",
        "both fail lately, so the fault is hardly the new revision's: green fails 50.0 % (12 of 24), blue 50.0 %",
    ),
    "both failed a while ago": (
        with_cost(after(*[spread(1, 1, 1, control=1)] * 2, *[WELL] * 6)),
        Verdict.PASSED,
        "WithinLimits",
        "green fails 12.5 % (6 of 48), blue 12.5 % (6 of 48): not proven worse",
    ),
    "a few failures are tolerated": (with_cost(after(*[WELL] * 9, ONE_ILL)), Verdict.PASSED, "WithinLimits", ""),
    "the cap is reached": (
        with_cost(after(*[WELL] * 3), spent=0.995),
        Verdict.INCONCLUSIVE,
        "CostCapReached",
        "no other begins: 0.995 of maxSyntheticCost 1 is spent, and another round may cost 0.01 (cost 0.995 of 1)",
    ),
    "the cap is reached, but enough was seen": (
        with_cost(after(*[WELL] * 6), spent=0.995),
        Verdict.PASSED,
        "WithinLimits",
        "",
    ),
    "nobody knows the cost": (
        RoundsStatus(),
        Verdict.INCONCLUSIVE,
        "CostUnknown",
        "has each of its models a price, and does its endpoint count tokens?",
    ),
}


@pytest.mark.parametrize(("state", "verdict", "reason", "words"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdicts(state: RoundsStatus, verdict: Verdict, reason: str, words: str) -> None:
    found = rounds_verdict(replace(QUIET, rounds=state).view())
    if found is None:
        assert (verdict, reason) == (Verdict.SKIPPED, "")
        return
    assert (found.name, found.verdict, found.reason) == (names.GATE_ROUNDS, verdict, reason)
    assert words in found.message
    assert found.samples == state.pairs


def test_what_the_conversations_tolerate_is_tolerated() -> None:
    state = with_cost(after(*[WELL] * 5, ONE_ILL, ONE_ILL))
    assert rounds_verdict(replace(QUIET, rounds=state).view()).reason == "AboveLimit"  # type: ignore[union-attr]
    lenient = {**REPEATED, "conversations": [{**REPEATED["conversations"][1], "minPassRate": 0.5}]}
    found = rounds_verdict(replace(QUIET, rounds=state, rollout=lenient).view())
    assert found is not None
    assert found.verdict is Verdict.PASSED


@pytest.mark.parametrize("repeated", [True, False])
def test_the_promise_is_shared_by_all_tests(*, repeated: bool) -> None:
    """Five tests of the default metrics, and one of the rounds: each has a sixth of alpha."""
    settings = RolloutSettings.parse(REPEATED if repeated else {})
    tests = 6 if repeated else 5
    assert evidence.log_threshold(metrics_settings(settings)) == pytest.approx(log(tests / 0.001))
    if repeated:
        assert log_threshold(settings) == pytest.approx(log(tests / 0.001))
        assert exp(-log_threshold(settings)) + 5 * exp(-log(tests / 0.001)) == pytest.approx(0.001)


PASSED, FAILED = with_cost(after(*[WELL] * 6)), with_cost(after(*[ILL] * 6))
SHARED = with_cost(after(*[spread(1, 1, 1, control=1)] * 6))


def metric(name: str, verdict: Verdict, reason: str) -> MetricVerdict:
    return MetricVerdict(name, verdict, reason=reason, message="said")


ENOUGH = metric("errorRate", Verdict.PASSED, "WithinLimits")
FEW = metric("errorRate", Verdict.INCONCLUSIVE, "TooFewSamples")
WEIGHED: dict[str, tuple[RoundsStatus, list[MetricVerdict], list[tuple[Verdict, str]]]] = {
    "rounds stand in for runs": (PASSED, [FEW], [(Verdict.SKIPPED, "QuietTeam"), (Verdict.PASSED, "WithinLimits")]),
    "for those of every metric over runs": (
        PASSED,
        [
            metric("slowness", Verdict.INCONCLUSIVE, "NoData"),
            metric("p95LatencySeconds", Verdict.INCONCLUSIVE, "TooFewSamples"),
            metric("refunds", Verdict.INCONCLUSIVE, "TooFewSamples"),
        ],
        [*[(Verdict.SKIPPED, "QuietTeam")] * 3, (Verdict.PASSED, "WithinLimits")],
    ),
    "but not for what isn't about runs": (
        PASSED,
        [FEW, metric("memoryUtilization", Verdict.INCONCLUSIVE, "NoData")],
        [(Verdict.SKIPPED, "QuietTeam"), (Verdict.INCONCLUSIVE, "NoData"), (Verdict.PASSED, "WithinLimits")],
    ),
    "nor for what speaks": (
        PASSED,
        [metric("errorRate", Verdict.FAILED, "WorseThanBlue")],
        [(Verdict.FAILED, "WorseThanBlue"), (Verdict.SKIPPED, "EnoughRuns")],
    ),
    "nor for runs that hang": (
        PASSED,
        [metric("errorRate", Verdict.INCONCLUSIVE, "RunsHang")],
        [(Verdict.INCONCLUSIVE, "RunsHang"), (Verdict.SKIPPED, "EnoughRuns")],
    ),
    "without proof they bind nobody who has runs": (
        SHARED,
        [ENOUGH],
        [(Verdict.PASSED, "WithinLimits"), (Verdict.SKIPPED, "EnoughRuns")],
    ),
    "what they prove counts always": (
        FAILED,
        [ENOUGH],
        [(Verdict.PASSED, "WithinLimits"), (Verdict.FAILED, "WorseThanBlue")],
    ),
    "what they leave open acquits nobody": (
        SHARED,
        [FEW],
        [(Verdict.INCONCLUSIVE, "TooFewSamples"), (Verdict.PENDING, "SharedFault")],
    ),
}


@pytest.mark.parametrize(("state", "metrics", "expected"), WEIGHED.values(), ids=WEIGHED.keys())
def test_rounds_beside_metrics(
    state: RoundsStatus, metrics: list[MetricVerdict], expected: list[tuple[Verdict, str]]
) -> None:
    found = weighed(replace(QUIET, rounds=state).view(), replace(few(), verdicts=tuple(metrics)))
    assert [(one.verdict, one.reason) for one in found.verdicts] == expected


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(None, id="not-asked"),
        pytest.param(Snapshot(ago(5), {}, error="refused"), id="not-answered"),
        pytest.param(Snapshot(ago(5), {}), id="not-scraped"),
    ],
)
def test_nothing_stands_in_for_metrics_that_nobody_reads(snapshot: Snapshot | None) -> None:
    view = replace(QUIET, rounds=PASSED, snapshot=snapshot).view()
    assert weighed(view, few()).verdicts[0].reason == "TooFewSamples"
    assert stands_in(view) == 0


def test_a_pod_that_just_came_is_not_scraped_yet() -> None:
    new = PodObserved("chat-new", "10.0.0.7", ready=True, terminating=False, created_at=ago(1))
    green = revision_of(GREEN, 3)
    view = replace(QUIET, rounds=PASSED, green=replace(green, pods=(*green.pods, new))).view()
    assert stands_in(view) == 0


def test_once_green_serves_alone_rounds_say_nothing_new() -> None:
    view = replace(QUIET, phase=Phase.SETTLING, active=GREEN, selects=GREEN, rounds=FAILED).view()
    assert len(weighed(view, few()).verdicts) == 1


def _in_the_end(state: RoundsStatus, **fields: Any) -> tuple[Phase, str]:  # noqa: ANN401 - any field
    """Where a quiet team's rollout goes when its watch is over."""
    situation = replace(QUIET, rounds=state, in_phase_seconds=700.0, step_held_seconds=700.0, **fields)
    rollout = advance(judge(situation.view())).rollout
    assert rollout is not None
    return rollout.phase, rollout.reason


SPENT = with_cost(after(*[WELL] * 3), spent=0.995)


def test_a_quiet_team_is_acquitted_by_its_conversations() -> None:
    rollout = {**REPEATED, "analysis": {"metrics": [{"name": "errorRate"}, {"name": "slowness"}]}}
    assert _in_the_end(PASSED, rollout=rollout)[0] is Phase.SWITCHING


def test_a_quiet_team_whose_conversations_fail_is_rolled_back() -> None:
    assert _in_the_end(FAILED) == (Phase.ROLLING_BACK, "WorseThanBlue")


def test_a_quiet_team_whose_cap_is_reached_asks_a_person() -> None:
    assert _in_the_end(SPENT) == (Phase.AWAITING_PROMOTION, "Inconclusive")


def test_a_step_goes_on_when_conversations_have_answered_often_enough() -> None:
    step = replace(
        QUIET, phase=Phase.SHIFTING, in_phase_seconds=90.0, step_held_seconds=90.0, rounds=with_cost(after(*[WELL] * 4))
    )
    assert judgement.step_held(judge(step.view())) is not None
    assert judgement.step_held(judge(replace(step, rounds=with_cost(after(*[WELL] * 3))).view())) is None


def test_what_was_told_of_a_quiet_team_stays_told_after_the_switch() -> None:
    told = judge(replace(QUIET, rounds=PASSED).view())
    assert told.rollout is not None
    settling = replace(QUIET, phase=Phase.SETTLING, active=GREEN, selects=GREEN, rounds=PASSED).view()
    assert settling.rollout is not None
    held = settling.rollout.model_copy(update={"gates": told.rollout.gates})
    after_switch = judge(settling.with_status(settling.status.model_copy(update={"rollout": held})))
    assert after_switch.rollout is not None
    reasons = {gate.name: gate.reason for gate in after_switch.rollout.gates}
    assert (reasons["errorRate"], reasons[names.GATE_ROUNDS]) == ("QuietTeam", "WithinLimits")


def test_without_a_prometheus_each_round_is_news() -> None:
    quiet = replace(QUIET, snapshot=None, rounds=with_cost(after(WELL)))
    environment = replace(ENVIRONMENT, metrics_configured=False)
    view = judge(replace(quiet.view(), environment=environment))
    assert view.rollout is not None
    state = with_cost(after(*[WELL] * 2), spent=0.995)
    later = view.with_status(
        view.status.model_copy(update={"rollout": view.rollout.model_copy(update={"rounds": state})})
    )
    found = judge(later).rollout
    assert found is not None
    assert {gate.name: gate.reason for gate in found.gates}[names.GATE_ROUNDS] == "CostCapReached"


def test_a_judgement_without_metrics_has_the_rounds_alone() -> None:
    assert weighed(replace(QUIET, rounds=FAILED).view(), Judgement(few().state, ())).verdicts[0].reason == (
        "WorseThanBlue"
    )
