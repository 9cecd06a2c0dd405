"""The server: what is built at the start, the two ports, and the way down."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from dataclasses import dataclass

import structlog
from aiohttp import web

from agent_server.api.health import HealthSurface
from agent_server.api.middleware import answer_errors, count_requests, identify_answers
from agent_server.api.openai import OpenAISurface
from agent_server.config import ServedTeam
from agent_server.runtime.connections import KEEPALIVE_TIMEOUT_SECONDS, ConnectionPolicy
from agent_server.runtime.drain import DrainSteps, DrainTimes, ServerState, drain
from agent_server.runtime.limits import RunSlots
from agent_server.runtime.listener import BACKLOG, open_listener, settle_listener
from agent_server.runtime.runs import RunManager
from agent_server.runtime.secrets import SecretFiles
from agent_server.settings import Settings
from agent_server.team.runner import TeamRunner, server_metrics
from agent_server.telemetry.metrics import ServerMetrics

_SHUTDOWN_SECONDS = 2.0

_log = structlog.get_logger("agent_server")


@dataclass(frozen=True, slots=True)
class Server:
    """One team's server, not yet listening."""

    served: ServedTeam
    settings: Settings
    state: ServerState
    metrics: ServerMetrics
    team: TeamRunner
    runs: RunManager

    @classmethod
    def build(cls, served: ServedTeam, settings: Settings) -> Server:
        """Build all parts.

        Raises:
            ValueError: AutoGen refuses the team.
        """
        limits = served.spec.runs
        metrics = server_metrics(served)
        team = TeamRunner(served, SecretFiles(settings.secrets_dir), metrics)
        runs = RunManager(
            team,
            RunSlots(limits.max_concurrent, limits.max_queued),
            metrics,
            timeout_seconds=limits.timeout_seconds,
        )
        return cls(served, settings, ServerState(), metrics, team, runs)

    def public_app(self) -> web.Application:
        """What the Service leads to."""
        policy = ConnectionPolicy(self.settings.max_connection_age_seconds, is_draining=lambda: self.state.draining)
        app = web.Application(
            middlewares=[count_requests(self.state.count_request), answer_errors],
            client_max_size=self.settings.max_body_bytes,
        )
        app.on_response_prepare.append(identify_answers(self.served.revision))
        app.on_response_prepare.append(policy.on_response_prepare)
        OpenAISurface(
            runs=self.runs,
            model=self.served.name,
            revision=self.served.revision,
            created=int(time.time()),
            stream_comment_seconds=self.settings.stream_comment_seconds,
        ).add_routes(app.router)
        HealthSurface(
            team=self.team,
            name=self.served.name,
            revision=self.served.revision,
            timeout_seconds=self.settings.health_timeout_seconds,
            is_ready=lambda: not self.state.draining,
        ).add_routes(app.router)
        return app

    def metrics_app(self) -> web.Application:
        """What Prometheus scrapes, on a port that no Service leads to."""

        async def metrics(_request: web.Request) -> web.Response:
            return web.Response(
                body=self.metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
            )

        app = web.Application()
        app.router.add_get("/metrics", metrics)
        return app


async def serve(server: Server) -> int:
    """Listen until SIGTERM or SIGINT, then drain. Returns the process's exit status.

    Raises:
        OSError: a port is taken.
    """
    settings = server.settings
    stop, hurry = _StopSignals.install()
    public = _public_runner(server)
    private = web.AppRunner(server.metrics_app(), access_log=None, handle_signals=False, shutdown_timeout=0)
    try:
        metrics_listener = open_listener(settings.host, settings.metrics_port)
        await _start(private, metrics_listener)
        listener = open_listener(settings.host, settings.port)
        site = await _start(public, listener)
        _freeze_garbage()
        _log.info(
            "serving",
            port=listener.getsockname()[1],
            metrics_port=metrics_listener.getsockname()[1],
            agents=len(server.served.spec.team.agents),
        )
        received = await stop.wait()
        times = DrainTimes(settings.drain_delay_seconds, settings.idle_linger_seconds, settings.grace_period_seconds)
        times = times.at_once() if received == signal.SIGINT else times
        await drain(server.state, times, _drain_steps(server, public, site, listener), hurry=hurry)
    finally:
        await public.cleanup()
        await private.cleanup()
        await server.team.close()
    _log.info("stopped")
    return 0


def _public_runner(server: Server) -> web.AppRunner:
    return web.AppRunner(
        server.public_app(),
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,  # a client that goes away cancels its run
        keepalive_timeout=KEEPALIVE_TIMEOUT_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )


async def _start(runner: web.AppRunner, listener: socket.socket) -> web.SockSite:
    await runner.setup()
    site = web.SockSite(runner, listener, backlog=BACKLOG)
    await site.start()
    return site


def _drain_steps(server: Server, public: web.AppRunner, site: web.SockSite, listener: socket.socket) -> DrainSteps:
    async def stop_listening() -> None:
        await settle_listener(listener)
        await site.stop()

    def open_connections() -> int:
        return len(public.server.connections) if public.server else 0

    return DrainSteps(stop_listening, open_connections, server.runs.close)


class _StopSignals:
    """The first SIGTERM or SIGINT asks for the drain, the second for a quick end."""

    def __init__(self) -> None:
        self._first: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        self._second = asyncio.Event()

    @classmethod
    def install(cls) -> tuple[_StopSignals, asyncio.Event]:
        self = cls()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._receive, number)
        return self, self._second

    async def wait(self) -> signal.Signals:
        return await self._first

    def _receive(self, number: signal.Signals) -> None:
        if self._first.done():
            self._second.set()
        else:
            self._first.set_result(number)


def _freeze_garbage() -> None:
    """Leave what was built at the start out of every later collection: it lives as long as the process."""
    gc.collect()
    gc.freeze()
