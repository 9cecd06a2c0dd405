"""What the guard reads of Prometheus: how many runs of each serving pod have ended, and how; now, and in the last day.

Identity is as everywhere: the scrape target's `namespace` and `pod`, and the operator's own list of pods. A look is one
instant query for some hundred teams; the past is one range query with few points, whose raw counters are differenced
here, so that a restart within the day is seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

import structlog

from agentteam_operator.core.sequential import NONE, Tally
from agentteam_operator.providers.prometheus import Prometheus, QueryError
from agentteam_operator.providers.prometheus_queries import TeamKey, TeamPods, chunks, runs_query
from agentteam_operator.providers.prometheus_samples import (
    STATUSES,
    MalformedAnswerError,
    PodKey,
    parse_vector,
)

DAY_SECONDS = 86_400
PIECE_SECONDS = 900
"""Between two points of the past."""

LAG_SECONDS = 900
"""The youngest past is left out: what begins to go wrong now isn't usual."""

MAX_PAST_QUERY_BYTES = 1024
"""The answer has a hundred numbers for each one of a look's: some thirty teams at a time are a megabyte."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EndedRuns:
    """What one pod has counted so far: it only grows, or begins anew with the pod's server."""

    good: int
    bad: int

    def since(self, before: EndedRuns | None) -> Tally:
        """The runs that ended since; all that were counted if the server began anew, or wasn't there before."""
        if before is None or self.good < before.good or self.bad < before.bad:
            before = NO_RUNS
        bad = self.bad - before.bad
        return Tally(bad, bad + self.good - before.good)


NO_RUNS = EndedRuns(0, 0)

_Counts = dict[PodKey, dict[str, float]]
"""By pod and status."""


class RunsReader:
    """Asks one query after the other: nobody waits for the guard, and it keeps nobody waiting."""

    def __init__(self, prometheus: Prometheus, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`clock` gives the present, from which the past is counted."""
        self._prometheus = prometheus
        self._clock = clock

    async def ended(self, requests: Sequence[TeamPods]) -> dict[TeamKey, Mapping[str, EndedRuns]]:
        """What each team's listed pods have counted by now; teams that couldn't be read aren't in it."""
        read: dict[TeamKey, Mapping[str, EndedRuns]] = {}
        for chunk in chunks(requests):
            at = self._clock()
            try:
                counts = read_ended(await self._prometheus.ask(runs_query(chunk), at), _listed(chunk), at)
            except (QueryError, MalformedAnswerError) as error:
                log.warning("guard_look_failed", url=self._prometheus.shown_url, error=str(error))
                continue
            read |= {request.key: _share(request, counts) for request in chunk}
        return read

    async def past(self, requests: Sequence[TeamPods]) -> dict[TeamKey, tuple[Tally, ...]]:
        """The last day of each team's listed pods in pieces, oldest first; teams that couldn't be read aren't in it."""
        read: dict[TeamKey, tuple[Tally, ...]] = {}
        times = past_times(self._clock())
        for chunk in chunks(requests, MAX_PAST_QUERY_BYTES):
            try:
                answer = await self._prometheus.ask(runs_query(chunk), times)
                read |= await asyncio.to_thread(read_past, answer, chunk, times)
            except (QueryError, MalformedAnswerError) as error:
                log.warning("guard_past_failed", url=self._prometheus.shown_url, error=str(error))
        return read


def past_times(now: datetime) -> range:
    """The moments, in Unix time, at which the past is read: the same for all who ask within a piece."""
    end = int(now.timestamp() - LAG_SECONDS) // PIECE_SECONDS * PIECE_SECONDS
    return range(end - DAY_SECONDS, end + 1, PIECE_SECONDS)


def _listed(requests: Iterable[TeamPods]) -> frozenset[PodKey]:
    return frozenset((request.namespace, pod) for request in requests for pod in request.pods)


def _share(request: TeamPods, counts: Mapping[PodKey, EndedRuns]) -> dict[str, EndedRuns]:
    keys = ((request.namespace, pod) for pod in request.pods)
    return {key[1]: counts[key] for key in keys if key in counts}


def read_ended(document: object, listed: frozenset[PodKey], at: datetime) -> dict[PodKey, EndedRuns]:
    """The counts of the listed pods that have them whole, and once, of the moment that was asked for.

    Raises:
        MalformedAnswerError: the document isn't an instant vector of that moment.
    """
    found: _Counts = {}
    doubled: set[PodKey] = set()
    for sample in parse_vector(document, at):
        pod = _pod(sample.labels)
        if pod in listed:
            status = sample.labels.get("status", "")
            if status in found.setdefault(pod, {}):
                doubled.add(pod)
            found[pod][status] = sample.value
    return {pod: ended for pod, counts in found.items() if pod not in doubled and (ended := _ended(counts))}


def read_past(document: object, requests: Sequence[TeamPods], times: range) -> dict[TeamKey, tuple[Tally, ...]]:
    """Each team's runs between two moments after the other, from a range query's answer.

    Raises:
        MalformedAnswerError: the document isn't a matrix.
    """
    listed = _listed(requests)
    found: dict[PodKey, dict[int, dict[str, float]]] = {}
    doubled: set[PodKey] = set()
    for labels, values in _parse_matrix(document):
        pod, status = _pod(labels), labels.get("status", "")
        if pod not in listed:
            continue
        by_time = found.setdefault(pod, {})
        for time, value in values:
            counts = by_time.setdefault(time, {})
            if status in counts:
                doubled.add(pod)
            counts[status] = value
    pieces = {pod: _pieces(by_time, times) for pod, by_time in found.items() if pod not in doubled}
    return {request.key: _sums(request, pieces, times) for request in requests}


def _pieces(by_time: Mapping[int, Mapping[str, float]], times: range) -> dict[int, Tally]:
    """One pod's runs by the moment by which they had ended.

    A pod that first shows within the day began then, with nothing. What it had counted before the first moment isn't of
    this day.
    """
    pieces: dict[int, Tally] = {}
    before: EndedRuns | None = None
    for time in times:
        now = _ended(by_time.get(time, {}))
        if now is None:
            continue
        if time != times.start:
            pieces[time] = now.since(before)
        before = now
    return pieces


def _sums(request: TeamPods, pieces: Mapping[PodKey, Mapping[int, Tally]], times: range) -> tuple[Tally, ...]:
    of_pods = [pieces.get((request.namespace, pod), {}) for pod in request.pods]
    sums = (sum((pod[time] for pod in of_pods if time in pod), NONE) for time in times)
    return tuple(piece for piece in sums if piece.total)


def _ended(counts: Mapping[str, float]) -> EndedRuns | None:
    """None unless every status is there and can be a count: no data."""
    values = [counts.get(status, -1.0) for status in STATUSES]
    if not all(isfinite(value) and value >= 0 for value in values):
        return None
    good, *bad = map(round, values)
    return EndedRuns(good, sum(bad))


def _pod(labels: Mapping[str, str]) -> PodKey:
    return labels.get("namespace", ""), labels.get("pod", "")


def _parse_matrix(document: object) -> Iterable[tuple[Mapping[str, str], list[tuple[int, float]]]]:
    match document:
        case {"status": "success", "data": {"resultType": "matrix", "result": list(result)}}:
            for entry in result:
                yield _parse_series(entry)
        case {"status": "error", "error": str(error)}:
            raise MalformedAnswerError(error)
        case _:
            raise MalformedAnswerError("the answer is not a matrix of Prometheus' HTTP API")


def _parse_series(entry: object) -> tuple[Mapping[str, str], list[tuple[int, float]]]:
    match entry:
        case {"metric": dict(labels), "values": list(values)}:
            try:
                points = [(round(float(time)), float(value)) for time, value in values]
            except (TypeError, ValueError, OverflowError):
                raise MalformedAnswerError("a series' values are not pairs of a time and a number") from None
            return {str(name): str(text) for name, text in labels.items()}, points
        case _:
            raise MalformedAnswerError("a series is not labels and values")
