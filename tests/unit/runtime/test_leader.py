from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import AlreadyExists, Conflict, KubeError, Retryable
from agentteam_operator.kube.resources import Resource
from agentteam_operator.leader import Leader, LeaseTimes

from tests.support.waiting import eventually

TIMES = LeaseTimes(duration=15, renew_deadline=10, retry=2)


class ApiServer(KubeClient):
    """Keeps one Lease, with versions as the real one does."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.down: KubeError | None = None

    async def find(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        assert (resource.kind, namespace, name) == ("Lease", "system", "operator")
        if self.down:
            raise self.down
        return copy.deepcopy(self.lease)

    async def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False
    ) -> dict[str, Any]:
        assert metadata_only is False
        found = await self.find(resource, namespace, name)
        assert found is not None
        return found

    async def request(self, method: str, path: str, *, what: str, body: Any = None, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        assert path.startswith("/apis/coordination.k8s.io/v1/namespaces/system/leases"), what
        if self.down:
            raise self.down
        if method == "POST" and self.lease is not None:
            raise AlreadyExists("taken")
        version = int(self.lease["metadata"]["resourceVersion"]) if self.lease else 0
        if method == "PUT" and body["metadata"]["resourceVersion"] != str(version):
            raise Conflict("stale")
        self.lease = copy.deepcopy({**body, "metadata": {**body["metadata"], "resourceVersion": str(version + 1)}})
        return self.lease

    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])


class Clock:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def leader_of(server: ApiServer, clock: Clock, name: str) -> Leader:
    return Leader(
        server,
        namespace="system",
        name="operator",
        identity=name,
        times=TIMES,
        changed=lambda _: None,
        steady_seconds=clock,
    )


async def test_the_first_gets_it_and_the_second_waits(server: ApiServer, clock: Clock) -> None:
    first, second = leader_of(server, clock, "a"), leader_of(server, clock, "b")
    await first._try()
    await second._try()
    assert (first.may_act(), second.may_act()) == (True, False)
    assert server.holder() == "a"


async def test_it_is_kept_by_renewing(server: ApiServer, clock: Clock) -> None:
    first, second = leader_of(server, clock, "a"), leader_of(server, clock, "b")
    for _ in range(20):
        await first._try()
        await second._try()
        clock.now += TIMES.retry
    assert (first.may_act(), second.may_act()) == (True, False)
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 0


async def test_who_cannot_renew_stops_before_another_may_begin(server: ApiServer, clock: Clock) -> None:
    first, second = leader_of(server, clock, "a"), leader_of(server, clock, "b")
    await first._try()
    await second._try()
    server.down = Retryable("down")
    clock.now += 9
    await first._try()
    assert first.may_act(), "within the deadline"
    clock.now += 2
    await first._try()
    assert not first.may_act()
    server.down = None
    await second._try()
    assert not second.may_act(), "the lease lasts longer than its holder acts"
    clock.now += 5
    await second._try()
    assert second.may_act()
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 1


async def test_a_process_that_slept_may_not_act(server: ApiServer, clock: Clock) -> None:
    first = leader_of(server, clock, "a")
    await first._try()
    clock.now += 60
    assert not first.may_act()


async def test_another_machines_clock_does_not_matter(server: ApiServer, clock: Clock) -> None:
    await leader_of(server, clock, "a")._try()
    assert server.lease is not None
    server.lease["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"
    second = leader_of(server, clock, "b")
    await second._try()
    assert not second.may_act(), "old by the calendar, but only just seen"


async def test_a_restarted_container_goes_on_at_once(server: ApiServer, clock: Clock) -> None:
    await leader_of(server, clock, "a")._try()
    again = leader_of(server, clock, "a")
    await again._try()
    assert again.may_act()


async def test_of_two_that_want_a_free_lease_one_gets_it(server: ApiServer, clock: Clock) -> None:
    await leader_of(server, clock, "gone")._try()
    second, third = leader_of(server, clock, "b"), leader_of(server, clock, "c")
    await asyncio.gather(second._try(), third._try())
    clock.now += 20
    await asyncio.gather(second._try(), third._try())
    assert [second.may_act(), third.may_act()].count(True) == 1


@asynccontextmanager
async def running(leader: Leader) -> AsyncIterator[None]:
    task = asyncio.create_task(leader.run())
    try:
        await eventually(leader.may_act)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_is_given_back_at_the_end(server: ApiServer, clock: Clock) -> None:
    told: list[bool] = []
    first = Leader(
        server,
        namespace="system",
        name="operator",
        identity="a",
        times=TIMES,
        changed=told.append,
        steady_seconds=clock,
    )
    async with running(first):
        assert server.holder() == "a"
        assert told == [True]
    assert server.holder() == ""
    assert told == [True, False]
    second = leader_of(server, clock, "b")
    await second._try()
    assert second.may_act(), "no need to wait for what was given back"
