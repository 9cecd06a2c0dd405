from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.load.generator import REVISION_HEADER, LoadGenerator, LoadPlan
from tests.load.report import Connection, LoadReport

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]
GOOD = {"choices": [{"message": {"role": "assistant", "content": "yes"}}]}


@asynccontextmanager
async def _serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def _plan(url: str) -> LoadPlan:
    return LoadPlan(url=url, rate_per_second=200.0, max_requests=20)


async def _run(plan: LoadPlan) -> LoadReport:
    return await LoadGenerator(plan).run()


async def _good(_request: web.Request) -> web.StreamResponse:
    return web.json_response(GOOD, headers={REVISION_HEADER: "0123456789"})


async def _failing(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {}}, status=502, headers={REVISION_HEADER: "0123456789"})


async def _empty(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"choices": []})


async def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(json.dumps(GOOD).encode())
    assert request.transport is not None
    request.transport.close()
    return response


async def _hanging(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


@pytest.mark.parametrize(
    ("handler", "ok", "bad", "lost", "reason"),
    [
        pytest.param(_good, 20, 0, 0, "", id="good"),
        pytest.param(_failing, 0, 20, 0, "HTTP 502", id="http-error-is-a-bad-answer"),
        pytest.param(_empty, 0, 20, 0, "without an answer", id="200-without-an-answer-is-bad"),
        pytest.param(_reset, 0, 0, 20, "Disconnected", id="reset-is-lost"),
        pytest.param(_cut_off, 0, 0, 20, "ClientPayloadError", id="cut-off-is-lost"),
    ],
)
async def test_every_request_is_classified(handler: Handler, ok: int, bad: int, lost: int, reason: str) -> None:
    async with _serving(handler) as url:
        report = await _run(_plan(url))
    assert (report.sent, report.counts.ok, report.counts.bad, report.counts.lost) == (20, ok, bad, lost)
    assert all(reason in failure.reason for failure in report.bad_answers + report.lost_requests)
    assert (len(report.bad_answers), len(report.lost_requests)) == (bad, lost)


async def test_no_answer_in_time_is_lost() -> None:
    async with _serving(_hanging) as url:
        report = await _run(replace(_plan(url), timeout_seconds=0.3))
    assert (report.sent, report.counts.ok, report.counts.bad, report.counts.lost) == (20, 0, 0, 20)
    assert {failure.reason.partition(":")[0] for failure in report.lost_requests} == {"timed out"}


async def test_a_refused_connection_is_lost() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        report = await _run(_plan(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert report.counts.lost == 20
    assert report.lost_share_bound == 1
    assert {failure.reason.partition(":")[0] for failure in report.lost_requests} == {"connection refused"}


async def test_answers_are_kept_apart_by_revision() -> None:
    served = 0

    async def alternating(request: web.Request) -> web.StreamResponse:
        nonlocal served
        served += 1
        return await (_good(request) if served % 2 else _empty(request))

    async with _serving(alternating) as url:
        report = await _run(_plan(url))
    assert report.by_revision["0123456789"].counts.ok == 10
    assert report.by_revision["unknown"].counts.bad == 10
    assert report.first_bad_at is not None
    spans = report.bad_by_connection.values()
    assert min(span.first_at for span in spans) == report.first_bad_at
    assert max(span.last_at for span in spans) == report.last_bad_at
    assert report.by_revision["unknown"].last_bad_at == report.last_bad_at


async def test_both_kinds_of_connections_are_used_evenly() -> None:
    peers: list[tuple[str, int]] = []

    async def remembering(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return await _good(request)

    async with _serving(remembering) as url:
        report = await _run(replace(_plan(url), pool_size=2, rate_per_second=100.0))
    assert {kind: counts.ok for kind, counts in report.by_connection.items()} == {"new": 10, "keep-alive": 10}
    assert len(set(peers)) == report.connections_opened
    assert 11 <= report.connections_opened <= 12


async def test_a_stall_shows_in_the_latencies_and_not_in_the_schedule() -> None:
    started: list[float] = []

    async def stalling(request: web.Request) -> web.StreamResponse:
        started.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.2)
        return await _good(request)

    async with _serving(stalling) as url:
        report = await _run(
            replace(
                _plan(url),
                keep_alive_share=1.0,
                pool_size=1,
                rate_per_second=100.0,
                max_requests=10,
            )
        )
    # One connection serves 10 requests of 0.2 s one after the other: the last was due after 0.09 s, answered after 2 s.
    assert report.latency_seconds["p100"] > 1.5
    assert report.send_lag_seconds["p100"] < 1


async def test_stop_sends_no_more_and_counts_what_is_under_way() -> None:
    third = asyncio.Event()
    served = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal served
        served += 1
        if served == 3:
            third.set()
        return await _good(request)

    async with _serving(counting) as url:
        generator = LoadGenerator(LoadPlan(url=url, rate_per_second=50.0, max_requests=5000))
        running = asyncio.create_task(generator.run())
        await asyncio.wait_for(third.wait(), 5)
        generator.stop()
        report = await asyncio.wait_for(running, 5)
    assert report.counts.total == report.sent < 1000


async def test_the_time_bound_ends_the_load() -> None:
    async with _serving(_good) as url:
        report = await _run(replace(_plan(url), rate_per_second=100.0, max_requests=5000, max_seconds=0.1))
    assert 5 <= report.sent <= 12


@pytest.mark.parametrize(
    ("share", "kept"),
    [pytest.param(0.0, 0, id="new-only"), pytest.param(0.25, 25, id="quarter"), pytest.param(1.0, 100, id="all")],
)
def test_kinds_follow_the_share(share: float, kept: int) -> None:
    plan = LoadPlan(url="http://x", keep_alive_share=share)
    assert sum(plan.connection(index) is Connection.KEEP_ALIVE for index in range(100)) == kept


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"rate_per_second": 0.0}, "rate 0/s", id="no-rate"),
        pytest.param({"rate_per_second": 1e6}, "at most 1000", id="flood"),
        pytest.param({"max_requests": 10**9}, "max_requests", id="unbounded-count"),
        pytest.param({"max_seconds": 1e9}, "max_seconds", id="unbounded-time"),
        pytest.param({"keep_alive_share": 2.0}, "choose 0 to 1", id="share"),
    ],
)
def test_plans_without_bounds_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoadPlan(**({"url": "http://x"} | settings))
