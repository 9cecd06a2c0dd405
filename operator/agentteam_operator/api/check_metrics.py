"""The rules of `spec.rollout.analysis.metrics`, as the API server has them in CEL, and what it can't know: PromQL."""

from __future__ import annotations

import re

from agentteam_operator.api import metrics
from agentteam_operator.api.base import DNS_LABEL_PATTERN
from agentteam_operator.api.field_problems import Found
from agentteam_operator.api.metrics import AnalysisMetric, Judge, MetricName
from agentteam_operator.api.promql import InvalidQueryError, parse_query


def check_metric(metric: AnalysisMetric) -> Found:
    """Fields that contradict the metric, limits that are none, and a query that can't be asked."""
    yield from _identity(metric)
    yield from _misplaced(metric)
    yield from _max_problems(metric)
    yield from _missing_limits(metric)
    if metric.min is not None and metric.max is not None and metric.min > metric.max:
        yield ".min", metric.min, metrics.MIN_ABOVE_MAX


def _identity(metric: AnalysisMetric) -> Found:
    """A name that is neither a built-in metric's nor a query's, a judge that isn't its own, and the query itself."""
    if metric.query is not None:
        if _is_built_in(metric):
            yield ".query", metric.query, metrics.TAKES_NO_QUERY
        elif not re.search(DNS_LABEL_PATTERN, metric.name):
            yield ".name", metric.name, metrics.NO_LABEL
        try:
            parse_query(metric.query)
        except InvalidQueryError as error:
            yield ".query", metric.query, f"the query {error}"
    elif not _is_built_in(metric):
        yield ".name", metric.name, f"{metric.name} {metrics.UNKNOWN_NAME}"
    right = Judge.SEQUENTIAL if metric.name in metrics.SEQUENTIAL else Judge.THRESHOLD
    if metric.judge not in (None, right):
        message = f"{metric.name} is judged {right}, not {metric.judge}: remove judge or correct it"
        yield ".judge", metric.judge, message


def _is_built_in(metric: AnalysisMetric) -> bool:
    return metric.name in set(MetricName)


def _misplaced(metric: AnalysisMetric) -> Found:
    """Fields that have no meaning for this metric."""
    sequential = metric.name in metrics.SEQUENTIAL
    if metric.min_effect is not None and not sequential:
        yield ".minEffect", metric.min_effect, metrics.NO_EFFECT
    if metric.failure_limit is not None and sequential:
        yield ".failureLimit", metric.failure_limit, metrics.NO_FAILURE_LIMIT
    if metric.max_increase_percent is not None and metric.name not in metrics.LATENCY_QUANTILES:
        yield ".maxIncreasePercent", metric.max_increase_percent, metrics.NO_INCREASE
    if metric.min is not None and metric.query is None:
        yield ".min", metric.min, metrics.NO_MIN
    if metric.max is not None and metric.name == MetricName.SLOWNESS:
        yield ".max", metric.max, metrics.NO_MAX_OF_SLOWNESS


def _max_problems(metric: AnalysisMetric) -> Found:
    """A limit that no value could keep, or that every value does."""
    if metric.max is None:
        return
    if metric.name in metrics.RATES:
        wrong, message = not 0 < metric.max < 1, metrics.MAX_IS_A_RATE
    elif metric.name in metrics.UTILIZATIONS:
        wrong, message = not 0 < metric.max <= 1, metrics.MAX_IS_A_SHARE
    elif metric.name in metrics.AVERAGES:
        wrong, message = metric.max <= 0, metrics.MAX_OF_AVERAGE
    elif metric.name in metrics.COUNTS:
        wrong, message = metric.max < 0, metrics.NEGATIVE_MAX
    else:
        return
    if wrong:
        yield ".max", metric.max, f"the max of {metric.name} {message}"


def _missing_limits(metric: AnalysisMetric) -> Found:
    if metric.max is not None:
        return
    if metric.name in metrics.LATENCY_QUANTILES and metric.max_increase_percent is None:
        yield "", metric.name, f"{metric.name} {metrics.LATENCY_NEEDS_LIMIT}"
    if metric.name == MetricName.QUEUE_DEPTH:
        yield "", metric.name, metrics.QUEUE_NEEDS_LIMIT
    if metric.query is not None and not _is_built_in(metric) and metric.min is None:
        yield "", metric.name, metrics.QUERY_NEEDS_LIMIT
