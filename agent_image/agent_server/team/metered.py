"""AutoGen's model client and agent, measured and bounded: each call has a deadline, each failure a code of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from agentteam_operator.api.models import Price
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from agent_server.conversation import AgentMessage, EventSink, TokenUsage
from agent_server.errors import ErrorCode, RunError
from agent_server.team.failures import EmptyStreamError, model_failure
from agent_server.team.thoughts import ThoughtFilter
from agent_server.telemetry.metrics import ModelLabels, ServerMetrics

TextSink = Callable[[str], None]

_NO_USAGE = RequestUsage(prompt_tokens=0, completion_tokens=0)


@dataclass(slots=True)
class RunRecord:
    """What the calls to models of one run came to."""

    usage: TokenUsage = field(default_factory=TokenUsage)
    cost: float = 0.0
    """Of the calls to models that have a price."""
    cost_known: bool = True
    """Whether that is all: no call was to a model without a price, or brought an answer without its tokens."""
    failure: RunError | None = None
    """The first failed call: AutoGen reports errors as text only, so the run's outcome is taken from here."""


@dataclass(slots=True)
class _Call:
    usage: TokenUsage = field(default_factory=TokenUsage)


class MeteredClient(ChatCompletionClient):
    """A model client of one run: passes calls on, with a deadline each, and records what they came to.

    With `on_text` it streams from the endpoint and hands on each piece of the answer as it comes, while AutoGen waits
    for the whole: as messages of AutoGen's runtime the pieces would cost 20 times as much.

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
        price: Price | None = None,
        on_text: TextSink | None = None,
    ) -> None:
        """Wrap `inner`, which the spec calls `name`; one call may take `timeout_seconds`."""
        self._inner = inner
        self._name = name
        self._labels = labels
        self._timeout_seconds = timeout_seconds
        self._record = record
        self._metrics = metrics
        self._price = price
        self._on_text = on_text

    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:  # noqa: ANN401 - passed on
        """Call the model."""
        with self._measured() as call:
            async with asyncio.timeout(self._timeout_seconds):
                if self._on_text is None:
                    result = await self._inner.create(messages, **options)
                else:
                    result = await _streamed(self._inner.create_stream(messages, **options), self._on_text)
            call.usage = TokenUsage(result.usage.prompt_tokens, result.usage.completion_tokens)
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        **options: Any,  # noqa: ANN401 - passed on
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The answer as a stream of one item; AutoGen has no need of more, as the pieces go to `on_text`."""
        yield await self.create(messages, **options)

    @contextmanager
    def _measured(self) -> Iterator[_Call]:
        call = _Call()
        started = time.monotonic()
        error_type = ""
        try:
            yield call
            self._record.cost_known &= self._price is not None and call.usage != TokenUsage()
        except Exception as error:  # noqa: BLE001 - whatever a client raises is a failed call
            failure = model_failure(self._name, error, timeout_seconds=self._timeout_seconds)
            error_type = failure.code
            self._record.cost_known &= failure.code is not ErrorCode.MODEL_TIMEOUT  # it may be charged all the same
            self._record.failure = self._record.failure or failure
            raise failure from None
        except BaseException:
            error_type = ErrorCode.CANCELLED
            raise
        finally:
            self._record.usage += call.usage
            self._metrics.model_call_finished(self._labels, time.monotonic() - started, call.usage, error_type)
            if self._price is not None:
                cost = cost_of(call.usage, self._price)
                self._record.cost += cost
                self._metrics.model_cost(self._labels, cost)

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


def cost_of(usage: TokenUsage, price: Price) -> float:
    """What the tokens of a call cost, in the price's currency."""
    sent = usage.prompt_tokens * price.input_per_million_tokens
    answered = usage.completion_tokens * price.output_per_million_tokens
    return (sent + answered) / 1_000_000


async def _streamed(stream: AsyncGenerator[str | CreateResult, None], on_text: TextSink) -> CreateResult:
    """The end of `stream`, after its pieces have gone to `on_text`, a reasoning model's thoughts left out."""
    thoughts = ThoughtFilter()
    result: CreateResult | None = None
    async with aclosing(stream):
        async for item in stream:  # to its very end: AutoGen's clients count the answer only behind its last item
            if isinstance(item, CreateResult):
                result = item
            elif text := thoughts.passed(item):
                on_text(text)
    if result is None:
        raise EmptyStreamError
    return result


class MeteredAgent(AssistantAgent):
    """AutoGen's AssistantAgent, whose turns are counted and timed under the agent's name in the spec.

    Its messages go to `on_event` before AutoGen has them, and so in order with the pieces of text around them.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - AssistantAgent's own
        spec_name: str,
        metrics: ServerMetrics | None,
        on_event: EventSink | None,
        **kwargs: Any,  # noqa: ANN401 - AssistantAgent's own
    ) -> None:
        """Take AssistantAgent's arguments, and the name to count under; without `metrics` nothing is counted."""
        super().__init__(*args, **kwargs)
        self._spec_name = spec_name
        self._metrics = metrics
        self._on_event = on_event

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """One turn."""
        with nullcontext() if self._metrics is None else self._metrics.agent_turn(self._spec_name):
            async for item in super().on_messages_stream(messages, cancellation_token):
                if self._on_event is not None and isinstance(item, Response):
                    self._on_event(AgentMessage(self._spec_name, item.chat_message.to_text()))
                yield item
