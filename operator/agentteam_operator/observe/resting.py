"""Waiting for the next thing that is due, or for something to change."""

from __future__ import annotations

import asyncio


async def rest(changed: asyncio.Event, seconds: float | None) -> None:
    """Until `changed` is set, for `seconds` at most; None for as long as it takes."""
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
