"""The chunks of a streamed chat completion, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

from agent_server.api.errors import error_body
from agent_server.conversation import AgentMessage, AgentText, RunEvent, RunResult, TokenUsage
from agent_server.errors import RunError
from agent_server.runtime.stream import Silence

_COMMENT = b": the team is at work\n\n"
_DONE = b"data: [DONE]\n\n"
_BETWEEN_AGENTS = "\n\n"


class Chunks:
    """Turns the events of one run into bytes."""

    def __init__(self, model: str, revision: str, include_usage: bool) -> None:  # noqa: FBT001 - as in the request
        """Begin a stream; with `include_usage` its last chunk tells the tokens of the whole run."""
        self._envelope = envelope("chat.completion.chunk", model, revision)
        if include_usage:
            self._envelope["usage"] = None
        self._include_usage = include_usage
        self._spoken = False
        """Whether an earlier message has put text into the stream."""
        self._speaking = False
        """Whether the present message has."""

    def opening(self) -> bytes:
        """The first chunk, which only tells the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def event(self, event: RunEvent | Silence) -> bytes:
        """What an event puts into the stream; possibly nothing."""
        match event:
            case Silence():
                return _COMMENT
            case AgentText(agent, text):
                return self._text(agent, text)
            case AgentMessage(agent, text):
                unseen = b"" if self._speaking or not text else self._text(agent, text)
                self._spoken, self._speaking = self._spoken or self._speaking, False
                return unseen

    def ending(self, run: asyncio.Task[RunResult]) -> bytes:
        """The last chunks of a run that is over; a failed one ends with an error object and without [DONE]."""
        try:
            result = run.result()
        except RunError as error:
            body = error_body(error.message, status=error.http_status, code=error.code.value)
            return _sse(body)
        last = self._chunk({}, finish_reason="stop")
        usage = _sse({**self._envelope, "choices": [], "usage": usage_object(result.usage)})
        return last + (usage if self._include_usage else b"") + _DONE

    def _text(self, agent: str, text: str) -> bytes:
        separator = _BETWEEN_AGENTS if self._spoken and not self._speaking else ""
        self._speaking = True
        return self._chunk({"content": separator + text}, agent=agent)

    def _chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None, agent: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        speaker = {} if agent is None else {"agent": agent}
        return _sse({**self._envelope, **speaker, "choices": [choice]})


def envelope(kind: str, model: str, revision: str) -> dict[str, Any]:
    """What every answer begins with."""
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": revision,
    }


def usage_object(usage: TokenUsage) -> dict[str, int]:
    """The tokens of a run, in OpenAI's terms."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _sse(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
