"""Bounded concurrency with a bounded queue: beyond both, a run is refused at once instead of waiting in vain."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent_server.errors import ErrorCode, RunError

_SMOOTHING = 0.1
_MAX_RETRY_AFTER_SECONDS = 60


class RunSlots:
    """At most `max_concurrent` runs at once and `max_queued` waiting, first come, first served."""

    def __init__(self, max_concurrent: int, max_queued: int) -> None:
        """Start with all places free."""
        self._max_concurrent = max_concurrent
        self._max_queued = max_queued
        self._free = asyncio.Semaphore(max_concurrent)
        self._queued = 0
        self._mean_seconds = 1.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a place, waiting in the queue for it if need be.

        Raises:
            RunError: QUEUE_FULL, when as many wait as may.
        """
        if self._free.locked() and self._queued >= self._max_queued:
            raise self._queue_full()
        self._queued += 1
        try:
            await self._free.acquire()
        finally:
            self._queued -= 1
        started = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._free.release()
            self._note_duration(asyncio.get_running_loop().time() - started)

    @property
    def queued(self) -> int:
        """Runs that wait for a place now."""
        return self._queued

    def _note_duration(self, seconds: float) -> None:
        self._mean_seconds += _SMOOTHING * (seconds - self._mean_seconds)

    def _queue_full(self) -> RunError:
        seconds = self._mean_seconds * (self._queued + 1) / self._max_concurrent
        return RunError(
            ErrorCode.QUEUE_FULL,
            f"{self._max_concurrent} runs are active and {self._queued} wait: try again later, "
            "or raise spec.runs.maxConcurrent, spec.runs.maxQueued or the replicas",
            retry_after_seconds=max(1, min(_MAX_RETRY_AFTER_SECONDS, math.ceil(seconds))),
        )
