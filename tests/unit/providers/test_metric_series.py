"""Series that only some metrics need: read where they are asked for, and each without harm to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from agentteam_operator.api.metrics import MetricName
from agentteam_operator.core.observed import CpuCounters, QueryReading
from agentteam_operator.core.quantities import QUANTITIES
from agentteam_operator.providers.prometheus import MAX_NUMBER_BYTES, Prometheus, PrometheusConfig
from agentteam_operator.providers.prometheus_queries import TeamPods, query_of
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.providers.test_prometheus import COUNTERS, POD, TEAM, answer, answering, pod_series, prometheus, series

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Series = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TURNS = QUANTITIES[MetricName.TURNS_PER_RUN]
ALL = replace(TEAM, metrics=frozenset(MetricName))
STOPS = {"max_turns": "3", "max_messages": "1", "text_mention": "4", "timeout": "0", "token_usage": "0", "other": "2"}


def turns(upto: float = 3.0, count: str = "5") -> list[Series]:
    return [
        series("autogen_run_turns_bucket", count if bound >= upto else "0", le=f"{bound:g}".replace("inf", "+Inf"))
        for bound in TURNS.bounds
    ]


def stops(**changed: str) -> list[Series]:
    return [
        series("autogen_runs_stopped_total", count, stop_reason=reason)
        for reason, count in {**STOPS, **changed}.items()
    ]


def cpu(used: str = "1.5", uptime: str = "30", limit: str = "0.5") -> list[Series]:
    names = ("autogen_cpu_seconds_total", "autogen_uptime_seconds", "autogen_cpu_limit_cores")
    return [series(name, value) for name, value in zip(names, (used, uptime, limit), strict=True) if value]


COUNTED = tuple(5.0 if bound >= 3 else 0.0 for bound in TURNS.bounds)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param([], COUNTERS, id="none of them: an older image"),
        pytest.param(turns(), replace(COUNTERS, quantities={"turnsPerRun": COUNTED}), id="turns"),
        pytest.param(turns()[:-1], COUNTERS, id="a bucket missing"),
        pytest.param([*turns(), series("autogen_run_turns_bucket", "5", le="3.5")], COUNTERS, id="a bucket too many"),
        pytest.param(turns(count="NaN"), COUNTERS, id="NaN"),
        pytest.param(turns(count="-1"), COUNTERS, id="negative"),
        pytest.param(stops(), replace(COUNTERS, quantities={"maxTurnHitRate": (6.0, 10.0)}), id="stops"),
        pytest.param(stops(timeout="+Inf"), COUNTERS, id="stops without end"),
        pytest.param(stops()[1:], COUNTERS, id="stops without maxTurns"),
        pytest.param(cpu(), replace(COUNTERS, cpu=CpuCounters(1.5, 30.0, 0.5), uptime_seconds=30.0), id="processor"),
        pytest.param(
            cpu(limit=""),
            replace(COUNTERS, cpu=CpuCounters(1.5, 30.0, None), uptime_seconds=30.0),
            id="processor, no limit",
        ),
        pytest.param(cpu(uptime=""), COUNTERS, id="processor, no clock"),
        pytest.param(cpu(used="NaN"), replace(COUNTERS, uptime_seconds=30.0), id="processor, NaN"),
        pytest.param([series("autogen_queued_runs", "4")], replace(COUNTERS, queued_runs=4.0), id="queue"),
        pytest.param([series("autogen_queued_runs", "NaN")], COUNTERS, id="queue, NaN"),
    ],
)
async def test_what_a_metric_needs_is_read_by_itself(more: list[Series], expected: object) -> None:
    async with prometheus(answering(answer([*pod_series(), *more]))) as client:
        snapshot = (await client.snapshots([ALL]))[TEAM.key]
    assert snapshot.error == ""
    assert snapshot.pods == {POD: expected}


def test_only_what_some_team_judges_is_asked_for() -> None:
    plain = query_of([TEAM])
    assert "autogen_run_turns" not in plain
    assert "autogen_uptime_seconds" in query_of([replace(TEAM, metrics=frozenset({"memoryUtilization"}))])
    other = TeamPods("shop", "other", frozenset({"b"}), frozenset(), frozenset({"turnsPerRun", "queueDepth"}))
    asked = query_of([TEAM, other])
    assert "|autogen_queued_runs|autogen_uptime_seconds|autogen_run_turns_bucket" in asked
    assert "autogen_run_tokens" not in asked


# --- the answers to teams' own queries -----------------------------------------------------------------------------


def scalar(value: object) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "scalar", "result": [NOW.timestamp(), value]}}


def vector(*values: object) -> dict[str, Any]:
    return answer(
        [{"metric": {"n": str(number)}, "value": [NOW.timestamp(), value]} for number, value in enumerate(values)]
    )


@pytest.mark.parametrize(
    ("document", "value", "problem"),
    [
        pytest.param(vector("0.25"), 0.25, "", id="one series"),
        pytest.param(vector("-1e3"), -1000.0, "", id="negative"),
        pytest.param(scalar("7"), 7.0, "", id="a scalar"),
        pytest.param(vector(), None, "gives nothing", id="none"),
        pytest.param(vector("1", "1"), None, "gives several series", id="two, though they agree"),
        pytest.param(vector("NaN"), None, "gives nan, no finite number", id="NaN"),
        pytest.param(vector("+Inf"), None, "gives inf, no finite number", id="Inf"),
        pytest.param(scalar("NaN"), None, "gives nan, no finite number", id="a scalar that is none"),
    ],
)
async def test_exactly_one_finite_number_is_a_value(document: object, value: float | None, problem: str) -> None:
    async with prometheus(answering(document)) as client:
        found = await client.answer("vector(1)")
    assert (found.at, found.value, found.error) == (NOW, value, "")
    assert problem in found.problem
    assert bool(found.problem) is bool(problem)


async def _hanging(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff<html>")


async def _huge(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b" " * (MAX_NUMBER_BYTES + 1))


KEPT = {"status": "success", "data": {"resultType": "scalar", "result": [NOW.timestamp() - 3600, "1"]}}
MATRIX = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        pytest.param(_hanging, "no answer within 0.3 s", id="slow"),
        pytest.param(_garbage, "not JSON", id="garbage"),
        pytest.param(_huge, "an answer of more than 256 KiB", id="huge"),
        pytest.param(answering({}, 503), "answered 503", id="down"),
        pytest.param(
            answering({"status": "error", "error": "too many samples"}, 422), "too many samples", id="refused"
        ),
        pytest.param(answering(MATRIX), "not an instant vector", id="matrix"),
        pytest.param(answering(scalar("many")), "'many', not a number", id="no number"),
        pytest.param(answering(scalar(7)), "not an instant vector", id="a bare number"),
        pytest.param(answering(KEPT), "3600 s before", id="a scalar kept from an hour ago"),
    ],
)
async def test_what_is_no_answer_is_an_error_of_this_query(handler: Handler, error: str) -> None:
    async with prometheus(handler, timeout_seconds=0.3) as client:
        found = await client.answer("x")
    assert error in found.error
    assert found.error.startswith("Prometheus at http://127.0.0.1:")
    assert (found.value, found.problem) == (None, "")


async def test_prometheus_is_told_to_stop_early() -> None:
    seen: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append({key: str(value) for key, value in (await request.post()).items()})
        return web.json_response(scalar("1"))

    async with prometheus(handler, timeout_seconds=7) as client:
        await client.answer("vector(1)")
    assert seen == [{"query": "vector(1)", "limit": "2", "timeout": "7s", "time": f"{NOW.timestamp():.3f}"}]


async def test_slow_queries_of_teams_keep_no_look_at_counters_waiting() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if (await request.post())["query"] == "slow":
            await asyncio.Event().wait()
        return web.json_response(answer(pod_series()))

    app = web.Application()
    app.router.add_post("/api/v1/query", handler)
    async with TestServer(app) as server:
        config = PrometheusConfig(str(server.make_url("/")).rstrip("/"), timeout_seconds=30)
        async with Prometheus(config, clock=lambda: NOW) as client:
            slow = [asyncio.create_task(client.answer("slow")) for _ in range(40)]
            async with asyncio.timeout(10):
                snapshot = (await client.snapshots([TEAM]))[TEAM.key]
            assert snapshot.pods == {POD: COUNTERS}
            assert not any(task.done() for task in slow)
            for task in slow:
                task.cancel()
            results: list[QueryReading | BaseException] = await asyncio.gather(*slow, return_exceptions=True)
    assert len(results) == 40
