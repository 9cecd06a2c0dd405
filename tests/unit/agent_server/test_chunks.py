"""What a streamed answer looks like."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from agent_server.api.chunks import Chunks
from agent_server.conversation import AgentMessage, AgentText, RunEvent, RunResult, TokenUsage
from agent_server.errors import ErrorCode, RunError
from agent_server.runtime.stream import Silence
from agent_server.team.thoughts import ThoughtFilter


def _content(data: bytes) -> str:
    bodies = [json.loads(event[6:]) for event in data.split(b"\n\n") if event.startswith(b"data: {")]
    return "".join(choice["delta"].get("content", "") for body in bodies for choice in body["choices"])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [AgentText("a", "one "), AgentText("a", "two"), AgentMessage("a", "one two")], "one two", id="one-agent"
        ),
        pytest.param(
            [AgentText("a", "x"), AgentMessage("a", "x"), AgentText("b", "y"), AgentMessage("b", "y")],
            "x\n\ny",
            id="an-empty-line-between-agents",
        ),
        pytest.param([AgentMessage("a", "x"), AgentMessage("b", "y")], "x\n\ny", id="messages-without-tokens"),
        pytest.param([AgentMessage("a", ""), AgentText("b", "y")], "y", id="an-empty-message-leaves-no-trace"),
    ],
)
def test_text(events: list[RunEvent], expected: str) -> None:
    chunks = Chunks("hello", "abc", include_usage=False)
    assert _content(b"".join(chunks.event(event) for event in events)) == expected


def test_silence_is_a_comment() -> None:
    assert Chunks("hello", "abc", include_usage=False).event(Silence()).startswith(b": ")


async def _ended(result: RunResult | RunError) -> asyncio.Task[RunResult]:
    async def run() -> RunResult:
        if isinstance(result, RunError):
            raise result
        return result

    task = asyncio.create_task(run())
    await asyncio.wait({task})
    return task


def _events(data: bytes) -> list[Any]:
    lines = [line[6:] for line in data.decode().split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def test_ending_with_usage() -> None:
    run = await _ended(RunResult("x", "done", ("solo",), TokenUsage(3, 2)))
    last, usage, done = _events(Chunks("hello", "abc", include_usage=True).ending(run))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] is None
    assert (usage["choices"], usage["usage"]["total_tokens"], done) == ([], 5, "[DONE]")


async def test_ending_without_usage() -> None:
    run = await _ended(RunResult("x", "done", ("solo",), TokenUsage(3, 2)))
    last, done = _events(Chunks("hello", "abc", include_usage=False).ending(run))
    assert ("usage" in last, done) == (False, "[DONE]")


async def test_failure_in_mid_stream_is_an_error_without_done() -> None:
    run = await _ended(RunError(ErrorCode.MODEL_ERROR, "model 'main': HTTP 500"))
    (body,) = _events(Chunks("hello", "abc", include_usage=True).ending(run))
    assert body["error"]["code"] == "model_error"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(["a", "b"], "ab", id="none"),
        pytest.param(["<think>hm", "so", "</think>", "yes"], "yes", id="autogen's-marks"),
        pytest.param(["<think>", "hm", "</think>\n", "yes"], "\nyes", id="the-model's-own-tokens"),
        pytest.param(["<think>hm</think>yes"], "yes", id="in-one-piece"),
        pytest.param(["a <think> b"], "a <think> b", id="not-at-the-beginning-of-a-piece"),
    ],
)
def test_thoughts_are_left_out(pieces: list[str], expected: str) -> None:
    thoughts = ThoughtFilter()
    assert "".join(thoughts.passed(piece) for piece in pieces) == expected
