from __future__ import annotations

import pytest
from agentteam_operator.health import MAX_AGE_SECONDS, Endpoints, Pulse
from agentteam_operator.metrics import Metrics, TeamAgents
from aiohttp.test_utils import make_mocked_request
from prometheus_client import generate_latest


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("silent_seconds", "status", "words"),
    [
        pytest.param(0, 200, "ok", id="lively"),
        pytest.param(MAX_AGE_SECONDS - 1, 200, "ok", id="quiet"),
        pytest.param(MAX_AGE_SECONDS + 1, 503, "watch-pods gave no sign of life for 301 s", id="hung"),
    ],
)
async def test_alive_as_long_as_every_loop_turns(silent_seconds: float, status: int, words: str) -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.beat("watch-pods")
    clock.now += silent_seconds
    pulse.beat("loop")
    endpoints = Endpoints(pulse=pulse, metrics=Metrics(), unready=lambda: "")
    answer = await endpoints._livez(make_mocked_request("GET", "/livez"))
    assert (answer.status, (answer.text or "").strip()) == (status, words)


@pytest.mark.parametrize(
    ("reason", "status"),
    [pytest.param("", 200, id="ready"), pytest.param("not yet listed: Pod", 503, id="not-yet")],
)
async def test_ready_or_why_not(reason: str, status: int) -> None:
    endpoints = Endpoints(pulse=Pulse(), metrics=Metrics(), unready=lambda: reason)
    answer = await endpoints._readyz(make_mocked_request("GET", "/readyz"))
    assert (answer.status, (answer.text or "").strip()) == (status, reason or "ok")


async def test_metrics_tell_of_every_phase_from_the_start() -> None:
    metrics = Metrics()
    metrics.watch_rollouts(lambda: iter(["Watching", "Completed", "Completed"]))
    endpoints = Endpoints(pulse=Pulse(), metrics=metrics, unready=lambda: "")
    answer = await endpoints._scrape(make_mocked_request("GET", "/metrics"))
    body = answer.body
    assert isinstance(body, bytes)
    text = body.decode()
    assert 'agentteam_operator_rollouts{phase="Completed"} 2.0' in text
    assert 'agentteam_operator_rollouts{phase="RollingBack"} 0.0' in text
    assert 'agentteam_operator_ticks_total{result="crash"} 0.0' in text


def _agents_lines(metrics: Metrics) -> list[str]:
    text = generate_latest(metrics.registry).decode()
    return [line for line in text.splitlines() if line.startswith("autogen_agents_count{")]


def test_agents_are_counted_by_team_for_as_long_as_there_is_the_team() -> None:
    teams = [
        TeamAgents("shop", "support", agents=2, wanted_pods=3, ready_pods=1),
        TeamAgents("shop", "surging", agents=1, wanted_pods=1, ready_pods=2),
    ]
    metrics = Metrics()
    metrics.watch_agents(lambda: iter(teams))
    assert _agents_lines(metrics) == [
        'autogen_agents_count{namespace="shop",status="online",team="support"} 2.0',
        'autogen_agents_count{namespace="shop",status="offline",team="support"} 4.0',
        'autogen_agents_count{namespace="shop",status="online",team="surging"} 2.0',
        'autogen_agents_count{namespace="shop",status="offline",team="surging"} 0.0',
    ]
    teams.clear()
    assert _agents_lines(metrics) == []
