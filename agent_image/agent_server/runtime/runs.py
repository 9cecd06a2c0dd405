"""The life of a run: accepted, queued, running, and ended in exactly one way that is counted and logged."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

import structlog

from agent_server.conversation import Conversation, EventSink, RunResult
from agent_server.errors import ErrorCode, RunError, RunStatus
from agent_server.runtime.limits import RunSlots
from agent_server.telemetry.logging import code_location
from agent_server.telemetry.metrics import ServerMetrics

_log = structlog.get_logger("agent_server.runs")


class Team(Protocol):
    """What runs a conversation: a fresh team for each call."""

    async def run(self, conversation: Conversation, on_event: EventSink | None = None) -> RunResult:
        """Run the conversation to its end; with `on_event`, as a stream. Cancelling the call stops the models' calls.

        Raises:
            RunError: the run ended without an answer.
        """
        ...


class RunManager:
    """Starts runs within the limits and keeps those in flight, for the drain."""

    def __init__(self, team: Team, slots: RunSlots, metrics: ServerMetrics, *, timeout_seconds: float) -> None:
        """Run on `team`; `timeout_seconds` bounds a run from its acceptance, waiting in the queue included."""
        self._team = team
        self._slots = slots
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds
        self._tasks: set[asyncio.Task[RunResult]] = set()
        self._closed = False
        metrics.watch_queue(lambda: slots.queued)

    def start(
        self, conversation: Conversation, *, request_id: str, on_event: EventSink | None = None
    ) -> asyncio.Task[RunResult]:
        """Start a run. The task gives its result or raises RunError; cancelling it cancels the run."""
        task = asyncio.create_task(self._run(conversation, request_id=request_id, on_event=on_event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End what still runs: each run in flight, and each that is started later, fails with SHUTTING_DOWN."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, conversation: Conversation, *, request_id: str, on_event: EventSink | None) -> RunResult:
        self._metrics.run_started(synthetic=conversation.synthetic)
        started = time.monotonic()
        failure: RunError | None = None
        result: RunResult | None = None
        try:
            result = await self._run_within_limits(conversation, on_event)
        except RunError as error:
            failure = error
            raise
        except asyncio.CancelledError:
            failure = RunError(ErrorCode.CANCELLED, "the client went away")
            if self._closed:
                failure = _shutting_down()
                raise failure from None
            raise
        except Exception as error:  # noqa: BLE001 - counted, logged, and told without its words
            _log.error("run_crashed", request_id=request_id, error=type(error).__name__, where=code_location(error))
            failure = RunError(ErrorCode.INTERNAL, "the server failed; its log has the details by this request's id")
            raise failure from None
        finally:
            seconds = time.monotonic() - started
            status = failure.run_status if failure else RunStatus.SUCCESS
            self._metrics.run_finished(status, seconds, result, synthetic=conversation.synthetic)
            _log_run(request_id, status, seconds, synthetic=conversation.synthetic, failure=failure, result=result)
        return result

    async def _run_within_limits(self, conversation: Conversation, on_event: EventSink | None) -> RunResult:
        if self._closed:
            raise _shutting_down()
        try:
            async with asyncio.timeout(self._timeout_seconds), self._slots.slot():
                return await self._team.run(conversation, on_event)
        except TimeoutError:
            raise RunError(
                ErrorCode.RUN_TIMEOUT,
                f"the run took longer than spec.runs.timeoutSeconds, {self._timeout_seconds:g} s",
            ) from None


def _shutting_down() -> RunError:
    return RunError(
        ErrorCode.SHUTTING_DOWN, "this server is shutting down: send the request again", retry_after_seconds=1
    )


def _log_run(
    request_id: str,
    status: RunStatus,
    seconds: float,
    *,
    synthetic: bool,
    failure: RunError | None,
    result: RunResult | None,
) -> None:
    fields: dict[str, object] = {
        "request_id": request_id,
        "status": status.value,
        "duration_seconds": round(seconds, 4),
    }
    if synthetic:
        fields["synthetic"] = True
    if failure is not None:
        fields |= {"error_type": failure.code.value, "error": failure.message}
    if result is not None:
        fields |= {
            "stop_reason": result.stop_reason,
            "stop_cause": result.stop_cause.value,
            "messages": len(result.speakers),
            "prompt_tokens": result.usage.prompt_tokens,
            "completion_tokens": result.usage.completion_tokens,
        }
    bad = status in (RunStatus.ERROR, RunStatus.TIMEOUT)
    (_log.warning if bad else _log.info)("run_finished", **fields)
