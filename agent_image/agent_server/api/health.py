"""Liveness, readiness and deep health.

/livez says that the event loop turns. /readyz says that the server takes requests: it was built, and isn't draining; a
model that is out doesn't empty the Service. /health asks every component now; the operator's health gate reads it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from agent_server.api.errors import RequestError

COMPONENTS = ("runtime", "models")
_OK, _FAILED = "ok", "failed"


class CheckedTeam(Protocol):
    """What can be asked about a team."""

    def check_build(self) -> None:
        """Build a team as a run would; raises ValueError."""
        ...

    async def check_models(self, timeout_seconds: float) -> dict[str, str]:
        """For each model what keeps it from being called, or an empty string."""
        ...


@dataclass(frozen=True, slots=True)
class HealthSurface:
    """The handlers. `is_ready` tells whether the server takes requests."""

    team: CheckedTeam
    name: str
    revision: str
    timeout_seconds: float
    is_ready: Callable[[], bool]
    _under_way: dict[str, asyncio.Task[dict[str, Any]]] = field(default_factory=dict)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the handlers at their paths."""
        router.add_get("/livez", self.livez)
        router.add_get("/readyz", self.readyz)
        router.add_get("/ready", self.readyz)
        router.add_get("/health", self.health)

    async def livez(self, _request: web.Request) -> web.Response:
        """The event loop turns, or there would be no answer."""
        return web.json_response({"status": _OK})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Whether new requests should come here."""
        if self.is_ready():
            return web.json_response({"status": _OK})
        return web.json_response({"status": "draining"}, status=503)

    async def health(self, request: web.Request) -> web.Response:
        """Check the components, all at once; `?component=` (also several times) picks some."""
        names = request.query.getall("component", list(COMPONENTS))
        for name in names:
            if name not in COMPONENTS:
                raise RequestError(
                    "unknown_component",
                    f"component: {name[:80]!r} isn't one of {', '.join(COMPONENTS)}",
                    param="component",
                )
        components = await self.check(names)
        healthy = all(component["status"] == _OK for component in components.values())
        body = {
            "status": _OK if healthy else _FAILED,
            "team": self.name,
            "revision": self.revision,
            "components": components,
        }
        return web.json_response(body, status=200 if healthy else 503)

    async def check(self, names: list[str]) -> dict[str, dict[str, Any]]:
        """The named components' states: status, latencySeconds, error (empty if none), and models' details."""
        checks: Mapping[str, Callable[[], Awaitable[dict[str, str]]]] = {
            "runtime": self._check_runtime,
            "models": self._check_models,
        }
        wanted = list(dict.fromkeys(names))
        results = await asyncio.gather(*(self._shared(name, checks[name]) for name in wanted))
        return dict(zip(wanted, results, strict=True))

    async def _shared(self, name: str, check: Callable[[], Awaitable[dict[str, str]]]) -> dict[str, Any]:
        """Join a check that is under way: however many ask, a model's endpoint is asked once at a time."""
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(_timed(check))
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await asyncio.shield(task)

    async def _check_runtime(self) -> dict[str, str]:
        try:
            self.team.check_build()
        except Exception as error:  # noqa: BLE001 - any failure is the answer
            return {"team": f"the team can't be built ({type(error).__name__})"}
        return {"team": ""}

    async def _check_models(self) -> dict[str, str]:
        return await self.team.check_models(self.timeout_seconds)


async def _timed(check: Callable[[], Awaitable[dict[str, str]]]) -> dict[str, Any]:
    started = time.monotonic()
    errors = await check()
    failed = {name: error for name, error in errors.items() if error}
    return {
        "status": _FAILED if failed else _OK,
        "latencySeconds": round(time.monotonic() - started, 4),
        "error": "; ".join(failed.values()),
        "details": {name: {"status": _FAILED if error else _OK, "error": error} for name, error in errors.items()},
    }
