"""`failureLimit` counts scrapes that are over a limit, however often each of them is looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.observed import PodCounters

from tests.support.judging import Judging, counters

SETTINGS = AnalysisSettings(
    metrics=(
        AnalysisMetric(name=MetricName.QUEUE_DEPTH, max=10),
        AnalysisMetric(name=MetricName.MEMORY_UTILIZATION),
    )
)
LONG_QUEUE, FULL = (99.0, 1.0), (0.0, 9.5)


def scraped(uptime: float | None, gauges: tuple[float, float] = (0.0, 1.0)) -> PodCounters:
    queued, memory = gauges
    return replace(counters(memory=(memory, 10.0)), queued_runs=queued, uptime_seconds=uptime)


@pytest.mark.parametrize("over", [pytest.param(LONG_QUEUE, id="queue"), pytest.param(FULL, id="memory")])
@pytest.mark.parametrize(
    ("uptimes", "failed"),
    [
        pytest.param([30.0] * 6, False, id="six looks at one scrape"),
        pytest.param([30.0, 30.0, 60.0], True, id="two scrapes"),
        pytest.param([30.0, 5.0], True, id="its server has restarted meanwhile"),
        pytest.param([None, None], True, id="an image without a clock: each look counts"),
        pytest.param([float("nan"), -1.0], True, id="a clock that can be none"),
    ],
)
def test_several_looks_at_one_scrape_are_one(
    over: tuple[float, float], uptimes: list[float | None], *, failed: bool
) -> None:
    judging = Judging(SETTINGS)
    for number, uptime in enumerate(uptimes):
        # What is new of another pod is no news of this one.
        judgement = judging.judge({"green-1": scraped(uptime, over), "green-2": scraped(100.0 + number)})
    assert (analysis.overall(judgement) is Verdict.FAILED) is failed
    judging.judge({"green-1": scraped(90.0), "green-2": scraped(200.0)})
    assert set(judging.state.failures.values()) == {0}
    assert judging.state.over_limit_clocks == {}


def test_a_pod_that_goes_over_later_is_news_though_the_first_isnt() -> None:
    judging = Judging(SETTINGS)
    judging.judge({"green-1": scraped(30.0, FULL), "green-2": scraped(30.0)})
    judgement = judging.judge({"green-1": scraped(30.0, FULL), "green-2": scraped(60.0, FULL)})
    assert analysis.overall(judgement) is Verdict.FAILED


def test_an_answer_that_failed_between_is_no_scrape() -> None:
    judging = Judging(SETTINGS)
    for error in ("", "down", "", "down", ""):
        judgement = judging.judge({} if error else {"green-1": scraped(30.0, FULL)}, error)
    assert analysis.overall(judgement) is not Verdict.FAILED
