"""What the guard reads of Prometheus: counts now, and the last day in pieces; never a misread number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from agentteam_operator.core.sequential import NONE, Tally
from agentteam_operator.providers.prometheus import Prometheus, PrometheusConfig
from agentteam_operator.providers.prometheus_queries import TeamPods, runs_query
from agentteam_operator.providers.prometheus_runs import (
    DAY_SECONDS,
    LAG_SECONDS,
    NO_RUNS,
    PIECE_SECONDS,
    EndedRuns,
    RunsReader,
    past_times,
)
from aiohttp import web
from aiohttp.test_utils import TestServer

NOW = datetime(2026, 1, 5, 12, 7, tzinfo=UTC)
FIRST, SECOND = "support-aaaaaaaaaa-1", "support-aaaaaaaaaa-2"
TEAM = TeamPods("shop", "support", frozenset({"aaaaaaaaaa"}), frozenset({FIRST, SECOND}))
TIMES = past_times(NOW)

SINCE: Mapping[str, tuple[EndedRuns, EndedRuns | None, Tally]] = {
    "nothing new": (EndedRuns(5, 1), EndedRuns(5, 1), NONE),
    "both": (EndedRuns(9, 3), EndedRuns(5, 1), Tally(2, 6)),
    "began anew": (EndedRuns(3, 1), EndedRuns(5, 1), Tally(1, 4)),
    "began anew, and has failed more": (EndedRuns(3, 4), EndedRuns(5, 1), Tally(4, 7)),
    "began anew, and has failed less": (EndedRuns(9, 0), EndedRuns(5, 1), Tally(0, 9)),
    "never seen before": (EndedRuns(3, 1), None, Tally(1, 4)),
    "no runs at all": (NO_RUNS, None, NONE),
}


@pytest.mark.parametrize(("now", "before", "runs"), SINCE.values(), ids=SINCE)
def test_runs_since(now: EndedRuns, before: EndedRuns | None, runs: Tally) -> None:
    assert now.since(before) == runs


def test_the_past_ends_a_quarter_of_an_hour_ago_and_is_a_day_long() -> None:
    assert (TIMES[-1] - TIMES[0], TIMES.step) == (DAY_SECONDS, PIECE_SECONDS)
    assert LAG_SECONDS <= NOW.timestamp() - TIMES[-1] < LAG_SECONDS + PIECE_SECONDS
    assert not TIMES[-1] % PIECE_SECONDS


def test_the_query_names_the_teams_pods_alone() -> None:
    other = TeamPods("ops", "a.b", frozenset({"bbbbbbbbbb"}), frozenset())
    assert runs_query([TEAM, other]) == (
        'autogen_runs_finished_total{status=~"success|error|timeout|rejected",namespace=~"ops|shop",'
        'pod=~"a\\\\.b-bbbbbbbbbb-.*|support-aaaaaaaaaa-.*"}'
    )


@asynccontextmanager
async def reader(document: object, forms: list[dict[str, str]] | None = None) -> AsyncIterator[RunsReader]:
    """A reader whose Prometheus answers everything so."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if forms is not None:
            forms.append({"path": request.path, **{key: str(value) for key, value in (await request.post()).items()}})
        return web.json_response(document)

    app = web.Application()
    app.router.add_post("/api/v1/{what}", handler)
    async with TestServer(app) as server, Prometheus(PrometheusConfig(str(server.make_url("")))) as prometheus:
        yield RunsReader(prometheus, clock=lambda: NOW)


def labels(pod: str, status: str, **more: str) -> dict[str, str]:
    return {"namespace": "shop", "pod": pod, "status": status, **more}


def vector(pod: str, *, success: object = "5", error: object = "2", **more: str) -> list[dict[str, Any]]:
    """All series of one pod now: two timeouts and one rejected besides."""
    ended = {"success": success, "error": error, "timeout": "2", "rejected": "1"}
    return [
        {"metric": labels(pod, status, **more), "value": [NOW.timestamp(), value]} for status, value in ended.items()
    ]


def answer(kind: str, result: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


NOW_READ: Mapping[str, tuple[list[dict[str, Any]], Mapping[str, EndedRuns]]] = {
    "two pods": ([*vector(FIRST), *vector(SECOND, success="8")], {FIRST: EndedRuns(5, 5), SECOND: EndedRuns(8, 5)}),
    "none": ([], {}),
    "somebody else's": ([*vector("support-aaaaaaaaaa-3"), *vector(FIRST, namespace="ops")], {}),
    "doubled": ([*vector(FIRST), *vector(FIRST, job="again"), *vector(SECOND)], {SECOND: EndedRuns(5, 5)}),
    "incomplete": (vector(FIRST)[1:], {}),
    "not a number": (vector(FIRST, error="NaN"), {}),
    "infinite": (vector(FIRST, error="+Inf"), {}),
    "negative": (vector(FIRST, error="-1"), {}),
}


@pytest.mark.parametrize(("result", "counts"), NOW_READ.values(), ids=NOW_READ)
async def test_counts_now(result: list[dict[str, Any]], counts: Mapping[str, EndedRuns]) -> None:
    async with reader(answer("vector", result)) as runs:
        assert await runs.ended([TEAM]) == {TEAM.key: counts}


Points = Mapping[int, tuple[float, float]]
"""Good and bad runs counted at the moment of this number."""


def matrix(pod: str, points: Points, **more: str) -> list[dict[str, Any]]:
    """All series of one pod at some of the moments."""
    found = []
    for status, of in (("success", 0), ("error", 1), ("timeout", None), ("rejected", None)):
        values = [[TIMES[at], str(0 if of is None else counts[of])] for at, counts in points.items()]
        found.append({"metric": labels(pod, status, **more), "values": values})
    return found


LAST = len(TIMES) - 1

PAST_READ: Mapping[str, tuple[list[dict[str, Any]], tuple[Tally, ...]]] = {
    "nothing": ([], ()),
    "what was before the day isn't of it": (matrix(FIRST, {0: (1000, 500), 1: (1090, 510)}), (Tally(10, 100),)),
    "a pod that began within it": (matrix(FIRST, {50: (90, 10), 51: (180, 20)}), (Tally(10, 100), Tally(10, 100))),
    "two pods together": (
        [*matrix(FIRST, {0: (0, 0), 1: (9, 1)}), *matrix(SECOND, {0: (0, 0), 1: (8, 2), 2: (8, 3)})],
        (Tally(3, 20), Tally(1, 1)),
    ),
    "began anew": (matrix(FIRST, {0: (100, 0), 1: (50, 1), 2: (60, 1)}), (Tally(1, 51), Tally(0, 10))),
    "a gap": (matrix(FIRST, {0: (0, 0), 5: (9, 1), LAST: (18, 2)}), (Tally(1, 10), Tally(1, 10))),
    "somebody else's": (matrix(FIRST, {0: (0, 0), 1: (9, 1)}, namespace="ops"), ()),
    "doubled": ([*matrix(FIRST, {0: (0, 0), 1: (9, 1)}), *matrix(FIRST, {1: (9, 1)}, job="again")], ()),
    "one after the other is not doubled": (
        [*matrix(FIRST, {0: (0, 0), 1: (9, 1)}), *matrix(FIRST, {2: (18, 2)}, instance="moved")],
        (Tally(1, 10), Tally(1, 10)),
    ),
    "not a number": (matrix(FIRST, {0: (0, 0), 1: (9, float("nan")), 2: (18, 2)}), (Tally(2, 20),)),
}


@pytest.mark.parametrize(("result", "pieces"), PAST_READ.values(), ids=PAST_READ)
async def test_the_last_day(result: list[dict[str, Any]], pieces: tuple[Tally, ...]) -> None:
    forms: list[dict[str, str]] = []
    async with reader(answer("matrix", result), forms) as runs:
        assert await runs.past([TEAM]) == {TEAM.key: pieces}
    times = {"start": f"{TIMES[0]}", "end": f"{TIMES[-1]}", "step": f"{PIECE_SECONDS}"}
    assert forms == [{"path": "/api/v1/query_range", "query": runs_query([TEAM]), **times}]


UNREADABLE: Mapping[str, object] = {
    "refused": {"status": "error", "error": "too many samples"},
    "another kind": answer("scalar", [NOW.timestamp(), "1"]),
    "no pairs": answer("matrix", [{"metric": {}, "values": [1, 2]}]),
    "no number": answer("matrix", [{"metric": {}, "values": [[1, "x"]]}]),
    "no series": answer("matrix", [1]),
    "no labels": answer("vector", [{"value": [1, "1"]}]),
    "nothing": {},
    "a list": [],
}


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_is_no_data(document: object) -> None:
    async with reader(document) as runs:
        assert await runs.ended([TEAM]) == {}
        assert await runs.past([TEAM]) == {}


async def test_a_prometheus_that_is_gone_is_no_data() -> None:
    async with Prometheus(PrometheusConfig("http://127.0.0.1:1")) as prometheus:
        runs = RunsReader(prometheus, clock=lambda: NOW)
        assert await runs.ended([TEAM]) == {}
        assert await runs.past([TEAM]) == {}


async def test_thousands_of_teams_are_asked_in_few_queries() -> None:
    teams = [
        TeamPods("shop", f"team-{number}", frozenset({"aaaaaaaaaa"}), frozenset({f"team-{number}-aaaaaaaaaa-1"}))
        for number in range(2000)
    ]
    forms: list[dict[str, str]] = []
    async with reader(answer("vector", []), forms) as runs:
        assert await runs.ended(teams) == {team.key: {} for team in teams}
    assert len(forms) == 4
