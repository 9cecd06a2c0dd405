"""What the guard asks, asked of a real Prometheus: one with a day of history, and an agent server that it scrapes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from agent_server.errors import RunStatus
from agentteam_operator.core import guard
from agentteam_operator.core.guard import FEWEST_LOOKS, Guarding, GuardSettings, Health
from agentteam_operator.core.sequential import Tally
from agentteam_operator.observe.guard_watch import GuardWatch
from agentteam_operator.providers.prometheus import Prometheus, PrometheusConfig
from agentteam_operator.providers.prometheus_queries import TeamPods
from agentteam_operator.providers.prometheus_runs import EndedRuns, RunsReader, past_times
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cluster import programs
from tests.cluster.profiles import bin_dir
from tests.integration.test_prometheus import Pods, running_prometheus, scrape_config

POD, YOUNG = "support-aaaaaaaaaa-1", "support-aaaaaaaaaa-2"
NAMESAKES = (("other", POD), ("shop", "billing-bbbbbbbbbb-1"))
"""Whose runs all fail: another namespace's pod of the same name, and another team's."""
TEAM = TeamPods("shop", "support", frozenset({"aaaaaaaaaa"}), frozenset({POD, YOUNG}))
SETTINGS = GuardSettings(max_rate=0.05, min_effect=0.005, min_runs=20)
TIMEOUT_SECONDS = 30.0

EVERY_SECONDS = 60
GOOD_A_MINUTE, BAD_A_MINUTE = 49, 1
"""Of each pod, as long as it serves: 2 % fail."""


@pytest.fixture(scope="module", autouse=True)
def _prometheus_is_built() -> None:
    programs.build(["fast"])


class History:
    """A day of the team: one pod has served for longer and began anew in the middle, one was made in its last hours."""

    def __init__(self, now: datetime) -> None:
        self.times = past_times(now)
        self.restarted_at = self.times[40] + 10 * EVERY_SECONDS
        self.made_at = self.times[80] + 10 * EVERY_SECONDS
        self.begins_at = self.times[0] - 7200

    def lines(self) -> Iterator[str]:
        """All that was scraped until the last moment of the past, as OpenMetrics has it."""
        yield "# TYPE autogen_runs_finished counter"
        for namespace, pod in (*NAMESAKES, ("shop", POD), ("shop", YOUNG)):
            for status in ("success", "error", "timeout", "rejected", "cancelled"):
                labels = f'namespace="{namespace}",pod="{pod}",job="history",status="{status}"'
                for time in range(self.begins_at, self.times[-1] + 1, EVERY_SECONDS):
                    count = self._count(namespace, pod, status, time)
                    if count is not None:
                        yield f"autogen_runs_finished_total{{{labels}}} {count} {time}"
        yield "# EOF\n"

    def _count(self, namespace: str, pod: str, status: str, time: int) -> int | None:
        if pod == YOUNG and time < self.made_at:
            return None
        began = self.made_at if pod == YOUNG else self.begins_at
        if pod == POD and time >= self.restarted_at:
            began = self.restarted_at
        minutes = (time - began) // EVERY_SECONDS
        if (namespace, pod) in NAMESAKES:
            return minutes * 50 if status == "error" else 0
        return minutes * {"success": GOOD_A_MINUTE, "timeout": BAD_A_MINUTE, "cancelled": 100}.get(status, 0)

    def store(self, folder: Path) -> None:
        """Write the file that promtool makes blocks of."""
        (folder / "history.txt").write_text("\n".join(self.lines()))


@pytest.fixture
async def history(tmp_path: Path) -> History:
    made = History(datetime.now(UTC))
    made.store(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(str(bin_dir() / "promtool"), "tsdb", "create-blocks-from", "openmetrics"),
        *(str(tmp_path / "history.txt"), str(tmp_path / "data")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return made


async def test_the_last_day_is_read_as_it_was(history: History, tmp_path: Path) -> None:
    """Each piece has the runs of its quarter of an hour: of a pod that began anew those since, and nobody else's."""
    config = scrape_config("127.0.0.1:1", [])
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(url)) as prometheus:
        read = await RunsReader(prometheus, lambda: datetime.fromtimestamp(history.times[-1] + 900, UTC)).past([TEAM])
    pieces = read[TEAM.key]
    one, five = Tally(15 * BAD_A_MINUTE, 15 * 50), Tally(5 * BAD_A_MINUTE, 5 * 50)
    assert len(pieces) == 96
    assert set(pieces[:40]) == {one}
    assert pieces[40] == five, "what was counted before the restart in that piece is lost with the server"
    assert set(pieces[41:80]) == {one}
    assert pieces[80] == one + five, "the young pod's first five minutes"
    assert set(pieces[81:]) == {one + one}
    assert guard.usual_rate(pieces, SETTINGS.min_runs) == BAD_A_MINUTE / 50


@pytest.mark.usefixtures("history")
async def test_a_fault_is_found_over_a_real_prometheus(tmp_path: Path) -> None:
    """What serves fails 2 % of its runs, as it did all day, and then half of them; its namesakes fail all along."""
    counted, now = Pods(), datetime.now(UTC)
    app = web.Application()
    app.router.add_get("/{pod}/metrics", counted.expose)
    for pod in (POD, YOUNG):
        counted.add(pod)
    async with (
        TestServer(app) as server,
        running_prometheus(
            tmp_path, scrape_config(f"{server.host}:{server.port}", [("shop", POD), ("shop", YOUNG), ("other", POD)])
        ) as url,
        Prometheus(PrometheusConfig(url)) as prometheus,
    ):
        runs, woken = RunsReader(prometheus, lambda: datetime.now(UTC)), list[tuple[str, str]]()
        watch = GuardWatch(runs, lambda *_: TEAM.pods, woken.append, lambda: now)
        watch.watch_over(TEAM.key, Guarding("aaaaaaaaaa", SETTINGS))
        expected = EndedRuns(0, 0)
        for number in range(2 + FEWEST_LOOKS):
            good, bad = (49, 1) if number < 2 else (20, 20)
            for pod in TEAM.pods:
                counted.runs(pod, good=good, bad=bad)
                counted.metrics[pod].run_started()
                counted.metrics[pod].run_finished(RunStatus.CANCELLED, 1.0)
            expected = EndedRuns(expected.good + good, expected.bad + bad)
            await _counted(runs, expected)
            assert woken == []
            await watch.look()
    found = watch.finding(TEAM.key)
    assert found is not None
    assert (found.health, found.proven, found.usual, found.limit) == (Health.WORSE, True, 0.02, 0.05)
    assert found.seen == Tally(FEWEST_LOOKS * 40, FEWEST_LOOKS * 80)
    assert woken == [TEAM.key]


async def _counted(runs: RunsReader, expected: EndedRuns) -> None:
    """Wait until Prometheus has scraped so much of each pod."""
    deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    while (found := (await runs.ended([TEAM]))[TEAM.key]) != dict.fromkeys(TEAM.pods, expected):
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.1)
