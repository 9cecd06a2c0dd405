"""The Prometheus client against a server that misbehaves in every way; tests/integration has the real one."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.observed import PodCounters
from agentteam_operator.providers.prometheus import Prometheus, PrometheusConfig
from agentteam_operator.providers.prometheus_queries import MAX_QUERY_BYTES, TeamPods, chunks, query_of
from aiohttp import web
from aiohttp.test_utils import TestServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEAM = TeamPods(
    "shop", "support", frozenset({"aaaaaaaaaa"}), frozenset({"support-aaaaaaaaaa-1", "support-aaaaaaaaaa-2"})
)
POD = "support-aaaaaaaaaa-1"
OTHER = "support-aaaaaaaaaa-2"

Series = dict[str, Any]


def series(metric: str, value: object, pod: str = POD, namespace: str = "shop", **labels: str) -> Series:
    return {
        "metric": {"__name__": metric, "namespace": namespace, "pod": pod, **labels},
        "value": [NOW.timestamp(), value],
    }


def pod_series(pod: str = POD, namespace: str = "shop", *, failed: int = 2) -> list[Series]:
    """All series of one pod: 10 runs started, 5 succeeded, `failed`, one timeout and 4 rejected."""
    same = {"pod": pod, "namespace": namespace}
    ended = {"success": "5", "error": str(failed), "timeout": "1", "rejected": "4"}
    return [
        series("autogen_runs_started_total", "10", **same),
        *(series("autogen_runs_finished_total", count, status=status, **same) for status, count in ended.items()),
        *(
            series("autogen_run_duration_seconds_bucket", "8" if bound >= 1 else "0", le=spelt(bound), **same)
            for bound in DURATION_BOUNDS_SECONDS
        ),
        *memory_series(pod, namespace),
    ]


def memory_series(pod: str, namespace: str) -> list[Series]:
    return [series(MEMORY, "1e+06", pod, namespace), series(LIMIT, "4000000", pod, namespace)]


def spelt(bound: float) -> str:
    return "+Inf" if bound == DURATION_BOUNDS_SECONDS[-1] else f"{bound:g}"


COUNTERS = PodCounters(
    started=10,
    succeeded=5,
    failed=7,
    duration_buckets=tuple(8.0 if bound >= 1 else 0.0 for bound in DURATION_BOUNDS_SECONDS),
    memory_bytes=1e6,
    memory_limit_bytes=4e6,
)


def answer(result: object) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@asynccontextmanager
async def prometheus(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    *,
    bearer_token_file: Path | None = None,
    ca_file: Path | None = None,
    tenant: str = "",
    timeout_seconds: float = 5.0,
) -> AsyncIterator[Prometheus]:
    app = web.Application()
    app.router.add_post("/prefix/api/v1/query", handler)
    async with TestServer(app) as server:
        config = PrometheusConfig(str(server.make_url("/prefix")), bearer_token_file, ca_file, tenant, timeout_seconds)
        async with Prometheus(config, clock=lambda: NOW) as client:
            yield client


def answering(document: object, status: int = 200) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(document, status=status)

    return handler


def without(found: list[Series], metric: str, **labels: str) -> list[Series]:
    wanted = {"__name__": metric, **labels}.items()
    return [one for one in found if not wanted <= one["metric"].items()]


def changed(metric: str, value: object, **labels: str) -> list[Series]:
    wanted = {"__name__": metric, **labels}.items()
    return [
        {**one, "value": [NOW.timestamp(), value]} if wanted <= one["metric"].items() else one for one in pod_series()
    ]


STARTED = "autogen_runs_started_total"
FINISHED = "autogen_runs_finished_total"
BUCKET = "autogen_run_duration_seconds_bucket"
MEMORY = "autogen_memory_usage_bytes"
LIMIT = "autogen_memory_limit_bytes"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param([], {}, id="nothing there"),
        pytest.param(pod_series(), {POD: COUNTERS}, id="one of two pods"),
        pytest.param(
            pod_series() + pod_series(OTHER, failed=4),
            {POD: COUNTERS, OTHER: replace(COUNTERS, failed=9)},
            id="both pods",
        ),
        pytest.param(pod_series() + pod_series("support-aaaaaaaaaa-3"), {POD: COUNTERS}, id="a pod not listed"),
        pytest.param(
            pod_series() + pod_series(namespace="other"), {POD: COUNTERS}, id="a namesake in another namespace"
        ),
        pytest.param(
            [*pod_series(), series("exported", "1"), {"metric": {}, "value": [NOW.timestamp(), "1"]}],
            {POD: COUNTERS},
            id="series that nobody asked for",
        ),
        pytest.param(
            [*pod_series(), series(FINISHED, "7", status="cancelled")],
            {POD: COUNTERS},
            id="cancelled runs are neither good nor bad",
        ),
        pytest.param(without(pod_series(), STARTED), {}, id="no started"),
        pytest.param(without(pod_series(), FINISHED, status="timeout"), {}, id="no timeouts"),
        pytest.param(without(pod_series(), FINISHED, status="rejected"), {}, id="no rejected ones"),
        pytest.param(without(pod_series(), BUCKET, le="0.55"), {}, id="a bucket missing"),
        pytest.param([*pod_series(), series(BUCKET, "8", le="7")], {}, id="a bucket that isn't agreed on"),
        pytest.param([*pod_series(), series(BUCKET, "8", le="x")], {}, id="a bucket without a bound"),
        pytest.param(changed(STARTED, "NaN"), {}, id="NaN"),
        pytest.param(changed(BUCKET, "+Inf", le="0.05"), {}, id="Inf"),
        pytest.param(changed(FINISHED, "-1", status="error"), {}, id="negative"),
        pytest.param(
            without(pod_series(), LIMIT), {POD: replace(COUNTERS, memory_limit_bytes=None)}, id="no memory limit"
        ),
        pytest.param(changed(MEMORY, "NaN"), {POD: replace(COUNTERS, memory_bytes=None)}, id="memory unknown"),
    ],
)
async def test_reads_whole_pods_only(result: list[Series], expected: dict[str, PodCounters]) -> None:
    async with prometheus(answering(answer(result))) as client:
        found = await client.snapshots([TEAM])
    assert found[TEAM.key].pods == expected
    assert found[TEAM.key].error == ""
    assert found[TEAM.key].at == NOW


@pytest.mark.parametrize(
    ("found", "pods", "error"),
    [
        pytest.param(
            pod_series() + pod_series(),
            set(),
            f"Prometheus has several series for one metric of pod {POD}: have it scraped by one job only",
            id="all doubled",
        ),
        pytest.param(pod_series() + pod_series() + pod_series(OTHER), {OTHER}, "", id="one doubled"),
    ],
)
async def test_a_doubled_pod_is_no_data(found: list[Series], pods: set[str], error: str) -> None:
    async with prometheus(answering(answer(found))) as client:
        snapshot = (await client.snapshots([TEAM]))[TEAM.key]
    assert set(snapshot.pods) == pods
    assert snapshot.error == error


@pytest.mark.parametrize(
    ("document", "status", "error"),
    [
        pytest.param(
            {"status": "error", "error": "query timed out"}, 503, "query timed out", id="refused with a reason"
        ),
        pytest.param({}, 500, "answered 500", id="500 without a reason"),
        pytest.param({}, 302, "answered 302", id="sent to a login page"),
        pytest.param([], 200, "not an instant vector", id="a list"),
        pytest.param(None, 200, "not an instant vector", id="null"),
        pytest.param(
            {"status": "success", "data": {"resultType": "matrix", "result": []}},
            200,
            "not an instant vector",
            id="matrix",
        ),
        pytest.param(answer([{"metric": {}, "value": [1, 5]}]), 200, "not a pair of labels", id="a bare number"),
        pytest.param(answer([series(STARTED, "many")]), 200, "'many', not a number", id="no number"),
        pytest.param(answer(["x"]), 200, "not a pair of labels", id="no series"),
    ],
)
async def test_what_is_no_answer_is_an_error(document: object, status: int, error: str) -> None:
    async with prometheus(answering(document, status)) as client:
        snapshot = (await client.snapshots([TEAM]))[TEAM.key]
    assert not snapshot.pods
    assert error in snapshot.error
    assert snapshot.error.startswith("Prometheus at http://127.0.0.1:")


async def test_an_answer_that_was_kept_from_an_earlier_question_is_an_error() -> None:
    """A cache in between says the same again and again: nothing of it may count as seen now."""
    kept = [sample | {"value": [NOW.timestamp() - 90, sample["value"][1]]} for sample in pod_series()]
    async with prometheus(answering(answer(kept))) as client:
        snapshot = (await client.snapshots([TEAM]))[TEAM.key]
    assert not snapshot.pods
    assert snapshot.error.endswith(
        "the answer is of a moment 90 s before the one that was asked for: is it from a cache?"
    )


async def test_the_question_names_its_moment() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(str((await request.post())["time"]))
        return web.json_response(answer(pod_series()))

    async with prometheus(handler) as client:
        await client.snapshots([TEAM])
    assert seen == [f"{NOW.timestamp():.3f}"]


async def _garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff<html>", content_type="text/html")


async def _cut_short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"status"')
    assert request.transport is not None
    request.transport.close()
    return response


async def _hanging(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("handler", "timeout_seconds", "error"),
    [
        pytest.param(_garbage, 10, "not JSON", id="garbage"),
        pytest.param(_cut_short, 10, "the answer was cut off", id="cut short"),
        pytest.param(_hanging, 0.2, "no answer within 0.2 s", id="hanging"),
    ],
)
async def test_a_broken_server_is_an_error(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], timeout_seconds: float, error: str
) -> None:
    async with prometheus(handler, timeout_seconds=timeout_seconds) as client:
        snapshot = (await client.snapshots([TEAM]))[TEAM.key]
    assert error in snapshot.error


async def test_an_unreachable_server_is_an_error_without_its_password(unused_tcp_port: int) -> None:
    config = PrometheusConfig(url=f"http://me:secret@127.0.0.1:{unused_tcp_port}")
    async with Prometheus(config, clock=lambda: NOW) as client:
        snapshot = (await client.snapshots([TEAM]))[TEAM.key]
    assert snapshot.error == f"Prometheus at http://127.0.0.1:{unused_tcp_port}: can't be reached: Connection refused"
    assert "secret" not in snapshot.error


async def test_token_is_read_anew_and_the_tenant_is_named(tmp_path: Path) -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers.get("Authorization"), request.headers.get("X-Scope-OrgID")))
        return web.json_response(answer([]))

    token = tmp_path / "token"
    async with prometheus(handler, bearer_token_file=token, tenant="blue") as client:
        for text in ("first\n", "second\n"):
            token.write_text(text)
            await client.snapshots([TEAM])
        token.unlink()
        lost = (await client.snapshots([TEAM]))[TEAM.key]
    assert seen == [("Bearer first", "blue"), ("Bearer second", "blue")]
    assert "FileNotFoundError" in lost.error


def _self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, signed by itself."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(["openssl", "req", "-x509", "-days", "1", *subject, *made], check=True, capture_output=True)
    return certificate, key


async def test_the_ca_file_is_trusted_and_read_anew_when_it_changes(tmp_path: Path) -> None:
    certificate, key = _self_signed(tmp_path, "server")
    stranger, _ = _self_signed(tmp_path, "stranger")
    app = web.Application()
    app.router.add_post("/api/v1/query", answering(answer(pod_series())))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    trusted = tmp_path / "ca.crt"
    server = TestServer(app)
    await server.start_server(ssl=tls)
    try:
        config = PrometheusConfig(f"https://127.0.0.1:{server.port}", ca_file=trusted)
        async with Prometheus(config, clock=lambda: NOW) as client:
            trusted.write_bytes(stranger.read_bytes())
            refused = (await client.snapshots([TEAM]))[TEAM.key]
            trusted.write_bytes(certificate.read_bytes())
            accepted = (await client.snapshots([TEAM]))[TEAM.key]
    finally:
        await server.close()
    assert "ClientConnectorCertificateError" in refused.error
    assert accepted.pods == {POD: COUNTERS}


async def test_a_ca_file_that_holds_no_certificate_is_an_error(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.crt"
    ca_file.write_text("nothing")
    async with prometheus(answering(answer([])), ca_file=ca_file) as client:
        snapshot = (await client.snapshots([TEAM]))[TEAM.key]
    assert "SSLError" in snapshot.error


def test_the_query_takes_names_literally() -> None:
    odd = TeamPods("a.b", "x", frozenset({"0123456789"}), frozenset())
    assert query_of([odd, TEAM]) == (
        '{__name__=~"autogen_runs_started_total|autogen_runs_finished_total|autogen_run_duration_seconds_bucket'
        '|autogen_memory_usage_bytes|autogen_memory_limit_bytes",'
        'status=~"|success|error|timeout|rejected",namespace=~"a\\\\.b|shop",'
        'pod=~"support-aaaaaaaaaa-.*|x-0123456789-.*"}'
    )


async def test_many_teams_are_asked_for_in_few_queries() -> None:
    queries: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        queries.append(str((await request.post())["query"]))
        if len(queries) == 1:
            return web.json_response({"status": "error", "error": "too many"}, status=422)
        return web.json_response(answer([]))

    teams = [replace(TEAM, team=f"team-{number:04}") for number in range(1000)]
    async with prometheus(handler) as client:
        found = await client.snapshots(teams)
    assert len(queries) <= 3
    assert max(map(len, queries)) <= MAX_QUERY_BYTES
    assert set(found) == {team.key for team in teams}
    failed = sum(bool(snapshot.error) for snapshot in found.values())
    assert failed == len(next(iter(chunks(teams))))
    assert 0 < failed < len(teams)


async def test_nothing_asked_is_nothing_sent() -> None:
    async with Prometheus(PrometheusConfig(url="http://127.0.0.1:9")) as client:
        assert await client.snapshots([]) == {}
