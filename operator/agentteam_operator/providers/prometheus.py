"""Prometheus over its HTTP API: the raw counters of all teams under judgement, in one instant query.

One query brings every metric of every team, evaluated at one moment, so that the counters of a pod belong together;
the cost of a look hardly grows with the number of teams. Whose a series is follows from the scrape target's labels
`namespace` and `pod` and from the operator's own list of pods, never from what a workload says of itself.

An instant query still returns a dead pod's last sample for up to five minutes: harmless, since only listed pods count
and the difference of a sample to itself is 0.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from agentteam_operator.core.observed import QueryReading, Snapshot
from agentteam_operator.providers import unreachable
from agentteam_operator.providers.prometheus_queries import TeamKey, TeamPods, chunks, query_of
from agentteam_operator.providers.prometheus_samples import (
    MalformedAnswerError,
    PodKey,
    PodReadings,
    parse_vector,
    read_number,
    read_pods,
)

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_NUMBER_BYTES = 256 * 1024
"""Of the answer to a team's query: one number, or two series to see that it gives several."""

_CONCURRENT_QUERIES = 4
_CONCURRENT_TEAM_QUERIES = 16
_TENANT_HEADER = "X-Scope-OrgID"


@dataclass(frozen=True, slots=True)
class PrometheusConfig:
    """Where Prometheus is, as the operator's owner says."""

    url: str
    """Base URL, such as http://prometheus.monitoring:9090, with the path prefix if there is one."""
    bearer_token_file: Path | None = None
    """Read anew for each query, so that the token may be rotated."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust instead of the system's; read anew when the file changes."""
    tenant: str = ""
    """Sent as X-Scope-OrgID, as Mimir, Cortex and Thanos want it."""
    timeout_seconds: float = 10.0


class QueryError(Exception):
    """Prometheus couldn't be read; the message says why, and names the URL."""


class Prometheus:
    """A client that answers with snapshots, and puts what went wrong into them instead of raising it."""

    def __init__(self, config: PrometheusConfig, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open nothing yet; `clock` gives the time that a snapshot is taken at."""
        self._config = config
        self._clock = clock
        base = URL(config.url)
        self._query_url = base / "api/v1/query"
        self._range_url = base / "api/v1/query_range"
        self.shown_url = str(base.with_user(None).with_query(None))
        self._session: aiohttp.ClientSession | None = None
        self._tls: tuple[int, ssl.SSLContext] | None = None
        self._slots = asyncio.Semaphore(_CONCURRENT_QUERIES)
        self._query_slots = asyncio.Semaphore(_CONCURRENT_TEAM_QUERIES)

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first query."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `close`."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def snapshots(self, requests: Sequence[TeamPods]) -> dict[TeamKey, Snapshot]:
        """One look at every team asked for. Each gets its snapshot, with `error` set if it couldn't be read."""
        looks = await asyncio.gather(*(self._look(chunk) for chunk in chunks(requests)))
        return {key: snapshot for look in looks for key, snapshot in look.items()}

    async def answer(self, expression: str) -> QueryReading:
        """The one number that a team's query gives; what went wrong is in the reading.

        The query must be confined to the team already. These queries have places of their own, so that none of them,
        however slow, keeps the looks at all teams' counters waiting.
        """
        async with self._query_slots:
            at = self._clock()
            limits = {"limit": "2", "timeout": f"{self._config.timeout_seconds:g}s"}
            try:
                return read_number(await self._query(expression, at, limits, MAX_NUMBER_BYTES), at)
            except (QueryError, MalformedAnswerError) as error:
                return QueryReading(at=at, error=f"Prometheus at {self.shown_url}: {error}"[:512])

    async def ask(self, expression: str, when: datetime | range) -> object:
        """The JSON document that a query is answered with: at a moment, or at each of these (Unix time, in seconds).

        Raises:
            QueryError: not reached, refused, or no JSON.
        """
        if isinstance(when, datetime):
            return await self._query(expression, when)
        limits = {"start": f"{when[0]}", "end": f"{when[-1]}", "step": f"{when.step}"}
        return await self._query(expression, limits=limits, url=self._range_url)

    async def _look(self, requests: Sequence[TeamPods]) -> dict[TeamKey, Snapshot]:
        """The snapshots of the teams of one query."""
        listed = frozenset((request.namespace, pod) for request in requests for pod in request.pods)
        async with self._slots:
            at = self._clock()
            try:
                readings = read_pods(parse_vector(await self._query(query_of(requests), at), at), listed)
            except (QueryError, MalformedAnswerError) as error:
                said = f"Prometheus at {self.shown_url}: {error}"
                return {request.key: Snapshot(at=at, pods={}, error=said[:512]) for request in requests}
        return {request.key: snapshot_of(request, readings, at) for request in requests}

    async def _query(
        self,
        expression: str,
        at: datetime | None = None,
        limits: Mapping[str, str] | None = None,
        most_bytes: int = MAX_ANSWER_BYTES,
        url: URL | None = None,
    ) -> object:
        """The JSON document that a query is answered with: an instant one, unless `url` says otherwise.

        The answer repeats the moment `at`: one that was kept from an earlier question is found out.

        Raises:
            QueryError: not reached, refused, or no JSON.
        """
        timeout_seconds = self._config.timeout_seconds
        try:
            async with asyncio.timeout(timeout_seconds):
                moment = {"time": f"{at.timestamp():.3f}"} if at else {}
                form = {"query": expression, **moment, **(limits or {})}
                body, status = await self._post(url or self._query_url, form, most_bytes)
        except TimeoutError:
            raise QueryError(f"no answer within {timeout_seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise QueryError(_words(error)) from None
        try:
            document: object = json.loads(body)
        except (ValueError, RecursionError):
            raise QueryError(f"answered {status}, not JSON: {body[:80].decode(errors='replace')!r}") from None
        if status != 200 and not (isinstance(document, Mapping) and document.get("error")):  # noqa: PLR2004
            raise QueryError(f"answered {status}")
        return document

    async def _post(self, url: URL, form: Mapping[str, str], most_bytes: int) -> tuple[bytes, int]:
        headers, tls = await asyncio.to_thread(self._read_files)
        if self._session is None:
            self._session = aiohttp.ClientSession(raise_for_status=False)
        # A redirect is a login page, or a place that the token isn't meant for.
        async with self._session.post(
            url, data=form, headers=headers, ssl=tls or True, allow_redirects=False
        ) as response:
            body = bytearray()
            async for part in response.content.iter_chunked(64 * 1024):
                body += part
                if len(body) > most_bytes:
                    raise ValueError(f"an answer of more than {most_bytes >> 10} KiB")
            return bytes(body), response.status

    def _read_files(self) -> tuple[dict[str, str], ssl.SSLContext | None]:
        """The headers with today's token, and today's trust; None for the system's."""
        config = self._config
        headers = {_TENANT_HEADER: config.tenant} if config.tenant else {}
        if config.bearer_token_file is not None:
            headers["Authorization"] = f"Bearer {config.bearer_token_file.read_text(encoding='utf-8').strip()}"
        if config.ca_file is None:
            return headers, None
        changed_at = config.ca_file.stat().st_mtime_ns
        if self._tls is None or self._tls[0] != changed_at:
            self._tls = changed_at, ssl.create_default_context(cafile=config.ca_file)
        return headers, self._tls[1]


def _words(error: Exception) -> str:
    """Why no whole answer came, in plain words where there are some."""
    match error:
        case aiohttp.ClientSSLError():
            return f"{type(error).__name__}: {error}"
        case aiohttp.ClientConnectorError():
            return f"can't be reached: {unreachable.reason(error.os_error)}"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            return "the answer was cut off"
        case _:
            return f"{type(error).__name__}: {error}"


def snapshot_of(request: TeamPods, readings: PodReadings, at: datetime) -> Snapshot:
    """One team's share of what was read."""
    keys: list[PodKey] = [(request.namespace, pod) for pod in sorted(request.pods)]
    pods = {key[1]: readings.counters[key] for key in keys if key in readings.counters}
    doubled = [pod for namespace, pod in keys if (namespace, pod) in readings.doubled]
    if doubled and not pods:
        said = f"Prometheus has several series for one metric of pod {doubled[0]}: have it scraped by one job only"
        return Snapshot(at=at, pods={}, error=said)
    return Snapshot(at=at, pods=pods)
