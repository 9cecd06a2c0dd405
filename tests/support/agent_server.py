"""What tests of the agent server share: teams to serve, conversations, and the server as a process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_server.config import ServedTeam
from agent_server.conversation import AgentText, Conversation, EventSink, RunResult, TokenUsage
from agent_server.runtime.secrets import SecretFiles
from agent_server.team.runner import TeamRunner, server_metrics
from agent_server.telemetry.metrics import ServerMetrics
from agentteam_operator.api.revision import revision_hash
from agentteam_operator.api.spec import AgentTeamSpec

REPO = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0


def replay_model(*answers: str, name: str = "main") -> dict[str, Any]:
    """An entry of spec.models with scripted answers."""
    return {"name": name, "provider": "Replay", "replay": {"answers": list(answers)}}


def endpoint_model(model: str, base_url: str, **more: object) -> dict[str, Any]:
    """An entry of spec.models for an OpenAI-compatible endpoint."""
    info = {"functionCalling": True, "jsonOutput": True}
    entry = {"name": "main", "provider": "OpenAI", "model": model, "baseURL": base_url, "modelInfo": info}
    return {**entry, **more}


def team_spec(models: Sequence[Mapping[str, Any]], agents: Sequence[str] = ("solo",), **team: object) -> dict[str, Any]:
    """A spec whose agents all speak with the first model, each once, unless `team` says otherwise."""
    members = [{"name": agent, "model": models[0]["name"]} for agent in agents]
    return {
        "models": list(models),
        "team": {"type": "RoundRobin", "maxTurns": len(agents), "agents": members, **team},
    }


def served_team(spec: Mapping[str, Any], name: str = "hello") -> ServedTeam:
    """The team of a spec as it is written in a manifest."""
    parsed = AgentTeamSpec.parse(dict(spec))
    return ServedTeam(name, revision_hash(parsed), parsed)


def runner_of(spec: Mapping[str, Any], secrets: Path | None = None) -> tuple[TeamRunner, ServerMetrics]:
    """A runner of the team, and its metrics."""
    team = served_team(spec)
    metrics = server_metrics(team)
    return TeamRunner(team, SecretFiles(secrets) if secrets else SecretFiles(), metrics), metrics


def sample(metrics: ServerMetrics, name: str, **labels: str) -> float:
    """One sample's value; a missing one is an error."""
    value = metrics.registry.get_sample_value(name, labels)
    assert value is not None, f"no sample {name}{labels}"
    return value


@dataclass(slots=True)
class FakeTeam:
    """A team under the test's control: each run waits for `gate`, then streams `pieces`, then fails or answers."""

    answer: str = "fine"
    pieces: Sequence[str] = ()
    error: Exception | None = None
    gate: asyncio.Event | None = None
    conversations: list[Conversation] = field(default_factory=list)
    cancelled: int = 0

    async def run(self, conversation: Conversation, on_event: EventSink | None = None) -> RunResult:
        self.conversations.append(conversation)
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        for piece in self.pieces if on_event else ():
            on_event(AgentText("solo", piece))  # type: ignore[misc]
        if self.error is not None:
            raise self.error
        return RunResult(self.answer, "done", ("solo",), TokenUsage(3, 2))


@dataclass(slots=True)
class ServerProcess:
    """A started `agent-server run`."""

    process: asyncio.subprocess.Process
    port: int
    metrics_port: int
    log: list[dict[str, Any]]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would scrape."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    async def logged(self, event: str, timeout_seconds: float = 10) -> dict[str, Any]:
        """Wait for a log line of this event."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                for line in self.log:
                    if line.get("event") == event:
                        return line
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running_server(
    spec: Mapping[str, Any], folder: Path, *, name: str = "hello", **environment: object
) -> AsyncIterator[ServerProcess]:
    """Serve the spec in a process of its own, on free ports; `environment` becomes AUTOGEN_* variables."""
    manifest = folder / "team.json"
    document = {"apiVersion": "agentteam.dev/v1alpha1", "kind": "AgentTeam", "metadata": {"name": name}, "spec": spec}
    manifest.write_text(json.dumps(document))
    settings = {"port": 0, "metrics_port": 0, "host": "127.0.0.1", "drain_delay_seconds": 0.5, "idle_linger_seconds": 1}
    settings |= environment
    env = {**os.environ, **{f"AUTOGEN_{key.upper()}": str(value) for key, value in settings.items()}}
    env.pop("OPENAI_API_KEY", None)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent_server.cli", "run", str(manifest), stderr=asyncio.subprocess.PIPE, env=env
    )
    log: list[dict[str, Any]] = []
    reader = asyncio.create_task(_collect(process, log))
    try:
        server = ServerProcess(process, 0, 0, log)
        line = await server.logged("serving", _START_SECONDS)
        server.port, server.metrics_port = line["port"], line["metrics_port"]
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reader


async def _collect(process: asyncio.subprocess.Process, log: list[dict[str, Any]]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        text = line.decode(errors="replace")
        log.append(json.loads(text) if text.startswith("{") else {"event": "text", "text": text})


def metric(exposition: str, series: str) -> float:
    """The value of a series as it stands in the text format, such as 'x_total{a="b"}'."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", exposition, re.MULTILINE)
    assert found, f"no series {series}"
    return float(found[1])
