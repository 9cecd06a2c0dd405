"""AutoGen's model client and agent, measured and bounded: each call has a deadline, each failure a code of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from agent_server.conversation import TokenUsage
from agent_server.errors import ErrorCode, RunError
from agent_server.team.failures import model_failure
from agent_server.telemetry.metrics import ModelLabels, ServerMetrics

_T = TypeVar("_T")

_NO_USAGE = RequestUsage(prompt_tokens=0, completion_tokens=0)


@dataclass(slots=True)
class RunRecord:
    """What the calls to models of one run came to."""

    usage: TokenUsage = field(default_factory=TokenUsage)
    failure: RunError | None = None
    """The first failed call: AutoGen reports errors as text only, so the run's outcome is taken from here."""


@dataclass(slots=True)
class _Call:
    usage: TokenUsage = field(default_factory=TokenUsage)

    def note(self, result: CreateResult) -> None:
        self.usage = TokenUsage(result.usage.prompt_tokens, result.usage.completion_tokens)


class MeteredClient(ChatCompletionClient):
    """A model client of one run: passes calls on, with a deadline each, and records what they came to.

    Failures leave as RunError, with the cause cut off: the SDK's exceptions quote the endpoint's answer.
    """

    component_type = "model"
    component_config_schema = BaseModel

    def __init__(
        self,
        inner: ChatCompletionClient,
        *,
        name: str,
        labels: ModelLabels,
        timeout_seconds: float,
        record: RunRecord,
        metrics: ServerMetrics,
    ) -> None:
        """Wrap `inner`, which the spec calls `name`; one call may take `timeout_seconds`."""
        self._inner = inner
        self._name = name
        self._labels = labels
        self._timeout_seconds = timeout_seconds
        self._record = record
        self._metrics = metrics

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Pass the call on."""
        with self._measured() as call:
            async with asyncio.timeout(self._timeout_seconds):
                result = await self._inner.create(
                    messages,
                    tools=tools,
                    tool_choice=tool_choice,
                    json_output=json_output,
                    extra_create_args=extra_create_args,
                    cancellation_token=cancellation_token,
                )
            call.note(result)
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Pass the call on; the deadline holds for the whole stream."""
        with self._measured() as call:
            stream = self._inner.create_stream(
                messages,
                tools=tools,
                tool_choice=tool_choice,
                json_output=json_output,
                extra_create_args=extra_create_args,
                cancellation_token=cancellation_token,
            )
            async for item in _until(stream, asyncio.get_running_loop().time() + self._timeout_seconds):
                if isinstance(item, CreateResult):
                    call.note(item)
                yield item

    @contextmanager
    def _measured(self) -> Iterator[_Call]:
        call = _Call()
        started = time.monotonic()
        error_type = ""
        try:
            yield call
        except Exception as error:  # noqa: BLE001 - whatever a client raises is a failed call
            failure = model_failure(self._name, error, timeout_seconds=self._timeout_seconds)
            error_type = failure.code
            self._record.failure = self._record.failure or failure
            raise failure from None
        except BaseException:
            error_type = ErrorCode.CANCELLED
            raise
        finally:
            self._record.usage += call.usage
            self._metrics.model_call_finished(self._labels, time.monotonic() - started, call.usage, error_type)

    async def close(self) -> None:
        """Leave the shared client open: other runs use it."""

    def actual_usage(self) -> RequestUsage:
        """Not kept here: the run's record has it."""
        return _NO_USAGE

    def total_usage(self) -> RequestUsage:
        """Not kept here: the run's record has it."""
        return _NO_USAGE

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """As the wrapped client counts."""
        return self._inner.count_tokens(messages, tools=tools)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """As the wrapped client counts."""
        return self._inner.remaining_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelInfo:
        """What the model can do (AutoGen's older name for it)."""
        return self._inner.model_info

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        return self._inner.model_info


async def _until(stream: AsyncGenerator[_T, None], deadline: float) -> AsyncIterator[_T]:
    """The stream's items, each awaited until `deadline` (loop time).

    Not one asyncio.timeout around the loop: it would also cut into the consumer, while this generator is suspended.
    """
    async with aclosing(stream):
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            yield item


class MeteredAgent(AssistantAgent):
    """AutoGen's AssistantAgent, whose turns are counted and timed under the agent's name in the spec."""

    def __init__(self, *args: Any, spec_name: str, metrics: ServerMetrics, **kwargs: Any) -> None:  # noqa: ANN401
        """Take AssistantAgent's arguments, and the name to count under."""
        super().__init__(*args, **kwargs)
        self._spec_name = spec_name
        self._metrics = metrics

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """One turn."""
        with self._metrics.agent_turn(self._spec_name):
            async for item in super().on_messages_stream(messages, cancellation_token):
                yield item
