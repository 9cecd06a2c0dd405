"""The end of the server: unready first, then deaf to new connections, then idle, and only then gone.

SIGTERM -> draining     /readyz says 503; new connections are still taken, as the Service's change takes a moment to
                        reach every node; each answer ends its connection
        -> closed       after the delay: new connections are refused; runs go on; requests that come on connections
                        that are still open are served
        -> idle         no request is left, and no connection, or the linger is over
        -> gone         or, at the end of the grace period, what still runs is answered with 503
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

_POLL_SECONDS = 0.05
_EXIT_MARGIN_SECONDS = 2.0
"""Kept of the grace period for answering what is cut off, and for exiting before SIGKILL."""

_log = structlog.get_logger("agent_server.drain")


class ServerState:
    """What the drain and the requests know of each other."""

    def __init__(self) -> None:
        """Start ready, with no request."""
        self.draining = False
        self.requests_in_flight = 0

    def count_request(self, change: int) -> None:
        """Note that a request begins (1) or ends (-1)."""
        self.requests_in_flight += change


@dataclass(frozen=True, slots=True)
class DrainTimes:
    """All in seconds. `grace` counts from the signal, `linger` from the closing of the listening socket."""

    delay: float
    linger: float
    grace: float

    def at_once(self) -> DrainTimes:
        """For a person at a terminal: finish what runs, wait for nothing else."""
        return DrainTimes(delay=0, linger=0, grace=self.grace)


@dataclass(frozen=True, slots=True)
class DrainSteps:
    """What the drain acts on."""

    stop_listening: Callable[[], Awaitable[None]]
    open_connections: Callable[[], int]
    cut_off_runs: Callable[[], Awaitable[None]]


async def drain(state: ServerState, times: DrainTimes, steps: DrainSteps, *, hurry: asyncio.Event) -> bool:
    """Take the server through its end; `hurry` (a second signal) cuts it short.

    Returns:
        Whether everything was answered without cutting a run off.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max(times.grace - _EXIT_MARGIN_SECONDS, times.grace / 2)
    state.draining = True
    _log.info("draining", delay_seconds=times.delay, requests_in_flight=state.requests_in_flight)
    await _wait_until(lambda: False, min(loop.time() + times.delay, deadline), hurry)
    await steps.stop_listening()
    linger_until = loop.time() + times.linger

    def idle() -> bool:
        lingered = loop.time() >= linger_until or steps.open_connections() == 0
        return state.requests_in_flight == 0 and lingered

    if await _wait_until(idle, deadline, hurry):
        _log.info("drained", idle_connections=steps.open_connections())
        return True
    _log.warning("drain_cut_off", requests_in_flight=state.requests_in_flight)
    await steps.cut_off_runs()
    return False


async def _wait_until(condition: Callable[[], bool], deadline: float, hurry: asyncio.Event) -> bool:
    """Whether `condition` came true before `deadline` (loop time) or `hurry`."""
    loop = asyncio.get_running_loop()
    while not condition():
        if hurry.is_set() or loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
