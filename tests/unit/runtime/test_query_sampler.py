"""Teams' own queries are asked beside the looks at all teams' counters, each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from agentteam_operator.api.promql import Query
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core.observed import QueryReading, Snapshot
from agentteam_operator.kube.resources import POD
from agentteam_operator.observe.query_sampler import QUERIES_OF_TEAM_AT_ONCE, QuerySampler, TeamQueries
from agentteam_operator.observe.sampler import Sampler, sampling_of
from agentteam_operator.observe.store import Store, TeamKey
from agentteam_operator.providers.prometheus_queries import TeamPods

from tests.support.waiting import eventually, settle
from tests.unit.runtime import objects

KEY = (objects.NAMESPACE, objects.TEAM)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GREEN = "fedcba9876"


def settings(interval_seconds: int = 60, **queries: str) -> AnalysisSettings:
    metrics = [{"name": name, "query": query, "max": 1} for name, query in queries.items()]
    return AnalysisSettings.parse({"intervalSeconds": interval_seconds, "metrics": [{"name": "errorRate"}, *metrics]})


class Prometheus:
    """Notes what it is asked; a query hangs for as long as some word in it says."""

    def __init__(self) -> None:
        self.looks = 0
        self.metrics: frozenset[str] = frozenset()
        self.asked: list[str] = []
        self.hanging: dict[str, asyncio.Event] = {}
        self.crashes = ""
        self.at = NOW

    async def snapshots(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Snapshot]:
        self.looks += 1
        self.metrics = requests[0].metrics
        return {request.key: Snapshot(at=NOW, pods={}) for request in requests}

    async def answer(self, expression: str) -> QueryReading:
        self.asked.append(expression)
        for word, event in self.hanging.items():
            if word in expression:
                await event.wait()
        if self.crashes and self.crashes in expression:
            raise ValueError("bug")
        self.at += timedelta(seconds=1)
        return QueryReading(self.at, value=float(len(self.asked)))


class Bench:
    def __init__(self) -> None:
        self.woken: list[TeamKey] = []
        self.store = Store(lambda _: None)
        self.prometheus = Prometheus()
        self.sampler = Sampler(self.store, self.prometheus, self.woken.append)
        self.store.put(POD, objects.pod("blue"))
        self.store.put(POD, objects.pod("green", GREEN))

    def want(self, wanted: AnalysisSettings, *, candidate: str = GREEN, key: TeamKey = KEY) -> None:
        self.sampler.want(key, sampling_of(wanted, candidate, objects.REVISION))

    def answered(self, key: TeamKey = KEY) -> set[str]:
        snapshot = self.sampler.latest(key)
        return set(snapshot.queries) if snapshot else set()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    task = asyncio.create_task(made.sampler.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_query_is_asked_about_the_candidates_pods_alone(bench: Bench) -> None:
    bench.want(settings(refunds="sum(app_refunds{$selector})"))
    await eventually(bench.answered)
    [asked] = bench.prometheus.asked
    assert " ".join(asked.split()) == f'sum(app_refunds{{namespace="{objects.NAMESPACE}",pod=~"green"}})'
    assert bench.answered() == {"refunds"}
    assert bench.woken


async def test_a_look_is_told_which_built_in_metrics_are_judged(bench: Bench) -> None:
    bench.want(settings(refunds="app_refunds"))
    await eventually(lambda: bench.prometheus.looks)
    assert bench.prometheus.metrics == {"errorRate"}


async def test_without_queries_none_is_asked(bench: Bench) -> None:
    bench.want(settings())
    await eventually(lambda: bench.prometheus.looks)
    await settle()
    assert bench.prometheus.asked == []


async def test_a_candidate_without_pods_is_not_asked_about(bench: Bench) -> None:
    bench.want(settings(refunds="app_refunds"), candidate="aaaaaaaaaa")
    await eventually(lambda: bench.prometheus.looks)
    await settle()
    assert bench.prometheus.asked == []


async def test_a_hanging_query_delays_nothing_else(bench: Bench) -> None:
    bench.prometheus.hanging["app_slow"] = asyncio.Event()
    bench.want(settings(1, slow="app_slow", quick="app_quick"))
    await eventually(lambda: bench.prometheus.looks >= 2)
    await eventually(lambda: sum("app_quick" in asked for asked in bench.prometheus.asked) >= 2)
    assert bench.answered() == {"quick"}
    assert sum("app_slow" in asked for asked in bench.prometheus.asked) == 1, "it isn't asked again meanwhile"
    bench.prometheus.hanging["app_slow"].set()
    await eventually(lambda: bench.answered() == {"slow", "quick"})


async def test_a_team_takes_no_more_than_its_places(bench: Bench) -> None:
    bench.prometheus.hanging["app_slow"] = asyncio.Event()
    bench.want(settings(60, **{f"slow{number}": f"app_slow_{number}" for number in range(9)}))
    other = ("other", "team")
    pod = objects.pod("elsewhere", GREEN)
    pod["metadata"]["namespace"], pod["metadata"]["labels"]["agentteam.dev/team"] = other
    bench.store.put(POD, pod)
    bench.want(settings(quick="app_quick"), key=other)
    await eventually(lambda: bench.answered(other))
    assert sum("app_slow" in asked for asked in bench.prometheus.asked) == QUERIES_OF_TEAM_AT_ONCE
    bench.prometheus.hanging["app_slow"].set()
    await eventually(lambda: len(bench.answered()) == 9)


async def test_a_fault_of_the_reader_ends_nothing(bench: Bench) -> None:
    bench.prometheus.crashes = "app_bad"
    bench.want(settings(1, bad="app_bad", good="app_good"))
    await eventually(lambda: sum("app_good" in asked for asked in bench.prometheus.asked) >= 2)
    assert bench.answered() == {"good"}


async def test_a_query_that_escaped_its_team_is_not_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never should, but if the parser's printer is wrong one day, nothing is sent, and nothing else is lost."""
    confined = Query.confined

    def escaping(query: Query, namespace: str, pods: Collection[str]) -> str:
        if "app_bad" in query.text:
            raise ValueError("a selector of the query isn't confined to the team: it is not sent")
        return confined(query, namespace, pods)

    monkeypatch.setattr(Query, "confined", escaping)
    bench.want(settings(1, bad="app_bad", good="app_good"))
    await eventually(lambda: len(bench.prometheus.asked) >= 2)
    assert bench.answered() == {"good"}
    assert not any("app_bad" in asked for asked in bench.prometheus.asked)


async def test_without_prometheus_nothing_turns() -> None:
    sampler = QuerySampler(None, lambda *_: frozenset({"green"}), lambda _: None)
    sampler.want(KEY, TeamQueries(1, GREEN, (("refunds", "app_refunds"),)))
    task = asyncio.create_task(sampler.run())
    await settle()
    assert sampler._due == {}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_query_that_nobody_may_ask_is_not_asked(bench: Bench) -> None:
    bench.want(settings(bad='app{namespace="other"}', good="app_good"))
    await eventually(bench.answered)
    assert len(bench.prometheus.asked) == 1


@pytest.mark.parametrize("change", ["another revision", "another query", "no longer wanted", "stopped acting"])
async def test_what_was_answered_before_a_change_is_forgotten(bench: Bench, change: str) -> None:
    bench.want(settings(refunds="app_refunds"))
    await eventually(bench.answered)
    bench.prometheus.hanging["app_"] = asyncio.Event()
    match change:
        case "another revision":
            bench.want(settings(refunds="app_refunds"), candidate=objects.REVISION)
        case "another query":
            bench.want(settings(refunds="app_refunds_total"))
        case "no longer wanted":
            bench.sampler.want(KEY, None)
        case _:
            bench.sampler.want_nothing()
    assert bench.answered() == set()


async def test_an_answer_that_comes_too_late_is_dropped(bench: Bench) -> None:
    bench.prometheus.hanging["app_slow"] = asyncio.Event()
    bench.want(settings(slow="app_slow"))
    await eventually(lambda: bench.prometheus.asked)
    bench.want(settings(quick="app_quick"))
    bench.prometheus.hanging["app_slow"].set()
    await eventually(lambda: bench.answered() == {"quick"})
    await settle()
    assert bench.answered() == {"quick"}
