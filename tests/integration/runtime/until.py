"""Waiting with a deadline, and saying what was waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.05
GIVE_UP_SECONDS = 150.0
"""Longer than Kubernetes itself may take: its garbage collector learns of a new kind within 30 s, and by then its
retries are up to 41 s apart."""


async def until(condition: Callable[[], Awaitable[object]], *, what: str, seconds: float = GIVE_UP_SECONDS) -> None:
    """Return once `condition` holds.

    Raises:
        AssertionError: if it doesn't within the time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - the condition is in another process
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"waited {seconds:g} s in vain for {what}") from None
