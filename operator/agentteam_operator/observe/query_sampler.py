"""Asks Prometheus what teams wrote queries for: each by itself, so that a slow or failing one delays no other.

The looks at all teams' counters (`sampler.py`) go on beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from agentteam_operator.api.promql import InvalidQueryError, parse_query
from agentteam_operator.core.observed import QueryReading
from agentteam_operator.observe.resting import rest
from agentteam_operator.observe.store import TeamKey

QUERIES_OF_TEAM_AT_ONCE = 4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TeamQueries:
    """What a team wants to be asked."""

    interval_seconds: float
    revision: str
    """Hash of the candidate, whose pods are asked about."""
    by_metric: tuple[tuple[str, str], ...]
    """Name of the metric, and its query."""


class AnswersQueries(Protocol):
    """Prometheus, or what stands in for it."""

    async def answer(self, expression: str) -> QueryReading:
        """The one number that a query gives; what went wrong is in the reading."""
        ...


class QuerySampler:
    """Keeps the latest answer to each query of each team that wants any."""

    def __init__(
        self,
        prometheus: AnswersQueries | None,
        pods: Callable[[TeamKey, str], frozenset[str]],
        wake: Callable[[TeamKey], None],
    ) -> None:
        """`pods` gives the names of a revision's server pods as they are now."""
        self._prometheus = prometheus
        self._pods = pods
        self._wake = wake
        self._wanted: dict[TeamKey, TeamQueries] = {}
        self._slots: dict[TeamKey, asyncio.Semaphore] = {}
        self._readings: dict[TeamKey, dict[str, QueryReading]] = {}
        self._due: dict[tuple[TeamKey, str], float] = {}
        self._asking: dict[tuple[TeamKey, str], asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    def want(self, key: TeamKey, queries: TeamQueries | None) -> None:
        """From now on, ask these queries of this team; None for no longer."""
        if queries is None or not queries.by_metric or self._prometheus is None:
            self._forget(key)
        elif self._wanted.get(key) != queries:
            self._forget(key)  # answers to other queries, or about another revision
            self._wanted[key] = queries
            self._slots[key] = asyncio.Semaphore(QUERIES_OF_TEAM_AT_ONCE)
            self._due |= {(key, name): 0.0 for name, _ in queries.by_metric}
            self._changed.set()

    def want_nothing(self) -> None:
        """From now on, ask nothing, until something is wanted again."""
        for key in list(self._wanted):
            self._forget(key)

    def readings(self, key: TeamKey) -> Mapping[str, QueryReading]:
        """The latest answers of a team, by metric."""
        return self._readings.get(key, {})

    async def run(self) -> None:
        """Ask whatever is due, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._changed.clear()
                self._begin(loop.time())
                soonest = min((at for mark, at in self._due.items() if mark not in self._asking), default=None)
                await rest(self._changed, None if soonest is None else max(soonest - loop.time(), 0.0))
        finally:
            for task in self._asking.values():
                task.cancel()

    def _begin(self, now: float) -> None:
        """Begin to ask what is due; what is still being asked isn't asked twice."""
        for mark, at in list(self._due.items()):
            if at <= now and mark not in self._asking and self._prometheus is not None:
                key, name = mark
                self._due[mark] = now + self._wanted[key].interval_seconds
                task = asyncio.create_task(self._ask(self._prometheus, key, name, self._wanted[key], self._slots[key]))
                self._asking[mark] = task
                task.add_done_callback(lambda _, mark=mark: self._asked(mark))  # type: ignore[misc]

    def _asked(self, mark: tuple[TeamKey, str]) -> None:
        self._asking.pop(mark, None)
        self._changed.set()

    async def _ask(
        self, prometheus: AnswersQueries, key: TeamKey, name: str, queries: TeamQueries, slots: asyncio.Semaphore
    ) -> None:
        async with slots:
            try:
                expression = self._expression(key, queries, name)
                if not expression:
                    return
                reading = await prometheus.answer(expression)
            except Exception:  # a fault of ours is one of this query alone
                log.exception("query_crashed", namespace=key[0], team=key[1], metric=name)
                return
        if self._wanted.get(key) == queries:
            self._readings.setdefault(key, {})[name] = reading
            self._wake(key)

    def _expression(self, key: TeamKey, queries: TeamQueries, name: str) -> str:
        """The query over the candidate's pods; empty if there are none yet, or if it is one that nobody may ask."""
        pods = self._pods(key, queries.revision)
        try:
            return parse_query(dict(queries.by_metric)[name]).confined(key[0], pods) if pods else ""
        except InvalidQueryError:
            return ""  # the judge says so

    def _forget(self, key: TeamKey) -> None:
        if self._wanted.pop(key, None) is None:
            return
        self._slots.pop(key, None)
        self._readings.pop(key, None)
        self._due = {mark: at for mark, at in self._due.items() if mark[0] != key}
