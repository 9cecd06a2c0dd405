"""Runs on real AutoGen teams against a scripted model endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agent_server.conversation import AgentMessage, AgentText, Conversation, RunEvent, Speaker, Utterance
from agent_server.errors import ErrorCode, RunError
from agent_server.team import models
from agent_server.team.runner import TeamRunner
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.model_endpoint.server import ModelEndpoint
from tests.support.agent_server import endpoint_model, replay_model, runner_of, sample, team_spec
from tests.support.waiting import eventually

KEY = "sk-canary-0123456789"


@pytest.fixture
def scripted() -> ModelEndpoint:
    return ModelEndpoint(api_key=KEY)


@pytest.fixture
async def endpoint(scripted: ModelEndpoint) -> AsyncIterator[TestServer]:
    server = TestServer(scripted.application())
    async with server:
        yield server


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "api-key").write_text(KEY + "\n")
    return tmp_path


def _spec(endpoint: TestServer, model: str, **more: object) -> dict[str, Any]:
    reference = {"name": "llm", "key": "api-key"}
    return team_spec([endpoint_model(model, str(endpoint.make_url("/v1")), apiKeySecretRef=reference, **more)])


async def _run(
    runner: TeamRunner, *, stream: bool = False, conversation: Conversation | None = None
) -> tuple[Any, list[RunEvent]]:
    events: list[RunEvent] = []
    try:
        result = await runner.run(conversation or Conversation("what is 1+1?"), events.append if stream else None)
    finally:
        await runner.close()
    return result, events


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_an_answer_with_its_usage(endpoint: TestServer, secrets: Path, *, stream: bool) -> None:
    runner, metrics = runner_of(_spec(endpoint, "scripted-ok"), secrets)
    result, events = await _run(runner, stream=stream)
    assert "1+1" in result.answer
    assert result.usage.prompt_tokens > 0
    assert result.usage.completion_tokens > 0
    said = "".join(event.text for event in events if isinstance(event, AgentText))
    assert (said, [event for event in events if isinstance(event, AgentMessage)]) == (
        (result.answer, [AgentMessage("solo", result.answer)]) if stream else ("", [])
    )
    assert sample(metrics, "autogen_requests_total", agent_name="solo", status="success") == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("scripted-fail-100", ErrorCode.MODEL_ERROR, "model 'main': its endpoint answered HTTP 500"),
        ("scripted-fail-100-status-429", ErrorCode.MODEL_RATE_LIMITED, "HTTP 429"),
        ("scripted-fail-100-status-401", ErrorCode.MODEL_UNAUTHORIZED, "HTTP 401"),
        ("scripted-fail-100-status-400", ErrorCode.MODEL_REJECTED, "HTTP 400"),
        ("scripted-hang", ErrorCode.MODEL_TIMEOUT, "no answer within timeoutSeconds, 1 s"),
        ("scripted-garbage", ErrorCode.MODEL_ERROR, "model 'main': "),
        ("scripted-truncate", ErrorCode.MODEL_UNREACHABLE, "model 'main': "),
        ("nothing-of-that-name", ErrorCode.MODEL_REJECTED, "HTTP 404"),
    ],
)
async def test_a_models_failures(
    endpoint: TestServer, secrets: Path, model: str, code: ErrorCode, message: str, *, stream: bool
) -> None:
    runner, metrics = runner_of(_spec(endpoint, model, timeoutSeconds=1), secrets)
    with pytest.raises(RunError) as caught:
        await _run(runner, stream=stream)
    assert caught.value.code is code
    assert message in caught.value.message
    assert KEY not in caught.value.message
    assert sample(metrics, "autogen_requests_failed_total", agent_name="solo", error_type=code) == 1
    assert sample(metrics, "autogen_requests_total", agent_name="solo", status="error") == 1


async def test_an_endpoint_that_is_not_there(unused_tcp_port: int, secrets: Path) -> None:
    model = endpoint_model("scripted-ok", f"http://127.0.0.1:{unused_tcp_port}/v1")
    with pytest.raises(RunError) as caught:
        await _run(runner_of(team_spec([model]), secrets)[0])
    assert caught.value.code is ErrorCode.MODEL_UNREACHABLE


async def test_the_selectors_failure_is_the_runs(endpoint: TestServer) -> None:
    chooser = endpoint_model("scripted-fail-100", str(endpoint.make_url("/v1")), name="chooser")
    models = [replay_model("x", "y"), chooser]
    spec = team_spec(models, ["a", "b"], type="Selector", selector={"model": "chooser"})
    with pytest.raises(RunError) as caught:
        await _run(runner_of(spec)[0])
    assert "'chooser'" in caught.value.message


async def test_replay_says_when_its_answers_are_used_up() -> None:
    runner, _ = runner_of(team_spec([replay_model("only one")], ["a", "b"]))
    with pytest.raises(RunError, match=r"more than the 1 answers of replay\.answers"):
        await _run(runner)


async def test_a_team_that_stops_before_anyone_spoke() -> None:
    spec = team_spec([replay_model("x")], maxTurns=None, termination={"any": [{"maxMessages": 1}]})
    with pytest.raises(RunError) as caught:
        await _run(runner_of(spec)[0])
    assert caught.value.code is ErrorCode.NO_ANSWER


async def test_token_usage_ends_a_streamed_run(endpoint: TestServer, secrets: Path) -> None:
    spec = _spec(endpoint, "scripted-ok")
    spec["team"] |= {"maxTurns": 50, "termination": {"any": [{"tokenUsage": 1}]}}
    result, _ = await _run(runner_of(spec, secrets)[0], stream=True)
    assert len(result.speakers) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", ["RoundRobin", "Selector"])
async def test_cancelling_stops_the_call_under_way(
    scripted: ModelEndpoint, endpoint: TestServer, secrets: Path, kind: str, *, stream: bool
) -> None:
    spec = _spec(endpoint, "scripted-hang")
    if kind == "Selector":
        second = {"name": "second", "model": "main"}
        spec["team"] |= {"type": "Selector", "selector": {"model": "main"}, "agents": [*spec["team"]["agents"], second]}
    runner, metrics = runner_of(spec, secrets)
    before = asyncio.all_tasks()
    run = asyncio.create_task(_run(runner, stream=stream))
    await eventually(lambda: scripted.calls["scripted-hang"] == 1)
    started = time.monotonic()
    run.cancel()
    await asyncio.wait({run})
    assert run.cancelled()
    assert time.monotonic() - started < 4
    left = {task for task in asyncio.all_tasks() - before if "web_protocol" not in repr(task.get_coro())}
    assert not left
    count = "gen_ai_client_operation_duration_seconds_count"
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "scripted-hang",
    }
    assert sample(metrics, count, **labels, error_type="cancelled") == 1


async def test_a_rotated_key_is_taken_without_a_restart(endpoint: TestServer, secrets: Path) -> None:
    file = secrets / "llm" / "api-key"
    file.write_text("sk-wrong")
    runner, _ = runner_of(_spec(endpoint, "scripted-ok"), secrets)
    with pytest.raises(RunError) as caught:
        await runner.run(Conversation("hi"))
    assert caught.value.code is ErrorCode.MODEL_UNAUTHORIZED
    file.write_text(KEY)
    assert (await _run(runner))[0].answer


async def test_a_missing_key_names_the_file(endpoint: TestServer, tmp_path: Path) -> None:
    runner, _ = runner_of(_spec(endpoint, "scripted-ok"), tmp_path)
    with pytest.raises(RunError, match=r"llm/api-key can't be read .* create the Secret") as caught:
        await _run(runner)
    assert caught.value.code is ErrorCode.MODEL_UNAUTHORIZED


@pytest.mark.parametrize(
    ("reference", "base_url", "sent"),
    [
        pytest.param(True, False, True, id="stands-in-for-a-secret-that-is-not-mounted"),
        pytest.param(False, False, True, id="or-that-the-spec-does-not-name"),
        pytest.param(True, True, False, id="is-never-sent-to-an-endpoint-of-the-specs-own"),
        pytest.param(False, True, False, id="nor-to-one-without-a-key"),
    ],
)
async def test_the_keys_variable(
    endpoint: TestServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    reference: bool,
    base_url: bool,
    sent: bool,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    spec = _spec(endpoint, "scripted-ok")
    if not reference:
        del spec["models"][0]["apiKeySecretRef"]
    if not base_url:
        monkeypatch.setattr(models, "DEFAULT_BASE_URL", spec["models"][0].pop("baseURL"))
    runner, _ = runner_of(spec, tmp_path)
    error = (await runner.check_models(2))["main"]
    await runner.close()
    assert (error == "") is sent


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(KEY, "", id="well"),
        pytest.param("sk-wrong", "model 'main': its endpoint answered HTTP 401", id="refused"),
    ],
)
async def test_check_models(endpoint: TestServer, secrets: Path, key: str, expected: str) -> None:
    (secrets / "llm" / "api-key").write_text(key)
    runner, _ = runner_of(_spec(endpoint, "scripted-ok"), secrets)
    error = (await runner.check_models(2))["main"]
    await runner.close()
    assert error.startswith(expected)
    assert bool(error) is bool(expected)


async def test_the_history_reaches_the_model_and_the_next_run_knows_nothing_of_it() -> None:
    seen: list[list[tuple[str, str]]] = []

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        seen.append([(message["role"], message["content"]) for message in body["messages"]])
        message = {"role": "assistant", "content": "ok"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(
            {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        )

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    async with TestServer(app) as server:
        spec = team_spec([endpoint_model("m", str(server.make_url("/v1")))])
        spec["team"]["agents"][0]["systemMessage"] = "you are solo"
        runner, _ = runner_of(spec)
        await runner.run(Conversation("3", (Utterance(Speaker.USER, "1"), Utterance(Speaker.TEAM, "2")), "be brief"))
        await runner.run(Conversation("again"))
        await runner.close()
    assert seen == [
        [("system", "you are solo\nbe brief"), ("user", "1"), ("assistant", "2"), ("user", "3")],
        [("system", "you are solo"), ("user", "again")],
    ]
