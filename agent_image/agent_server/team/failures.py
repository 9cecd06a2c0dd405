"""What a failed call to a model means, in our own terms: the endpoint's own words may hold secrets or conversation."""

from __future__ import annotations

import json

import openai

from agent_server.errors import ErrorCode, RunError
from agent_server.runtime.secrets import SecretUnavailableError

_UNAUTHORIZED = (401, 403)
_RATE_LIMITED = 429
_SERVER_ERROR = 500


def model_failure(model: str, error: Exception, *, timeout_seconds: float) -> RunError:
    """The RunError for an exception of a call to the model called `model` in the spec."""
    code, what = _classify(error, timeout_seconds)
    return RunError(code, f"model {model!r}: {what}")


def _classify(error: Exception, timeout_seconds: float) -> tuple[ErrorCode, str]:
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return ErrorCode.MODEL_TIMEOUT, f"no answer within timeoutSeconds, {timeout_seconds:g} s"
    if isinstance(error, openai.APIStatusError):
        return _classify_status(error.status_code)
    if isinstance(error, openai.APIConnectionError):
        return ErrorCode.MODEL_UNREACHABLE, "its endpoint can't be reached: check baseURL and the network"
    if isinstance(error, SecretUnavailableError):
        return ErrorCode.MODEL_UNAUTHORIZED, str(error)
    if isinstance(error, openai.APIError):  # what a stream reports after it has begun
        return ErrorCode.MODEL_ERROR, "its endpoint broke off the answer with an error"
    if isinstance(error, ReplayExhaustedError):
        return ErrorCode.MODEL_ERROR, str(error)
    if isinstance(error, OSError):
        return ErrorCode.MODEL_UNREACHABLE, "the connection to its endpoint broke"
    if isinstance(error, json.JSONDecodeError):
        return ErrorCode.MODEL_ERROR, "its endpoint answered something that isn't JSON"
    return ErrorCode.MODEL_ERROR, f"its endpoint's answer can't be understood ({type(error).__name__})"


def _classify_status(status: int) -> tuple[ErrorCode, str]:
    what = f"its endpoint answered HTTP {status}"
    if status in _UNAUTHORIZED:
        return ErrorCode.MODEL_UNAUTHORIZED, f"{what}: check the API key of apiKeySecretRef"
    if status == _RATE_LIMITED:
        return ErrorCode.MODEL_RATE_LIMITED, f"{what}: its rate limit is reached"
    if status < _SERVER_ERROR:
        return ErrorCode.MODEL_REJECTED, f"{what}: it refuses the request; check model and parameters"
    return ErrorCode.MODEL_ERROR, what


class ReplayExhaustedError(Exception):
    """A run asked a Replay model for more answers than it has."""
