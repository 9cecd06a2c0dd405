"""The rules of `spec.rollout` that span fields, as the API server has them in CEL."""

from __future__ import annotations

from agentteam_operator.api.field_problems import Found
from agentteam_operator.api.rollout import AnalysisMetric, Judge, MetricName, TrafficMode, TrafficSettings


def check_traffic(traffic: TrafficSettings) -> Found:
    """Steps that contradict the mode or one another."""
    if traffic.mode is TrafficMode.IMMEDIATE and traffic.steps:
        yield ".steps", None, "mode Immediate has no steps: remove steps, or set mode to Gradual"
    weights = [step.weight for step in traffic.steps]
    if weights != sorted(set(weights)):
        message = "weights must rise from step to step: sort steps by weight and give each weight once"
        yield ".steps", weights, message


_SEQUENTIAL = (MetricName.ERROR_RATE, MetricName.SLOWNESS)


def check_metric(metric: AnalysisMetric) -> Found:
    """Fields that contradict the metric, and limits that are none."""
    yield from _misplaced(metric)
    right = Judge.SEQUENTIAL if metric.name in _SEQUENTIAL else Judge.THRESHOLD
    if metric.judge not in (None, right):
        message = f"{metric.name} is judged {right}, not {metric.judge}: remove judge or correct it"
        yield ".judge", metric.judge, message
    if metric.max is None:
        if metric.name is MetricName.P95_LATENCY_SECONDS and metric.max_increase_percent is None:
            message = "p95LatencySeconds needs a limit: set max (seconds), maxIncreasePercent, or both"
            yield "", metric.name, message
    elif metric.name is MetricName.ERROR_RATE and not 0 < metric.max < 1:
        yield ".max", metric.max, "the max of errorRate is a share of runs: set it above 0 and below 1"
    elif metric.name is MetricName.MEMORY_UTILIZATION and not 0 < metric.max <= 1:
        message = "the max of memoryUtilization is a share of the container's limit: set it above 0 and at most 1"
        yield ".max", metric.max, message


def _misplaced(metric: AnalysisMetric) -> Found:
    """Fields that have no meaning for this metric."""
    sequential = metric.name in _SEQUENTIAL
    if metric.min_effect is not None and not sequential:
        message = "minEffect belongs to errorRate and slowness: remove it, or set max instead"
        yield ".minEffect", metric.min_effect, message
    if metric.max is not None and metric.name is MetricName.SLOWNESS:
        yield (
            ".max",
            metric.max,
            "slowness is judged against the active revision and has no max: remove it, or set minEffect instead",
        )
    if metric.max_increase_percent is not None and metric.name is not MetricName.P95_LATENCY_SECONDS:
        message = "maxIncreasePercent belongs to p95LatencySeconds: remove it, or set max instead"
        yield ".maxIncreasePercent", metric.max_increase_percent, message
    if metric.failure_limit is not None and sequential:
        yield ".failureLimit", metric.failure_limit, "failureLimit belongs to metrics judged Threshold: remove it"
