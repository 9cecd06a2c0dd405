"""What the agent server costs over AutoGen itself: `python -m tests.bench.agent_server [--out FOLDER]`.

Figures are processor time a run (of the server's process alone), so that what the client costs stays out, and ratios to
bare AutoGen in the same minute on the same machine. The model answers at once (Replay): nothing but overhead is left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.replay import ReplayChatCompletionClient

from tests.model_endpoint.server import ModelEndpoint
from tests.support.agent_server import ServerProcess, endpoint_model, replay_model, running_server, team_spec
from tests.support.http_client import Connection

RUNS = 400
WARM_UP_RUNS = 50
CLIENTS = 4
STREAMS = 1000
PAIRS = 3
"""Bare AutoGen and the server take turns so often; medians are given."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One side of the comparison; times in milliseconds."""

    cpu_ms_per_run: float
    latency_p50_ms: float
    latency_p99_ms: float


async def bare_autogen() -> Cost:
    """A fresh team and a run, one after the other, in this process."""

    async def once() -> None:
        agent = AssistantAgent("solo", ReplayChatCompletionClient(["fine"]), system_message="You are solo.")
        await RoundRobinGroupChat([agent], max_turns=1).run(task="hi")

    return await _measure(once, time.process_time)


async def through_the_server(server: ServerProcess) -> Cost:
    """The same, over a kept-alive connection."""
    connection = await Connection.open(server.port)

    async def once() -> None:
        answer = await connection.chat()
        if answer.status != 200:
            raise RuntimeError(f"the server answered {answer.status}")

    cost = await _measure(once, lambda: _cpu_seconds(server.process.pid))
    await connection.close()
    return cost


async def _measure(once: Callable[[], Awaitable[None]], cpu_seconds: Callable[[], float]) -> Cost:
    for _ in range(WARM_UP_RUNS):
        await once()
    latencies, cpu_before = [], cpu_seconds()
    for _ in range(RUNS):
        started = time.perf_counter()
        await once()
        latencies.append(time.perf_counter() - started)
    cpu = cpu_seconds() - cpu_before
    p99 = statistics.quantiles(latencies, n=100)[98]
    return Cost(cpu * 1000 / RUNS, statistics.median(latencies) * 1000, p99 * 1000)


async def concurrent_streams(folder: Path) -> dict[str, float]:
    """1,000 streams at once, of a model that thinks for 5 s: failures, and the server's memory before and meanwhile."""
    async with TestServer(ModelEndpoint().application()) as endpoint:
        spec = team_spec(
            [endpoint_model("scripted-ok-delay-5000ms", str(endpoint.make_url("/v1")), timeoutSeconds=300)]
        )
        spec["runs"] = {"maxConcurrent": STREAMS}
        async with running_server(spec, folder) as server:
            before = _resident_mib(server.process.pid)
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector) as session:
                tasks = [asyncio.create_task(_stream(session, server.url)) for _ in range(STREAMS)]
                await asyncio.sleep(4)
                meanwhile = _resident_mib(server.process.pid)
                good = sum(await asyncio.gather(*tasks))
    return {"streams": STREAMS, "failed": STREAMS - good, "rss_before_mib": before, "rss_meanwhile_mib": meanwhile}


async def _stream(session: aiohttp.ClientSession, url: str) -> bool:
    body = {"stream": True, "messages": [{"role": "user", "content": "hi"}]}
    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
        return (await answer.text()).endswith("data: [DONE]\n\n")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def run() -> dict[str, object]:
    """All measurements."""
    bare, served, started, memory = [], [], [], []
    for _ in range(PAIRS):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            async with running_server(
                team_spec([replay_model("fine")]), Path(folder), max_connection_age_seconds=3600
            ) as server:
                started.append(time.perf_counter() - begun)
                start_cpu = _cpu_seconds(server.process.pid)
                memory.append(_resident_mib(server.process.pid))
                bare.append(await bare_autogen())
                served.append(await through_the_server(server))
    with tempfile.TemporaryDirectory() as folder:
        streams = await concurrent_streams(Path(folder))
    cpu_bare = statistics.median(cost.cpu_ms_per_run for cost in bare)
    cpu_served = statistics.median(cost.cpu_ms_per_run for cost in served)
    return {
        "host": {"cpus": os.cpu_count(), "kernel": platform.release(), "load_1min": round(os.getloadavg()[0], 1)},
        "versions": {name: version(name) for name in ("autogen-agentchat", "aiohttp", "openai")},
        "settings": {"runs": RUNS, "pairs": PAIRS, "agents": 1, "turns": 1, "model": "Replay"},
        "bare_autogen": [asdict(cost) for cost in bare],
        "server": [asdict(cost) for cost in served],
        "runs_per_core_of_bare_autogen": round(cpu_bare / cpu_served, 3),
        "start_seconds": round(statistics.median(started), 2),
        "start_cpu_seconds": round(start_cpu, 2),
        "start_rss_mib": round(statistics.median(memory), 1),
        "concurrent_streams": streams,
    }


def table(result: dict[str, object]) -> str:
    """The result as Markdown."""
    lines = [
        "# The agent server over bare AutoGen",
        "",
        f"`{json.dumps(result['host'])}` `{json.dumps(result['versions'])}`",
        "",
    ]
    lines += ["| | CPU a run, ms | p50, ms | p99, ms |", "|---|---|---|---|"]
    for side in ("bare_autogen", "server"):
        for cost in result[side]:  # type: ignore[attr-defined]
            lines.append(f"| {side} | {' | '.join(f'{value:.2f}' for value in cost.values())} |")
    for name in (
        "runs_per_core_of_bare_autogen",
        "start_seconds",
        "start_cpu_seconds",
        "start_rss_mib",
        "concurrent_streams",
    ):
        lines += ["", f"{name}: {json.dumps(result[name])}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write both files, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    out = parser.parse_args().out
    result = asyncio.run(run())
    out.mkdir(parents=True, exist_ok=True)
    (out / "agent-server.json").write_text(json.dumps(result, indent=2) + "\n")
    (out / "agent-server.md").write_text(table(result))
    print(table(result))


if __name__ == "__main__":
    main()
