"""Waiting in tests: for what must happen, and until all that could happen has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def eventually(condition: Callable[[], object], timeout_seconds: float = 5) -> None:
    """Wait until `condition` holds.

    Raises:
        TimeoutError: it doesn't within the time.
    """
    async with asyncio.timeout(timeout_seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def settle() -> None:
    """Let every task go on that waits for other tasks only: by turns of the loop, so a slow machine changes nothing."""
    for _ in range(50):
        await asyncio.sleep(0)


def poll(what: Callable[[], bool], timeout_seconds: float, description: str, *, every_seconds: float = 0.5) -> None:
    """Ask until it holds, for what can't be watched.

    Raises:
        TimeoutError: naming what was waited for.
    """
    deadline = time.monotonic() + timeout_seconds
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_seconds:g} s in vain for {description}")
        time.sleep(every_seconds)
