"""Averages and shares of runs that succeed, judged against blue and against a limit."""

from __future__ import annotations

import pytest
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.quantities import QUANTITIES

from tests.support.averaging import Averaging, Runs
from tests.support.judging import BLUE, GREEN, counters, of

TURNS = AnalysisMetric(name=MetricName.TURNS_PER_RUN)
TOKENS = AnalysisMetric(name=MetricName.TOKENS_PER_RUN)
COST = AnalysisMetric(name=MetricName.COST_PER_RUN)
HITS = AnalysisMetric(name=MetricName.MAX_TURN_HIT_RATE)

SPREAD: Runs = {2: 6, 3: 8, 5: 4, 8: 2}
MORE: Runs = {3: 6, 5: 8, 8: 4, 12: 2}


@pytest.mark.parametrize(
    ("metric", "blue", "green", "message"),
    [
        pytest.param(TURNS, SPREAD, MORE, "green has on average about 5.65 turns (", id="turns"),
        pytest.param(TOKENS, {900: 10, 2500: 10}, {2500: 10, 6000: 10}, "tokens (", id="tokens"),
        pytest.param(
            COST, {0.002: 10, 0.004: 10}, {0.004: 10, 0.01: 10}, "costs on average about 0.00612 (", id="cost"
        ),
        pytest.param(HITS, {0: 19, 1: 1}, {0: 12, 1: 8}, "green stops at a bound in 40.0 % (", id="stops at a bound"),
    ],
)
def test_more_than_blue_is_proven(metric: AnalysisMetric, blue: Runs, green: Runs, message: str) -> None:
    averaging = Averaging(metric)
    found = of(averaging.looks(60, blue, green), metric.name)
    assert (found.verdict, found.reason) == (Verdict.FAILED, "WorseThanBlue")
    assert message in found.message
    assert "more with odds" in found.message
    assert 8 <= averaging.judging.state.looks <= 30, "a block adds at most a factor e"


@pytest.mark.parametrize(
    ("metric", "runs"),
    [
        pytest.param(TURNS, SPREAD, id="turns"),
        pytest.param(TOKENS, {900: 10, 2500: 10}, id="tokens"),
        pytest.param(COST, {0.002: 10, 0.004: 10}, id="cost"),
        pytest.param(HITS, {0: 12, 1: 8}, id="stops at a bound"),
        pytest.param(HITS, {0: 20}, id="never stops at a bound"),
    ],
)
def test_as_much_as_blue_passes_and_says_what_would_have_been_seen(metric: AnalysisMetric, runs: Runs) -> None:
    averaging = Averaging(metric)
    judgement = averaging.looks(40, runs, runs)
    found = of(judgement, metric.name)
    assert (found.verdict, found.reason) == (Verdict.PASSED, "WithinLimits")
    assert "more would have been seen" in found.message
    assert analysis.enough(judgement, averaging.settings)


def test_fewer_than_blue_passes() -> None:
    assert of(Averaging(TOKENS).looks(40, {3000: 10}, {900: 10}), "tokensPerRun").verdict is Verdict.PASSED


def test_more_by_less_than_min_effect_passes() -> None:
    averaging = Averaging(AnalysisMetric(name=MetricName.TURNS_PER_RUN, min_effect=0.9))
    found = of(averaging.looks(60, SPREAD, MORE), "turnsPerRun")
    assert averaging.judging.state.log_evidence["turnsPerRun"] > 9
    assert found.verdict is Verdict.PASSED


def test_a_few_enormous_runs_are_no_proof() -> None:
    """One run in 60 that takes a thousand times as many tokens counts as twice the usual."""
    averaging = Averaging(TOKENS)
    for block in range(60):
        runs: dict[str, Runs] = {key: {1000: 10, 2000: 10} for key in (*BLUE, *GREEN)}
        if block % 3 == 0:
            runs["green-1"] = {1000: 10, 2000: 9, 2_000_000: 1}
        judgement = averaging.look(runs)
        assert of(judgement, "tokensPerRun").verdict is not Verdict.FAILED
    assert of(judgement, "tokensPerRun").verdict is Verdict.PASSED


def test_one_pod_alone_is_held_and_named() -> None:
    averaging = Averaging(TOKENS)
    for _ in range(40):
        fine: dict[str, Runs] = {key: {1000: 10, 2000: 10} for key in (*BLUE, *GREEN)}
        judgement = averaging.look({**fine, "green-2": {7000: 20}})
        assert analysis.overall(judgement) is not Verdict.FAILED
    found = of(judgement, "tokensPerRun")
    assert (found.verdict, found.reason) == (Verdict.PENDING, "SickPod")
    assert "green-2" in found.message


LIMITED = AnalysisMetric(name=MetricName.TOKENS_PER_RUN, max=5000)


@pytest.mark.parametrize(
    ("blue", "green", "mode", "verdict", "reason"),
    [
        pytest.param({}, {9000: 20}, Mode.ONE_SAMPLE, Verdict.FAILED, "AboveLimit", id="alone and above"),
        pytest.param({}, {1000: 20}, Mode.ONE_SAMPLE, Verdict.PASSED, "WithinLimits", id="alone and below"),
        pytest.param(
            {9000: 20}, {9000: 20}, Mode.CONCURRENT, Verdict.PASSED, "WithinLimits", id="blue is above it itself"
        ),
        pytest.param({3000: 20}, {1000: 20}, Mode.CONCURRENT, Verdict.PASSED, "WithinLimits", id="below, beside blue"),
    ],
)
def test_a_limit(blue: Runs, green: Runs, mode: Mode, verdict: Verdict, reason: str) -> None:
    averaging = Averaging(LIMITED)
    averaging.judging.mode = mode
    found = of(averaging.looks(40, blue, green), "tokensPerRun")
    assert (found.verdict, found.reason) == (verdict, reason)


def test_alone_without_a_limit_it_is_skipped() -> None:
    averaging = Averaging(TOKENS)
    averaging.judging.mode = Mode.ONE_SAMPLE
    found = of(averaging.looks(3, {}, {9000: 20}), "tokensPerRun")
    assert (found.verdict, found.reason) == (Verdict.SKIPPED, "NoConcurrentControl")


@pytest.mark.parametrize(
    ("silent", "blue", "green", "reason", "message"),
    [
        pytest.param(BLUE, {900: 9}, {900: 9}, "NoData", "blue's pods have no autogen_run_tokens", id="an older blue"),
        pytest.param(GREEN, {900: 9}, {900: 9}, "NoData", "green's pods have no autogen_run_tokens", id="old green"),
        pytest.param((), {900: 9}, {900: 1}, "TooFewSamples", "green has given 9 answers", id="green is quiet"),
        pytest.param((), {900: 1}, {900: 9}, "TooFewSamples", "blue has given 6 answers", id="blue is quiet"),
        pytest.param((), {900: 9}, {}, "NoData", "green has given no answers yet", id="green is silent"),
        pytest.param((), {900: 99}, {900: 99}, "TooFewBlocks", "in 2 blocks of answers", id="few blocks"),
    ],
)
def test_too_little_is_inconclusive(
    silent: tuple[str, ...], blue: Runs, green: Runs, reason: str, message: str
) -> None:
    averaging = Averaging(TOKENS)
    for _ in range(3):
        runs = {**dict.fromkeys(BLUE, blue), **dict.fromkeys(GREEN, green)}
        judgement = averaging.look(runs, silent=silent)
    found = of(judgement, "tokensPerRun")
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reason)
    assert message in found.message
    assert analysis.overall(judgement) is Verdict.INCONCLUSIVE


def test_a_metric_that_is_listed_in_mid_rollout_doesnt_count_blues_whole_past() -> None:
    averaging = Averaging(TOKENS)
    averaging.judging.settings = AnalysisSettings()
    averaging.looks(3, {9000: 10}, {900: 10})
    averaging.judging.settings = averaging.settings
    averaging.looks(2, {900: 10}, {900: 10})
    counts = averaging.judging.state.blue.quantities["tokensPerRun"]
    assert sum(map(int, counts.split())) == 30, "one block; the first look is where it begins"


def test_a_restarted_server_counts_anew() -> None:
    averaging = Averaging(TOKENS)
    averaging.looks(3, {900: 10}, {900: 10})
    averaging.counted["green-1"] = (0.0,) * len(averaging.bounds)
    averaging.judging.totals["green-1"] = counters()
    averaging.looks(1, {900: 10}, {900: 10})
    counts = averaging.judging.state.green.quantities["tokensPerRun"]
    assert sum(map(int, counts.split())) >= 90


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0], ids=repr)
def test_numbers_that_are_none_leave_the_quantity_alone_without_data(odd: float) -> None:
    averaging = Averaging(TOKENS)
    averaging.looks(2, {900: 10}, {900: 10})
    for pod in GREEN:
        averaging.counted[pod] = (odd,) * len(averaging.bounds)
    judgement = averaging.judging.judge({pod: averaging.shown(pod, ()) for pod in averaging.judging.totals})
    assert analysis.overall(judgement) is not Verdict.FAILED
    assert judgement.state.green.finished > 0


def test_the_tests_share_alpha() -> None:
    averaging = Averaging(LIMITED)
    averaging.settings = AnalysisSettings(metrics=(LIMITED, TURNS))
    averaging.judging.settings = averaging.settings
    found = of(averaging.looks(20, {900: 10}, {900: 10}), "tokensPerRun")
    assert found.threshold == "10.0 % over blue, or 5,000, proven with odds of 3,000 : 1"


@pytest.mark.parametrize("name", QUANTITIES)
def test_each_bucket_stands_for_a_value_within_it(name: str) -> None:
    quantity = QUANTITIES[name]
    typical = quantity.typical()
    assert list(typical) == sorted(typical)
    assert len(typical) == len(quantity.bounds)
    assert all(value <= bound for value, bound in zip(typical, quantity.bounds, strict=True))
    values = quantity.values(quantity.bounds[-2] if not quantity.is_share else 1.0)
    assert (min(values) >= 0, max(values)) == (True, 1.0)
