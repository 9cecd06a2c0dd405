"""A sample of the simulation's plans on a real API server: the operator dies at a write, and another one goes on.

Every other write of an upgrade is struck, before and after in turn; each plan in a namespace of its own, all at once.
The end must be the one of the upgrade that nobody disturbed. All plans, and all other faults: tests/simulation.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from agentteam_operator.apply import KubeWriter
from agentteam_operator.core import names
from agentteam_operator.core.guard import Guarding
from agentteam_operator.core.observed import Environment, Observed, Snapshot, TeamRef
from agentteam_operator.core.telling import Delivery, Notify
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import KubeClient, load_configuration
from agentteam_operator.metrics import Metrics
from agentteam_operator.observe.observer import Observer
from agentteam_operator.observe.sampler import Sampling
from agentteam_operator.observe.store import Store, TeamKey
from agentteam_operator.queue import WakeQueue
from agentteam_operator.reconcile import Reconciler

from tests.integration.runtime.stand_in_node import StandInNode
from tests.integration.runtime.team import Team
from tests.integration.runtime.until import until

ENVIRONMENT = Environment(default_image="localhost/agentteam-agent:dev", builder_version="0.1.0")
LOOK_SECONDS = 0.3
LOOKS_AT_REST = 4
PLANS_AT_MOST = 16
METRICS = Metrics()


class Crash(BaseException):
    """The operator's process is gone: nothing in it may catch this."""


@dataclass(slots=True)
class Strike:
    """A crash at the so-many-eth write, before it or after it. It comes once."""

    at: int
    after: bool

    def __str__(self) -> str:
        return f"w{self.at}:{'crash-after' if self.after else 'crash-before'}"


class StrikingClient(KubeClient):
    """The real client, which counts writes and dies at one of them."""

    writes = 0
    looks = 0
    strike: Strike | None = None

    async def request(self, method: str, path: str, **rest: Any) -> dict[str, Any]:  # noqa: ANN401
        if method == "GET":
            return await super().request(method, path, **rest)
        number, self.writes = self.writes, self.writes + 1
        struck = self.strike is not None and self.strike.at == number
        if struck and self.strike is not None and not self.strike.after:
            raise Crash
        answer = await super().request(method, path, **rest)
        if struck:
            raise Crash
        return answer


class Life:
    """One operator process, from its start: the product's own observer, reconciler and writer, for one team."""

    def __init__(self, client: StrikingClient, key: TeamKey) -> None:
        self._client = client
        self._key = key
        store = Store(lambda _: None)
        self._observer = Observer(client, store, self, self._clock)
        self._reconciler = Reconciler(
            observer=self,
            writer=KubeWriter(client, store, lambda: True),
            notifier=self,
            sampler=self,
            guard=self,
            queue=WakeQueue(),
            environment=lambda: ENVIRONMENT,
            clock=self._clock,
            metrics=METRICS,
        )

    @staticmethod
    def _clock() -> datetime:
        return datetime.now(UTC)

    async def observe(self, key: TeamKey, *, live: bool = False) -> Observed | None:
        """Everything is read anew each time: the watch has tests of its own."""
        del live
        await self._observer.refresh(key, resources.CHILDREN)
        return await self._observer.observe(key, live=True)

    def latest(self, key: TeamKey) -> Snapshot | None:  # noqa: ARG002
        """There is no Prometheus."""
        return None

    def want(self, key: TeamKey, sampling: Sampling | None) -> None:
        """There is no Prometheus."""

    def watch_over(self, key: TeamKey, guarding: Guarding | None) -> None:
        """There is no Prometheus."""

    def offer(self, team: TeamRef, notify: Notify) -> None:
        """There is nobody to tell."""

    def outcomes(self, key: TeamKey) -> tuple[Delivery, ...]:  # noqa: ARG002
        """Nobody was told."""
        return ()

    def forget(self, key: TeamKey) -> None:
        """Nothing is remembered."""

    async def live(self) -> None:
        """Until it is cancelled, or dies."""
        while True:
            await self._reconciler.tick(self._key)
            self._client.looks += 1
            await asyncio.sleep(LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class End:
    """How it ended, but for names, times and identities."""

    status: Mapping[str, Any]
    selector: Mapping[str, str]
    sizes: Mapping[str, int]
    told: Mapping[str, int]


async def upgrade(api: KubeClient, namespace: str, strike: Strike | None) -> tuple[End, int]:
    """Roll version two out over version one, with a crash on the way; the end, and the number of writes."""
    team = Team(api, namespace)
    async with StrikingClient(await load_configuration()) as client, _served(client, team):
        await team.create()
        await until(team.is_in("Completed"), what=f"the first rollout in {namespace}")
        blue = (await team.status())["activeRevision"]
        client.writes, client.strike = 0, strike
        await team.change("two")
        await until(team.is_in("Completed", active_is_not=blue), what=f"the upgrade to end with {strike}")
        written, since = -1, 0

        async def is_at_rest() -> bool:
            """Blue has drained, and several looks found nothing to write."""
            nonlocal written, since
            if client.writes != written:
                written, since = client.writes, client.looks
            return client.looks - since >= LOOKS_AT_REST and 0 in (await _end(team)).sizes.values()

        await until(is_at_rest, what=f"{namespace} to come to rest")
        return await _end(team), client.writes


@asynccontextmanager
async def _served(client: StrikingClient, team: Team) -> AsyncIterator[None]:
    """One operator after another serves the team."""

    async def lives() -> None:
        while True:
            try:
                await Life(client, (team.namespace, team.name)).live()
            except Crash:
                client.strike = None

    serving = asyncio.create_task(lives())
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _end(team: Team) -> End:
    status = await team.status()
    deployments = (await team.kube.list(resources.DEPLOYMENT, team.namespace))["items"]
    events = (await team.kube.list(resources.EVENT, team.namespace, fields=f"involvedObject.kind={names.KIND}"))[
        "items"
    ]
    rollout = status["rollout"]
    said = {
        "phase": status["phase"],
        "revisions": [(entry["hash"], entry["outcome"]) for entry in status["revisions"]],
        "timeline": [(entry["phase"], entry["reason"]) for entry in rollout["transitions"]],
    }
    sizes = {item["metadata"]["name"]: item["spec"]["replicas"] for item in deployments}
    return End(said, await team.selector(), sizes, Counter(event["reason"] for event in events))


async def test_a_crash_at_a_write_changes_nothing_about_the_end(kube: KubeClient) -> None:
    async with AsyncExitStack() as stack:

        async def namespace() -> str:
            name = f"test-{uuid4().hex[:10]}"
            body = {"metadata": {"name": name}}
            await kube.request("POST", "/api/v1/namespaces", what="create a namespace", body=body)
            delete = kube.request
            stack.push_async_callback(delete, "DELETE", f"/api/v1/namespaces/{name}", what="delete it")
            await stack.enter_async_context(StandInNode(kube, name).running())
            return name

        undisturbed, writes = await upgrade(kube, await namespace(), None)
        every = max(1, -(-writes // PLANS_AT_MOST))
        strikes = [Strike(at, after=number % 2 == 0) for number, at in enumerate(range(0, writes, every))]
        played = await asyncio.gather(*[upgrade(kube, await namespace(), strike) for strike in strikes])
        assert len(strikes) >= PLANS_AT_MOST // 2
        for strike, (end, _) in zip(strikes, played, strict=True):
            assert end == undisturbed, str(strike)
