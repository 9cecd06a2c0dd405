"""A run ends in exactly one way, which is counted."""

from __future__ import annotations

import asyncio

import pytest
from agent_server.conversation import Conversation, RunResult
from agent_server.errors import ErrorCode, RunError, RunStatus
from agent_server.runtime.limits import RunSlots
from agent_server.runtime.runs import RunManager
from agent_server.telemetry.metrics import ServerMetrics

from tests.support.agent_server import FakeTeam, sample
from tests.support.waiting import eventually


def _manager(team: FakeTeam, *, concurrent: int = 10, queued: int = 0, timeout_seconds: float = 5) -> RunManager:
    metrics = ServerMetrics(agents=["solo"], models=[])
    return RunManager(team, RunSlots(concurrent, queued), metrics, timeout_seconds=timeout_seconds)


def _start(manager: RunManager) -> asyncio.Task[RunResult]:
    return manager.start(Conversation("hi"), request_id="r")


def _counts(manager: RunManager) -> dict[str, float]:
    metrics = manager._metrics
    finished = {status: sample(metrics, "autogen_runs_finished_total", status=status) for status in RunStatus}
    counts = {status.value: count for status, count in finished.items() if count}
    counts["started"] = sample(metrics, "autogen_runs_started_total")
    counts["timed"] = sample(metrics, "autogen_run_duration_seconds_count")
    return counts


@pytest.mark.parametrize(
    ("error", "code", "http_status", "counted"),
    [
        pytest.param(RunError(ErrorCode.MODEL_ERROR, "x"), "model_error", 502, "error", id="model"),
        pytest.param(RunError(ErrorCode.MODEL_TIMEOUT, "x"), "model_timeout", 504, "timeout", id="model-timeout"),
        pytest.param(RunError(ErrorCode.NO_ANSWER, "x"), "no_answer", 500, "error", id="no-answer"),
        pytest.param(KeyError("a secret"), "internal_error", 500, "error", id="a-bug-tells-nothing"),
    ],
)
async def test_failures(error: Exception, code: str, http_status: int, counted: str) -> None:
    manager = _manager(FakeTeam(error=error))
    with pytest.raises(RunError) as caught:
        await _start(manager)
    assert (caught.value.code, caught.value.http_status) == (code, http_status)
    assert "secret" not in caught.value.message
    assert _counts(manager) == {counted: 1, "started": 1, "timed": 1}


async def test_success() -> None:
    manager = _manager(FakeTeam())
    assert (await _start(manager)).answer == "fine"
    assert _counts(manager) == {"success": 1, "started": 1, "timed": 1}


async def test_a_synthetic_run_is_counted_apart() -> None:
    manager = _manager(FakeTeam())
    before = _unsynthetic(manager)
    await manager.start(Conversation("hi", synthetic=True), request_id="r")
    assert _unsynthetic(manager) == before
    metrics = manager._metrics
    assert sample(metrics, "autogen_synthetic_runs_started_total") == 1
    assert sample(metrics, "autogen_synthetic_runs_finished_total", status="success") == 1


async def test_a_synthetic_run_obeys_the_limits() -> None:
    manager = _manager(FakeTeam(gate=asyncio.Event()), concurrent=1)
    first = _start(manager)
    await asyncio.sleep(0)
    with pytest.raises(RunError) as caught:
        await manager.start(Conversation("hi", synthetic=True), request_id="r")
    assert caught.value.code is ErrorCode.QUEUE_FULL
    assert sample(manager._metrics, "autogen_synthetic_runs_finished_total", status="rejected") == 1
    assert _counts(manager) == {"started": 1, "timed": 0}
    first.cancel()
    await asyncio.wait({first})


def _unsynthetic(manager: RunManager) -> list[str]:
    """All series of runs, turns and agents but the synthetic ones."""
    lines = manager._metrics.exposition().decode().splitlines()
    return [line for line in lines if line.startswith(("autogen_r", "autogen_active"))]


async def test_timeout_covers_the_wait_in_the_queue() -> None:
    team = FakeTeam(gate=asyncio.Event())
    manager = _manager(team, concurrent=1, queued=1, timeout_seconds=0.1)
    runs = [_start(manager), _start(manager)]
    results = await asyncio.gather(*runs, return_exceptions=True)
    assert [result.code for result in results if isinstance(result, RunError)] == [ErrorCode.RUN_TIMEOUT] * 2
    assert (len(team.conversations), team.cancelled) == (1, 1)
    assert _counts(manager) == {"timeout": 2, "started": 2, "timed": 2}


async def test_cancelled_by_its_client() -> None:
    team = FakeTeam(gate=asyncio.Event())
    manager = _manager(team)
    run = _start(manager)
    await eventually(lambda: len(team.conversations) == 1)
    run.cancel()
    await asyncio.wait({run})
    assert run.cancelled()
    assert team.cancelled == 1
    assert _counts(manager) == {"cancelled": 1, "started": 1, "timed": 0}


async def test_rejected_counts_as_started_too() -> None:
    manager = _manager(FakeTeam(gate=asyncio.Event()), concurrent=1)
    first = _start(manager)
    await asyncio.sleep(0)
    with pytest.raises(RunError):
        await _start(manager)
    assert _counts(manager) == {"rejected": 1, "started": 2, "timed": 0}
    first.cancel()
    await asyncio.wait({first})


async def test_closing_answers_what_runs_and_what_comes_later() -> None:
    team = FakeTeam(gate=asyncio.Event())
    manager = _manager(team)
    run = _start(manager)
    await eventually(lambda: len(team.conversations) == 1)
    await manager.close()
    for late in (run, _start(manager)):
        with pytest.raises(RunError) as caught:
            await late
        assert caught.value.http_status == 503
    assert _counts(manager) == {"cancelled": 2, "started": 2, "timed": 0}
