"""`spec.rollout.analysis.metrics`: what a new revision is judged by."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import DNS_LABEL_PATTERN, ApiModel, Rule

MAX_QUERY_LENGTH = 1024
MAX_NAME_LENGTH = 48


class MetricName(StrEnum):
    """The built-in metrics: what can be judged without a query."""

    ERROR_RATE = "errorRate"
    SLOWNESS = "slowness"
    MAX_TURN_HIT_RATE = "maxTurnHitRate"
    TURNS_PER_RUN = "turnsPerRun"
    TOKENS_PER_RUN = "tokensPerRun"
    COST_PER_RUN = "costPerRun"
    P50_LATENCY_SECONDS = "p50LatencySeconds"
    P95_LATENCY_SECONDS = "p95LatencySeconds"
    P99_LATENCY_SECONDS = "p99LatencySeconds"
    MEMORY_UTILIZATION = "memoryUtilization"
    CPU_UTILIZATION = "cpuUtilization"
    QUEUE_DEPTH = "queueDepth"
    AGENTS_OFFLINE = "agentsOffline"


class Judge(StrEnum):
    """How a metric is judged."""

    SEQUENTIAL = "Sequential"
    THRESHOLD = "Threshold"


AVERAGES = (MetricName.TURNS_PER_RUN, MetricName.TOKENS_PER_RUN, MetricName.COST_PER_RUN)
"""Averages over runs, held against blue's by a share of it."""

SEQUENTIAL = (MetricName.ERROR_RATE, MetricName.SLOWNESS, MetricName.MAX_TURN_HIT_RATE, *AVERAGES)

LATENCY_QUANTILES = {
    MetricName.P50_LATENCY_SECONDS: 0.5,
    MetricName.P95_LATENCY_SECONDS: 0.95,
    MetricName.P99_LATENCY_SECONDS: 0.99,
}

UTILIZATIONS = (MetricName.MEMORY_UTILIZATION, MetricName.CPU_UTILIZATION)

RATES = (MetricName.ERROR_RATE, MetricName.MAX_TURN_HIT_RATE)

COUNTS = (*LATENCY_QUANTILES, MetricName.QUEUE_DEPTH, MetricName.AGENTS_OFFLINE)

# What is said of a wrong metric, by the API server and by `check_metrics.py`.
TAKES_NO_QUERY = "a built-in metric takes no query: remove query, or give the metric a name of your own"
UNKNOWN_NAME = "is no built-in metric: correct the name, or give a query"
NO_LABEL = "the name of a metric with a query has a-z, 0-9 and '-' only, and begins with a letter: correct it"
NO_EFFECT = "minEffect belongs to metrics judged Sequential: remove it, or set max instead"
NO_FAILURE_LIMIT = "failureLimit belongs to metrics judged Threshold: remove it"
NO_INCREASE = "maxIncreasePercent belongs to latencies: remove it, or set max instead"
NO_MIN = "min belongs to metrics with a query: remove it, or set max instead"
NO_MAX_OF_SLOWNESS = (
    "slowness is judged against the active revision and has no max: remove it, or set minEffect instead"
)
NEGATIVE_MAX = "is never negative: set it to 0 or more"
MAX_IS_A_RATE = "is a share of runs: set it above 0 and below 1"
MAX_IS_A_SHARE = "is a share of the container's limit: set it above 0 and at most 1"
MAX_OF_AVERAGE = "is an average over runs: set it above 0"
LATENCY_NEEDS_LIMIT = "needs a limit: set max (seconds), maxIncreasePercent, or both"
QUEUE_NEEDS_LIMIT = "queueDepth needs a limit: set max (waiting runs of one pod)"
QUERY_NEEDS_LIMIT = "a metric with a query needs a limit: set min, max, or both"
MIN_ABOVE_MAX = "min is above max: no value is good; swap them"


def _names(metrics: tuple[MetricName, ...]) -> str:
    """A CEL list of names."""
    return "[" + ", ".join(f"'{name}'" for name in metrics) + "]"


_BUILT_IN = _names(tuple(MetricName))
_SEQUENTIAL = _names(SEQUENTIAL)
_LATENCIES = _names(tuple(LATENCY_QUANTILES))


def _about_max(metrics: tuple[MetricName, ...], right: str, message: str) -> Rule:
    return Rule(
        f"!has(self.max) || !(self.name in {_names(metrics)}) || {right}",
        f"max {message}",
        message_expression=f"'the max of ' + self.name + \" {message}\"",
        field_path=".max",
    )


class AnalysisMetric(ApiModel):
    """One metric that the new revision is judged by."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(f"!has(self.query) || !(self.name in {_BUILT_IN})", TAKES_NO_QUERY, field_path=".query"),
        Rule(
            f"has(self.query) || self.name in {_BUILT_IN}",
            f"name {UNKNOWN_NAME}",
            message_expression=f"self.name + ' {UNKNOWN_NAME}'",
            field_path=".name",
        ),
        Rule(
            f"!has(self.query) || self.name in {_BUILT_IN} || self.name.matches('{DNS_LABEL_PATTERN}')",
            NO_LABEL,
            field_path=".name",
        ),
        Rule(
            f"!has(self.judge) || (self.judge == 'Sequential') == (self.name in {_SEQUENTIAL})",
            "shares and averages of runs are judged Sequential, all else Threshold: remove judge or correct it",
            message_expression=f"self.name + ' is judged ' + (self.name in {_SEQUENTIAL}"
            " ? 'Sequential' : 'Threshold') + ', not ' + self.judge + ': remove judge or correct it'",
            field_path=".judge",
        ),
        Rule(f"!has(self.minEffect) || self.name in {_SEQUENTIAL}", NO_EFFECT, field_path=".minEffect"),
        Rule(f"!has(self.failureLimit) || !(self.name in {_SEQUENTIAL})", NO_FAILURE_LIMIT, field_path=".failureLimit"),
        Rule(
            f"!has(self.maxIncreasePercent) || self.name in {_LATENCIES}",
            NO_INCREASE,
            field_path=".maxIncreasePercent",
        ),
        Rule("!has(self.min) || has(self.query)", NO_MIN, field_path=".min"),
        Rule("!has(self.max) || self.name != 'slowness'", NO_MAX_OF_SLOWNESS, field_path=".max"),
        _about_max(RATES, "self.max > 0.0 && self.max < 1.0", MAX_IS_A_RATE),
        _about_max(UTILIZATIONS, "self.max > 0.0 && self.max <= 1.0", MAX_IS_A_SHARE),
        _about_max(AVERAGES, "self.max > 0.0", MAX_OF_AVERAGE),
        _about_max(COUNTS, "self.max >= 0.0", NEGATIVE_MAX),
        Rule(
            f"!(self.name in {_LATENCIES}) || has(self.max) || has(self.maxIncreasePercent)",
            f"a latency {LATENCY_NEEDS_LIMIT}",
            message_expression=f"self.name + ' {LATENCY_NEEDS_LIMIT}'",
        ),
        Rule("self.name != 'queueDepth' || has(self.max)", QUEUE_NEEDS_LIMIT),
        Rule(
            f"!has(self.query) || self.name in {_BUILT_IN} || has(self.min) || has(self.max)",
            QUERY_NEEDS_LIMIT,
        ),
        Rule("!has(self.min) || !has(self.max) || self.min <= self.max", MIN_ABOVE_MAX, field_path=".min"),
    )

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH, pattern=r"^[a-z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$")]
    """What is measured. Of runs, judged against the active revision at the same time: errorRate (failed, timed-out and
    rejected ones), slowness (slower than its usual ones), maxTurnHitRate (stopped by maxTurns or maxMessages),
    turnsPerRun, tokensPerRun, costPerRun (needs a price at each model). Against a limit: p50LatencySeconds,
    p95LatencySeconds, p99LatencySeconds, memoryUtilization and cpuUtilization (shares of the container's limits),
    queueDepth (runs that wait), agentsOffline (agents of pods that are needed and have stayed unready). Any other
    name, of a-z, 0-9 and '-', belongs to a query."""
    judge: Judge | None = None
    """Sequential (statistical, against the active revision at the same time) for shares and averages of runs, Threshold
    for all else; it follows from the name and is here for readers."""
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_LENGTH)] | None = None
    """PromQL that gives one number, such as sum(rate(app_refunds_total{$selector}[1m])), held against min and max. Each
    selector in it is confined to the new revision's pods, with $selector or without; offset, @ and subqueries are
    refused."""
    min: Annotated[float, Field(ge=-1e15, le=1e15)] | None = None
    """Lowest value of the query that is still good."""
    max: Annotated[float, Field(ge=-1e15, le=1e15)] | None = None
    """Highest value that is still good: for errorRate a share of runs (default 0.05), for maxTurnHitRate too (default
    none), for tokens, cost and turns an average over runs (default none), for latencies seconds, for memoryUtilization
    and cpuUtilization a share of the limit (default 0.8 and 0.9), for queueDepth waiting runs of one pod, for
    agentsOffline a number (default 0)."""
    min_effect: Annotated[float, Field(ge=0, le=1)] | None = None
    """Smallest difference from the active revision that is worth a rollback: for tokens, cost and turns a share of the
    active revision's average (default 0.1), else a share of runs (default 0.005 for errorRate, 0.05 for slowness and
    maxTurnHitRate)."""
    max_increase_percent: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Largest increase over the active revision at the same time, in percent; for latencies."""
    failure_limit: Annotated[int, Field(ge=0, le=100)] | None = None
    """How many looks in a row may fail before the metric fails (default 1); for metrics judged Threshold."""

    def resolved(self) -> AnalysisMetric:
        """The same metric with each default of its kind filled in, so that what applies to it is never None."""
        defaults = _DEFAULTS_BY_METRIC.get(self.name, _DEFAULTS_OF_QUERY)
        missing = {field: value for field, value in defaults.items() if getattr(self, field) is None}
        return self.model_copy(update=missing)


_DEFAULTS_OF_QUERY: dict[str, object] = {"judge": Judge.THRESHOLD, "failure_limit": 1}
_DEFAULTS_OF_AVERAGE: dict[str, object] = {"judge": Judge.SEQUENTIAL, "min_effect": 0.1}

_DEFAULTS_BY_METRIC: dict[str, dict[str, object]] = {
    MetricName.ERROR_RATE: {"judge": Judge.SEQUENTIAL, "max": 0.05, "min_effect": 0.005},
    MetricName.SLOWNESS: {"judge": Judge.SEQUENTIAL, "min_effect": 0.05},
    MetricName.MAX_TURN_HIT_RATE: {"judge": Judge.SEQUENTIAL, "min_effect": 0.05},
    **dict.fromkeys(AVERAGES, _DEFAULTS_OF_AVERAGE),
    **dict.fromkeys(LATENCY_QUANTILES, _DEFAULTS_OF_QUERY),
    MetricName.MEMORY_UTILIZATION: {"judge": Judge.THRESHOLD, "max": 0.8, "failure_limit": 1},
    MetricName.CPU_UTILIZATION: {"judge": Judge.THRESHOLD, "max": 0.9, "failure_limit": 1},
    MetricName.QUEUE_DEPTH: _DEFAULTS_OF_QUERY,
    MetricName.AGENTS_OFFLINE: {"judge": Judge.THRESHOLD, "max": 0.0, "failure_limit": 1},
}

DEFAULT_METRICS = (
    AnalysisMetric(name=MetricName.ERROR_RATE, max=0.05, min_effect=0.005),
    AnalysisMetric(name=MetricName.SLOWNESS, min_effect=0.05),
    AnalysisMetric(name=MetricName.MEMORY_UTILIZATION, max=0.8),
    AnalysisMetric(name=MetricName.AGENTS_OFFLINE, max=0.0),
)
