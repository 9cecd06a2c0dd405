from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from agentteam_operator.app import App
from agentteam_operator.core.guard import FEWEST_LOOKS, Alarm, Guarding, GuardSettings, Health
from agentteam_operator.core.sequential import Tally
from agentteam_operator.observe.guard_watch import PAST_LOOKS, PAST_LOOKS_OF_YOUNG, PASTS_AT_ONCE, GuardWatch
from agentteam_operator.observe.store import TeamKey
from agentteam_operator.providers.prometheus_queries import TeamPods
from agentteam_operator.providers.prometheus_runs import EndedRuns
from agentteam_operator.settings import Settings

from tests.support.waiting import eventually
from tests.unit.runtime.test_app import SilentApiServer

KEY, OTHER = ("shop", "support"), ("shop", "other")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = GuardSettings(max_rate=0.05, min_effect=0.005, min_runs=20)
GUARDING = Guarding("a" * 10, SETTINGS)
PODS = frozenset({"pod-0", "pod-1"})
DAY = (Tally(1, 100),) * 90


@dataclass
class Prometheus:
    """Counts runs of each pod, by the test's word, and notes what it is asked."""

    counts: dict[str, EndedRuns] = field(default_factory=lambda: dict.fromkeys(PODS, EndedRuns(1000, 10)))
    days: Sequence[Tally] = DAY
    unreachable: bool = False
    asked: list[list[TeamKey]] = field(default_factory=list)
    asked_of_past: list[list[TeamKey]] = field(default_factory=list)
    fails: bool = False

    async def ended(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Mapping[str, EndedRuns]]:
        self.asked.append([request.key for request in requests])
        if self.fails:
            raise ValueError("bug")
        if self.unreachable:
            return {}
        return {one.key: {pod: self.counts[pod] for pod in one.pods & self.counts.keys()} for one in requests}

    async def past(self, requests: Sequence[TeamPods]) -> Mapping[TeamKey, Sequence[Tally]]:
        self.asked_of_past.append([request.key for request in requests])
        return {} if self.unreachable else {request.key: self.days for request in requests}

    def run(self, good: int, bad: int, pods: frozenset[str] = PODS) -> None:
        """So many more runs end on each pod."""
        for pod in pods:
            self.counts[pod] = EndedRuns(self.counts[pod].good + good, self.counts[pod].bad + bad)


class Bench:
    def __init__(self) -> None:
        self.now = NOW
        self.pods = PODS
        self.woken: list[TeamKey] = []
        self.prometheus = Prometheus()
        self.watch = GuardWatch(self.prometheus, lambda *_: self.pods, self.woken.append, lambda: self.now)

    async def look(self, good: int = 0, bad: int = 0, times: int = 1) -> None:
        """So many minutes pass, with such runs on each pod."""
        for _ in range(times):
            self.prometheus.run(good, bad)
            self.now += timedelta(minutes=1)
            await self.watch.look()

    def health(self) -> Health:
        found = self.watch.finding(KEY)
        assert found is not None
        return found.health


@pytest.fixture
async def bench() -> Bench:
    """A team that is watched, whose past is known."""
    made = Bench()
    made.watch.watch_over(KEY, GUARDING)
    await made.look()
    return made


async def test_of_nobody_nothing_is_asked() -> None:
    bench = Bench()
    await bench.look()
    assert bench.prometheus.asked == []
    assert bench.watch.finding(KEY) is None


async def test_a_team_that_is_well_is_never_woken(bench: Bench) -> None:
    await bench.look(good=95, bad=4, times=100)
    assert bench.woken == []
    assert bench.health() is Health.WELL


async def test_a_team_is_woken_by_news_only(bench: Bench) -> None:
    await bench.look(good=50, bad=50, times=FEWEST_LOOKS - 1)
    assert bench.woken == []
    await bench.look(good=50, bad=50)
    assert bench.woken == [KEY]
    await bench.look(good=50, bad=50, times=50)
    assert bench.woken == [KEY], "it is the same finding"
    await bench.look(good=100, times=FEWEST_LOOKS)
    assert bench.health() is Health.WELL
    assert set(bench.woken) == {KEY}
    assert len(bench.woken) <= 3, "that it is no more proven, and that it is over"


async def test_it_knows_since_when(bench: Bench) -> None:
    await bench.look(good=100, times=5)
    began = bench.now
    await bench.look(good=50, bad=50, times=FEWEST_LOOKS)
    found = bench.watch.finding(KEY)
    assert found is not None
    assert (found.since, found.seen, found.usual) == (began, Tally(1000, 2000), 0.01)


async def test_all_teams_are_read_in_one_look(bench: Bench) -> None:
    bench.watch.watch_over(OTHER, GUARDING)
    await bench.look()
    assert bench.prometheus.asked[-1] == [KEY, OTHER]


async def test_what_a_new_pod_had_counted_before_is_not_of_now(bench: Bench) -> None:
    bench.pods = PODS | {"pod-2"}
    bench.prometheus.counts["pod-2"] = EndedRuns(0, 10_000)
    await bench.look(good=100, times=FEWEST_LOOKS)
    assert bench.health() is Health.WELL


async def test_a_server_that_began_anew_is_counted_from_0(bench: Bench) -> None:
    for number in range(FEWEST_LOOKS):
        bench.prometheus.counts = dict.fromkeys(PODS, EndedRuns(0, 0))
        await bench.look(good=10, bad=30 - number)
    assert bench.health() is Health.WORSE


async def test_pods_that_are_gone_are_forgotten(bench: Bench) -> None:
    bench.pods = frozenset({"pod-0"})
    await bench.look(good=100)
    assert set(bench.watch._watched[KEY].counts) == {"pod-0"}


async def test_while_prometheus_is_lost_nothing_is_found_and_nothing_ends(bench: Bench) -> None:
    bench.prometheus.unreachable = True
    await bench.look(good=0, bad=100, times=30)
    assert bench.health() is Health.WELL
    bench.prometheus.unreachable = False
    await bench.look()
    assert bench.health() is Health.WELL, "all that came meanwhile is one look"
    await bench.look(bad=100, times=FEWEST_LOOKS - 1)
    assert bench.health() is Health.WORSE
    bench.prometheus.unreachable = True
    await bench.look(good=100, times=100)
    assert bench.health() is Health.WORSE


async def test_the_past_is_read_now_and_then(bench: Bench) -> None:
    await bench.look(times=PAST_LOOKS)
    assert len(bench.prometheus.asked_of_past) == 2
    assert len(bench.prometheus.asked) == PAST_LOOKS + 1


async def test_a_past_that_is_too_short_is_read_more_often() -> None:
    bench = Bench()
    bench.prometheus.days = ()
    bench.watch.watch_over(KEY, GUARDING)
    await bench.look(bad=100, times=PAST_LOOKS_OF_YOUNG)
    assert bench.health() is Health.WELL, "nobody knows what is usual"
    bench.prometheus.days = DAY
    await bench.look(bad=100, times=1 + FEWEST_LOOKS)
    assert bench.health() is Health.WORSE


async def test_a_past_that_could_not_be_read_is_asked_for_again() -> None:
    bench = Bench()
    bench.prometheus.unreachable = True
    bench.watch.watch_over(KEY, GUARDING)
    await bench.look(times=2)
    assert bench.prometheus.asked_of_past == [[KEY], [KEY]]


async def test_thousands_of_teams_are_no_burst() -> None:
    bench = Bench()
    for number in range(PASTS_AT_ONCE + 1):
        bench.watch.watch_over(("shop", f"team-{number}"), GUARDING)
    await bench.look(times=3)
    assert [len(asked) for asked in bench.prometheus.asked_of_past] == [PASTS_AT_ONCE, 1]


async def test_wanting_the_same_again_changes_nothing(bench: Bench) -> None:
    for _ in range(FEWEST_LOOKS):
        bench.watch.watch_over(KEY, GUARDING)
        await bench.look(bad=100)
    assert bench.health() is Health.WORSE


async def test_another_revision_begins_anew(bench: Bench) -> None:
    await bench.look(bad=100, times=FEWEST_LOOKS)
    bench.watch.watch_over(KEY, Guarding("b" * 10, SETTINGS))
    found = bench.watch.finding(KEY)
    assert found is not None
    assert (found.revision, found.health) == ("b" * 10, Health.WELL)


async def test_other_limits_hold_at_once(bench: Bench) -> None:
    await bench.look(bad=100, times=FEWEST_LOOKS)
    generous = GuardSettings(max_rate=0.6, min_effect=0.005, min_runs=20)
    bench.watch.watch_over(KEY, Guarding(GUARDING.revision, generous))
    await bench.look(good=50, bad=50, times=FEWEST_LOOKS)
    assert bench.health() is Health.WELL


async def test_who_is_no_longer_wanted_is_forgotten(bench: Bench) -> None:
    bench.watch.watch_over(KEY, None)
    assert bench.watch.finding(KEY) is None
    bench.watch.watch_over(KEY, GUARDING)
    bench.watch.want_nothing()
    assert bench.watch.finding(KEY) is None


async def test_a_new_process_goes_on_from_what_the_status_says() -> None:
    bench = Bench()
    alarm = Alarm(Health.WORSE, NOW, 0.01, Tally(300, 1000))
    bench.watch.watch_over(KEY, Guarding(GUARDING.revision, SETTINGS, alarm))
    assert bench.health() is Health.WORSE
    await bench.look(good=100, times=FEWEST_LOOKS)
    assert (bench.health(), bench.woken) == (Health.WORSE, []), "the first look only begins to count"
    await bench.look(good=100)
    assert (bench.health(), bench.woken) == (Health.WELL, [KEY])


async def test_without_a_prometheus_nobody_is_watched() -> None:
    watch = GuardWatch(None, lambda *_: PODS, lambda _: None, lambda: NOW)
    watch.watch_over(KEY, GUARDING)
    await watch.look()
    found = watch.finding(KEY)
    assert found is not None
    assert found.health is Health.WELL


async def test_a_fault_of_ours_does_not_end_the_watch() -> None:
    bench = Bench()
    bench.prometheus.fails = True
    watch = GuardWatch(bench.prometheus, lambda *_: PODS, bench.woken.append, lambda: NOW, look_seconds=0.01)
    watch.watch_over(KEY, GUARDING)
    task = asyncio.create_task(watch.run())
    try:
        await eventually(lambda: len(bench.prometheus.asked) > 2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_replica_that_lost_the_lease_watches_nobody() -> None:
    app = App(Settings(leader_election=False), SilentApiServer(), None)
    app.prerequisites.crd_matches.set()
    app._update()
    app._guard.watch_over(KEY, GUARDING)
    app._update()
    assert app._guard.finding(KEY) is not None, "it acts, and goes on"
    app.prerequisites.crd_matches.clear()
    app._update()
    assert app._guard.finding(KEY) is None
