"""Sending on an absolute schedule, and judging what comes back.

Open loop: request i is meant to go out at start + i/rate, and its latency counts from there, so a server that stalls
can't slow the load down and hide its stall (coordinated omission). Nothing is retried: what a client library would
smooth over is counted here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from .report import (
    UNKNOWN_REVISION,
    Connection,
    Failure,
    LoadReport,
    Result,
    RevisionCounts,
    quantiles,
)

REVISION_HEADER = "X-AgentTeam-Revision"
MAX_REQUESTS = 200_000
MAX_SECONDS = 3600.0
_MAX_IN_FLIGHT = 4000


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send. Both bounds always hold: the load ends at whichever comes first."""

    url: str
    """The team's address, such as ``http://10.96.0.7``; the path is the API's."""
    rate_per_second: float = 50.0
    max_requests: int = 5000
    max_seconds: float = 600.0
    keep_alive_share: float = 0.5
    """Share of the requests that go over the pool of kept-alive connections; the rest open their own."""
    pool_size: int = 8
    """Kept-alive connections. A request that finds them all busy waits for one, which its latency shows."""
    timeout_seconds: float = 30.0
    """After it, a request is lost."""
    model: str = "team"
    prompt: str = "Where is order 17?"

    def __post_init__(self) -> None:
        """Refuse a plan without bounds."""
        if not 0 < self.rate_per_second <= 1000:
            raise ValueError(f"rate {self.rate_per_second:g}/s: choose more than 0 and at most 1000")
        if not 0 < self.max_requests <= MAX_REQUESTS:
            raise ValueError(f"max_requests {self.max_requests}: choose 1 to {MAX_REQUESTS}")
        if not 0 < self.max_seconds <= MAX_SECONDS:
            raise ValueError(f"max_seconds {self.max_seconds:g}: choose more than 0 and at most {MAX_SECONDS:g}")
        if not 0 <= self.keep_alive_share <= 1:
            raise ValueError(f"keep_alive_share {self.keep_alive_share:g}: choose 0 to 1")

    def connection(self, index: int) -> Connection:
        """How the index-th request is sent: both ways in turns, evenly mixed."""
        share = self.keep_alive_share
        return Connection.KEEP_ALIVE if int((index + 1) * share) > int(index * share) else Connection.NEW


@dataclass(frozen=True, slots=True)
class _Request:
    """One request of the schedule."""

    connection: Connection
    due: float
    """Seconds of the monotonic clock when it is meant to be sent."""
    meant_at: float
    """The same in Unix seconds."""


class LoadGenerator:
    """One load. ``report`` is up to date while it runs."""

    def __init__(self, plan: LoadPlan) -> None:
        """Nothing is sent before ``run``."""
        self._plan = plan
        self._stopping = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._latencies: list[float] = []
        self._lags: list[float] = []
        self._body = json.dumps({"model": plan.model, "messages": [{"role": "user", "content": plan.prompt}]}).encode()
        self._cpu_before = _cpu_seconds()
        self._started = 0.0
        self.report = LoadReport(rate_per_second=plan.rate_per_second)

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet answered."""
        return len(self._in_flight)

    def stop(self) -> None:
        """Send no more; ``run`` returns once all that was sent has ended."""
        self._stopping.set()

    async def run(self) -> LoadReport:
        """Send all of the plan, wait for every answer, and report."""
        self._started = time.monotonic()
        self.report.started_at = time.time()
        async with self._sessions() as sessions:
            await self._send_all(sessions)
            while self._in_flight:
                await asyncio.wait(self._in_flight)
        return self.summarize()

    def summarize(self) -> LoadReport:
        """The report with the figures that cost something to work out."""
        self.report.elapsed_seconds = time.monotonic() - self._started
        self.report.latency_seconds = quantiles(self._latencies)
        self.report.send_lag_seconds = quantiles(self._lags)
        self.report.cpu_seconds = _cpu_seconds() - self._cpu_before
        return self.report

    @contextlib.asynccontextmanager
    async def _sessions(self) -> AsyncIterator[dict[Connection, aiohttp.ClientSession]]:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._count_connection)
        timeout = aiohttp.ClientTimeout(total=self._plan.timeout_seconds)
        # Limit 0 means none: open loop must not queue behind itself where a real client would connect at once.
        new = aiohttp.TCPConnector(force_close=True, limit=0)
        kept = aiohttp.TCPConnector(limit=self._plan.pool_size, keepalive_timeout=60.0)
        async with (
            aiohttp.ClientSession(connector=new, timeout=timeout, trace_configs=[trace]) as new_session,
            aiohttp.ClientSession(connector=kept, timeout=timeout, trace_configs=[trace]) as kept_session,
        ):
            yield {Connection.NEW: new_session, Connection.KEEP_ALIVE: kept_session}

    async def _count_connection(self, *_: object) -> None:
        self.report.connections_opened += 1

    async def _send_all(self, sessions: dict[Connection, aiohttp.ClientSession]) -> None:
        plan = self._plan
        for index in range(plan.max_requests):
            offset = index / plan.rate_per_second
            due = self._started + offset
            if offset > plan.max_seconds or await self._stopped_before(due):
                return
            request = _Request(plan.connection(index), due, self.report.started_at + offset)
            self.report.sent += 1
            if len(self._in_flight) >= _MAX_IN_FLIGHT:
                self._end(request, Result.LOST, None, "too many requests unanswered")
                continue
            task = asyncio.create_task(self._one(sessions[request.connection], request))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _stopped_before(self, due: float) -> bool:
        delay = due - time.monotonic()
        if delay > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
        return self._stopping.is_set()

    async def _one(self, session: aiohttp.ClientSession, request: _Request) -> None:
        self._lags.append(time.monotonic() - request.due)
        revision: str | None = None
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(
                f"{self._plan.url}/v1/chat/completions", data=self._body, headers=headers
            ) as answer:
                revision = answer.headers.get(REVISION_HEADER)
                reason = _fault(answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._end(request, Result.LOST, revision, _loss(error))
        else:
            self._end(request, Result.BAD if reason else Result.OK, revision, reason)

    def _end(self, request: _Request, result: Result, revision: str | None, reason: str) -> None:
        seconds = time.monotonic() - request.due
        report, name, ended_at = self.report, revision or UNKNOWN_REVISION, request.meant_at + seconds
        report.counts.add(result)
        report.by_connection[request.connection.value].add(result)
        one = report.by_revision.setdefault(name, RevisionCounts(first_at=ended_at))
        one.counts.add(result)
        one.last_at = ended_at
        if result is Result.OK:
            self._latencies.append(seconds)
            return
        if result is Result.BAD:
            one.first_bad_at, one.last_bad_at = one.first_bad_at or ended_at, ended_at
            report.note_bad(request.connection.value, ended_at)
        failure = Failure(request.meant_at, seconds, result.value, request.connection.value, name, reason[:200])
        report.note(failure)


def _loss(error: Exception) -> str:
    """Why no answer came: the system's own words where it has some, then the client's."""
    number = getattr(error, "errno", None)
    words = "timed out: " if isinstance(error, TimeoutError) else f"{os.strerror(number).lower()}: " if number else ""
    return f"{words}{type(error).__name__}: {error}".rstrip(": ")


def _fault(status: int, body: bytes) -> str:
    """Why this isn't the answer that was asked for; empty for a good one."""
    if status != 200:
        return f"HTTP {status}: {body[:160].decode(errors='replace')}"
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return "HTTP 200 without an answer in it"
    return "" if isinstance(content, str) and content else "HTTP 200 with an empty answer"


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
