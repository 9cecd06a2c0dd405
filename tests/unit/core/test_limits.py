"""Metrics with a plain limit that need series of their own: processor use, queues, other percentiles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.observed import CpuCounters, PodCounters

from tests.support.judging import GREEN, Judging, counters, of

CPU = AnalysisMetric(name=MetricName.CPU_UTILIZATION)
QUEUE = AnalysisMetric(name=MetricName.QUEUE_DEPTH, max=10, failure_limit=0)


def cpu(used: float, uptime: float, limit: float | None = 0.5) -> PodCounters:
    return replace(counters(), cpu=CpuCounters(used, uptime, limit))


NAN = float("nan")


@pytest.mark.parametrize(
    ("looks", "verdict", "reason", "message"),
    [
        pytest.param([cpu(0, 0)], Verdict.INCONCLUSIVE, "NoData", "nothing is known yet", id="the first look"),
        pytest.param([cpu(0, 0), cpu(9, 20)], Verdict.INCONCLUSIVE, "NoData", "of the last 30 s", id="a short window"),
        pytest.param(
            [cpu(0, 0), cpu(6, 30)], Verdict.PASSED, "WithinLimits", "used 40.0 % of its processor limit", id="fine"
        ),
        pytest.param([cpu(0, 0), cpu(15, 30)], Verdict.PENDING, "OverOnce", "used 100.0 %", id="over once"),
        pytest.param(
            [cpu(0, 0), cpu(15, 30), cpu(17, 34), cpu(19, 38)],
            Verdict.PENDING,
            "OverOnce",
            "used 100.0 %",
            id="no new window, no new look",
        ),
        pytest.param(
            [cpu(0, 0), cpu(15, 30), cpu(30, 60)], Verdict.FAILED, "AboveLimit", "2 looks in a row", id="over twice"
        ),
        pytest.param(
            [cpu(0, 0), cpu(15, 30), cpu(16, 60)], Verdict.PASSED, "WithinLimits", "used 6.7 %", id="it was a burst"
        ),
        pytest.param([cpu(9, 99), cpu(1, 3), cpu(2, 40)], Verdict.PASSED, "WithinLimits", "5.4 %", id="a restart"),
        pytest.param([cpu(1, 1, None)], Verdict.SKIPPED, "NoCpuLimit", "spec.resources.limits.cpu", id="no limit"),
        pytest.param([counters()], Verdict.INCONCLUSIVE, "NoData", "nothing is known yet", id="an older image"),
        pytest.param([cpu(NAN, 1), cpu(1, NAN)], Verdict.INCONCLUSIVE, "NoData", "nothing", id="no numbers"),
        pytest.param(
            [cpu(0, 0), cpu(6, 30), counters(), counters()],
            Verdict.PASSED,
            "WithinLimits",
            "40.0 %",
            id="what was last known, while a scrape lacks it",
        ),
    ],
)
def test_cpu_utilization(looks: list[PodCounters], verdict: Verdict, reason: str, message: str) -> None:
    judging = Judging(AnalysisSettings(metrics=(CPU,)))
    for pod in looks:
        judgement = judging.judge({GREEN[0]: pod, "blue-1": cpu(99, 1)})
    found = of(judgement, CPU.name)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert message in found.message


def test_processor_windows_are_kept_only_where_they_are_judged() -> None:
    judging = Judging()
    judging.judge({GREEN[0]: cpu(0, 0)})
    assert judging.state.cpu == {}


def queue(waiting: float | None) -> PodCounters:
    return replace(counters(), queued_runs=waiting)


@pytest.mark.parametrize(
    ("pods", "verdict", "message"),
    [
        pytest.param([queue(0), queue(10)], Verdict.PASSED, "has 10 runs waiting, at most 10 may", id="at max"),
        pytest.param([queue(11), queue(1)], Verdict.FAILED, "pod green-1 has 11 runs waiting", id="over it"),
        pytest.param([queue(None)], Verdict.INCONCLUSIVE, "no queue lengths", id="an older image"),
        pytest.param([queue(NAN), queue(1)], Verdict.PASSED, "pod green-2 has 1 run waiting", id="NaN"),
        pytest.param([], Verdict.INCONCLUSIVE, "no queue lengths", id="no pods"),
    ],
)
def test_queue_depth(pods: list[PodCounters], verdict: Verdict, message: str) -> None:
    judging = Judging(AnalysisSettings(metrics=(QUEUE,)))
    found = of(judging.judge(dict(zip(GREEN, pods, strict=False))), QUEUE.name)
    assert found.verdict is verdict
    assert message in found.message


@pytest.mark.parametrize(
    ("name", "limit", "verdict", "message"),
    [
        pytest.param("p50LatencySeconds", 0.5, Verdict.FAILED, "green's median is", id="median over"),
        pytest.param("p50LatencySeconds", 1.0, Verdict.PASSED, "green's median is", id="median within"),
        pytest.param("p95LatencySeconds", 3.0, Verdict.PASSED, "green's 95th percentile is", id="95 within"),
        pytest.param("p99LatencySeconds", 3.0, Verdict.FAILED, "green's 99th percentile is", id="99 over"),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_percentiles(name: str, limit: float, verdict: Verdict, message: str, mode: Mode) -> None:
    metric = AnalysisMetric(name=name, max=limit)
    judging = Judging(AnalysisSettings(metrics=(metric,)), mode=mode)
    for _ in range(4):
        runs = {pod: counters(97, seconds=0.7) for pod in judging.totals}
        judging.look(runs)
        judgement = judging.look({pod: counters(3, seconds=5) for pod in judging.totals})
    found = of(judgement, name)
    assert found.verdict is verdict
    assert message in found.message
