"""/livez, /readyz and /metrics.

Alive means that every loop still turns, not that there is little to do or that the API server answers: a restart mends
only a loop that hangs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agentteam_operator.metrics import Metrics

MAX_AGE_SECONDS = 300.0
"""Longer than a tick may last, than a watch may be silent, and than the longest pause after a failure."""
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a pod is reached by its own address


class Pulse:
    """When each loop last gave a sign of life."""

    def __init__(self, steady_seconds: Callable[[], float] = time.monotonic) -> None:
        """`steady_seconds` is a clock that never goes back."""
        self._now = steady_seconds
        self._beats: dict[str, float] = {}

    def beat(self, name: str) -> Callable[[], None]:
        """The function by which a loop gives its signs of life; the first is now."""

        def give() -> None:
            self._beats[name] = self._now()

        give()
        return give

    def forget(self, name: str) -> None:
        """The loop ended, as it should."""
        self._beats.pop(name, None)

    def oldest(self) -> tuple[str, float]:
        """The loop that was silent for longest, and for how many seconds."""
        name = min(self._beats, key=self._beats.__getitem__, default="")
        return name, self._now() - self._beats[name] if name else 0.0


class Endpoints:
    """The small HTTP server for the kubelet and for Prometheus."""

    def __init__(self, *, pulse: Pulse, metrics: Metrics, unready: Callable[[], str]) -> None:
        """`unready` says why the operator isn't ready; empty when it is."""
        self._pulse = pulse
        self._metrics = metrics
        self._unready = unready

    @asynccontextmanager
    async def serve(self, health_port: int, metrics_port: int) -> AsyncIterator[None]:
        """Listen on both ports within the context; 0 takes any free one."""
        health = web.Application()
        health.add_routes([web.get("/livez", self._livez), web.get("/readyz", self._readyz)])
        metrics = web.Application()
        metrics.add_routes([web.get("/metrics", self._scrape)])
        async with _listening(health, health_port), _listening(metrics, metrics_port):
            yield

    async def _livez(self, _: web.Request) -> web.Response:
        name, age_seconds = self._pulse.oldest()
        if age_seconds > MAX_AGE_SECONDS:
            return web.Response(status=503, text=f"{name} gave no sign of life for {age_seconds:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._unready()
        return web.Response(status=503, text=reason + "\n") if reason else web.Response(text="ok\n")

    async def _scrape(self, _: web.Request) -> web.Response:
        self._metrics.loop_age_seconds.set(self._pulse.oldest()[1])
        body = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


@asynccontextmanager
async def _listening(application: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, ANY_ADDRESS, port).start()
        yield
    finally:
        await runner.cleanup()
