"""Starting the server, and lines that say what to mend when it can't."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agentteam_operator.api.revision import EXIT_CONFIG

from tests.support.agent_server import replay_model, running_server, team_spec

SPEC = team_spec([replay_model("x")])


def _manifest(tmp_path: Path, spec: dict[str, Any]) -> str:
    document = {
        "apiVersion": "agentteam.dev/v1alpha1",
        "kind": "AgentTeam",
        "metadata": {"name": "hello"},
        "spec": spec,
    }
    path = tmp_path / "team.json"
    path.write_text(json.dumps(document))
    return str(path)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent_server.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("spec", "environment", "problem"),
    [
        pytest.param({}, {}, "spec.models: is required", id="a-bad-manifest"),
        pytest.param(SPEC, {"AUTOGEN_PORT": "x"}, "AUTOGEN_PORT: Input should be a valid integer", id="a-bad-setting"),
        pytest.param(
            team_spec([{"name": "m", "provider": "OpenAI", "model": "mine", "baseURL": "http://llm.example/v1"}]),
            {},
            "spec.models[0].modelInfo (mine): AutoGen doesn't know this model",
            id="refused-by-autogen",
        ),
    ],
)
def test_what_can_never_be_served_is_one_line_and_a_status_of_its_own(
    tmp_path: Path, spec: dict[str, Any], environment: dict[str, str], problem: str
) -> None:
    result = _run("run", _manifest(tmp_path, spec), **environment)
    assert result.returncode == EXIT_CONFIG
    assert problem in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_named(tmp_path: Path, taken_port: int) -> None:
    settings = {"AUTOGEN_HOST": "127.0.0.1", "AUTOGEN_PORT": str(taken_port), "AUTOGEN_METRICS_PORT": "0"}
    result = _run("run", _manifest(tmp_path, SPEC), **settings)
    assert result.returncode == 1
    assert "can't listen" in result.stderr
    assert "AUTOGEN_PORT" in result.stderr
    assert "Traceback" not in result.stderr


def test_validate(tmp_path: Path) -> None:
    assert _run("validate", _manifest(tmp_path, SPEC)).returncode == 0
    bad = _run("validate", _manifest(tmp_path, {}))
    assert bad.returncode == 1
    assert len(bad.stdout.splitlines()) == 2  # spec.models and spec.team


async def test_ctrl_c_ends_it_without_the_drains_delay(tmp_path: Path) -> None:
    async with running_server(SPEC, tmp_path, drain_delay_seconds=60) as server:
        server.process.send_signal(signal.SIGINT)
        assert await server.process.wait() == 0
        await server.logged("stopped")
        assert not [line for line in server.log if line["event"] == "drain_cut_off"]
