"""Every way in which a run or a request can fail: one table of stable codes, HTTP statuses and run statuses."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """How a run ended, as the `status` label of autogen_runs_finished_total."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class ErrorCode(StrEnum):
    """Stable names of what went wrong: in error bodies, logs and the `error_type` labels."""

    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_TIMEOUT = "model_timeout"
    MODEL_RATE_LIMITED = "model_rate_limited"
    MODEL_UNAUTHORIZED = "model_unauthorized"
    MODEL_REJECTED = "model_rejected"
    MODEL_ERROR = "model_error"
    NO_ANSWER = "no_answer"
    RUN_TIMEOUT = "run_timeout"
    QUEUE_FULL = "queue_full"
    SHUTTING_DOWN = "shutting_down"
    CANCELLED = "cancelled"
    INTERNAL = "internal_error"


MODEL_ERROR_CODES = (
    ErrorCode.MODEL_UNREACHABLE,
    ErrorCode.MODEL_TIMEOUT,
    ErrorCode.MODEL_RATE_LIMITED,
    ErrorCode.MODEL_UNAUTHORIZED,
    ErrorCode.MODEL_REJECTED,
    ErrorCode.MODEL_ERROR,
)
"""What a call to a model can fail of."""

TURN_ERROR_CODES = (*MODEL_ERROR_CODES, ErrorCode.INTERNAL)
"""What an agent's turn can fail of."""

_HTTP_STATUS = {
    ErrorCode.MODEL_TIMEOUT: 504,
    ErrorCode.RUN_TIMEOUT: 504,
    ErrorCode.QUEUE_FULL: 429,
    ErrorCode.SHUTTING_DOWN: 503,
    ErrorCode.CANCELLED: 499,
    ErrorCode.NO_ANSWER: 500,
    ErrorCode.INTERNAL: 500,
}

_RUN_STATUS = {
    ErrorCode.MODEL_TIMEOUT: RunStatus.TIMEOUT,
    ErrorCode.RUN_TIMEOUT: RunStatus.TIMEOUT,
    ErrorCode.QUEUE_FULL: RunStatus.REJECTED,
    ErrorCode.SHUTTING_DOWN: RunStatus.CANCELLED,
    ErrorCode.CANCELLED: RunStatus.CANCELLED,
}


class RunError(Exception):
    """A run that ended without an answer. The message is for the client: it holds no secret and no conversation."""

    def __init__(self, code: ErrorCode, message: str, *, retry_after_seconds: int | None = None) -> None:
        """Take the stable `code`, and for a full queue the seconds after which trying again makes sense."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.cost: float | None = None
        """What a synthetic run cost until it failed; None where that isn't known, and of all others."""

    @property
    def http_status(self) -> int:
        """The HTTP status to answer with: a model's failure is a bad gateway, not ours and not the client's."""
        return _HTTP_STATUS.get(self.code, 502)

    @property
    def run_status(self) -> RunStatus:
        """The status under which the run is counted."""
        return _RUN_STATUS.get(self.code, RunStatus.ERROR)
