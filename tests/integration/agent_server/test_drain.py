"""No request is lost while a server is told to go, whatever its clients do with their connections."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from tests.model_endpoint.server import ModelEndpoint
from tests.support.agent_server import ServerProcess, endpoint_model, replay_model, running_server, team_spec
from tests.support.http_client import Connection, LostRequestError
from tests.support.waiting import eventually

QUICK = team_spec([replay_model("a", "b")], ["a", "b"])


async def _keep_alive_client(port: int, counts: Counter[str]) -> None:
    """Use a connection until the server announces its end; stop when nobody listens any more."""
    while True:
        try:
            connection = await Connection.open(port)
        except ConnectionRefusedError:
            counts["refused"] += 1
            return
        except OSError as error:
            counts[f"lost: {type(error).__name__} at connect"] += 1
            return
        closes = False
        while not closes:
            try:
                answer = await connection.chat()
            except LostRequestError as error:
                counts[f"lost: {error}"] += 1
                break
            counts[str(answer.status)] += 1
            closes = answer.closes
        await connection.close()


async def _one_shot_client(port: int, counts: Counter[str]) -> None:
    """Make a connection for each request; stop when nobody listens any more."""
    while counts["refused"] == 0:
        try:
            connection = await Connection.open(port)
        except ConnectionRefusedError:
            counts["refused"] += 1
            return
        try:
            counts[str((await connection.chat()).status)] += 1
        except LostRequestError as error:
            counts[f"lost: {error}"] += 1
        await connection.close()


@pytest.mark.parametrize("attempt", range(3))
async def test_hammered_by_eight_clients(tmp_path: Path, attempt: int) -> None:
    async with running_server(QUICK, tmp_path, max_connection_age_seconds=1) as server:
        kept, fresh = Counter[str](), Counter[str]()
        clients = [asyncio.create_task(_keep_alive_client(server.port, kept)) for _ in range(4)]
        clients += [asyncio.create_task(_one_shot_client(server.port, fresh)) for _ in range(4)]
        await asyncio.sleep(1.5)
        server.terminate()
        async with asyncio.timeout(20):
            await asyncio.gather(*clients)
            assert await server.process.wait() == 0
    assert kept.pop("200") > 10, attempt
    assert fresh.pop("200") > 10
    assert set(kept) == {"refused"}
    assert set(fresh) == {"refused"}


async def test_what_runs_is_finished(tmp_path: Path) -> None:
    scripted = ModelEndpoint()
    async with TestServer(scripted.application()) as endpoint:
        spec = team_spec([endpoint_model("scripted-ok-delay-1500ms", str(endpoint.make_url("/v1")))])
        async with running_server(spec, tmp_path, drain_delay_seconds=0.1) as server:
            connection = await Connection.open(server.port)
            request = asyncio.create_task(connection.chat())
            await eventually(lambda: scripted.calls.total() == 1)
            server.terminate()
            answer = await request
            assert (answer.status, answer.closes) == (200, True)
            await connection.close()
            assert await server.process.wait() == 0


async def _idle_connection(server: ServerProcess) -> Connection:
    connection = await Connection.open(server.port)
    answer = await connection.chat()
    assert not answer.closes
    return connection


async def test_a_request_on_an_idle_connection_is_answered_after_the_listener_has_closed(tmp_path: Path) -> None:
    async with running_server(QUICK, tmp_path, drain_delay_seconds=0.1, idle_linger_seconds=30) as server:
        connection = await _idle_connection(server)
        server.terminate()
        await _refused(server.port)
        answer = await connection.chat()
        assert (answer.status, answer.closes) == (200, True)
        await connection.close()
        async with asyncio.timeout(8):  # well before the linger is over: nobody is left
            assert await server.process.wait() == 0


async def _refused(port: int) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                connection = await Connection.open(port)
            except ConnectionRefusedError:
                return
            await connection.close()
            await asyncio.sleep(0.05)


async def test_an_idle_connection_keeps_the_server_only_for_the_linger(tmp_path: Path) -> None:
    async with running_server(QUICK, tmp_path, drain_delay_seconds=0, idle_linger_seconds=0.5) as server:
        connection = await _idle_connection(server)
        started = time.monotonic()
        server.terminate()
        assert await server.process.wait() == 0
        assert 0.5 <= time.monotonic() - started < 4
        await connection.close()


async def test_unready_at_once_and_serving_all_the_same(tmp_path: Path) -> None:
    async with running_server(QUICK, tmp_path, drain_delay_seconds=5) as server:
        server.terminate()
        await server.logged("draining")
        connection = await Connection.open(server.port)
        ready = await connection.request("GET", "/readyz")
        assert (ready.status, ready.closes) == (503, True)
        await connection.close()
        for path in ("/livez", "/health"):
            connection = await Connection.open(server.port)
            assert (await connection.request("GET", path)).status == 200
            await connection.close()


async def test_the_end_of_the_grace_period_is_told(tmp_path: Path) -> None:
    scripted = ModelEndpoint()
    async with TestServer(scripted.application()) as endpoint:
        spec = team_spec([endpoint_model("scripted-hang", str(endpoint.make_url("/v1")))])
        async with running_server(spec, tmp_path, drain_delay_seconds=0, grace_period_seconds=1) as server:
            connection = await Connection.open(server.port)
            request = asyncio.create_task(connection.chat())
            await eventually(lambda: scripted.calls.total() == 1)
            server.terminate()
            answer = await request
            assert (answer.status, answer.closes) == (503, True)
            assert answer.headers["retry-after"] == "1"
            assert b"shutting_down" in answer.body
            await connection.close()
            assert await server.process.wait() == 0


async def test_a_connection_ends_by_announcement_at_its_age_and_never_while_idle(tmp_path: Path) -> None:
    async with running_server(QUICK, tmp_path, max_connection_age_seconds=1) as server:
        connection = await _idle_connection(server)
        answers = []
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answers.append(await connection.chat())
            if answers[-1].closes:
                break
            await asyncio.sleep(0.05)
        assert answers[-1].closes
        assert all(answer.status == 200 for answer in answers)
        await connection.close()

        idle = await _idle_connection(server)
        await asyncio.sleep(1.5)  # older than the bound, and left in peace
        late = await idle.chat()
        assert (late.status, late.closes) == (200, True)
        await idle.close()
