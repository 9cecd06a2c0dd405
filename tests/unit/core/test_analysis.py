from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Judgement, MetricVerdict, Mode
from agentteam_operator.core.observed import PodCounters, Snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.judging import BLUE, GREEN, NOW, Judging, colour, counters, of

FAST = AnalysisSettings(interval_seconds=1)


def only(*metrics: AnalysisMetric, **fields: int) -> AnalysisSettings:
    return AnalysisSettings(metrics=metrics, **fields)


# --- errorRate -------------------------------------------------------------------------------------------------------


def test_green_as_good_as_blue_passes_and_says_what_would_have_been_seen() -> None:
    judgement = Judging().looks(30, counters(97, 3), counters(97, 3))
    verdict = of(judgement)
    assert analysis.overall(judgement) is Verdict.PASSED
    assert analysis.enough(judgement, AnalysisSettings())
    assert (verdict.reason, verdict.samples, verdict.value) == ("WithinLimits", 9000, "3.0 %")
    assert verdict.message == (
        "green fails 3.0 % (270 of 9000), blue 3.0 % (261 of 8700): not proven worse;"
        " 1.5 points more would have been seen"
    )
    assert verdict.threshold == "0.5 points over blue, or 5.0 %, proven with odds of 5,000 : 1"


def test_gross_errors_on_every_pod_take_two_blocks() -> None:
    judging = Judging()
    verdict = of(judging.looks(10, counters(10), counters(5, 5)))
    assert verdict.verdict is Verdict.FAILED
    assert verdict.reason == "WorseThanBlue"
    assert judging.state.looks == 2
    assert verdict.message == (
        "green fails 50.0 % (45 of 90), blue 0.0 % (0 of 60) in the last 2 blocks, on each of 3 pods:"
        " worse with odds over 1,000,000,000 : 1 even with any one of them left out"
    )


def test_ten_points_worse_is_found_by_the_slow_test() -> None:
    judging = Judging()
    verdict = of(judging.looks(40, counters(97, 3), counters(87, 13)))
    assert (verdict.verdict, verdict.reason) == (Verdict.FAILED, "WorseThanBlue")
    assert 9 <= judging.state.looks <= 12, "a block adds at most a factor e"
    assert "worse with odds" in verdict.message


def test_two_pods_that_are_sick_one_after_the_other_are_no_bad_revision() -> None:
    judging = Judging()
    judging.looks(3, counters(30), counters(30))
    for looks, sick in ((12, "green-1"), (12, ""), (16, "green-2")):
        for _ in range(looks):
            runs = dict.fromkeys((*BLUE, *GREEN), counters(30))
            judgement = judging.look(runs | ({sick: counters(0, 30)} if sick else {}))
            assert of(judgement).verdict is not Verdict.FAILED
    assert of(judgement).reason == "SickPod"


def test_one_sick_pod_is_held_and_named() -> None:
    judging = Judging()
    judging.looks(3, counters(20), counters(20))
    for _ in range(40):
        judgement = judging.look(
            {
                **dict.fromkeys(BLUE, counters(20)),
                "green-1": counters(20),
                "green-2": counters(0, 20),
                "green-3": counters(20),
            }
        )
        assert analysis.overall(judgement) is not Verdict.FAILED
    assert of(judgement).reason == "SickPod"
    assert "not clearly so without pod green-2, which may be sick by itself" in of(judgement).message
    assert not analysis.enough(judgement, AnalysisSettings()), "a step doesn't advance meanwhile"
    recovered = judging.looks(6, counters(20), counters(20))
    assert of(recovered).verdict is Verdict.PASSED


def beside_several(settings: AnalysisSettings = FAST, *pods: str) -> Judging:
    """A judgement in the first step of a rollout: one pod of green, or few, beside three of blue."""
    return Judging(settings, green=colour(pods or ("green-1",)))


def test_the_only_pod_is_given_time_though_looks_are_frequent_if_it_was_well() -> None:
    judging = beside_several()
    judging.looks(2, counters(10), counters(10))
    verdict = of(judging.looks(100, counters(10), counters(2, 8)))
    assert (verdict.verdict, verdict.reason) == (Verdict.FAILED, "WorseThanBlue")
    assert judging.at - NOW >= timedelta(seconds=42)


@pytest.mark.parametrize(
    ("settings", "blue", "green"),
    [
        pytest.param(FAST, counters(12), counters(6, 6), id="half fail, every second"),
        pytest.param(AnalysisSettings(), counters(12), counters(6, 6), id="half fail, every 5 s"),
        pytest.param(FAST, counters(70), counters(0, 6), id="all fail, and it answers seldom"),
        pytest.param(FAST, counters(12, seconds=3), counters(6, 6, seconds=3), id="half fail, after a warm-up"),
    ],
)
def test_an_only_pod_that_was_never_well_is_condemned_in_a_few_blocks(
    settings: AnalysisSettings, blue: PodCounters, green: PodCounters
) -> None:
    judging = beside_several(settings)
    verdict = of(judging.looks(20, blue, green))
    assert (verdict.verdict, verdict.reason) == (Verdict.FAILED, "WorseThanBlue")
    assert judging.state.looks == 4
    assert "on its only pod, ever since its first answer 4 blocks ago: worse with odds" in verdict.message


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(counters(12), counters(6, 6), id="well in the first block"),
        pytest.param(counters(8, 4), counters(0, 12), id="it turned ill in the first block"),
        pytest.param(counters(0, 12), counters(11, 1), id="it has recovered"),
        pytest.param(counters(9, 3, seconds=60), counters(6, 6, seconds=60), id="long runs: it may have been well"),
    ],
)
def test_an_only_pod_that_may_have_been_well_is_left_to_the_slow_test(first: PodCounters, then: PodCounters) -> None:
    judging = beside_several()
    blue = counters(12, seconds=60 if first.duration_buckets[10] == 0 else 1)
    judging.looks(1, blue, counters())
    judging.looks(1, blue, first)
    assert of(judging.looks(8, blue, then)).verdict is not Verdict.FAILED


def test_an_only_pod_that_restarted_is_left_to_the_slow_test() -> None:
    judging = beside_several()
    judging.looks(2, counters(12), counters(6, 6))
    judging.totals["green-1"] = counters()
    assert of(judging.looks(8, counters(12), counters(6, 6))).verdict is not Verdict.FAILED


def test_an_only_pod_that_took_anothers_place_is_left_to_the_slow_test() -> None:
    judging = beside_several()
    judging.looks(2, counters(12), counters(6, 6))
    judging.green = colour(("green-9",))
    judging.totals["green-9"] = counters()
    del judging.totals["green-1"]
    assert of(judging.looks(8, counters(12), counters(6, 6))).verdict is not Verdict.FAILED


def test_a_second_pod_that_hasnt_answered_yet_clears_nobody_and_one_that_is_well_does() -> None:
    ill = {**dict.fromkeys(BLUE, counters(12)), "green-1": counters(6, 6)}
    for second, expected in ((counters(), Verdict.FAILED), (counters(12), Verdict.PENDING)):
        judging = beside_several(FAST, "green-1", "green-2")
        for _ in range(6):
            judgement = judging.look({**ill, "green-2": second})
        assert of(judgement).verdict is expected


# --- suspicion -------------------------------------------------------------------------------------------------------


def test_what_looks_far_worse_holds_the_step_though_nothing_is_proven() -> None:
    judging = beside_several()
    judging.looks(1, counters(3), counters(1))
    judgement = judging.looks(2, counters(37), counters(0, 11))
    verdict = of(judgement)
    assert (verdict.verdict, verdict.reason) == (Verdict.PENDING, "Suspicious")
    assert verdict.message == (
        "green fails 95.7 % (22 of 23), blue 0.0 % (0 of 222): worse so far, but not proven yet (odds 1.2 : 1),"
        " for its only pod may be sick by itself; holding"
    )
    assert not analysis.enough(judgement, FAST)


def test_a_suspicion_ends_when_green_recovers() -> None:
    judging = beside_several()
    judging.looks(2, counters(12), counters(12))
    assert of(judging.looks(5, counters(12), counters(0, 12))).reason == "Suspicious"
    recovered = judging.looks(4, counters(12), counters(12))
    assert of(recovered).reason == "TooFewBlocks"
    assert analysis.enough(recovered, FAST)


def test_a_suspicion_ends_in_proof_if_green_stays_bad() -> None:
    judging = beside_several()
    judging.looks(2, counters(12), counters(12))
    said = [of(judging.looks(1, counters(12), counters(0, 12))) for _ in range(60)]
    assert Verdict.PASSED not in {verdict.verdict for verdict in said[2:]}
    assert said[-1].verdict is Verdict.FAILED


def test_a_burst_on_several_pods_is_suspicious_too() -> None:
    judging = Judging()
    judging.looks(2, counters(20), counters(20))
    found = of(judging.looks(1, counters(20), counters(2, 18)))
    assert (found.verdict, found.reason) == (Verdict.PENDING, "Suspicious")
    assert "it may be a burst; holding" in found.message


def test_a_little_worse_by_chance_is_not_suspicious() -> None:
    assert of(beside_several().looks(60, counters(12), counters(11))).verdict is Verdict.PASSED
    assert of(beside_several().looks(4, counters(12), counters(10, 1))).reason == "TooFewBlocks"


@pytest.mark.parametrize(
    ("looks", "reason"),
    [
        pytest.param(2, "TooFewBlocks", id="one block, however many answers it brings"),
        pytest.param(10, "TooFewBlocks", id="not even a fault in every answer could be proven yet"),
        pytest.param(11, "WithinLimits", id="a fault could have been proven"),
    ],
)
@pytest.mark.parametrize("name", ["errorRate", "slowness"])
def test_nobody_is_acquitted_by_fewer_blocks_than_could_condemn(looks: int, reason: str, name: str) -> None:
    judgement = Judging().looks(looks, counters(290, 10), counters(289, 11))
    found = of(judgement, name)
    assert found.reason == reason
    assert (found.verdict is Verdict.INCONCLUSIVE) is (reason == "TooFewBlocks")


def test_too_few_blocks_say_what_would_help() -> None:
    found = of(Judging().looks(5, counters(300), counters(290, 10)))
    assert found.message.endswith(
        ": in 4 blocks of answers nothing could be proven (odds of 20 : 1 at the most);"
        " make watchSeconds longer or analysis.intervalSeconds shorter"
    )


def test_slow_answers_are_suspicious_until_they_are_quick_again() -> None:
    judging = Judging(FAST)
    judging.looks(1, counters(12), counters(12))
    judgement = judging.looks(4, counters(12), counters(12, seconds=5))
    found = of(judgement, "slowness")
    assert (found.verdict, found.reason) == (Verdict.PENDING, "Suspicious")
    assert "slower so far, but not proven yet (odds" in found.message
    assert not analysis.enough(judgement, FAST)
    assert of(judging.looks(9, counters(12), counters(12)), "slowness").reason == "WithinLimits"


def test_a_step_isn_t_held_for_slow_answers_of_its_only_pod() -> None:
    judging = beside_several()
    judging.looks(1, counters(12), counters(12))
    judgement = judging.looks(8, counters(12), counters(12, seconds=5))
    found = of(judgement, "slowness")
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "OnlyPod")
    assert "slower so far, but not proven yet (odds" in found.message
    assert analysis.enough(judgement, FAST)


def test_a_team_of_one_replica_is_judged_quickly_without_that_protection() -> None:
    judging = Judging(FAST, blue=colour(("blue-1",), made_seconds_ago=3600), green=colour(("green-1",)))
    verdict = of(judging.looks(100, counters(20), counters(10, 10)))
    assert judging.state.looks == 2
    assert verdict.message.endswith("though it may be the pod that is sick")


def test_worse_by_less_than_min_effect_passes() -> None:
    settings = only(AnalysisMetric(name=MetricName.ERROR_RATE, min_effect=0.2, max=0.9))
    judging = Judging(settings)
    judgement = judging.looks(60, counters(97, 3), counters(87, 13))
    assert judging.state.log_evidence["errorRate"] > 9
    assert of(judgement).verdict is Verdict.PASSED


def test_a_fault_of_both_holds_and_says_so() -> None:
    judging = Judging()
    judging.looks(5, counters(20), counters(20))
    judgement = judging.looks(12, counters(10, 10), counters(10, 10))
    verdict = of(judgement)
    assert (verdict.verdict, verdict.reason) == (Verdict.PENDING, "SharedFault")
    assert verdict.message.startswith("both fail lately, so the fault is hardly the new revision's: green fails 50.0 %")
    assert of(judging.looks(12, counters(20), counters(20))).verdict is Verdict.PASSED


def test_above_the_limit_while_blue_is_quiet() -> None:
    judging = Judging()
    verdict = of(judging.looks(200, counters(), counters(8, 2)))
    assert (verdict.verdict, verdict.reason) == (Verdict.FAILED, "AboveLimit")


@pytest.mark.parametrize(
    ("runs", "blocks"),
    [
        pytest.param(counters(10, 10), 2, id="20 runs a pod and look"),
        pytest.param(counters(2, 2), 2, id="4 runs a pod and look"),
        pytest.param(counters(1, 1), 4, id="2 runs a pod and look"),
    ],
)
def test_alone_gross_errors_are_found_within_a_few_looks(runs: PodCounters, blocks: int) -> None:
    judging = Judging(FAST, mode=Mode.ONE_SAMPLE)
    verdict = of(judging.looks(20, counters(), runs))
    assert (verdict.verdict, verdict.reason) == (Verdict.FAILED, "AboveLimit")
    assert "on each of 3 pods: above the limit of 5.0 % with odds " in verdict.message, "not worse: there's no blue"
    assert judging.state.looks == blocks


def test_alone_a_late_fault_is_found_after_a_long_healthy_watch() -> None:
    judging = Judging()
    judging.looks(120, counters(20), counters(20))
    judging.mode = Mode.ONE_SAMPLE
    healthy = judging.looks(10, counters(), counters(40))
    assert analysis.overall(healthy) is Verdict.PASSED
    before = judging.state.looks
    verdict = of(judging.looks(40, counters(), counters(35, 5)))
    assert verdict.verdict is Verdict.FAILED
    assert judging.state.looks - before <= 20


def test_alone_after_a_shared_fault_the_limit_is_silent() -> None:
    judging = Judging()
    judging.looks(12, counters(18, 2), counters(18, 2))
    judging.mode = Mode.ONE_SAMPLE
    verdict = of(judging.looks(30, counters(), counters(36, 4)))
    assert (verdict.verdict, verdict.reason) == (Verdict.PENDING, "SharedFault")


@pytest.mark.parametrize(
    ("blue", "green", "looks", "reason", "message"),
    [
        pytest.param(counters(), counters(), 3, "NoData", "green has given no answers yet", id="nothing"),
        pytest.param(counters(9), counters(1), 2, "TooFewSamples", "green has given 6 answers", id="green is quiet"),
        pytest.param(counters(1), counters(9), 2, "TooFewSamples", "blue has given 3 answers", id="blue is quiet"),
    ],
)
def test_too_little_is_inconclusive(
    blue: PodCounters, green: PodCounters, looks: int, reason: str, message: str
) -> None:
    judgement = Judging().looks(looks, blue, green)
    verdict = of(judgement)
    assert (verdict.verdict, verdict.reason) == (Verdict.INCONCLUSIVE, reason)
    assert message in verdict.message
    assert analysis.overall(judgement) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("mode", "green"),
    [
        pytest.param(Mode.CONCURRENT, counters(20, 20), id="against blue"),
        pytest.param(Mode.CONCURRENT, counters(50, seconds=60), id="slowness"),
        pytest.param(Mode.ONE_SAMPLE, counters(20, 20), id="against the limit"),
        pytest.param(Mode.ONE_SAMPLE, counters(0, 40), id="gross"),
    ],
)
def test_fewer_than_min_samples_condemn_nobody(mode: Mode, green: PodCounters) -> None:
    judging = Judging(AnalysisSettings(min_samples=2000), mode=mode)
    judgement = judging.looks(12, counters(200), green)
    assert analysis.overall(judgement) is Verdict.INCONCLUSIVE
    assert of(judgement).reason == "TooFewSamples"
    assert analysis.overall(judging.looks(40, counters(200), green)) is Verdict.FAILED
    assert judging.state.green.finished >= 2000


# --- hangs -----------------------------------------------------------------------------------------------------------


def test_hanging_runs_hold_a_step_back() -> None:
    judging = Judging()
    judgement = judging.looks(30, counters(20), counters(18, hanging=2))
    verdict = of(judgement)
    assert (verdict.verdict, verdict.reason) == (Verdict.INCONCLUSIVE, "RunsHang")
    assert "180 of green's 1800 runs haven't ended in an answer" in verdict.message
    assert not analysis.enough(judgement, AnalysisSettings())


def test_alone_without_blues_durations_hanging_runs_are_seen_by_greens_own() -> None:
    judging = Judging(mode=Mode.ONE_SAMPLE)
    judgement = judging.looks(30, counters(), counters(8, hanging=2))
    assert of(judgement).reason == "RunsHang"
    assert not analysis.enough(judgement, AnalysisSettings())
    fine = Judging(mode=Mode.ONE_SAMPLE).looks(30, counters(), counters(10))
    assert analysis.enough(fine, AnalysisSettings())


def test_runs_in_flight_are_no_hangs() -> None:
    judging = Judging()
    judging.look({pod: counters(hanging=20) for pod in GREEN} | dict.fromkeys(BLUE, counters(20, seconds=30)))
    judgement = judging.looks(12, counters(20, seconds=30), counters(20, seconds=30))
    assert analysis.enough(judgement, AnalysisSettings())


# --- slowness --------------------------------------------------------------------------------------------------------


def test_slower_answers_are_found() -> None:
    judging = Judging()
    verdict = of(judging.looks(40, counters(20, seconds=1), counters(20, seconds=2)), "slowness")
    assert (verdict.verdict, verdict.reason, verdict.value) == (Verdict.FAILED, "SlowerThanBlue", "100.0 %")
    assert 9 <= judging.state.looks <= 12
    assert verdict.message.startswith(
        "of answers slower than 1.35 s (blue's 90th percentile and a tenth), green has 100.0 %"
    )


def test_slowness_of_one_pod_is_held() -> None:
    judging = Judging()
    for _ in range(40):
        fine = dict.fromkeys((*BLUE, *GREEN), counters(20))
        judgement = judging.look({**fine, "green-3": counters(20, seconds=5)})
    verdict = of(judgement, "slowness")
    assert (verdict.verdict, verdict.reason) == (Verdict.PENDING, "SickPod")
    assert "green-3" in verdict.message


def test_slowness_of_both_is_nobodys_fault() -> None:
    judging = Judging()
    judging.looks(10, counters(20), counters(20))
    assert of(judging.looks(40, counters(20, seconds=5), counters(20, seconds=5)), "slowness").verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("mode", "seconds", "verdict", "reason"),
    [
        pytest.param(Mode.ONE_SAMPLE, 1.0, Verdict.SKIPPED, "NoConcurrentControl", id="alone"),
        pytest.param(
            Mode.CONCURRENT, 1000.0, Verdict.INCONCLUSIVE, "NoData", id="blue's own are beyond the last bound"
        ),
    ],
)
def test_slowness_without_a_measure(mode: Mode, seconds: float, verdict: Verdict, reason: str) -> None:
    found = of(Judging(mode=mode).looks(5, counters(20, seconds=seconds), counters(20, seconds=seconds)), "slowness")
    assert (found.verdict, found.reason) == (verdict, reason)


# --- metrics with a limit --------------------------------------------------------------------------------------------

P95 = AnalysisMetric(name=MetricName.P95_LATENCY_SECONDS, max=2, failure_limit=1)
P95_OF_BLUE = AnalysisMetric(name=MetricName.P95_LATENCY_SECONDS, max_increase_percent=50)
P95_BOTH = AnalysisMetric(name=MetricName.P95_LATENCY_SECONDS, max=60, max_increase_percent=50)


@pytest.mark.parametrize(
    ("metric", "green_seconds", "mode", "expected", "message"),
    [
        pytest.param(P95, 1.0, Mode.CONCURRENT, Verdict.PASSED, "is 0.988 s, at most 2 s are allowed", id="within max"),
        pytest.param(P95, 4.0, Mode.CONCURRENT, Verdict.FAILED, "at 2 looks in a row", id="over max"),
        pytest.param(P95, 4.0, Mode.ONE_SAMPLE, Verdict.FAILED, "4.25 s", id="over max, alone"),
        pytest.param(P95, 999.0, Mode.CONCURRENT, Verdict.FAILED, "over 320 s", id="beyond the last bound"),
        pytest.param(P95_OF_BLUE, 4.0, Mode.CONCURRENT, Verdict.FAILED, "(blue's 0.988 s and 50 %)", id="over blue's"),
        pytest.param(P95_OF_BLUE, 1.2, Mode.CONCURRENT, Verdict.PASSED, "1.33 s", id="little over blue's"),
        pytest.param(P95_BOTH, 4.0, Mode.CONCURRENT, Verdict.FAILED, "1.48 s", id="the tighter one counts"),
        pytest.param(P95_OF_BLUE, 4.0, Mode.ONE_SAMPLE, Verdict.SKIPPED, "green serves alone", id="alone"),
        pytest.param(P95_BOTH, 4.0, Mode.ONE_SAMPLE, Verdict.PASSED, "60 s", id="alone, max remains"),
    ],
)
def test_p95_latency(metric: AnalysisMetric, green_seconds: float, mode: Mode, expected: Verdict, message: str) -> None:
    judging = Judging(only(metric), mode=mode)
    judging.look()
    found = of(judging.looks(3, counters(20), counters(20, seconds=green_seconds)), metric.name)
    reasons = {Verdict.PASSED: "WithinLimits", Verdict.FAILED: "AboveLimit", Verdict.SKIPPED: "NoConcurrentControl"}
    assert (found.verdict, found.reason) == (expected, reasons[expected])
    assert message in found.message


def test_p95_latency_counts_new_blocks_only() -> None:
    judging = Judging(only(P95))
    judging.looks(1, counters(20), counters(20))
    judging.look({**dict.fromkeys(BLUE, counters(20)), **dict.fromkeys(GREEN, counters(200, seconds=4))})
    for _ in range(5):
        assert of(judging.look(), P95.name).reason == "OverOnce"
    assert of(judging.looks(1, counters(20), counters(20)), P95.name).verdict is Verdict.FAILED


def test_p95_latency_of_few_answers_is_inconclusive() -> None:
    judging = Judging(only(P95_OF_BLUE))
    judging.look()
    judging.look({"green-1": counters(100), "blue-1": counters(19)})
    assert of(judging.look(), P95.name).message == "blue has given 19 answers, fewer than minSamples 20"


def memory(used: float | None, limit: float | None = 100.0) -> PodCounters:
    return replace(counters(), memory_bytes=used, memory_limit_bytes=limit)


MEMORY = AnalysisMetric(name=MetricName.MEMORY_UTILIZATION)


@pytest.mark.parametrize(
    ("pods", "looks", "verdict", "reason", "message"),
    [
        pytest.param([memory(50), memory(79)], 1, Verdict.PASSED, "WithinLimits", "pod green-2 uses 79.0 %", id="fine"),
        pytest.param(
            [memory(50), memory(81)], 1, Verdict.PENDING, "OverOnce", "1 of at most 1 look in a row", id="over once"
        ),
        pytest.param([memory(50), memory(81)], 2, Verdict.FAILED, "AboveLimit", "at 2 looks in a row", id="over twice"),
        pytest.param(
            [memory(99, None), memory(99, None)],
            5,
            Verdict.SKIPPED,
            "NoMemoryLimit",
            "spec.resources.limits",
            id="no limit",
        ),
        pytest.param([memory(None)], 5, Verdict.INCONCLUSIVE, "NoData", "no memory usage", id="no usage"),
        pytest.param([], 5, Verdict.INCONCLUSIVE, "NoData", "no memory usage", id="no pods"),
        pytest.param([memory(float("nan")), memory(10)], 5, Verdict.PASSED, "WithinLimits", "green-2", id="NaN"),
        pytest.param([memory(10, 0.0)], 5, Verdict.SKIPPED, "NoMemoryLimit", "no memory limit", id="a limit of 0"),
    ],
)
def test_memory_utilization(pods: list[PodCounters], looks: int, verdict: Verdict, reason: str, message: str) -> None:
    judging = Judging(only(MEMORY))
    for _ in range(looks):
        judgement = judging.judge(dict(zip(GREEN, pods, strict=False)))
    found = of(judgement, MEMORY.name)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert message in found.message


def test_a_good_look_ends_a_row_of_bad_ones() -> None:
    judging = Judging(only(MEMORY))
    for used in (90, 10, 90, 10, 90):
        found = of(judging.judge({"green-1": counters(memory=(used, 100))}), MEMORY.name)
        assert found.verdict is not Verdict.FAILED


OFFLINE = AnalysisMetric(name=MetricName.AGENTS_OFFLINE)


@pytest.mark.parametrize(
    ("offline", "looks", "failure_limit", "verdict"),
    [
        pytest.param(0, 5, None, Verdict.PASSED, id="all there"),
        pytest.param(2, 1, None, Verdict.PENDING, id="away at one look"),
        pytest.param(2, 2, None, Verdict.FAILED, id="away at two looks"),
        pytest.param(2, 1, 0, Verdict.FAILED, id="none tolerated"),
        pytest.param(2, 3, 3, Verdict.PENDING, id="three tolerated"),
    ],
)
def test_agents_offline(offline: int, looks: int, failure_limit: int | None, verdict: Verdict) -> None:
    settings = only(AnalysisMetric(name=MetricName.AGENTS_OFFLINE, failure_limit=failure_limit))
    judging = Judging(settings, green=colour(GREEN, offline_agents=offline))
    for _ in range(looks):
        judgement = judging.look()
    assert of(judgement, "agentsOffline").verdict is verdict


@pytest.mark.parametrize(
    ("blue", "green", "mode", "verdict", "reason"),
    [
        pytest.param(2, 2, Mode.CONCURRENT, Verdict.PENDING, "SharedFault", id="a node took a pod of each"),
        pytest.param(1, 2, Mode.CONCURRENT, Verdict.FAILED, "AboveLimit", id="green lost more"),
        pytest.param(0, 2, Mode.CONCURRENT, Verdict.FAILED, "AboveLimit", id="blue lost none"),
        pytest.param(2, 0, Mode.CONCURRENT, Verdict.PASSED, "WithinLimits", id="blue lost some, green none"),
        pytest.param(2, 2, Mode.ONE_SAMPLE, Verdict.FAILED, "AboveLimit", id="green serves alone"),
    ],
)
def test_agents_that_blue_lacks_too_are_hardly_greens_doing(
    blue: int, green: int, mode: Mode, verdict: Verdict, reason: str
) -> None:
    judging = Judging(
        only(OFFLINE), mode, blue=colour(BLUE, offline_agents=blue), green=colour(GREEN, offline_agents=green)
    )
    for _ in range(5):
        found = of(judging.look(), "agentsOffline")
    assert (found.verdict, found.reason) == (verdict, reason)


# --- Prometheus fails ------------------------------------------------------------------------------------------------


def test_a_failing_prometheus_holds_then_leaves_it_open() -> None:
    judging = Judging()
    judging.looks(10, counters(20), counters(20))
    for errors in range(1, 8):
        judgement = judging.judge({}, error="Prometheus at http://p: answered 503")
        expected = Verdict.PENDING if errors <= 5 else Verdict.INCONCLUSIVE
        assert analysis.overall(judgement) is expected
        assert not analysis.enough(judgement, AnalysisSettings())
    assert of(judgement).message == (
        "Prometheus failed 7 times in a row (providerErrorLimit 5): Prometheus at http://p: answered 503"
    )
    assert of(judgement, "agentsOffline").verdict is Verdict.PASSED, "that comes from the cluster"
    assert of(judging.looks(1, counters(20), counters(20))).verdict is Verdict.PASSED, "nothing was lost meanwhile"


def test_what_is_proven_stays_so_without_prometheus() -> None:
    judging = Judging()
    judging.looks(40, counters(20), counters(10, 10))
    assert of(judging.judge({}, error="down")).verdict is Verdict.FAILED


def test_before_the_first_look_nothing_is_known() -> None:
    judgement = Judging().again(None)
    assert analysis.overall(judgement) is Verdict.INCONCLUSIVE
    assert {verdict.reason for verdict in judgement.verdicts} == {"NoData", "WithinLimits"}


# --- all together ----------------------------------------------------------------------------------------------------


def verdicts(*found: Verdict) -> Judgement:
    return Judgement(AnalysisStatus(), tuple(MetricVerdict("errorRate", verdict) for verdict in found))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param((), Verdict.SKIPPED, id="nothing judged"),
        pytest.param((Verdict.SKIPPED,), Verdict.SKIPPED, id="all skipped"),
        pytest.param((Verdict.SKIPPED, Verdict.PASSED), Verdict.PASSED, id="skipped ones don't count"),
        pytest.param((Verdict.PASSED, Verdict.INCONCLUSIVE), Verdict.INCONCLUSIVE, id="one is open"),
        pytest.param((Verdict.INCONCLUSIVE, Verdict.PENDING), Verdict.PENDING, id="one holds"),
        pytest.param((Verdict.PENDING, Verdict.FAILED, Verdict.PASSED), Verdict.FAILED, id="one failed"),
    ],
)
def test_overall_is_the_worst(found: tuple[Verdict, ...], expected: Verdict) -> None:
    assert analysis.overall(verdicts(*found)) is expected


def test_a_snapshot_twice_gives_the_same_verdicts() -> None:
    judging = Judging()
    judgement = judging.looks(5, counters(20), counters(10, 10))
    again = judging.again(Snapshot(judging.at, dict(judging.totals)))
    assert again == judgement


runs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), min_size=6, max_size=6)


@settings(max_examples=60)
@given(st.lists(runs, min_size=1, max_size=25))
def test_of_two_colours_at_most_one_is_condemned(history: list[list[tuple[int, int]]]) -> None:
    """Whatever was measured, swapping the colours never rolls back both."""
    condemned = []
    for swapped in (False, True):
        judging = Judging()
        judging.look()
        for block in history:
            counts = [counters(*pair) for pair in block]
            if swapped:
                counts = counts[3:] + counts[:3]
            found = of(judging.look(dict(zip((*BLUE, *GREEN), counts, strict=True))))
            if found.verdict is Verdict.FAILED:
                condemned.append(found.reason)
                break
    assert condemned.count("WorseThanBlue") <= 1


@settings(max_examples=60)
@given(st.lists(runs, min_size=1, max_size=25))
def test_equal_colours_are_never_condemned(history: list[list[tuple[int, int]]]) -> None:
    judging = Judging()
    judging.look()
    for block in history:
        counts = [counters(*pair) for pair in block[:3]]
        judgement = judging.look(dict(zip((*BLUE, *GREEN), counts * 2, strict=True)))
        assert analysis.overall(judgement) is not Verdict.FAILED
