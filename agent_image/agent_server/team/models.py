"""From `spec.models` to AutoGen's model clients: one builder for each provider, and no other provider."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol

import openai
from agentteam_operator.api.models import ModelInfo, ModelSpec, Provider
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage
from autogen_core.models import ModelInfo as AutoGenModelInfo
from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient

from agent_server.errors import RunError
from agent_server.runtime.secrets import SecretFiles, SecretUnavailableError
from agent_server.team.failures import EmptyStreamError, ReplayExhaustedError, model_failure
from agent_server.telemetry.metrics import ModelLabels

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_PLACEHOLDER_KEY = "none"
"""Sent to an endpoint of the user's own that asks for no key: the SDK insists on some."""

_UNKNOWN_PATH_STATUSES = (404, 405, 501)


class ModelBackend(Protocol):
    """One model of the spec."""

    def client(self) -> ChatCompletionClient:
        """The client for one run: shared where the provider is stateless, new where it isn't."""
        ...

    async def check(self, timeout_seconds: float) -> None:
        """See whether the model could be called now, at no cost.

        Raises:
            Exception: why it couldn't.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class OpenAIBackend:
    """An OpenAI-compatible endpoint: one client, with its connection pool, for all runs."""

    def __init__(self, spec: ModelSpec, secrets: SecretFiles) -> None:
        """Build the client; nothing is connected or read yet.

        Raises:
            ValueError: AutoGen doesn't know the model, and the spec doesn't say what it can do.
        """
        self._spec = spec
        self._secrets = secrets
        self._sdk = openai.AsyncOpenAI(
            api_key=self._api_key,
            base_url=spec.base_url or DEFAULT_BASE_URL,
            timeout=spec.timeout_seconds,
            max_retries=0,  # a hidden second call would hide the failure rate that releases are judged by
        )
        self._client = _StreamingClient(
            self._sdk, create_args=_create_args(spec), model_info=_model_info(spec.model_info)
        )

    def client(self) -> ChatCompletionClient:
        """The shared client."""
        return self._client

    async def check(self, timeout_seconds: float) -> None:
        """List the endpoint's models: it must answer and take the key; it need not know that path."""
        try:
            await self._sdk.with_options(timeout=timeout_seconds).models.list()
        except openai.APIStatusError as error:
            if error.status_code not in _UNKNOWN_PATH_STATUSES:
                raise

    async def close(self) -> None:
        """Close the connection pool."""
        await self._sdk.close()

    async def _api_key(self) -> str:
        """The key for the next request; asked for by the SDK before each one.

        The variable OPENAI_API_KEY stands in for the Secret on a laptop. It is OpenAI's own key, never sent to an
        endpoint that the spec names.
        """
        reference = self._spec.api_key_secret_ref
        fallback = os.environ.get("OPENAI_API_KEY", "") if self._spec.base_url is None else ""
        if reference is None:
            return fallback or _PLACEHOLDER_KEY
        try:
            return self._secrets.read(reference.name, reference.key)
        except SecretUnavailableError:
            if fallback:
                return fallback
            raise


class ReplayBackend:
    """Scripted answers: a new client for each run, so that the answers start over."""

    def __init__(self, spec: ModelSpec, _secrets: SecretFiles) -> None:
        """Keep the answers."""
        self._answers = spec.replay.answers if spec.replay else ()
        self._info = _model_info(spec.model_info)

    def client(self) -> ChatCompletionClient:
        """A client at the first answer."""
        return _ReplayClient(list(self._answers), self._info)

    async def check(self, timeout_seconds: float) -> None:
        """Scripted answers are always at hand."""

    async def close(self) -> None:
        """Nothing is open."""


PROVIDERS: Mapping[Provider, Callable[[ModelSpec, SecretFiles], ModelBackend]] = {
    Provider.OPENAI: OpenAIBackend,
    Provider.REPLAY: ReplayBackend,
}
"""All providers that can be built. AutoGen's own loader takes any class by its import path; nothing here uses it."""


class ModelPool:
    """The models of a spec, by name."""

    def __init__(self, specs: Sequence[ModelSpec], secrets: SecretFiles) -> None:
        """Build a backend for each of `specs`.

        Raises:
            ValueError: AutoGen refuses a model's settings.
        """
        ignore_model_warnings()
        self._specs = {spec.name: spec for spec in specs}
        self._backends = {spec.name: PROVIDERS[spec.provider](spec, secrets) for spec in specs}

    def clients(self) -> dict[str, ChatCompletionClient]:
        """A client for each model, for one run."""
        return {name: backend.client() for name, backend in self._backends.items()}

    def spec(self, name: str) -> ModelSpec:
        """The model's spec."""
        return self._specs[name]

    async def check(self, name: str, timeout_seconds: float) -> str:
        """What keeps the model called `name` from being called, or an empty string."""
        try:
            await self._backends[name].check(timeout_seconds)
        except Exception as error:  # noqa: BLE001 - any failure is the answer
            failure: RunError = model_failure(name, error, timeout_seconds=timeout_seconds)
            return failure.message
        return ""

    async def close(self) -> None:
        """Give all connections back."""
        for backend in self._backends.values():
            await backend.close()


def model_labels(spec: ModelSpec) -> ModelLabels:
    """A model's name and provider as metrics show them."""
    return ModelLabels(request_model=spec.model or spec.name, provider=spec.provider.lower())


def ignore_model_warnings() -> None:
    """Silence AutoGen's warnings about what is normal, and about what is reported here as a failure.

    An endpoint may answer under another name than the one asked for: aliases, gateways, versions.
    """
    for message in ("Resolved model mismatch", "No text content or tool calls are available"):
        warnings.filterwarnings("ignore", message=message, category=UserWarning)


class _StreamingClient(BaseOpenAIChatCompletionClient):
    """Mends two things of AutoGen's streamed answers."""

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        **options: Any,  # noqa: ANN401 - passed on as they are
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Ask for the usage too, without which tokenUsage never ends a run, and take no broken answer for an empty one.

        Raises:
            EmptyStreamError: no chunk came that could be read; AutoGen makes it an empty answer.
        """
        async for item in super().create_stream(messages, **{**options, "include_usage": True}):
            if isinstance(item, CreateResult) and not item.content and item.finish_reason == "unknown":
                raise EmptyStreamError
            yield item


class _ReplayClient(ReplayChatCompletionClient):
    """Says plainly when the answers are used up."""

    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:  # noqa: ANN401 - passed on as they are
        self._require_answer()
        return await super().create(messages, **options)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        **options: Any,  # noqa: ANN401 - passed on as they are
    ) -> AsyncGenerator[str | CreateResult, None]:
        self._require_answer()
        async for item in super().create_stream(messages, **options):
            yield item

    def _require_answer(self) -> None:
        if self._current_index >= self.provided_message_count:
            raise ReplayExhaustedError(
                f"the run asked for more than the {self.provided_message_count} answers of replay.answers: "
                "add answers, or end the run earlier"
            )


def _create_args(spec: ModelSpec) -> dict[str, Any]:
    parameters = spec.parameters
    optional = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "max_tokens": parameters.max_tokens,
        "seed": parameters.seed,
    }
    return {"model": spec.model} | {name: value for name, value in optional.items() if value is not None}


def _model_info(info: ModelInfo | None) -> AutoGenModelInfo | None:
    if info is None:
        return None
    return AutoGenModelInfo(
        vision=info.vision,
        function_calling=info.function_calling,
        json_output=info.json_output,
        structured_output=info.structured_output,
        family=info.family,
        multiple_system_messages=False,
    )
