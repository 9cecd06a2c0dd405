"""One operator process: the product's own observer, cache, guard, reconciler, writer, over the simulated API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from agentteam_operator.apply import KubeWriter
from agentteam_operator.core import names
from agentteam_operator.core.observed import Environment, Observed, Snapshot
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import JSON, REQUEST_TIMEOUT_SECONDS, KubeClient
from agentteam_operator.kube.errors import KubeError
from agentteam_operator.metrics import Metrics
from agentteam_operator.observe.claims import label_selector
from agentteam_operator.observe.guard_watch import LOOK_SECONDS, GuardWatch, ReadsRuns
from agentteam_operator.observe.observer import Observer
from agentteam_operator.observe.sampler import Sampling, pods_of
from agentteam_operator.observe.store import Store, TeamKey
from agentteam_operator.queue import WakeQueue
from agentteam_operator.reconcile import Reconciler

from tests.simulation.api_server import ApiServer, Request, parse, selected
from tests.simulation.past import Change, JsonObject
from tests.simulation.telling import Ears, Telling

WATCH_SECONDS = 0.02
"""From a change to its arrival in the cache."""
TICK_SECONDS = 0.005
STALL_SECONDS = 8.0
RESTART_SECONDS = 3.0
LAG_SECONDS = 5.0
"""How far an API server that lags is behind: more than a restart takes."""
CATCH_UP_SECONDS = 4.0
"""After how long a cache that was filled by it hears of the rest."""
RESYNC_SECONDS = 600.0
NEVER = float("inf")

METRICS = Metrics()
_WATCHED = frozenset(resource.kind for resource in resources.CHILDREN)


class Wire(Ears, Protocol):
    """What stands between a process and the API server, and whom it tells."""

    def send(self, process: OperatorProcess, request: Request, group: str) -> JsonObject:
        """Carry a request out, or raise."""

    def news_delay_seconds(self, change: Change) -> float | None:
        """When a change reaches the caches; None for never."""


class _Client(KubeClient):
    """`KubeClient` with the network taken out."""

    def __init__(self, process: OperatorProcess, wire: Wire) -> None:
        self._process = process
        self._wire = wire

    async def request(
        self,
        method: str,
        path: str,
        *,
        what: str,  # noqa: ARG002 - the real one's words for its errors
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,  # noqa: ARG002
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,  # noqa: ARG002
    ) -> dict[str, Any]:
        request = parse(method, path, query or {}, body, content_type)
        return self._wire.send(self._process, request, self._process.reading)


class _Queue(WakeQueue):
    """The one team's appointments in simulated time."""

    def __init__(self, process: OperatorProcess) -> None:
        super().__init__()
        self._process = process

    def wake(self, key: TeamKey) -> None:  # noqa: ARG002 - there is one team
        self._process.due(0.0)

    def wake_after(self, key: TeamKey, seconds: float) -> None:  # noqa: ARG002
        self._process.due(max(seconds, 0.0))


def _no_scatter() -> float:
    return 1.0


class OperatorProcess:
    """A process that lives, dies and comes back; `tick_at` and `sample_at` say when it wants to run."""

    def __init__(
        self,
        name: str,
        *,
        server: ApiServer,
        wire: Wire,
        environment: Environment,
        look: Callable[[], Snapshot],
        runs: ReadsRuns,
        team: TeamKey,
    ) -> None:
        self.name = name
        self.environment = environment
        self.tick_at = NEVER
        self.sample_at = NEVER
        self.resync_at = NEVER
        self.guard_at = NEVER
        self.reading = ""
        self.alive = False
        self.starts_behind = False
        """The next process lists from an API server that lags."""
        self.generation = 0
        self.ticks = 0
        self.crashes: list[str] = []
        self._timeline = server.timeline
        self._server = server
        self._wire = wire
        self._look = look
        self._runs = runs
        self._team = team
        self._interval_seconds: float | None = None
        self._latest: Snapshot | None = None
        self._ticked_at = -TICK_SECONDS
        self.start()

    @property
    def next_at(self) -> float:
        """When it wants to run next."""
        dues = (self.tick_at, self.sample_at, self.resync_at, self.guard_at, self.telling.next_at)
        return min(dues) if self.alive else NEVER

    def start(self) -> None:
        """A fresh process: nothing is remembered, everything is listed."""
        self.alive = True
        self.generation += 1
        self._interval_seconds, self._latest = None, None
        self.sample_at = NEVER
        self.store = Store(self._wake)
        client = _Client(self, self._wire)
        self.guard = GuardWatch(self._runs, self._pods, self._wake, self.clock)
        self.observer = Observer(client, self.store, self, self.clock, self.guard)
        self.telling = Telling(self, self._wire, self._timeline)
        self.reconciler = Reconciler(
            observer=self,
            writer=KubeWriter(client, self.store, self._may_write),
            notifier=self.telling,
            sampler=self,
            guard=self.guard,
            queue=_Queue(self),
            environment=self._environment,
            clock=self.clock,
            metrics=METRICS,
            scatter=_no_scatter,
        )
        self._list()
        self.resync_at = self._timeline.seconds + RESYNC_SECONDS
        self.guard_at = self._timeline.seconds + LOOK_SECONDS
        self.due(0.0)

    def _pods(self, _: TeamKey, revisions: frozenset[str]) -> frozenset[str]:
        return pods_of(self.store, self._team, revisions)

    def _list(self) -> None:
        """Fill the cache with what is there, or with what was there some seconds ago; then the rest is heard late."""
        seen_until = self._timeline.seconds - LAG_SECONDS if self.starts_behind else self._timeline.seconds
        self.starts_behind = False
        for (kind, _), item in sorted(self._server.past.objects(self._server.objects, seen_until).items()):
            if self._watches(kind, item):
                self.store.put(resources.BY_KIND[kind], item)
        for change in self._server.past.since(seen_until):
            self.hear(change, CATCH_UP_SECONDS)

    def die(self) -> None:
        """It is gone at once, and started again after a while."""
        self.alive = False
        self.tick_at = self.sample_at = self.resync_at = self.guard_at = NEVER
        self._timeline.after(RESTART_SECONDS, self.start)

    def stop(self) -> None:
        """Gone for good."""
        self.alive = False
        self.generation += 1

    def clock(self) -> datetime:
        return self._timeline.now

    def due(self, seconds: float) -> None:
        """Tick in so many seconds, unless it will before; a tick takes some time, so that no two are at one moment."""
        self.tick_at = min(
            self.tick_at, round(max(self._timeline.seconds + seconds, self._ticked_at + TICK_SECONDS), 3)
        )

    def _wake(self, _: TeamKey) -> None:
        self.due(0.0)

    def _may_write(self) -> bool:
        return self.alive

    def _environment(self) -> Environment:
        return self.environment

    # --- what the reconciler asks for ---

    async def observe(self, key: TeamKey, *, live: bool = False) -> Observed | None:
        """The real observer's answer; all requests of one read are one place for a fault."""
        self.reading = f"{self.name}.{self.generation}.{self.ticks}.{'live' if live else 'cache'}"
        try:
            return await self.observer.observe(key, live=live)
        finally:
            self.reading = ""

    def want(self, key: TeamKey, sampling: Sampling | None) -> None:  # noqa: ARG002 - there is one team
        """Sample at an interval from now on."""
        if sampling is None:
            self.sample_at = NEVER
        elif self._interval_seconds is None:
            self.sample_at = self._timeline.seconds
        self._interval_seconds = sampling.interval_seconds if sampling else None

    def latest(self, key: TeamKey) -> Snapshot | None:  # noqa: ARG002
        return self._latest

    # --- the watch ---

    def hear(self, change: Change, seconds: float) -> None:
        """Take a change into the cache after a delay, unless the process that would have heard of it is gone."""
        item = change.after or change.before or {}
        if self._watches(change.resource.kind, item):
            generation = self.generation
            self._timeline.after(seconds, partial(self._take, generation, change))

    def _take(self, generation: int, change: Change) -> None:
        if not self.alive or generation != self.generation:
            return
        if change.after is not None:
            self.store.put(change.resource, change.after)
        elif change.before is not None:
            self.store.remove(change.resource, change.before)

    def _watches(self, kind: str, item: JsonObject) -> bool:
        return kind == names.KIND or (kind in _WATCHED and selected(label_selector(resources.BY_KIND[kind]), item))

    # --- running ---

    async def run_due(self) -> None:
        """Do what is due now: a telling, a resync, a sample, a tick."""
        now = self._timeline.seconds
        self.telling.run_due()
        if self.resync_at <= now:
            self.resync_at = now + RESYNC_SECONDS
            await self._resync()
        if self.guard_at <= now:
            self.guard_at = round(now + LOOK_SECONDS, 3)
            await self.guard.look()
        if self.sample_at <= now:
            self.sample_at = round(now + (self._interval_seconds or NEVER), 3)
            self._latest = self._look()
            self.due(0.0)
        if self.tick_at <= now:
            self.tick_at = NEVER
            self._ticked_at = now
            self.ticks += 1
            await self.reconciler.tick(self._team)

    async def _resync(self) -> None:
        """List everything anew and look again, as the operator does from time to time."""
        self.reading = f"{self.name}.{self.generation}.{self.ticks}.resync"
        try:
            await self.observer.refresh(self._team, resources.CHILDREN)
        except KubeError:
            self.resync_at = self._timeline.seconds + 1.0
        finally:
            self.reading = ""
        self.due(0.0)
