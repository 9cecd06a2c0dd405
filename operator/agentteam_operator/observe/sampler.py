"""Reads Prometheus at intervals, in one look for all teams that are being judged, and wakes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core import names
from agentteam_operator.core.observed import QueryReading, Snapshot
from agentteam_operator.observe.pods import is_over
from agentteam_operator.observe.query_sampler import QuerySampler, TeamQueries
from agentteam_operator.observe.resting import rest
from agentteam_operator.observe.store import Store, TeamKey
from agentteam_operator.providers.prometheus_queries import TeamPods

TOGETHER_SECONDS = 0.25
"""Teams that are due within this time of each other are read in one look."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a team wants to have read."""

    interval_seconds: float
    revisions: frozenset[str]
    """Hashes of blue and green."""
    metrics: frozenset[str] = frozenset()
    """Built-in metrics that need more series than every judgement does."""
    queries: TeamQueries | None = None
    """What the team wrote queries for; None for nothing."""


def sampling_of(analysis: AnalysisSettings, candidate: str, base: str) -> Sampling:
    """What a rollout of this candidate, from this base, wants to have read."""
    queries = tuple((metric.name, metric.query) for metric in analysis.metrics if metric.query)
    return Sampling(
        interval_seconds=analysis.interval_seconds,
        revisions=frozenset({candidate, base} - {""}),
        metrics=frozenset(metric.name for metric in analysis.metrics if not metric.query),
        queries=TeamQueries(analysis.interval_seconds, candidate, queries) if queries else None,
    )


class ReadsMetrics(Protocol):
    """Prometheus, or what stands in for it."""

    async def snapshots(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Snapshot]:
        """One look at each team; what went wrong is in the snapshot."""

    async def answer(self, expression: str) -> QueryReading:
        """The one number that a query gives; what went wrong is in the reading."""
        ...


class Sampler:
    """Keeps the latest snapshot of each team that wants one."""

    def __init__(
        self,
        store: Store,
        prometheus: ReadsMetrics | None,
        wake: Callable[[TeamKey], None],
        took: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`prometheus` None reads nothing; `took` is told how many seconds each look lasted."""
        self._store = store
        self._prometheus = prometheus
        self._wake = wake
        self._took = took
        self._wanted: dict[TeamKey, Sampling] = {}
        self._due: dict[TeamKey, float] = {}
        self._latest: dict[TeamKey, Snapshot] = {}
        self._changed = asyncio.Event()
        self._queries = QuerySampler(prometheus, lambda key, revision: self.pods(key, frozenset({revision})), wake)

    def want(self, key: TeamKey, sampling: Sampling | None) -> None:
        """From now on, read this team's metrics so; None for no longer."""
        self._queries.want(key, sampling.queries if sampling else None)
        if sampling is None:
            self._wanted.pop(key, None)
            self._due.pop(key, None)
            self._latest.pop(key, None)
        elif self._wanted.get(key) != sampling:
            self._wanted[key] = sampling
            self._due.setdefault(key, 0.0)
            self._changed.set()

    def want_nothing(self) -> None:
        """From now on, read no team's metrics, until one is wanted again."""
        self._queries.want_nothing()
        self._wanted.clear()
        self._due.clear()
        self._latest.clear()

    def latest(self, key: TeamKey) -> Snapshot | None:
        """The latest snapshot of a team, with the latest answers to its queries; None before the first."""
        snapshot = self._latest.get(key)
        readings = self._queries.readings(key)
        return replace(snapshot, queries=dict(readings)) if snapshot and readings else snapshot

    async def run(self) -> None:
        """Look whenever some team is due, and ask what teams wrote queries for, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queries.run())
            group.create_task(self._look_at_counters())

    async def _look_at_counters(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            now = loop.time()
            due = [key for key, at in self._due.items() if at <= now + TOGETHER_SECONDS]
            if due and self._prometheus is not None:
                for key in due:
                    self._due[key] = max(now, self._due[key]) + self._wanted[key].interval_seconds
                await self._look(self._prometheus, due)
                continue
            await rest(self._changed, max(min(self._due.values(), default=now + 3600.0) - now, 0.01))

    async def _look(self, prometheus: ReadsMetrics, keys: list[TeamKey]) -> None:
        requests = [self._request(key, self._wanted[key]) for key in keys]
        started = time.perf_counter()
        try:
            found = await prometheus.snapshots(requests)
        except Exception as error:  # a fault of the reader must not end the sampling of all teams, nor their rollouts
            log.exception("sampling_crashed")
            said = f"the look at Prometheus crashed ({type(error).__name__}): see the operator's log"
            at = datetime.now(UTC)
            found = {key: Snapshot(at=at, pods={}, error=said) for key in keys}
        self._took(time.perf_counter() - started)
        for key, snapshot in found.items():
            if key in self._wanted:
                self._latest[key] = snapshot
                self._wake(key)

    def _request(self, key: TeamKey, sampling: Sampling) -> TeamPods:
        """The server pods of both colours, as they are now."""
        return TeamPods(
            namespace=key[0],
            team=key[1],
            revisions=sampling.revisions,
            pods=self.pods(key, sampling.revisions),
            metrics=sampling.metrics,
        )

    def pods(self, key: TeamKey, revisions: frozenset[str]) -> frozenset[str]:
        """As `pods_of`."""
        return pods_of(self._store, key, revisions)


def pods_of(store: Store, key: TeamKey, revisions: frozenset[str]) -> frozenset[str]:
    """Names of a team's server pods of these revisions, as they are now."""
    entry = store.entry(key)
    return frozenset(
        name
        for (kind, name), item in (entry.children.items() if entry else ())
        if kind == "Pod" and not is_over(item) and _of_revision(item["metadata"], revisions)
    )


def _of_revision(metadata: Mapping[str, Mapping[str, str]], revisions: frozenset[str]) -> bool:
    labels = metadata.get("labels") or {}
    return labels.get(names.LABEL_ROLE) == names.ROLE_SERVER and labels.get(names.LABEL_REVISION) in revisions
