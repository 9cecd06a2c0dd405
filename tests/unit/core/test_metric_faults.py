"""Whatever Prometheus does, no metric condemns or acquits on it, each says so, and all recover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

import pytest
from agentteam_operator.api.metrics import LATENCY_QUANTILES, AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.observed import CpuCounters, PodCounters, QueryReading, Snapshot
from agentteam_operator.core.quantities import QUANTITIES

from tests.support.judging import BLUE, GREEN, Judging, counters, of

NAN, INF = float("nan"), float("inf")
QUERY = AnalysisMetric(name="refunds", query="sum(app_refunds)", max=2)
SETTINGS = AnalysisSettings(
    metrics=(
        *(
            AnalysisMetric(name=name, max=20 if name in (*LATENCY_QUANTILES, MetricName.QUEUE_DEPTH) else None)
            for name in MetricName
        ),
        QUERY,
    )
)
FROM_THE_CLUSTER = MetricName.AGENTS_OFFLINE
GATES = [*MetricName, "custom/refunds"]

Fault = Callable[[Snapshot], Snapshot]


def healthy(looks: int) -> PodCounters:
    """A pod after so many looks: 30 good runs at each, all of its series in order."""
    runs = 30 * looks
    quantities = {
        name: tuple(accumulate(float(runs if index == 1 else 0) for index in range(len(quantity.bounds))))
        for name, quantity in QUANTITIES.items()
    }
    return replace(
        counters(runs, memory=(10, 100)),
        quantities=quantities,
        cpu=CpuCounters(looks * 1.0, looks * 5.0, 1.0),
        queued_runs=2,
    )


def _each(change: Callable[[PodCounters], PodCounters]) -> Fault:
    return lambda found: replace(found, pods={name: change(pod) for name, pod in found.pods.items()})


def _nothing_finite(value: float) -> Callable[[PodCounters], PodCounters]:
    return lambda pod: replace(
        pod,
        started=value,
        failed=value,
        memory_bytes=value,
        quantities={name: (value,) * len(counts) for name, counts in pod.quantities.items()},
        cpu=CpuCounters(value, value, value),
        queued_runs=value,
    )


FAULTS: dict[str, Fault] = {
    "down": lambda found: replace(
        found, pods={}, error="answered 503", queries={"refunds": QueryReading(found.at, error="answered 503")}
    ),
    "empty": lambda found: replace(found, pods={}, queries={"refunds": QueryReading(found.at, problem="nothing")}),
    "blue's series gone": lambda found: replace(
        found, pods={name: pod for name, pod in found.pods.items() if name in GREEN}
    ),
    "green's series gone": lambda found: replace(
        found,
        pods={name: pod for name, pod in found.pods.items() if name in BLUE},
        queries={"refunds": QueryReading(found.at, problem="nothing")},
    ),
    "NaN": _each(_nothing_finite(NAN)),
    "Inf": _each(_nothing_finite(INF)),
    "negative": _each(_nothing_finite(-1.0)),
    "only the runs": _each(lambda pod: replace(pod, quantities={}, cpu=None, queued_runs=None, memory_bytes=None)),
}


def look(judging: Judging, number: int, fault: Fault | None = None) -> analysis.Judgement:
    judging.at += timedelta(seconds=5)
    pods = {name: healthy(number) for name in (*BLUE, *GREEN)}
    found = Snapshot(judging.at, pods, queries={"refunds": QueryReading(judging.at, 1.0)})
    return judging.again(fault(found) if fault else found)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_in_the_middle_condemns_nobody_and_is_over_when_it_ends(fault: Fault, mode: Mode) -> None:
    judging = Judging(SETTINGS, mode=mode)
    for number in range(1, 20):
        look(judging, number)
    for number in range(20, 40):
        during = look(judging, number, fault)
        assert Verdict.FAILED not in {found.verdict for found in during.verdicts}
    for number in range(40, 60):
        after = look(judging, number)
    expected = {Verdict.PASSED} if mode is Mode.CONCURRENT else {Verdict.PASSED, Verdict.SKIPPED}
    assert {found.verdict for found in after.verdicts} == expected, after.verdicts


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_from_the_start_acquits_nobody_and_is_told(fault: Fault, name: str) -> None:
    """But for what such a fault leaves whole: pods that are there, and runs that are counted."""
    judging = Judging(SETTINGS)
    for number in range(1, 40):
        judgement = look(judging, number, fault)
        found = of(judgement, name)
        assert found.verdict is not Verdict.FAILED
        assert found.reason
        assert found.message
    assert analysis.overall(judgement) is not Verdict.PASSED
    assert analysis.overall(judgement) is not Verdict.SKIPPED
    if name not in _left_whole(fault):
        assert found.verdict is Verdict.INCONCLUSIVE, found


def _left_whole(fault: Fault) -> set[str]:
    """Metrics that a fault doesn't touch."""
    by_itself = {FROM_THE_CLUSTER.value}
    alone_of_green = {*LATENCY_QUANTILES, *(MetricName.MEMORY_UTILIZATION, MetricName.CPU_UTILIZATION)}
    left: dict[str, set[str]] = {
        "blue's series gone": {*alone_of_green, MetricName.QUEUE_DEPTH, "custom/refunds"},
        "NaN": set(),
        "only the runs": {MetricName.ERROR_RATE, MetricName.SLOWNESS, *LATENCY_QUANTILES, "custom/refunds"},
    }
    [kind] = [name for name, one in FAULTS.items() if one is fault]
    return by_itself | left.get(kind, set())
