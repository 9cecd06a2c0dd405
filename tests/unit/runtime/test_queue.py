from __future__ import annotations

import asyncio

import pytest
from agentteam_operator.queue import WakeQueue

from tests.support.waiting import settle

A, B = ("ns", "a"), ("ns", "b")


@pytest.fixture
async def queue() -> WakeQueue:
    return WakeQueue()


async def is_empty(queue: WakeQueue) -> bool:
    try:
        async with asyncio.timeout(0.02):
            await queue.take()
    except TimeoutError:
        return True
    return False


async def test_wakes_are_coalesced(queue: WakeQueue) -> None:
    for _ in range(10):
        queue.wake(A)
    assert len(queue) == 1
    assert await queue.take() == A
    queue.done(A)
    assert await is_empty(queue)


async def test_teams_take_turns_in_order(queue: WakeQueue) -> None:
    for key in (B, A, B):
        queue.wake(key)
    assert [await queue.take(), await queue.take()] == [B, A]


async def test_a_team_is_never_taken_twice_at_once(queue: WakeQueue) -> None:
    queue.wake(A)
    assert await queue.take() == A
    queue.wake(A)
    assert await is_empty(queue)


async def test_a_wake_during_a_tick_means_another_tick(queue: WakeQueue) -> None:
    queue.wake(A)
    await queue.take()
    queue.wake(A)
    queue.wake(A)
    queue.done(A)
    assert await queue.take() == A
    queue.done(A)
    assert await is_empty(queue)


async def test_an_appointment_is_kept(queue: WakeQueue) -> None:
    queue.wake_after(A, 0.3)
    assert await is_empty(queue)
    async with asyncio.timeout(5):
        assert await queue.take() == A


@pytest.mark.parametrize(
    "appointments",
    [
        pytest.param((0.01, 60), id="earlier-first"),
        pytest.param((60, 0.01), id="earlier-last"),
    ],
)
async def test_the_earlier_appointment_counts(queue: WakeQueue, appointments: tuple[float, float]) -> None:
    for seconds in appointments:
        queue.wake_after(A, seconds)
    async with asyncio.timeout(5):
        assert await queue.take() == A
    queue.done(A)
    assert await is_empty(queue)


async def test_a_tick_makes_old_appointments_void(queue: WakeQueue) -> None:
    queue.wake_after(A, 0.01)
    queue.wake(A)
    await queue.take()
    queue.done(A)
    assert await is_empty(queue)


async def test_an_appointment_that_falls_due_during_a_tick_is_kept(queue: WakeQueue) -> None:
    queue.wake(A)
    await queue.take()
    queue.wake_after(A, 0)
    await settle()
    queue.done(A)
    async with asyncio.timeout(5):
        assert await queue.take() == A


async def test_a_waiting_taker_gets_the_next_wake(queue: WakeQueue) -> None:
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.wake(B)
    assert await taking == B
