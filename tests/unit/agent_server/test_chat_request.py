"""What of a chat completion request is taken, let pass and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_server.api.chat_request import parse_chat_request
from agent_server.api.errors import RequestError
from agent_server.conversation import Conversation, Speaker, Utterance

HI = [{"role": "user", "content": "hi"}]


def _body(**fields: object) -> bytes:
    return json.dumps({"messages": HI, **fields}).encode()


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param(HI, Conversation("hi"), id="one-message"),
        pytest.param(
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            Conversation("a\nb"),
            id="text-parts",
        ),
        pytest.param(
            [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "1"},
                {"role": "assistant", "content": "2"},
                {"role": "developer", "content": "be kind"},
                {"role": "user", "content": "3"},
            ],
            Conversation("3", (Utterance(Speaker.USER, "1"), Utterance(Speaker.TEAM, "2")), "be brief\n\nbe kind"),
            id="history-and-instructions",
        ),
        pytest.param(
            [*HI, {"role": "system", "content": "late"}], Conversation("hi", (), "late"), id="instructions-last"
        ),
    ],
)
def test_conversation(messages: list[Any], expected: Conversation) -> None:
    assert parse_chat_request(_body(messages=messages), "hello").conversation() == expected


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"temperature": 0.2, "top_p": 1, "max_tokens": 5, "seed": 1, "stop": ["x"]}, id="sampling"),
        pytest.param({"model": "hello"}, id="own-name"),
        pytest.param({"n": 1, "tools": [], "logprobs": False, "response_format": {"type": "text"}}, id="harmless"),
        pytest.param({"user": "u", "metadata": {"a": "b"}, "store": False, "made_up": 1}, id="unknown"),
        pytest.param({"stream": None, "stream_options": None}, id="nulls"),
    ],
)
def test_let_pass(fields: dict[str, Any]) -> None:
    request = parse_chat_request(_body(**fields), "hello")
    assert not request.stream
    assert not request.includes_usage


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        pytest.param(b"{", 400, "invalid_request", "the body can't be read: Invalid JSON", id="no-json"),
        pytest.param(b"[]", 400, "invalid_request", "the body can't be read", id="no-object"),
        pytest.param(b"{}", 400, "invalid_request", "messages: Field required", id="no-messages"),
        pytest.param(_body(messages=[]), 400, "invalid_request", "messages: List should have at least", id="empty"),
        pytest.param(_body(messages=HI * 1001), 400, "invalid_request", "messages: List should have", id="too-many"),
        pytest.param(_body(messages="hi"), 400, "invalid_request", "messages: Input should be a valid", id="text"),
        pytest.param(
            _body(messages=[{"role": "tool", "content": "x"}]), 400, "invalid_request", "messages[0].role:", id="tool"
        ),
        pytest.param(
            _body(messages=[{"role": "user"}]), 400, "invalid_request", "messages[0].content: must be text", id="none"
        ),
        pytest.param(
            _body(messages=[{"role": "user", "content": 4}]), 400, "invalid_request", "messages[0].content:", id="int"
        ),
        pytest.param(
            _body(messages=[*HI, {"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
            400,
            "unsupported_content",
            "messages[1].content: a part of type 'image_url'",
            id="image",
        ),
        pytest.param(
            _body(messages=[*HI, {"role": "assistant", "content": "x"}]),
            400,
            "invalid_request",
            "messages: the last one must be the user's",
            id="ends-with-the-assistant",
        ),
        pytest.param(
            _body(messages=[{"role": "user", "content": " "}]), 400, "invalid_request", "messages: the last", id="blank"
        ),
        pytest.param(_body(stream="yes"), 400, "invalid_request", "stream: Input should be", id="stream-type"),
        pytest.param(_body(model=4), 400, "invalid_request", "model: Input should be", id="model-type"),
        pytest.param(_body(model="gpt"), 404, "model_not_found", "model: 'gpt' isn't served here", id="other-model"),
        pytest.param(_body(n=2), 400, "unsupported_parameter", "n: isn't supported", id="n"),
        pytest.param(_body(tools=[{}]), 400, "unsupported_parameter", "tools: isn't", id="tools"),
        pytest.param(_body(functions=[{}]), 400, "unsupported_parameter", "functions: isn't", id="functions"),
        pytest.param(_body(logprobs=True), 400, "unsupported_parameter", "logprobs: isn't", id="logprobs"),
        pytest.param(
            _body(response_format={"type": "json_object"}),
            400,
            "unsupported_parameter",
            "response_format: isn't",
            id="response-format",
        ),
        pytest.param(_body(modalities=["audio"]), 400, "unsupported_parameter", "modalities: isn't", id="modalities"),
    ],
)
def test_refused(body: bytes, status: int, code: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_chat_request(body, "hello").conversation()
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.message.startswith(message)
