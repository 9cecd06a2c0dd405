"""From Prometheus' answer to the raw counters of pods: strict, for a verdict must not rest on a misread number.

A pod whose numbers are incomplete, doubled, not finite or negative has no counters here: no data, neither good nor bad.
What only some metrics need may be missing or unusable by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from agentteam_operator.api.metrics import MetricName
from agentteam_operator.api.run_metrics import BOUND_STOPS, STOP_LABEL
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.observed import CpuCounters, PodCounters, QueryReading
from agentteam_operator.core.quantities import QUANTITIES

STARTED = "autogen_runs_started_total"
FINISHED = "autogen_runs_finished_total"
DURATION_BUCKET = "autogen_run_duration_seconds_bucket"
MEMORY_USAGE = "autogen_memory_usage_bytes"
MEMORY_LIMIT = "autogen_memory_limit_bytes"
CPU_USED = "autogen_cpu_seconds_total"
CPU_LIMIT = "autogen_cpu_limit_cores"
UPTIME = "autogen_uptime_seconds"
QUEUED = "autogen_queued_runs"
METRICS = (STARTED, FINISHED, DURATION_BUCKET, MEMORY_USAGE, MEMORY_LIMIT)
"""Series that every judgement needs."""
STATUSES = ("success", "error", "timeout", "rejected")
"""Ends of runs that are good or bad; a `cancelled` one is neither, for its client went away. A `rejected` one (429, the
queue is full) is bad: a revision that answers few and turns the others away serves worse."""

_STOPPED = QUANTITIES[MetricName.MAX_TURN_HIT_RATE].series

SERIES_BY_METRIC: Mapping[str, tuple[str, ...]] = {
    MetricName.CPU_UTILIZATION: (CPU_USED, CPU_LIMIT, UPTIME),
    MetricName.MEMORY_UTILIZATION: (UPTIME,),
    MetricName.QUEUE_DEPTH: (QUEUED, UPTIME),
    **{
        name: (quantity.series if quantity.is_share else f"{quantity.series}_bucket",)
        for name, quantity in QUANTITIES.items()
    },
}
"""Series that are read only where a team's judgement has the metric."""

_LABEL_BY_SERIES = {
    FINISHED: "status",
    _STOPPED: STOP_LABEL,
    **{
        series: "le"
        for series in (DURATION_BUCKET, *(name for names in SERIES_BY_METRIC.values() for name in names))
        if series.endswith("_bucket")
    },
}
"""The label that tells the series of one metric and pod apart."""

_KNOWN = frozenset((*METRICS, *(series for names in SERIES_BY_METRIC.values() for series in names)))

MOMENT_TOLERANCE_SECONDS = 1.0
"""Some servers that speak Prometheus' API round moments to seconds."""

PodKey = tuple[str, str]
"""(namespace, pod) of the scrape target."""


class MalformedAnswerError(ValueError):
    """The answer isn't one of Prometheus' HTTP API to an instant query."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series' value."""

    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class _Collected:
    """What was found of one pod, by (metric, label that tells its series apart)."""

    values: dict[tuple[str, str], float] = field(default_factory=dict)
    doubled: bool = False


@dataclass(frozen=True, slots=True)
class PodReadings:
    """The counters of every pod that has them whole, and the pods that several series speak for."""

    counters: Mapping[PodKey, PodCounters]
    doubled: frozenset[PodKey]


def parse_vector(document: object, at: datetime) -> Iterator[Sample]:
    """The samples of an instant query's answer, which must be of the moment that was asked for.

    Raises:
        MalformedAnswerError: the document isn't a successful answer that holds a vector, or is an earlier one.
    """
    match document:
        case {"status": "success", "data": {"resultType": "vector", "result": list(result)}}:
            for entry in result:
                yield _parse_sample(entry, at)
        case {"status": "error", "error": str(error)}:
            raise MalformedAnswerError(error)
        case _:
            raise MalformedAnswerError("the answer is not an instant vector of Prometheus' HTTP API")


def read_number(document: object, at: datetime) -> QueryReading:
    """The one number that an instant query gives: a scalar, or the only element of a vector.

    Raises:
        MalformedAnswerError: the document is no answer to an instant query, or to an earlier one.
    """
    match document:
        case {"status": "success", "data": {"resultType": "scalar", "result": [int() | float() as moment, str(value)]}}:
            _check_moment(moment, at)
            found = [_number(value)]
        case _:
            found = [sample.value for sample in parse_vector(document, at)]
    if not found:
        return QueryReading(at=at, problem="the query gives nothing: has the new revision such series?")
    if len(found) > 1:
        return QueryReading(at=at, problem="the query gives several series: aggregate them, by sum() for instance")
    if not isfinite(found[0]):
        return QueryReading(at=at, problem=f"the query gives {found[0]}, no finite number")
    return QueryReading(at=at, value=found[0])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MalformedAnswerError(f"a sample's value is {text[:40]!r}, not a number") from None


def _check_moment(moment: float, at: datetime) -> None:
    """Prometheus gives back the moment that it was asked for, whatever its own clock says."""
    late = at.timestamp() - moment
    if not abs(late) <= MOMENT_TOLERANCE_SECONDS:
        words = f"{abs(late):.0f} s {'before' if late > 0 else 'after'}"
        raise MalformedAnswerError(f"the answer is of a moment {words} the one that was asked for: is it from a cache?")


def _parse_sample(entry: object, at: datetime) -> Sample:
    match entry:
        case {"metric": dict(labels), "value": [int() | float() as moment, str(value)]}:
            _check_moment(moment, at)
            return Sample({str(name): str(text) for name, text in labels.items()}, _number(value))
        case _:
            raise MalformedAnswerError("a sample is not a pair of labels and [time, value]")


def read_pods(samples: Iterable[Sample], listed: frozenset[PodKey]) -> PodReadings:
    """The raw counters of the listed pods; whatever else was found is passed over."""
    found: dict[PodKey, _Collected] = {}
    for sample in samples:
        pod = (sample.labels.get("namespace", ""), sample.labels.get("pod", ""))
        key = _series_key(sample.labels)
        if pod in listed and key is not None:
            collected = found.setdefault(pod, _Collected())
            collected.doubled |= key in collected.values
            collected.values[key] = sample.value
    whole = {pod: counters for pod, one in found.items() if not one.doubled and (counters := _counters(one.values))}
    return PodReadings(whole, frozenset(pod for pod, one in found.items() if one.doubled))


def _series_key(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """(metric, status, stop reason or bound), None for a series that isn't asked for."""
    metric = labels.get("__name__", "")
    if metric not in _KNOWN:
        return None
    label = _LABEL_BY_SERIES.get(metric, "")
    kind = labels.get(label, "") if label else ""
    if metric == FINISHED and kind not in STATUSES:
        return None
    return metric, _bound(kind) if label == "le" else kind


def _bound(text: str) -> str:
    """A bucket's bound in one spelling: "1", "1.0" and "1e0" are the same."""
    try:
        return repr(float(text))
    except ValueError:
        return text


_BUCKETS = tuple((DURATION_BUCKET, repr(bound)) for bound in DURATION_BOUNDS_SECONDS)
_RUNS = ((STARTED, ""), *((FINISHED, status) for status in STATUSES), *_BUCKETS)


def _counters(values: Mapping[tuple[str, str], float]) -> PodCounters | None:
    """A pod's counters; None unless all are there and can be counts, and the buckets are the ones agreed on."""
    runs = [values.get(key, -1.0) for key in _RUNS]
    buckets = sum(metric == DURATION_BUCKET for metric, _ in values)
    if not all(isfinite(value) and value >= 0 for value in runs) or buckets != len(_BUCKETS):
        return None
    started, succeeded, errors, timeouts, rejected, *durations = runs
    return PodCounters(
        started=started,
        succeeded=succeeded,
        failed=errors + timeouts + rejected,
        duration_buckets=tuple(durations),
        memory_bytes=_gauge(values, MEMORY_USAGE),
        memory_limit_bytes=_gauge(values, MEMORY_LIMIT),
        quantities={name: counts for name in QUANTITIES if (counts := _quantity(values, name)) is not None},
        cpu=_cpu(values),
        queued_runs=_gauge(values, QUEUED),
        uptime_seconds=_gauge(values, UPTIME),
    )


def _quantity(values: Mapping[tuple[str, str], float], name: str) -> tuple[float, ...] | None:
    """Cumulative counts by bucket; None unless all buckets agreed on, and no others, are there and can be counts."""
    quantity = QUANTITIES[name]
    [series] = SERIES_BY_METRIC[name]
    found = {kind: value for (metric, kind), value in values.items() if metric == series}
    if not found or not all(isfinite(value) and value >= 0 for value in found.values()):
        return None
    if quantity.is_share:  # neither 0 nor 1 of a run that was stopped by a bound, and of one that was done
        total = sum(found.values())
        stopped = [found.get(reason) for reason in BOUND_STOPS]
        hits = [count for count in stopped if count is not None]
        return (total - sum(hits), total) if len(hits) == len(stopped) else None
    wanted = [repr(bound) for bound in quantity.bounds]
    return tuple(found[bound] for bound in wanted) if found.keys() == set(wanted) else None


def _cpu(values: Mapping[tuple[str, str], float]) -> CpuCounters | None:
    used, uptime = _gauge(values, CPU_USED), _gauge(values, UPTIME)
    return None if used is None or uptime is None else CpuCounters(used, uptime, _gauge(values, CPU_LIMIT))


def _gauge(values: Mapping[tuple[str, str], float], metric: str) -> float | None:
    value = values.get((metric, ""))
    return value if value is not None and isfinite(value) and value >= 0 else None
