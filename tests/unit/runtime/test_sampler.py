from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from agentteam_operator.core.observed import QueryReading, Snapshot
from agentteam_operator.kube.resources import POD
from agentteam_operator.observe.sampler import Sampler, Sampling
from agentteam_operator.observe.store import Store, TeamKey
from agentteam_operator.providers.prometheus_queries import TeamPods

from tests.support.waiting import eventually, settle
from tests.unit.runtime import objects

KEY = (objects.NAMESPACE, objects.TEAM)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLOURS = frozenset({objects.REVISION, "fedcba9876"})


class Prometheus:
    """Notes what it is asked, and answers with empty snapshots."""

    def __init__(self) -> None:
        self.asked: list[Sequence[TeamPods]] = []
        self.fails = False

    async def snapshots(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Snapshot]:
        self.asked.append(requests)
        if self.fails:
            raise ValueError("bug")
        return {request.key: Snapshot(at=NOW, pods={}) for request in requests}

    async def answer(self, expression: str) -> QueryReading:
        raise AssertionError(f"nobody wants {expression}")


class Bench:
    def __init__(self) -> None:
        self.woken: list[TeamKey] = []
        self.store = Store(lambda _: None)
        self.prometheus = Prometheus()
        self.sampler = Sampler(self.store, self.prometheus, self.woken.append)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    task = asyncio.create_task(made.sampler.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_nobody_is_asked_for_nothing(bench: Bench) -> None:
    await settle()
    assert bench.prometheus.asked == []


async def test_a_team_is_read_at_once_and_woken(bench: Bench) -> None:
    bench.sampler.want(KEY, Sampling(60, COLOURS))
    await eventually(lambda: bench.woken)
    assert len(bench.prometheus.asked) == 1
    assert bench.woken == [KEY]
    assert bench.sampler.latest(KEY) == Snapshot(at=NOW, pods={})


async def test_wanting_the_same_again_changes_nothing(bench: Bench) -> None:
    for _ in range(5):
        bench.sampler.want(KEY, Sampling(60, COLOURS))
        await settle()
    assert len(bench.prometheus.asked) == 1


async def test_teams_are_read_in_one_look(bench: Bench) -> None:
    other = ("support", "other")
    bench.sampler.want(KEY, Sampling(60, COLOURS))
    bench.sampler.want(other, Sampling(30, COLOURS))
    await eventually(lambda: bench.prometheus.asked)
    assert [[request.key for request in look] for look in bench.prometheus.asked] == [[KEY, other]]


async def test_at_each_interval(bench: Bench) -> None:
    bench.sampler.want(KEY, Sampling(0.4, COLOURS))
    await eventually(lambda: len(bench.prometheus.asked) == 3)


async def test_only_the_server_pods_of_the_two_colours_count(bench: Bench) -> None:
    evicted = objects.pod("evicted")
    evicted["status"]["phase"] = "Failed"
    probe = objects.pod("probe")
    probe["metadata"]["labels"]["agentteam.dev/role"] = "probe"
    for pod in (
        objects.pod("blue"),
        objects.pod("green", "fedcba9876"),
        objects.pod("third", "aaaaaaaaaa"),
        evicted,
        probe,
    ):
        bench.store.put(POD, pod)
    bench.sampler.want(KEY, Sampling(60, COLOURS))
    await eventually(lambda: bench.prometheus.asked)
    ((request,),) = bench.prometheus.asked
    assert request.pods == {"blue", "green"}
    assert request.revisions == COLOURS


async def test_nothing_is_remembered_of_a_team_that_wants_no_more(bench: Bench) -> None:
    bench.sampler.want(KEY, Sampling(60, COLOURS))
    await eventually(lambda: bench.sampler.latest(KEY))
    bench.sampler.want(KEY, None)
    assert bench.sampler.latest(KEY) is None


async def test_a_fault_of_the_reader_is_told_and_does_not_end_the_sampling(bench: Bench) -> None:
    bench.prometheus.fails = True
    bench.sampler.want(KEY, Sampling(0.3, COLOURS))
    await eventually(lambda: bench.woken)
    snapshot = bench.sampler.latest(KEY)
    assert snapshot is not None
    assert snapshot.error == "the look at Prometheus crashed (ValueError): see the operator's log"
    bench.prometheus.fails = False
    await eventually(lambda: bench.sampler.latest(KEY) == Snapshot(at=NOW, pods={}))


async def test_whoever_stops_acting_stops_reading(bench: Bench) -> None:
    bench.sampler.want(KEY, Sampling(60, COLOURS))
    await eventually(lambda: bench.sampler.latest(KEY))
    bench.sampler.want_nothing()
    assert bench.sampler.latest(KEY) is None
    bench.sampler.want(KEY, Sampling(60, COLOURS))
    await eventually(lambda: bench.sampler.latest(KEY))
    assert len(bench.prometheus.asked) == 2, "who acts again begins anew"
