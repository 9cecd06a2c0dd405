"""The health gate's probe, against servers that answer this and that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_server.cli import main
from agent_server.probe import ProbeOptions, TargetResult, health_verdict, probe_targets
from agent_server.verdict import MAX_VERDICT_BYTES
from aiohttp import web
from aiohttp.test_utils import TestServer

Serve = Callable[..., Any]
WELL = {"status": "ok", "latencySeconds": 0.01, "error": ""}


DEFAULTS = ProbeOptions(
    targets=(), required=("runtime", "models"), revision="", retries=0, interval_seconds=0.01, timeout_seconds=5
)


def _health(models: dict[str, Any] | None = None, revision: str = "abc") -> dict[str, Any]:
    return {"status": "ok", "revision": revision, "components": {"runtime": WELL, "models": models or WELL}}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(*answers: object) -> str:
            """Serve /health with each of `answers` in turn, the last one for ever."""
            left = list(answers)

            async def health(_request: web.Request) -> web.Response:
                answer = left.pop(0) if len(left) > 1 else left[0]
                if isinstance(answer, str):
                    return web.Response(text=answer)
                return web.json_response(answer, status=200)

            app = web.Application()
            app.router.add_get("/health", health)
            server = await stack.enter_async_context(TestServer(app))
            return str(server.make_url("/"))

        yield start


ILL = {"status": "failed", "latencySeconds": 0.2, "error": "model 'main': HTTP 401, key=sk-abcdefghijk"}


@pytest.mark.parametrize(
    ("answers", "options", "passed", "reason"),
    [
        pytest.param([_health()], {}, True, "", id="well"),
        pytest.param([_health(ILL)], {}, False, "ComponentFailed", id="a-component-failed"),
        pytest.param([_health(ILL)], {"required": ("runtime",)}, True, "", id="which-is-not-required"),
        pytest.param([_health(ILL), _health()], {"retries": 1}, True, "", id="well-at-the-second-attempt"),
        pytest.param([_health(ILL), _health()], {"retries": 0}, False, "ComponentFailed", id="without-a-retry"),
        pytest.param([_health()], {"revision": "abc"}, True, "", id="the-right-revision"),
        pytest.param([_health()], {"revision": "xyz"}, False, "RevisionMismatch", id="another-revision"),
        pytest.param([_health()], {"required": ("runtime", "tools")}, False, "ComponentFailed", id="unknown-component"),
        pytest.param(["<html>"], {}, False, "InvalidAnswer", id="no-json"),
        pytest.param([[1]], {}, False, "InvalidAnswer", id="no-object"),
        pytest.param([{}], {}, False, "ComponentFailed", id="nothing-in-it"),
    ],
)
async def test_verdict_on_one(
    serve: Serve, answers: list[object], options: dict[str, Any], *, passed: bool, reason: str
) -> None:
    (result,) = await probe_targets(replace(DEFAULTS, targets=(await serve(*answers),), **options))
    assert (result.passed, result.reason) == (passed, reason)
    assert "sk-abcdefghijk" not in health_verdict([result]).whole()


@pytest.mark.parametrize(
    ("padding", "reason"),
    [pytest.param(0, "", id="whole"), pytest.param(70_000, "InvalidAnswer", id="longer-than-any-servers")],
)
async def test_an_answer_in_pieces_is_read_to_its_end(padding: int, reason: str) -> None:
    text = json.dumps(_health() | {"padding": "x" * padding}).encode()

    async def health(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(text))})
        await response.prepare(request)
        await response.write(text[:20])
        await asyncio.sleep(0.05)
        await response.write(text[20:])
        return response

    app = web.Application()
    app.router.add_get("/health", health)
    async with TestServer(app) as server:
        (result,) = await probe_targets(replace(DEFAULTS, targets=(str(server.make_url("/")),)))
    assert result.reason == reason


async def test_one_of_two_is_not_there(serve: Serve, unused_tcp_port: int) -> None:
    well = await serve(_health())
    results = await probe_targets(replace(DEFAULTS, targets=(well, f"http://127.0.0.1:{unused_tcp_port}"), retries=2))
    assert [(result.passed, result.attempts) for result in results] == [(True, 1), (False, 3)]
    verdict = json.loads(health_verdict(results).fitted())
    assert (verdict["gate"], verdict["passed"], verdict["reason"]) == ("health", False, "Unreachable")
    assert (verdict["verdict"], verdict["samples"]) == ("Failed", 2)
    assert (verdict["value"], verdict["threshold"]) == ("1 of 2 healthy", "2 of 2")
    assert "1 of 2 pods" in verdict["message"]
    assert "Connection refused" in verdict["message"]


def test_the_verdict_fits_and_keeps_the_failures() -> None:
    results = [
        TargetResult(f"http://10.0.0.{n}:8000", passed=n % 10 > 0, reason="Timeout", error="é" * 199)
        for n in range(100)
    ]
    text = health_verdict(results).fitted()
    verdict = json.loads(text)
    assert len(text.encode()) <= MAX_VERDICT_BYTES
    assert verdict["results"]
    assert not any(result["passed"] for result in verdict["results"][:5])


def test_the_command_writes_the_termination_log(
    tmp_path: Path, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "termination-log"
    target = ["--target", f"http://127.0.0.1:{unused_tcp_port}", "--retries", "0", "--termination-log", str(log)]
    assert main(["probe", *target]) == 1
    assert json.loads(log.read_text())["passed"] is False
    assert capsys.readouterr().out.strip() == log.read_text()
