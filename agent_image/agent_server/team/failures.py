"""What a failed call to a model means, in our own terms: the endpoint's own words may hold secrets or conversation."""

from __future__ import annotations

import json

import openai

from agent_server.errors import ErrorCode, RunError
from agent_server.runtime.secrets import SecretUnavailableError

_UNAUTHORIZED = (401, 403)
_RATE_LIMITED = 429
_SERVER_ERROR = 500


class EmptyStreamError(Exception):
    """A streamed answer ended without a word and without a reason."""


class ReplayExhaustedError(Exception):
    """A run asked a Replay model for more answers than it has."""


_KINDS: tuple[tuple[type[Exception], ErrorCode, str], ...] = (
    (TimeoutError, ErrorCode.MODEL_TIMEOUT, "no answer within timeoutSeconds, {timeout_seconds:g} s"),
    (openai.APITimeoutError, ErrorCode.MODEL_TIMEOUT, "no answer within timeoutSeconds, {timeout_seconds:g} s"),
    (openai.APIConnectionError, ErrorCode.MODEL_UNREACHABLE, "its endpoint can't be reached: check baseURL"),
    (openai.APIError, ErrorCode.MODEL_ERROR, "its endpoint broke off the answer with an error"),
    (SecretUnavailableError, ErrorCode.MODEL_UNAUTHORIZED, "{error}"),
    (ReplayExhaustedError, ErrorCode.MODEL_ERROR, "{error}"),
    (EmptyStreamError, ErrorCode.MODEL_ERROR, "its endpoint answered with an empty stream"),
    (OSError, ErrorCode.MODEL_UNREACHABLE, "the connection to its endpoint broke"),
    (json.JSONDecodeError, ErrorCode.MODEL_ERROR, "its endpoint answered something that isn't JSON"),
    (Exception, ErrorCode.MODEL_ERROR, "its endpoint's answer can't be understood ({kind})"),
)
"""The first that fits. Only exceptions of our own are quoted."""


def model_failure(model: str, error: Exception, *, timeout_seconds: float) -> RunError:
    """The RunError for an exception of a call to the model called `model` in the spec."""
    code, what = _classify(error, timeout_seconds)
    return RunError(code, f"model {model!r}: {what}")


def _classify(error: Exception, timeout_seconds: float) -> tuple[ErrorCode, str]:
    if isinstance(error, openai.APIStatusError):
        return _classify_status(error.status_code)
    code, text = next((code, text) for kind, code, text in _KINDS if isinstance(error, kind))
    return code, text.format(error=error, kind=type(error).__name__, timeout_seconds=timeout_seconds)


def _classify_status(status: int) -> tuple[ErrorCode, str]:
    what = f"its endpoint answered HTTP {status}"
    if status in _UNAUTHORIZED:
        return ErrorCode.MODEL_UNAUTHORIZED, f"{what}: check the API key of apiKeySecretRef"
    if status == _RATE_LIMITED:
        return ErrorCode.MODEL_RATE_LIMITED, f"{what}: its rate limit is reached"
    if status < _SERVER_ERROR:
        return ErrorCode.MODEL_REJECTED, f"{what}: it refuses the request; check model and parameters"
    return ErrorCode.MODEL_ERROR, what
