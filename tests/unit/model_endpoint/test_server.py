from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest
from aiohttp.test_utils import BaseTestServer, TestServer
from openai.types.chat import ChatCompletionMessageParam

from tests.model_endpoint.server import ModelEndpoint

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Where is order 17?"}]


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    async with TestServer(ModelEndpoint().application()) as server:
        yield server


@pytest.fixture
async def client(server: BaseTestServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=str(server.make_url("/v1")), api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def http(server: BaseTestServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.make_url("/")) as session:
        yield session


async def test_openai_sdk_gets_a_plain_answer(client: openai.AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model="scripted-ok", messages=QUESTION)
    assert "order 17" in (completion.choices[0].message.content or "")
    assert completion.usage is not None
    assert completion.usage.completion_tokens > 5


async def test_openai_sdk_gets_the_same_answer_streamed(client: openai.AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(model="scripted-ok", messages=QUESTION)
    stream = await client.chat.completions.create(
        model="scripted-ok",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage == plain.usage


async def test_openai_sdk_lists_models(client: openai.AsyncOpenAI) -> None:
    assert "scripted-ok" in [model.id async for model in client.models.list()]


@pytest.mark.parametrize(
    ("model", "error", "status"),
    [
        pytest.param("scripted-fail-100", openai.InternalServerError, 500, id="fails"),
        pytest.param("scripted-fail-100-status-429", openai.RateLimitError, 429, id="rate-limited"),
        pytest.param("gpt-4o", openai.NotFoundError, 404, id="unknown-model"),
    ],
)
async def test_failures_reach_the_openai_sdk_as_such(
    client: openai.AsyncOpenAI, model: str, error: type[openai.APIStatusError], status: int
) -> None:
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model=model, messages=QUESTION)
    assert caught.value.status_code == status


async def _status(http: aiohttp.ClientSession, model: str) -> int:
    async with http.post("/v1/chat/completions", json={"model": model, "messages": QUESTION}) as response:
        await response.read()
        return response.status


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_truncated_answers_break_off(http: aiohttp.ClientSession, *, stream: bool) -> None:
    body = {"model": "scripted-truncate", "messages": QUESTION, "stream": stream}
    async with http.post("/v1/chat/completions", json=body) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_garbage_is_a_200_that_is_no_json(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/chat/completions", json={"model": "scripted-garbage", "messages": QUESTION}) as response:
        assert response.status == 200
        with pytest.raises(ValueError, match=r"utf-8|Expecting"):
            await response.json()


async def test_hanging_calls_never_answer(http: aiohttp.ClientSession) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await _status(http, "scripted-hang")


async def test_a_sequence_of_outcomes_is_followed_exactly(http: aiohttp.ClientSession) -> None:
    async with http.put("/admin/models/scripted-ok", json={"outcomes": ["ok", "fail", "fail", "ok"]}) as response:
        assert response.status == 204
    assert [await _status(http, "scripted-ok") for _ in range(5)] == [200, 500, 500, 200, 200]


async def test_a_model_may_be_made_to_behave_like_another_and_let_go(http: aiohttp.ClientSession) -> None:
    await http.put("/admin/models/scripted-ok", json={"behaveLike": "scripted-fail-100-status-503"})
    assert await _status(http, "scripted-ok") == 503
    await http.delete("/admin/models/scripted-ok")
    assert await _status(http, "scripted-ok") == 200
    async with http.get("/admin/stats") as response:
        assert (await response.json())["models"]["scripted-ok"] == {"fail": 1, "ok": 1}


async def test_controls_that_are_not_understood_are_refused(http: aiohttp.ClientSession) -> None:
    async with http.put("/admin/models/scripted-ok", json={"outcomes": ["fine"]}) as response:
        assert response.status == 400


async def test_flags_are_raised_and_lowered(http: aiohttp.ClientSession) -> None:
    statuses = []
    for method in ("GET", "PUT", "GET", "DELETE", "GET"):
        async with http.request(method, "/admin/flags/crash") as response:
            statuses.append(response.status)
    assert statuses == [404, 204, 200, 204, 404]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="no-key"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="wrong-key"),
        pytest.param({"Authorization": "Bearer right"}, 200, id="right-key"),
    ],
)
async def test_api_key_is_asked_for_when_one_is_set(headers: dict[str, str], status: int) -> None:
    async with (
        TestServer(ModelEndpoint(api_key="right").application()) as server,
        aiohttp.ClientSession(server.make_url("/"), headers=headers) as http,
        http.get("/v1/models") as response,
    ):
        assert response.status == status
