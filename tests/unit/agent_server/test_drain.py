"""The order and the bounds of the drain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agent_server.runtime.drain import DrainSteps, DrainTimes, ServerState, drain

from tests.support.waiting import eventually


@dataclass
class _World:
    """A server that notes what is done to it."""

    state: ServerState = field(default_factory=ServerState)
    connections: int = 0
    done: list[str] = field(default_factory=list)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    async def _stop_listening(self) -> None:
        assert self.state.draining
        self.done.append("deaf")

    async def _cut_off(self) -> None:
        self.done.append("cut")

    async def drain(self, *, delay: float = 0, linger: float = 0, grace: float = 10) -> bool:
        steps = DrainSteps(self._stop_listening, lambda: self.connections, self._cut_off)
        return await drain(self.state, DrainTimes(delay, linger, grace), steps, hurry=self.hurry)


async def _elapsed(world: _World, **times: float) -> tuple[bool, float]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    return await world.drain(**times), loop.time() - started


async def test_an_idle_server_goes_at_once_after_the_delay() -> None:
    clean, seconds = await _elapsed(_World(), delay=0.2, linger=5)
    assert clean
    assert 0.2 <= seconds < 4


async def test_it_is_unready_before_it_is_deaf() -> None:
    world = _World()
    task = asyncio.create_task(world.drain(delay=30))
    await eventually(lambda: world.state.draining)
    assert world.done == []
    world.hurry.set()
    await task
    assert world.done == ["deaf"]


async def test_it_waits_for_requests() -> None:
    world = _World()
    world.state.count_request(1)
    task = asyncio.create_task(world.drain())
    await asyncio.sleep(0.2)
    assert not task.done()
    world.state.count_request(-1)
    assert await task


async def test_idle_connections_are_kept_for_the_linger_only() -> None:
    clean, seconds = await _elapsed(_World(connections=3), linger=0.3)
    assert clean
    assert 0.3 <= seconds < 4


async def test_the_grace_period_ends_it() -> None:
    world = _World()
    world.state.count_request(1)
    clean, seconds = await _elapsed(world, delay=9, grace=0.4)
    assert not clean
    assert world.done == ["deaf", "cut"]
    assert seconds < 4


async def test_a_second_signal_hurries() -> None:
    world = _World(connections=1)
    world.state.count_request(1)
    task = asyncio.create_task(_elapsed(world, delay=30, linger=30, grace=60))
    await eventually(lambda: world.state.draining)
    world.hurry.set()
    clean, seconds = await task
    assert not clean
    assert seconds < 4


def test_a_person_at_a_terminal_waits_for_runs_only() -> None:
    assert DrainTimes(3, 15, 330).at_once() == DrainTimes(0, 0, 330)
