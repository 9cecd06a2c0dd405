"""A run's events on their way to one reader, with silence and the end as events of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agent_server.conversation import RunEvent, RunResult


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came for as long as the reader cared to wait."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; its task has the result."""


class EventStream:
    """A queue between the run, which never waits for its reader, and the reader. It holds one answer at most."""

    def __init__(self) -> None:
        """Start empty."""
        self._queue: asyncio.Queue[RunEvent | Ended] = asyncio.Queue()

    def put(self, event: RunEvent) -> None:
        """Take an event from the run."""
        self._queue.put_nowait(event)

    def end_with(self, run: asyncio.Task[RunResult]) -> None:
        """End the stream when the run ends, behind all that it has put."""
        run.add_done_callback(lambda _: self._queue.put_nowait(Ended()))

    async def next(self, timeout_seconds: float) -> RunEvent | Silence | Ended:
        """The next event, or Silence after `timeout_seconds` without one."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._queue.get()
        except TimeoutError:
            return Silence()
