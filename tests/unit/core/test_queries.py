"""Metrics with a query of the team's own: what its answers, and its silence, amount to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Judgement, Mode
from agentteam_operator.core.observed import QueryReading, Snapshot

from tests.support.judging import BLUE, GREEN, Judging, counters, of

RATE = "sum(rate(app_refunds_total{$selector}[10s]))"
MAX = AnalysisMetric(name="refunds", query=RATE, max=2)
MIN = AnalysisMetric(name="refunds", query=RATE, min=1)
BOTH = AnalysisMetric(name="refunds", query=RATE, min=1, max=2, failure_limit=0)
GATE = "custom/refunds"


@dataclass
class Asking:
    """A judgement with one query, whose answers come with each look, or without it."""

    metric: AnalysisMetric
    others: tuple[AnalysisMetric, ...] = ()
    judging: Judging = field(init=False)

    def __post_init__(self) -> None:
        self.judging = Judging(AnalysisSettings(metrics=(*self.others, self.metric)))

    def warm(self) -> Asking:
        """After enough answers of green's, and long enough."""
        for _ in range(5):
            self.look(None)
        return self

    def look(self, value: float | None, *, problem: str = "", error: str = "", down: str = "") -> Judgement:
        """One interval later the query gives this; `down` is why the counters couldn't be read."""
        judging = self.judging
        for pod in (*BLUE, *GREEN):
            judging.totals[pod] = counters(round(judging.totals[pod].succeeded) + 10)
        judging.at += timedelta(seconds=judging.settings.interval_seconds)
        answers = {}
        if value is not None or problem or error:
            answers = {self.metric.name: QueryReading(judging.at, value, problem, error)}
        return judging.again(Snapshot(judging.at, {} if down else dict(judging.totals), down, answers))


@pytest.mark.parametrize(
    ("metric", "values", "verdict", "reason", "message"),
    [
        pytest.param(MAX, [2], Verdict.PASSED, "WithinLimits", "the query gives 2, at most 2 is allowed", id="at max"),
        pytest.param(MAX, [2.5], Verdict.PENDING, "OutsideOnce", "gives 2.5, at most 2", id="over max once"),
        pytest.param(MAX, [2.5, 3], Verdict.FAILED, "OutsideLimits", "outside the limit at 2 looks", id="over twice"),
        pytest.param(MAX, [3, 1, 3], Verdict.PENDING, "OutsideOnce", "gives 3", id="a good look between"),
        pytest.param(MIN, [1], Verdict.PASSED, "WithinLimits", "gives 1, at least 1 is allowed", id="at min"),
        pytest.param(MIN, [0, 0.5], Verdict.FAILED, "OutsideLimits", "gives 0.5, at least 1", id="under min twice"),
        pytest.param(BOTH, [1.5], Verdict.PASSED, "WithinLimits", "at least 1 and at most 2", id="between both"),
        pytest.param(BOTH, [2.1], Verdict.FAILED, "OutsideLimits", "gives 2.1", id="none tolerated"),
        pytest.param(MAX, [-3], Verdict.PASSED, "WithinLimits", "gives -3", id="negative"),
    ],
)
def test_answers_are_held_against_the_limits(
    metric: AnalysisMetric, values: list[float], verdict: Verdict, reason: str, message: str
) -> None:
    asking = Asking(metric).warm()
    for value in values:
        judgement = asking.look(value)
    found = of(judgement, GATE)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert message in found.message


@pytest.mark.parametrize("value", [1, 3])
def test_it_is_judged_after_the_switch_too(value: float) -> None:
    asking = Asking(BOTH).warm()
    asking.judging.mode = Mode.ONE_SAMPLE
    assert (of(asking.look(value), GATE).verdict is Verdict.FAILED) is (value > 2)


NOTHING = "the query gives nothing: has the new revision such series?"


@pytest.mark.parametrize("metric", [MAX, MIN, BOTH], ids=["max", "min", "both"])
@pytest.mark.parametrize("before", [1.5, None], ids=["after a good look", "from the start"])
def test_no_data_is_neither_good_nor_bad(metric: AnalysisMetric, before: float | None) -> None:
    asking = Asking(metric).warm()
    asking.look(before)
    for _ in range(50):
        judgement = asking.look(None, problem=NOTHING)
        found = of(judgement, GATE)
        assert (found.verdict, found.reason, found.message) == (Verdict.INCONCLUSIVE, "NoData", NOTHING)
        assert analysis.overall(judgement) is Verdict.INCONCLUSIVE
    assert of(asking.look(1.5), GATE).verdict is Verdict.PASSED


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_no_data(value: float) -> None:
    found = of(Asking(BOTH).warm().look(value), GATE)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "NoData")


def test_no_data_neither_counts_as_a_bad_look_nor_ends_a_row_of_them() -> None:
    asking = Asking(MAX).warm()
    assert of(asking.look(3), GATE).reason == "OutsideOnce"
    for _ in range(5):
        assert of(asking.look(None, problem=NOTHING), GATE).verdict is Verdict.PENDING
    assert of(asking.look(3), GATE).verdict is Verdict.FAILED


def test_a_failing_query_holds_then_leaves_it_open_and_touches_no_other_metric() -> None:
    asking = Asking(MAX, others=AnalysisSettings().metrics).warm()
    for _ in range(15):
        asking.look(1)
    for errors in range(1, 9):
        judgement = asking.look(None, error="Prometheus at http://p: no answer within 10 s")
        found = of(judgement, GATE)
        assert found.verdict is (Verdict.PENDING if errors <= 5 else Verdict.INCONCLUSIVE)
        assert found.reason == "PrometheusError"
        assert not analysis.enough(judgement, asking.judging.settings), "no step is taken meanwhile"
        assert judgement.state.consecutive_errors == 0
        others = {verdict.name: verdict.verdict for verdict in judgement.verdicts if verdict.name != GATE}
        assert set(others.values()) == {Verdict.PASSED}, others
    assert found.message == (
        "the query failed 8 times in a row (providerErrorLimit 5): Prometheus at http://p: no answer within 10 s"
    )
    healed = asking.look(1)
    assert of(healed, GATE).verdict is Verdict.PASSED
    assert analysis.enough(healed, asking.judging.settings)


def test_unread_counters_leave_a_query_alone() -> None:
    asking = Asking(MAX, others=AnalysisSettings().metrics).warm()
    for _ in range(8):
        judgement = asking.look(1, down="answered 503")
    assert of(judgement).reason == "PrometheusError"
    assert of(judgement, GATE).verdict is Verdict.PASSED
    asking.look(3, down="answered 503")
    assert of(asking.look(3, down="answered 503"), GATE).verdict is Verdict.FAILED


def test_what_is_proven_stays_so_without_an_answer() -> None:
    asking = Asking(BOTH).warm()
    asking.look(9)
    for _ in range(9):
        assert of(asking.look(None, error="down"), GATE).verdict is Verdict.FAILED


def test_an_answer_counts_once_however_often_it_is_looked_at() -> None:
    asking = Asking(MAX).warm()
    asking.look(3)
    reading = QueryReading(asking.judging.at, 3.0)
    for seconds in range(1, 6):
        at = asking.judging.at + timedelta(seconds=seconds)
        judgement = asking.judging.again(Snapshot(at, dict(asking.judging.totals), queries={"refunds": reading}))
        assert of(judgement, GATE).reason == "OutsideOnce"


@pytest.mark.parametrize(
    ("runs", "looks", "reason", "message"),
    [
        pytest.param(1, 3, "TooFewSamples", "green has given 9 answers, fewer than minSamples 20", id="few answers"),
        pytest.param(50, 2, "WarmingUp", "green has not run for the 10 s yet", id="not long enough"),
        pytest.param(50, 4, "OutsideLimits", "the query gives 0", id="in earnest"),
    ],
)
def test_before_green_has_run_for_a_while_its_rates_say_nothing(
    runs: int, looks: int, reason: str, message: str
) -> None:
    """Every rate is 0 before the first runs: a min would roll back each release."""
    judging = Judging(AnalysisSettings(metrics=(MIN.model_copy(update={"failure_limit": 0}),)))
    for _ in range(looks):
        for pod in GREEN:
            judging.totals[pod] = counters(round(judging.totals[pod].succeeded) + runs)
        judging.totals |= {pod: counters(round(judging.totals[pod].succeeded) + 50) for pod in BLUE}
        judging.at += timedelta(seconds=5)
        answers = {"refunds": QueryReading(judging.at, 0.0)}
        judgement = judging.again(Snapshot(judging.at, dict(judging.totals), queries=answers))
    found = of(judgement, GATE)
    assert found.reason == reason
    assert message in found.message


def test_a_query_that_nobody_may_ask_is_inconclusive() -> None:
    """Validation refuses it; it could come into a rollout that is under way."""
    asking = Asking(AnalysisMetric(name="refunds", query='app{namespace="other"}', max=2)).warm()
    found = of(asking.look(None), GATE)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "InvalidQuery")
    assert "has a matcher on namespace" in found.message


def test_a_metric_of_no_known_name_is_inconclusive() -> None:
    judging = Judging(AnalysisSettings(metrics=(AnalysisMetric(name="errorrate", max=2),)))
    found = of(judging.looks(5, counters(20), counters(20)), "errorrate")
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "UnknownMetric")


def test_nothing_is_kept_of_metrics_that_are_no_longer_listed() -> None:
    asking = Asking(MAX).warm()
    asking.look(1)
    assert set(asking.judging.state.queries) == {"refunds"}
    asking.judging.settings = AnalysisSettings()
    assert asking.look(1).state.queries == {}


def test_a_status_from_before_there_were_queries_is_read() -> None:
    state = AnalysisStatus.parse(
        {"looks": 3, "counters": {"green-1": "12 10 2|0 7 5"}, "failures": {"memoryUtilization": 1}}
    )
    assert (state.queries, state.cpu, state.green.quantities) == ({}, {}, {})
    asking = Asking(MAX)
    asking.judging.state = state
    asking.warm()
    assert of(asking.look(1), GATE).verdict is Verdict.PASSED
