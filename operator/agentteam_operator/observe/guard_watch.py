"""Watches over what serves between rollouts: one look a minute for all teams together; a team is woken by news only.

What it remembers (the evidence, the last counts) is lost with the process: a new one begins anew, which costs some
minutes and no verdict, for what was found stands in the status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from agentteam_operator.core import guard
from agentteam_operator.core.guard import GuardFinding, Guarding, GuardState
from agentteam_operator.core.sequential import NONE, Tally
from agentteam_operator.observe.store import TeamKey
from agentteam_operator.providers.prometheus_queries import TeamPods
from agentteam_operator.providers.prometheus_runs import EndedRuns

LOOK_SECONDS = 60.0
"""Between two looks."""

PAST_LOOKS = 60
"""So many looks after the last time the past is read anew; what is usual changes slowly."""

PAST_LOOKS_OF_YOUNG = 10
"""The same while too little is known of it."""

PASTS_AT_ONCE = 500
"""Teams whose past is read after one look, so that a restart with thousands of teams is no burst."""

log = structlog.get_logger(__name__)


class ReadsRuns(Protocol):
    """Prometheus, or what stands in for it."""

    async def ended(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Mapping[str, EndedRuns]]:
        """What the listed pods have counted by now, by team and pod; what can't be read isn't in it."""
        ...

    async def past(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Sequence[Tally]]:
        """The last day's runs in pieces, oldest first, by team; what can't be read isn't in it."""
        ...


@dataclass(slots=True)
class _Watched:
    """What is remembered of one team."""

    guarding: Guarding
    state: GuardState
    usual: float | None = None
    past_in: int = 0
    """Looks until its past is to be read; at 0 it is due."""
    counts: dict[str, EndedRuns] = field(default_factory=dict)
    """By pod, as last read."""
    read_at: datetime | None = None


class GuardWatch:
    """Keeps what the guard says of each team that wants to be watched over."""

    def __init__(
        self,
        prometheus: ReadsRuns | None,
        pods: Callable[[TeamKey, frozenset[str]], frozenset[str]],
        wake: Callable[[TeamKey], None],
        clock: Callable[[], datetime],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`prometheus` None watches nobody; `pods` gives the names of revisions' server pods as they are now."""
        self._prometheus = prometheus
        self._pods = pods
        self._wake = wake
        self._clock = clock
        self._look_seconds = look_seconds
        self._watched: dict[TeamKey, _Watched] = {}

    def watch_over(self, key: TeamKey, guarding: Guarding | None) -> None:
        """From now on, watch over this revision of the team; None for no longer."""
        held = self._watched.get(key)
        if guarding is None:
            self._watched.pop(key, None)
        elif held is None or held.guarding.revision != guarding.revision:
            self._watched[key] = _Watched(guarding, guard.begun(guarding.alarm))
        else:
            held.guarding = guarding

    def want_nothing(self) -> None:
        """From now on, watch over nobody, until somebody is wanted again."""
        self._watched.clear()

    def finding(self, key: TeamKey) -> GuardFinding | None:
        """What the guard says of a team; None while it isn't watched."""
        held = self._watched.get(key)
        return guard.found(held.state, held.guarding) if held else None

    async def run(self) -> None:
        """Look at intervals, until cancelled."""
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                await self.look()
            except Exception:  # a fault of ours must not end the watch over all teams
                log.exception("guard_crashed")

    async def look(self) -> None:
        """Read what all teams have counted by now, and the past of those for which it is time."""
        if self._prometheus is None or not self._watched:
            return
        at = self._clock()
        read = await self._prometheus.ended([self._request(key) for key in self._watched])
        for key, counts in read.items():
            self._take(key, counts, at)
        await self._look_back(self._prometheus)

    async def _look_back(self, prometheus: ReadsRuns) -> None:
        for held in self._watched.values():
            held.past_in = max(0, held.past_in - 1)
        due = [key for key, held in self._watched.items() if not held.past_in][:PASTS_AT_ONCE]
        read = await prometheus.past([self._request(key) for key in due]) if due else {}
        for key, pieces in read.items():
            known = self._watched.get(key)
            if known is not None:
                known.usual = guard.usual_rate(pieces, known.guarding.settings.min_runs)
                known.past_in = PAST_LOOKS_OF_YOUNG if known.usual is None else PAST_LOOKS

    def _take(self, key: TeamKey, counts: Mapping[str, EndedRuns], at: datetime) -> None:
        """Take one look at one team to account, and wake it if that is news. Of a new pod it is the first count."""
        held = self._watched.get(key)
        if held is None:
            return
        before = guard.found(held.state, held.guarding)
        pods = self._request(key).pods
        ended = {pod: now.since(held.counts[pod]) for pod, now in counts.items() if pod in held.counts}
        by_pod = {pod: ended.get(pod, NONE) for pod in pods}
        held.state = guard.looked(held.state, by_pod, held.usual, held.guarding.settings, held.read_at or at)
        held.counts = {pod: runs for pod, runs in {**held.counts, **counts}.items() if pod in pods}
        held.read_at = at
        after = guard.found(held.state, held.guarding)
        if (before.health, before.proven) != (after.health, after.proven):
            self._wake(key)

    def _request(self, key: TeamKey) -> TeamPods:
        """The server pods of what serves, as they are now."""
        revisions = frozenset({self._watched[key].guarding.revision})
        return TeamPods(key[0], key[1], revisions, self._pods(key, revisions))
