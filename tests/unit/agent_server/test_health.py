"""Deep health and readiness."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from agent_server.api.health import HealthSurface
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer


@dataclass
class _Team:
    models: dict[str, str] = field(default_factory=dict)
    build_error: Exception | None = None
    asked: int = 0
    check_seconds: float = 0.05

    def check_build(self) -> None:
        if self.build_error is not None:
            raise self.build_error

    async def check_models(self, timeout_seconds: float) -> dict[str, str]:
        assert timeout_seconds == 5
        self.asked += 1
        await asyncio.sleep(self.check_seconds)
        return self.models


def _client(team: _Team, *, ready: bool = True) -> TestClient[web.Request, web.Application]:
    surface = HealthSurface(team, "hello", "abc", 5, lambda: ready)
    app = web.Application()
    surface.add_routes(app.router)
    return TestClient(TestServer(app))


@pytest.mark.parametrize(
    ("team", "query", "status", "components"),
    [
        pytest.param(_Team({"main": ""}), "", 200, {"runtime": "ok", "models": "ok"}, id="well"),
        pytest.param(_Team({"a": "", "b": "x"}), "", 503, {"runtime": "ok", "models": "failed"}, id="one-model-is-ill"),
        pytest.param(_Team({"a": "x"}), "?component=runtime", 200, {"runtime": "ok"}, id="only-what-is-asked-for"),
        pytest.param(
            _Team(build_error=ValueError("secret")), "", 503, {"runtime": "failed", "models": "ok"}, id="no-team"
        ),
    ],
)
async def test_health(team: _Team, query: str, status: int, components: dict[str, str]) -> None:
    async with _client(team) as client:
        answer = await client.get(f"/health{query}")
        body = await answer.json()
    assert answer.status == status
    assert body["status"] == ("ok" if status == 200 else "failed")
    assert {name: state["status"] for name, state in body["components"].items()} == components
    assert "secret" not in str(body)


async def test_the_ill_model_is_named() -> None:
    async with _client(_Team({"a": "", "b": "model 'b': HTTP 401"})) as client:
        models = (await (await client.get("/health")).json())["components"]["models"]
    assert models["error"] == "model 'b': HTTP 401"
    assert {name: detail["status"] for name, detail in models["details"].items()} == {"a": "ok", "b": "failed"}
    assert models["latencySeconds"] >= 0.05


async def test_many_askers_share_one_check_and_the_next_asks_anew() -> None:
    team = _Team({"main": ""}, check_seconds=0.5)
    async with _client(team) as client:
        await asyncio.gather(*(client.get("/health") for _ in range(10)))
        assert team.asked == 1
        await client.get("/health")
        assert team.asked == 2


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readiness(*, ready: bool, status: int) -> None:
    async with _client(_Team(), ready=ready) as client:
        for path in ("/readyz", "/ready"):
            assert (await client.get(path)).status == status
        assert (await client.get("/livez")).status == 200
