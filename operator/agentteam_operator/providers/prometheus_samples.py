"""From Prometheus' answer to the raw counters of pods: strict, for a verdict must not rest on a misread number.

A pod whose numbers are incomplete, doubled, not finite or negative has no counters here: no data, neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite

from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.state import PodCounters

STARTED = "autogen_runs_started_total"
FINISHED = "autogen_runs_finished_total"
DURATION_BUCKET = "autogen_run_duration_seconds_bucket"
MEMORY_USAGE = "autogen_memory_usage_bytes"
MEMORY_LIMIT = "autogen_memory_limit_bytes"
METRICS = (STARTED, FINISHED, DURATION_BUCKET, MEMORY_USAGE, MEMORY_LIMIT)
STATUSES = ("success", "error", "timeout", "rejected")
"""Ends of runs that are good or bad; a `cancelled` one is neither, for its client went away. A `rejected` one (429, the
queue is full) is bad: a revision that answers few and turns the others away serves worse."""

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


def parse_vector(document: object) -> Iterator[Sample]:
    """The samples of an instant query's answer.

    Raises:
        MalformedAnswerError: the document isn't a successful answer that holds a vector.
    """
    match document:
        case {"status": "success", "data": {"resultType": "vector", "result": list(result)}}:
            for entry in result:
                yield _parse_sample(entry)
        case {"status": "error", "error": str(error)}:
            raise MalformedAnswerError(error)
        case _:
            raise MalformedAnswerError("the answer is not an instant vector of Prometheus' HTTP API")


def _parse_sample(entry: object) -> Sample:
    match entry:
        case {"metric": dict(labels), "value": [int() | float(), str(value)]}:
            try:
                return Sample({str(name): str(text) for name, text in labels.items()}, float(value))
            except ValueError:
                raise MalformedAnswerError(f"a sample's value is {value[:40]!r}, not a number") from None
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
    """(metric, status or bound), None for a series that isn't asked for."""
    metric = labels.get("__name__", "")
    if metric in {MEMORY_USAGE, MEMORY_LIMIT}:
        return metric, ""
    if metric not in METRICS:
        return None
    if metric == FINISHED:
        status = labels.get("status", "")
        return (metric, status) if status in STATUSES else None
    return metric, _bound(labels.get("le", "")) if metric == DURATION_BUCKET else ""


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
    )


def _gauge(values: Mapping[tuple[str, str], float], metric: str) -> float | None:
    value = values.get((metric, ""))
    return value if value is not None and isfinite(value) and value >= 0 else None
