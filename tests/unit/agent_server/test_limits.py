"""Concurrency and queue."""

from __future__ import annotations

import asyncio

import pytest
from agent_server.errors import ErrorCode, RunError
from agent_server.runtime.limits import RunSlots


async def _hold(slots: RunSlots, release: asyncio.Event, entered: list[int], number: int) -> None:
    async with slots.slot():
        entered.append(number)
        await release.wait()


async def test_runs_beyond_the_limit_wait_in_order_and_beyond_the_queue_are_refused() -> None:
    slots, release, entered = RunSlots(2, 1), asyncio.Event(), list[int]()
    tasks = [asyncio.create_task(_hold(slots, release, entered, number)) for number in range(3)]
    await asyncio.sleep(0)  # all three have begun
    assert entered == [0, 1]
    with pytest.raises(RunError) as caught:
        await _hold(slots, release, entered, 3)
    assert caught.value.code is ErrorCode.QUEUE_FULL
    assert caught.value.http_status == 429
    assert caught.value.retry_after_seconds is not None
    assert 1 <= caught.value.retry_after_seconds <= 60
    release.set()
    await asyncio.gather(*tasks)
    assert entered == [0, 1, 2]


async def test_without_a_queue_a_free_place_is_taken_and_the_next_refused() -> None:
    slots, release = RunSlots(1, 0), asyncio.Event()
    task = asyncio.create_task(_hold(slots, release, [], 0))
    await asyncio.sleep(0)
    with pytest.raises(RunError):
        await _hold(slots, release, [], 1)
    release.set()
    await task
    async with slots.slot():
        with pytest.raises(RunError):
            await _hold(slots, release, [], 2)


async def test_a_cancelled_waiter_frees_its_place_in_the_queue() -> None:
    slots, release = RunSlots(1, 1), asyncio.Event()
    holder = asyncio.create_task(_hold(slots, release, [], 0))
    waiter = asyncio.create_task(_hold(slots, release, [], 1))
    await asyncio.sleep(0)  # both have begun
    with pytest.raises(RunError):
        await _hold(slots, release, [], 2)
    waiter.cancel()
    await asyncio.wait({waiter})
    entered: list[int] = []
    successor = asyncio.create_task(_hold(slots, release, entered, 3))
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(holder, successor)
    assert entered == [3]
