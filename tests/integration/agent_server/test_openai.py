"""The OpenAI SDK against a started server, and what its users get when things go wrong."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from tests.model_endpoint.server import ModelEndpoint
from tests.support.agent_server import (
    ServerProcess,
    endpoint_model,
    metric,
    replay_model,
    running_server,
    team_spec,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

HI: list[Any] = [{"role": "user", "content": "hi"}]
ANSWERS = ("Good day, what can I do?", "It is done.")


@dataclass(slots=True)
class World:
    """A team that can be told, by its model's behaviour, how to fare."""

    server: ServerProcess
    endpoint: ModelEndpoint
    endpoint_url: str
    sdk: openai.AsyncOpenAI
    before: str = ""
    log_start: int = 0

    async def behave_like(self, model: str) -> None:
        """Let the team's model behave like another from now on."""
        url = f"{self.endpoint_url}/admin/models/scripted-ok"
        async with aiohttp.ClientSession() as session, session.put(url, json={"behaveLike": model}) as answer:
            assert answer.status == 204

    async def metrics(self) -> str:
        """What Prometheus would scrape now."""
        async with aiohttp.ClientSession() as session, session.get(self.server.metrics_url) as answer:
            return await answer.text()

    async def finished(self, status: str) -> float:
        """How many runs of this test have ended so."""
        series = _series(status)
        return metric(await self.metrics(), series) - metric(self.before, series)

    async def logged_runs(self, count: int) -> list[dict[str, Any]]:
        """The last log lines of runs, once all `count` of them have come."""

        def lines() -> list[dict[str, Any]]:
            return [line for line in self.server.log[self.log_start :] if line["event"] == "run_finished"]

        await eventually(lambda: len(lines()) >= count)
        return lines()


def _series(status: str) -> str:
    return f'autogen_runs_finished_total{{status="{status}"}}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One started server for all tests of this module: a start takes seconds."""
    endpoint = ModelEndpoint()
    async with TestServer(endpoint.application()) as model_server:
        url = str(model_server.make_url("/")).rstrip("/")
        spec = team_spec([endpoint_model("scripted-ok", f"{url}/v1", timeoutSeconds=2)])
        spec["runs"] = {"maxConcurrent": 2, "maxQueued": 0, "timeoutSeconds": 20}
        async with (
            running_server(spec, tmp_path_factory.mktemp("server"), stream_comment_seconds=0.3) as server,
            openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk,
        ):
            yield World(server, endpoint, url, sdk)


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared_world: World) -> World:
    """The server with a model that is well, and counts that begin with the test."""
    await shared_world.behave_like("scripted-ok")
    shared_world.endpoint.calls.clear()
    shared_world.before = await shared_world.metrics()
    shared_world.log_start = len(shared_world.server.log)
    return shared_world


async def test_plain_and_streamed_answers(tmp_path: Path) -> None:
    spec = team_spec([replay_model(*ANSWERS)], ["greeter", "tier-2"])
    async with (
        running_server(spec, tmp_path) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk,
    ):
        assert [model.id async for model in sdk.models.list()] == ["hello"]
        assert (await sdk.models.retrieve("hello")).owned_by == "agentteam"

        plain = await sdk.chat.completions.create(model="hello", messages=HI, temperature=0.1)
        assert plain.choices[0].message.content == ANSWERS[-1]
        assert plain.choices[0].finish_reason == "stop"
        assert (plain.model_extra or {})["agentteam"] == {
            "stop_reason": "Maximum number of turns 2 reached.",
            "speakers": ["greeter", "tier-2"],
        }
        assert plain.usage is not None
        assert plain.usage.total_tokens == plain.usage.prompt_tokens + plain.usage.completion_tokens > 0

        stream = await sdk.chat.completions.create(
            model="hello", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "\n\n".join(ANSWERS)
        assert chunks[0].choices[0].delta.role == "assistant"
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage == plain.usage
        assert {chunk.system_fingerprint for chunk in chunks} == {plain.system_fingerprint}
        speakers = [(chunk.model_extra or {}).get("agent") for chunk in chunks]
        assert set(speakers) == {None, "greeter", "tier-2"}


async def test_headers_name_the_request_and_the_revision(world: World) -> None:
    raw = await world.sdk.chat.completions.with_raw_response.create(
        model="hello", messages=HI, extra_headers={"X-Request-Id": "from-the-client.1"}
    )
    completion = raw.parse()
    assert raw.headers["X-Request-Id"] == "from-the-client.1"
    assert raw.headers["X-AgentTeam-Revision"] == completion.system_fingerprint
    other = await world.sdk.chat.completions.with_raw_response.create(
        model="hello", messages=HI, extra_headers={"X-Request-Id": "not/fit for a log"}
    )
    assert len(other.headers["X-Request-Id"]) == 32
    finished = await world.logged_runs(2)
    assert [line["request_id"] for line in finished] == ["from-the-client.1", other.headers["X-Request-Id"]]


def _synthetic(status: str) -> str:
    return f'autogen_synthetic_runs_finished_total{{status="{status}"}}'


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_synthetic_run_is_counted_and_logged_apart(world: World, *, stream: bool) -> None:
    answer: Any = await world.sdk.chat.completions.create(
        model="hello", messages=HI, stream=stream, extra_headers={"X-AgentTeam-Synthetic": "true"}
    )
    if stream:
        await _read(answer, [])
    [line] = await world.logged_runs(1)
    assert (line["status"], line["synthetic"]) == ("success", True)
    assert await world.finished("success") == 0
    assert metric(await world.metrics(), _synthetic("success")) - metric(world.before, _synthetic("success")) == 1


async def test_a_synthetic_header_that_says_neither_is_refused(world: World) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await world.sdk.chat.completions.create(
            model="hello", messages=HI, extra_headers={"X-AgentTeam-Synthetic": "yes"}
        )
    assert "X-AgentTeam-Synthetic must be true, or left out" in caught.value.message
    assert not world.endpoint.calls


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("behaviour", "status", "code", "counted"),
    [
        ("scripted-fail-100", 502, "model_error", "error"),
        ("scripted-fail-100-status-429", 502, "model_rate_limited", "error"),
        ("scripted-fail-100-status-401", 502, "model_unauthorized", "error"),
        ("scripted-garbage", 502, "model_error", "error"),
        ("scripted-hang", 504, "model_timeout", "timeout"),
    ],
)
async def test_chaos_at_the_model(
    world: World, behaviour: str, status: int, code: str, counted: str, *, stream: bool
) -> None:
    """A failure before the first token has its HTTP status, streamed or not; only a hang outlasts the silence."""
    await world.behave_like(behaviour)
    if stream and behaviour == "scripted-hang":
        answer = await world.sdk.chat.completions.create(model="hello", messages=HI, stream=True)
        with pytest.raises(openai.APIError) as late:
            _ = [chunk async for chunk in answer]
        assert late.value.code == code
    else:
        with pytest.raises(openai.APIStatusError) as caught:
            await world.sdk.chat.completions.create(model="hello", messages=HI, stream=stream)
        assert (caught.value.status_code, caught.value.code) == (status, code)
        assert "model 'main'" in caught.value.message
    assert await world.finished(counted) == 1
    await world.behave_like("scripted-ok")
    assert (await world.sdk.chat.completions.create(model="hello", messages=HI)).choices


async def _read(stream: openai.AsyncStream[Any], seen: list[Any]) -> None:
    async for chunk in stream:
        seen.append(chunk)  # noqa: PERF401 - what came before the break counts


async def test_a_stream_that_breaks_in_the_middle(world: World) -> None:
    await world.behave_like("scripted-truncate")
    seen: list[Any] = []
    stream = await world.sdk.chat.completions.create(model="hello", messages=HI, stream=True)
    with pytest.raises(openai.APIError) as caught:
        await _read(stream, seen)
    assert len(seen) > 1
    assert caught.value.code in ("model_unreachable", "model_error")
    assert await world.finished("error") == 1


async def test_a_silent_stream_gets_comments(world: World) -> None:
    await world.behave_like("scripted-ok-delay-1000ms")
    body = {"messages": HI, "stream": True}
    url = f"{world.server.url}/v1/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = (await answer.text()).splitlines()
    assert sum(line.startswith(":") for line in lines) >= 2
    assert lines[-2] == "data: [DONE]"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_client_that_goes_away_cancels_its_run(world: World, *, stream: bool) -> None:
    await world.behave_like("scripted-hang")
    request = asyncio.create_task(world.sdk.chat.completions.create(model="hello", messages=HI, stream=stream))
    await eventually(lambda: sum(world.endpoint.calls.values()) == 1)
    if stream:
        answer: Any = await request
        await answer.close()
    else:
        request.cancel()
        await asyncio.wait({request})
    await world.logged_runs(1)
    assert await world.finished("cancelled") == 1


async def test_beyond_the_queue_is_429(world: World) -> None:
    await world.behave_like("scripted-ok-delay-1000ms")
    requests = [asyncio.create_task(world.sdk.chat.completions.create(model="hello", messages=HI)) for _ in range(2)]
    await eventually(lambda: sum(world.endpoint.calls.values()) == 2)
    with pytest.raises(openai.RateLimitError) as caught:
        await world.sdk.chat.completions.create(model="hello", messages=HI)
    assert caught.value.code == "queue_full"
    assert int(caught.value.response.headers["Retry-After"]) >= 1
    await asyncio.gather(*requests)
    assert (await world.finished("rejected"), await world.finished("success")) == (1, 2)


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code"),
    [
        pytest.param("POST /v1/chat/completions", b"{", 400, "invalid_request", id="no-json"),
        pytest.param("POST /v1/chat/completions", b"x" * 5_000_000, 413, "request_entity_too_large", id="too-large"),
        pytest.param("GET /v1/chat/completions", b"", 405, "method_not_allowed", id="wrong-method"),
        pytest.param("GET /v1/models/gpt", b"", 404, "model_not_found", id="another-model"),
        pytest.param("GET /metrics", b"", 404, "not_found", id="metrics-are-not-public"),
        pytest.param("GET /health?component=disk", b"", 400, "unknown_component", id="unknown-component"),
    ],
)
async def test_bad_requests(world: World, request_line: str, body: bytes, status: int, code: str) -> None:
    method, path = request_line.split(" ")
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, world.server.url + path, data=io.BytesIO(body)) as answer,
    ):
        document = await answer.json()
    assert (answer.status, document["error"]["code"]) == (status, code)
    assert answer.headers["X-Request-Id"]


async def _health(world: World, query: str = "") -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{world.server.url}/health{query}") as answer:
        return answer.status, await answer.json()


async def test_health_tells_which_component_is_ill(world: World) -> None:
    status, body = await _health(world)
    assert (status, body["status"]) == (200, "ok")
    assert body["team"] == "hello"
    assert {name: state["status"] for name, state in body["components"].items()} == {"runtime": "ok", "models": "ok"}


async def test_a_model_that_is_out_is_ill_but_does_not_empty_the_service(tmp_path: Path, unused_tcp_port: int) -> None:
    spec = team_spec([endpoint_model("scripted-ok", f"http://127.0.0.1:{unused_tcp_port}/v1")])
    async with running_server(spec, tmp_path) as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/health") as answer:
            body = await answer.json()
            assert answer.status == 503
        assert body["components"]["models"]["status"] == "failed"
        assert "can't be reached" in body["components"]["models"]["error"]
        for path, expected in (("/readyz", 200), ("/livez", 200), ("/health?component=runtime", 200)):
            async with session.get(server.url + path) as answer:
                assert answer.status == expected


async def test_nothing_of_the_conversation_or_the_key_is_logged_or_told(tmp_path: Path) -> None:
    canary, key = "the-canary-of-the-conversation", "sk-the-canary-of-the-key"
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "key").write_text(key)
    async with TestServer(ModelEndpoint(api_key=key).application()) as endpoint:
        model = endpoint_model(
            "scripted-ok", str(endpoint.make_url("/v1")), apiKeySecretRef={"name": "llm", "key": "key"}
        )
        spec = team_spec([model])
        spec["telemetry"] = {"logLevel": "debug"}
        async with (
            running_server(spec, tmp_path, secrets_dir=tmp_path) as server,
            openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk,
        ):
            said: list[Any] = [{"role": "user", "content": canary}]
            await sdk.chat.completions.create(model="hello", messages=said)
            (tmp_path / "llm" / "key").write_text(key + "-old")
            with pytest.raises(openai.APIStatusError) as caught:
                await sdk.chat.completions.create(model="hello", messages=said)
            async with aiohttp.ClientSession() as session, session.get(server.metrics_url) as answer:
                exposition = await answer.text()
            server.terminate()
            await server.process.wait()
        for text in (str(server.log), caught.value.response.text, exposition):
            assert canary not in text
            assert key not in text
        assert [line["status"] for line in server.log if line["event"] == "run_finished"] == ["success", "error"]
