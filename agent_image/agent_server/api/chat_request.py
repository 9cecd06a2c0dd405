"""The body of POST /v1/chat/completions: what is taken, what is let pass, and what is refused.

Sampling parameters (temperature, top_p, max_tokens, seed, stop, ...) belong to the team's spec; generic clients send
them with every request, so they are let pass without effect. What would change the shape or the sense of the answer,
and can't be had, is refused: tools, several choices, log probabilities, structured output, images and sound.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from agentteam_operator.api.field_problems import path_of
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_server.api.errors import RequestError
from agent_server.conversation import Conversation, Speaker, Utterance

MAX_MESSAGES = 1000


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Any = None

    def text(self, path: str) -> str:
        """The message as text; several text parts are joined by line breaks.

        Raises:
            RequestError: it's something other than text, or missing.
        """
        if isinstance(self.content, str):
            return self.content
        if not isinstance(self.content, list) or not self.content:
            raise _content_error(path, "invalid_request", "must be text, or a list of parts of type 'text'")
        return "\n".join(_part_text(part, path) for part in self.content)


def _part_text(part: object, path: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    text = part.get("text") if isinstance(part, dict) else None
    if kind == "text" and isinstance(text, str):
        return text
    raise _content_error(path, "unsupported_content", f"a part of type {str(kind)[:80]!r} isn't supported: send text")


def _content_error(path: str, code: str, message: str) -> RequestError:
    return RequestError(code, f"{path}.content: {message}", param=f"{path}.content")


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """The parts of the body that have an effect, and those that are refused when they ask for something."""

    model_config = ConfigDict(extra="ignore", strict=True)

    messages: Annotated[list[_Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    response_format: dict[str, Any] | None = None
    modalities: list[str] | None = None

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with a chunk that tells the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def conversation(self) -> Conversation:
        """The conversation: the last message is the task, and must be the user's.

        Raises:
            RequestError: it isn't, or a message is something other than text.
        """
        texts = [message.text(f"messages[{index}]") for index, message in enumerate(self.messages)]
        instructions = [
            text for message, text in zip(self.messages, texts, strict=True) if message.role in ("system", "developer")
        ]
        spoken = [
            Utterance(Speaker(message.role), text)
            for message, text in zip(self.messages, texts, strict=True)
            if message.role in ("user", "assistant")
        ]
        if not spoken or spoken[-1].speaker is not Speaker.USER or not spoken[-1].text.strip():
            raise RequestError(
                "invalid_request",
                "messages: the last one must be the user's, and not empty: it is the team's task",
                param="messages",
            )
        return Conversation(spoken[-1].text, tuple(spoken[:-1]), "\n\n".join(instructions))


def parse_chat_request(body: bytes, served_model: str) -> ChatRequest:
    """The request in `body`, for the team that is served as `served_model`.

    Raises:
        RequestError: the body is no JSON, a field has the wrong type, or it asks for what can't be had.
    """
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _request_error(error) from None
    if request.model is not None and request.model != served_model:
        raise RequestError(
            "model_not_found",
            f"model: {request.model[:80]!r} isn't served here: leave model out, or ask for {served_model!r}",
            status=404,
            param="model",
        )
    _refuse_unsupported(request)
    return request


def _refuse_unsupported(request: ChatRequest) -> None:
    response_format = (request.response_format or {}).get("type", "text")
    refused = {
        "n": request.n not in (None, 1),
        "tools": bool(request.tools),
        "functions": bool(request.functions),
        "logprobs": bool(request.logprobs),
        "response_format": response_format != "text",
        "modalities": request.modalities not in (None, ["text"]),
    }
    for field, asked in refused.items():
        if asked:
            raise RequestError(
                "unsupported_parameter", f"{field}: isn't supported by a team of agents: leave it out", param=field
            )


def _request_error(error: ValidationError) -> RequestError:
    detail = error.errors(include_url=False, include_input=False)[0]
    path = path_of(*detail["loc"])
    message = f"{path}: {detail['msg']}" if path else f"the body can't be read: {detail['msg']}"
    return RequestError("invalid_request", message, param=path or None)
