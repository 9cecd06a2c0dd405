"""The Prometheus client against a real Prometheus that scrapes what the agent server really exposes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import yaml
from agent_server.conversation import RunResult, StopCause, TokenUsage
from agent_server.errors import RunStatus
from agent_server.telemetry.metrics import RUN_DURATION_BUCKETS_SECONDS, ServerMetrics
from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import MetricName
from agentteam_operator.api.promql import parse_query
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import DURATION_BOUNDS_SECONDS, Colour, Mode
from agentteam_operator.core.observed import Snapshot
from agentteam_operator.core.quantities import QUANTITIES
from agentteam_operator.providers.prometheus import Prometheus, PrometheusConfig
from agentteam_operator.providers.prometheus_queries import TeamPods
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cluster import programs
from tests.cluster.profiles import bin_dir

BLUE, GREEN = "support-aaaaaaaaaa-1", "support-bbbbbbbbbb-1"
TEAM = TeamPods("shop", "support", frozenset({"aaaaaaaaaa", "bbbbbbbbbb"}), frozenset({BLUE, GREEN}))
TIMEOUT_SECONDS = 30.0


class Pods:
    """Agent servers' metrics, each under a path of its own, as a scrape target for each pod."""

    def __init__(self) -> None:
        self.metrics: dict[str, ServerMetrics] = {}

    def add(self, pod: str) -> ServerMetrics:
        self.metrics[pod] = ServerMetrics(agents=["helper"], models=[], run_cost=True)
        return self.metrics[pod]

    def runs(self, pod: str, *, good: int, bad: int, seconds: float = 0.7) -> None:
        for status, count in ((RunStatus.SUCCESS, good), (RunStatus.ERROR, bad)):
            for _ in range(count):
                self.metrics[pod].run_started()
                self.metrics[pod].run_finished(status, seconds)

    async def expose(self, request: web.Request) -> web.Response:
        pod = request.match_info["pod"]
        if pod not in self.metrics:
            raise web.HTTPServiceUnavailable
        return web.Response(body=self.metrics[pod].exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})


def scrape_config(target: str, pods: list[tuple[str, str]]) -> str:
    """Each pod's labels come from the target, as Kubernetes discovery gives them."""
    jobs = [
        {
            "job_name": f"{namespace}/{pod}",
            "metrics_path": f"/{pod}/metrics",
            "static_configs": [{"targets": [target], "labels": {"namespace": namespace, "pod": pod}}],
        }
        for namespace, pod in pods
    ]
    timing = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    return yaml.safe_dump({"global": timing, "scrape_configs": jobs})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_prometheus(folder: Path, config: str) -> AsyncIterator[str]:
    """A Prometheus with this configuration; gives its URL."""
    file = folder / "prometheus.yml"
    file.write_text(config)
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(bin_dir() / "prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        await until_ready(f"http://{address}", folder / "prometheus.log")
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def until_ready(url: str, log: Path) -> None:
    """Wait until Prometheus answers queries; what it logged is told when it doesn't."""
    deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == web.HTTPOk.status_code:
                        return
            except aiohttp.ClientError:
                pass
            assert asyncio.get_running_loop().time() < deadline, await asyncio.to_thread(log.read_text)
            await asyncio.sleep(0.1)


async def ask(prometheus: Prometheus, query: str) -> tuple[float | None, str]:
    """The value, or the problem, of a query that the team wrote, asked as the operator does."""
    found = await prometheus.answer(parse_query(query).confined("shop", [GREEN]))
    assert found.error == "", query
    return found.value, found.problem


async def value_until(prometheus: Prometheus, expression: str, value: float) -> None:
    """Wait until an expression, as it is, has this value."""
    deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    while (found := await prometheus.answer(expression)).value != value:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.1)


async def look_until(prometheus: Prometheus, pod: str, started: float, team: TeamPods = TEAM) -> Snapshot:
    """The first snapshot in which the pod has started so many runs."""
    deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    while True:
        snapshot = (await prometheus.snapshots([team]))[team.key]
        assert snapshot.error == ""
        if pod in snapshot.pods and snapshot.pods[pod].started == started:
            return snapshot
        assert asyncio.get_running_loop().time() < deadline, snapshot
        await asyncio.sleep(0.1)


@pytest.fixture(scope="module", autouse=True)
def _prometheus_is_built() -> None:
    programs.build(["fast"])


@pytest.fixture
async def pods() -> AsyncIterator[tuple[Pods, str]]:
    pods = Pods()
    app = web.Application()
    app.router.add_get("/{pod}/metrics", pods.expose)
    async with TestServer(app) as server:
        yield pods, f"{server.host}:{server.port}"


def test_server_and_judge_agree_on_the_buckets() -> None:
    assert (*map(float, RUN_DURATION_BUCKETS_SECONDS), float("inf")) == DURATION_BOUNDS_SECONDS


async def test_counters_are_read_as_the_agent_server_counted(pods: tuple[Pods, str], tmp_path: Path) -> None:
    counted, target = pods
    counted.add(BLUE)
    counted.runs(BLUE, good=5, bad=2)
    counted.metrics[BLUE].run_started()
    counted.metrics[BLUE].run_finished(RunStatus.TIMEOUT, 300.0)
    counted.metrics[BLUE].run_started()
    counted.metrics[BLUE].run_finished(RunStatus.CANCELLED, 1.0)
    config = scrape_config(target, [("shop", BLUE), ("other", BLUE), ("shop", GREEN)])
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(url)) as prometheus:
        snapshot = await look_until(prometheus, BLUE, 9)
    read = snapshot.pods[BLUE]
    assert (read.succeeded, read.failed) == (5, 3)
    assert read.duration_buckets == tuple(
        0.0 if bound < 0.75 else 7.0 if bound < 320 else 8.0 for bound in DURATION_BOUNDS_SECONDS
    )
    assert read.memory_bytes is not None
    assert read.memory_bytes > 1_000_000
    assert GREEN not in snapshot.pods, "it can't be scraped: no data"


async def test_what_runs_took_is_read_as_the_agent_server_counted(pods: tuple[Pods, str], tmp_path: Path) -> None:
    counted, target = pods
    metrics = counted.add(BLUE)
    metrics.watch_queue(lambda: 3)
    for cause in (StopCause.MAX_TURNS, StopCause.TEXT_MENTION, StopCause.OTHER):
        metrics.run_started()
        metrics.run_finished(
            RunStatus.SUCCESS, 0.7, RunResult("x", "words", ("clerk",) * 4, TokenUsage(900, 100), cause, 0.02)
        )
    everything = replace(TEAM, metrics=frozenset(MetricName))
    config = scrape_config(target, [("shop", BLUE)])
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(url)) as prometheus:
        snapshot = await look_until(prometheus, BLUE, 3, everything)
    read = snapshot.pods[BLUE]
    assert read.quantities.keys() == QUANTITIES.keys()
    assert read.quantities["maxTurnHitRate"] == (2.0, 3.0)
    for name, value in (("turnsPerRun", 4), ("tokensPerRun", 1000), ("costPerRun", 0.02)):
        bounds = QUANTITIES[name].bounds
        assert read.quantities[name] == tuple(3.0 if bound >= value else 0.0 for bound in bounds)
    assert read.queued_runs == 3
    assert read.cpu is not None
    assert read.cpu.used_seconds > 0
    assert read.cpu.uptime_seconds > 0


async def test_a_teams_query_reads_its_own_pods_and_nobody_elses(pods: tuple[Pods, str], tmp_path: Path) -> None:
    """Another namespace's pod of the same name, and blue's, have counted more: none of it may be seen."""
    counted, target = pods
    for pod, runs in ((GREEN, 2), (BLUE, 10)):
        counted.add(pod)
        counted.runs(pod, good=runs, bad=0)
    victim = "victim-cccccccccc-1"
    counted.add(victim)
    counted.runs(victim, good=77, bad=0)
    config = scrape_config(target, [("shop", GREEN), ("shop", BLUE), ("other", GREEN), ("other", victim)])
    started = "autogen_runs_started_total"
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(url)) as prometheus:
        await value_until(prometheus, f"sum({started})", 2 + 10 + 2 + 77)  # all that there is, unconfined
        for query, value in (
            (f"sum({started}{{$selector}})", 2.0),
            (f"sum({started})", 2.0),
            (f'sum({{__name__=~"{started}|other_total",$selector}})', 2.0),
            (f"count({started})", 1.0),
            (f"scalar(sum({started}))", 2.0),
            (f"sum({started}) + on() group_left() sum({started})", 4.0),
            (f'sum(label_replace({started}, "namespace", "other", "", "")) by (namespace)', 2.0),
            (f"absent({started}{{nobody='has this'}})", 1.0),
            (f"sum({started} or on() vector(1000))", 2.0),
            ("count(count by (namespace) ({$selector}))", 1.0),
        ):
            assert await ask(prometheus, query) == (value, ""), query
        for query, problem in (
            (f"{started}{{job='other/{GREEN}'}}", "gives nothing"),
            (f"{started}{{instance='elsewhere'}}", "gives nothing"),
            ("autogen_runs_finished_total", "gives several series"),
            (f"0 / (sum({started}) - 2)", "gives nan, no finite number"),
            (f"1 / (sum({started}) - 2)", "gives inf, no finite number"),
        ):
            found, said = await ask(prometheus, query)
            assert found is None, query
            assert problem in said


async def test_a_query_that_prometheus_itself_refuses_is_an_error(pods: tuple[Pods, str], tmp_path: Path) -> None:
    _, target = pods
    config = scrape_config(target, [("shop", GREEN)])
    query = parse_query('label_replace(up, "a", "$1", "b", "(")').confined("shop", [GREEN])
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(url)) as prometheus:
        assert "invalid regular expression in label_replace()" in (await prometheus.answer(query)).error


async def test_a_pod_scraped_by_two_jobs_is_told(pods: tuple[Pods, str], tmp_path: Path) -> None:
    counted, target = pods
    counted.add(BLUE)
    document = yaml.safe_load(scrape_config(target, [("shop", BLUE)]))
    document["scrape_configs"].append({**document["scrape_configs"][0], "job_name": "again"})
    async with (
        running_prometheus(tmp_path, yaml.safe_dump(document)) as url,
        Prometheus(PrometheusConfig(url)) as prometheus,
    ):
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        while not (error := (await prometheus.snapshots([TEAM]))[TEAM.key].error):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)
    assert error == f"Prometheus has several series for one metric of pod {BLUE}: have it scraped by one job only"


async def test_a_query_that_prometheus_refuses_is_an_error_with_its_reason(
    pods: tuple[Pods, str], tmp_path: Path
) -> None:
    _, target = pods
    config = scrape_config(target, [("shop", BLUE)])
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(f"{url}/wrong")) as prometheus:
        snapshot = (await prometheus.snapshots([TEAM]))[TEAM.key]
    assert snapshot.error == f"Prometheus at {url}/wrong: answered 404, not JSON: '404 page not found\\n'"


async def test_a_bad_revision_is_condemned_over_a_real_prometheus(pods: tuple[Pods, str], tmp_path: Path) -> None:
    counted, target = pods
    for pod in (BLUE, GREEN):
        counted.add(pod)
    began = datetime.now(UTC)
    blue = Colour(frozenset({BLUE}), {BLUE: began - timedelta(days=1)}, 0)
    green = Colour(frozenset({GREEN}), {GREEN: began}, 0)
    settings = AnalysisSettings(interval_seconds=1)
    state = AnalysisStatus()
    config = scrape_config(target, [("shop", BLUE), ("shop", GREEN)])
    async with running_prometheus(tmp_path, config) as url, Prometheus(PrometheusConfig(url)) as prometheus:
        await look_until(prometheus, BLUE, 0)
        await look_until(prometheus, GREEN, 0)
        for block in range(1, 5):
            snapshot = (await prometheus.snapshots([TEAM]))[TEAM.key]
            judgement = analysis.judge(
                settings, state, snapshot, blue=blue, green=green, mode=Mode.CONCURRENT, now=snapshot.at
            )
            state = judgement.state
            if analysis.overall(judgement) is Verdict.FAILED:
                break
            counted.runs(BLUE, good=20, bad=0)
            counted.runs(GREEN, good=10, bad=10)
            await look_until(prometheus, BLUE, 20 * block)
            await look_until(prometheus, GREEN, 20 * block)
    verdict = next(found for found in judgement.verdicts if found.name == "errorRate")
    assert verdict.verdict is Verdict.FAILED
    assert verdict.reason == "WorseThanBlue"
    assert verdict.message.startswith("green fails 50.0 % (20 of 40), blue 0.0 % (0 of 40) in the last 2 blocks")
