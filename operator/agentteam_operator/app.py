"""The operator's parts, put together: caches, watches, the loop, the sampler, the lease, the endpoints."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import structlog

from agentteam_operator.apply import KubeWriter
from agentteam_operator.core.observed import Environment
from agentteam_operator.health import Endpoints, Pulse
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import KubeClient, service_account_namespace
from agentteam_operator.kube.resources import Resource
from agentteam_operator.leader import Leader, LeaseTimes
from agentteam_operator.metrics import NO_ROLLOUT, Metrics, TeamAgents
from agentteam_operator.observe.guard_watch import GuardWatch
from agentteam_operator.observe.observer import Observer
from agentteam_operator.observe.sampler import Sampler
from agentteam_operator.observe.store import Store
from agentteam_operator.observe.watch import Watch
from agentteam_operator.prerequisites import Prerequisites
from agentteam_operator.providers.notifications import Dispatcher, NotifierConfig, channel_of, facts_of
from agentteam_operator.providers.prometheus import Prometheus, PrometheusConfig
from agentteam_operator.providers.prometheus_runs import RunsReader
from agentteam_operator.queue import WakeQueue
from agentteam_operator.reconcile import Reconciler
from agentteam_operator.resync import Resync
from agentteam_operator.settings import Settings

WORKERS = 16
"""Teams that are ticked at once: a tick waits for the API server most of its time."""

log = structlog.get_logger(__name__)


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class App:
    """One replica of the operator, for one event loop."""

    def __init__(
        self,
        settings: Settings,
        client: KubeClient,
        prometheus: Prometheus | None,
        notifiers: Sequence[NotifierConfig] = (),
    ) -> None:
        """Put the parts together; nothing runs yet."""
        self.settings = settings
        self.metrics = Metrics()
        self.pulse = Pulse()
        self.queue = WakeQueue()
        self.store = Store(self.queue.wake)
        self.prerequisites = Prerequisites(client, self._update)
        self._client = client
        self._leader = self._lease(client) if settings.leader_election else None
        self._watches: dict[tuple[str, str], Watch] = {}
        self._watch_tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        sampler = Sampler(self.store, prometheus, self.queue.wake, self.metrics.prometheus_query_seconds.observe)
        self._sampler = sampler
        runs = RunsReader(prometheus) if prometheus else None
        self._guard = GuardWatch(runs, sampler.pods, self.queue.wake, now)
        self._notifiers = facts_of(notifiers)
        self._dispatcher = Dispatcher(
            [channel_of(notifier, now) for notifier in notifiers],
            clock=now,
            wake=self.queue.wake,
            metrics=self.metrics,
        )
        self._resync = Resync(
            client,
            self.store,
            self.queue.wake,
            interval_seconds=settings.resync_seconds,
            namespaces=settings.watch_namespaces or ("",),
        )
        self.reconciler = Reconciler(
            observer=Observer(client, self.store, sampler, now, self._guard),
            writer=KubeWriter(client, self.store, self.may_act),
            notifier=self._dispatcher,
            sampler=sampler,
            guard=self._guard,
            queue=self.queue,
            environment=self.environment,
            clock=now,
            metrics=self.metrics,
        )
        self.metrics.watch_rollouts(self._phases)
        self.metrics.watch_agents(self._agents)
        self._tasks: set[asyncio.Task[None]] = set()
        self._give_up: Callable[[], object] = lambda: None

    def on_failure(self, give_up: Callable[[], object]) -> None:
        """Call this when a part of the operator ends that never should: the process is of no use any more."""
        self._give_up = give_up

    def environment(self) -> Environment:
        """What decisions depend on besides the team."""
        return Environment(
            default_image=self.settings.agent_image,
            builder_version=importlib.metadata.version("agentteam-operator"),
            cluster_domain=self.settings.cluster_domain,
            metrics_configured=bool(self.settings.prometheus_url),
            pod_monitors_available=self.prerequisites.pod_monitors,
            notifiers=self._notifiers,
        )

    def may_act(self) -> bool:
        """True while this replica may write."""
        return self.prerequisites.crd_matches.is_set() and (self._leader is None or self._leader.may_act())

    def unready(self) -> str:
        """Why the operator isn't ready; empty when it is. A replica that waits for the lease is ready."""
        if not self.prerequisites.crd_matches.is_set():
            return "the CRD in the cluster isn't this version's: apply this version's CRD"
        waiting = [kind for (kind, _), watch in self._watches.items() if not watch.synced.is_set()]
        return f"not yet listed: {', '.join(sorted(set(waiting)))}" if waiting or not self._watches else ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything runs within the context; on leaving, acting stops first and the lease is given back."""
        endpoints = Endpoints(pulse=self.pulse, metrics=self.metrics, unready=self.unready)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(endpoints.serve(self.settings.health_port, self.settings.metrics_port))
            self._spawn("prerequisites", self.prerequisites.run())
            try:
                yield
            finally:
                await self.stop()

    async def start(self) -> None:
        """Begin to watch and to act, once the CRD is ours."""
        await self.prerequisites.crd_matches.wait()
        for resource in resources.CHILDREN:
            self._watch(resource)
        self._update()
        await asyncio.gather(*(watch.synced.wait() for watch in self._watches.values()))
        self._spawn("sampler", self._sampler.run())
        self._spawn("guard", self._guard.run())
        self._spawn("notifications", self._dispatcher.run())
        self._spawn("resync", self._resync.run(self.pulse.beat("resync")))
        for number in range(WORKERS):
            self._spawn(f"worker-{number}", self.reconciler.work())
        self._spawn("loop", self._beat())
        if self._leader is not None:
            self._spawn("leader", self._leader.run())
        self._update()

    async def stop(self) -> None:
        """End all tasks; the leader's gives the lease back."""
        self.reconciler.acting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._dispatcher.close()

    def _update(self) -> None:
        """After any change of what acting depends on."""
        acting = self.may_act()
        self.metrics.leader.set(acting)
        if not self.prerequisites.pod_monitors:
            self._unwatch(resources.POD_MONITOR)
        elif self._watches:
            self._watch(resources.POD_MONITOR)
        if acting and not self.reconciler.acting.is_set():
            for key in self.store.teams():
                self.queue.wake(key)
            self.reconciler.acting.set()
        elif not acting:
            self.reconciler.acting.clear()
            self._sampler.want_nothing()  # whoever acts now asks Prometheus, and tells people
            self._guard.want_nothing()
            self._dispatcher.drop()

    def _lease(self, client: KubeClient) -> Leader:
        settings = self.settings
        return Leader(
            client,
            namespace=settings.lease_namespace or settings.pod_namespace or service_account_namespace() or "default",
            name=settings.lease_name,
            identity=settings.pod_name,
            times=LeaseTimes(
                duration=settings.lease_duration_seconds,
                renew_deadline=settings.lease_renew_deadline_seconds,
                retry=settings.lease_retry_seconds,
            ),
            changed=lambda _: self._update(),
        )

    def _watch(self, resource: Resource) -> None:
        for namespace in self.settings.watch_namespaces or ("",):
            if (resource.kind, namespace) not in self._watches:
                name = f"watch-{resource.plural}" + (f"-{namespace}" if namespace else "")
                watch = Watch(self._client, self.store, resource, namespace, self.pulse.beat(name))
                self._watches[resource.kind, namespace] = watch
                self._watch_tasks[resource.kind, namespace] = self._spawn(name, watch.run())

    def _unwatch(self, resource: Resource) -> None:
        """The kind is no longer there: nothing to list, and nothing whose silence would mean anything."""
        for key in [key for key in self._watches if key[0] == resource.kind]:
            self._watches.pop(key).synced.set()  # whoever waits for it waits for nothing
            task = self._watch_tasks.pop(key)
            task.cancel()
            self.pulse.forget(task.get_name())

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            log.error("part_ended", part=task.get_name(), exc_info=task.exception())
            self._give_up()

    async def _beat(self) -> None:
        """A sign of life of the event loop itself."""
        alive = self.pulse.beat("loop")
        while True:
            alive()
            self._update()
            await asyncio.sleep(1.0)

    def _phases(self) -> Iterator[str]:
        for key in self.store.teams():
            entry = self.store.entry(key)
            rollout = _rollout(entry.team if entry else None)
            yield str(rollout.get("phase", NO_ROLLOUT))

    def _agents(self) -> Iterator[TeamAgents]:
        """Of all teams, from the one replica that acts: two would be counted twice by whoever sums them up."""
        for namespace, name in self.store.teams() if self.may_act() else ():
            entry = self.store.entry((namespace, name))
            team = (entry.team if entry else None) or {}
            status = team.get("status") or {}
            yield TeamAgents(
                namespace,
                name,
                agents=len(((team.get("spec") or {}).get("team") or {}).get("agents") or []),
                wanted_pods=status.get("replicas", 0),
                ready_pods=status.get("readyReplicas", 0),
            )


def _rollout(team: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return ((team or {}).get("status") or {}).get("rollout") or {}


def prometheus_of(settings: Settings) -> Prometheus | None:
    """The Prometheus that the operator's owner named; None if there is none."""
    if not settings.prometheus_url:
        return None
    return Prometheus(
        PrometheusConfig(
            url=settings.prometheus_url,
            bearer_token_file=settings.prometheus_bearer_token_file,
            ca_file=settings.prometheus_ca_file,
            tenant=settings.prometheus_tenant,
            timeout_seconds=settings.prometheus_timeout_seconds,
        )
    )
