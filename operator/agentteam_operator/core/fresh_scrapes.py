"""Whether a pod that is over a limit has been scraped again: several looks at one scrape are one look.

A pod's own clock (`autogen_uptime_seconds`) moves with every scrape. An image that is too old to have one leaves each
look to count by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.core import limits
from agentteam_operator.core.observed import Snapshot

_OF_ONE_SCRAPE = {
    MetricName.MEMORY_UTILIZATION: limits.memory_shares,
    MetricName.QUEUE_DEPTH: limits.queues,
}


def after_look(
    state: AnalysisStatus, metrics: tuple[AnalysisMetric, ...], snapshot: Snapshot, green_pods: frozenset[str]
) -> tuple[AnalysisStatus, dict[str, bool]]:
    """The state with the clocks of the pods that are over a limit; and of each metric, whether the look tells news.

    A look at which no pod is over is always news: it ends the looks in a row.
    """
    seen: dict[str, float] = {}
    news: dict[str, bool] = {}
    for metric in metrics:
        if metric.name in _OF_ONE_SCRAPE:
            values = _OF_ONE_SCRAPE[MetricName(metric.name)](snapshot, green_pods)
            most = metric.resolved().max or 0.0
            clocks = _clocks(snapshot, {pod for pod, value in values.items() if value > most})
            news[metric.name] = _are_new(clocks, state.over_limit_clocks) or not clocks
            seen |= {pod: clock for pod, clock in clocks.items() if clock is not None}
    return state.model_copy(update={"over_limit_clocks": dict(sorted(seen.items()))}), news


def _clocks(snapshot: Snapshot, pods: set[str]) -> dict[str, float | None]:
    clocks = {pod: snapshot.pods[pod].uptime_seconds for pod in pods}
    return {
        pod: clock if clock is not None and isfinite(clock) and clock >= 0 else None for pod, clock in clocks.items()
    }


def _are_new(clocks: Mapping[str, float | None], before: Mapping[str, float]) -> bool:
    return any(clock is None or before.get(pod) != clock for pod, clock in clocks.items())
