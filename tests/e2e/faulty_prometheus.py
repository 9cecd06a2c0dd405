"""A proxy before the real Prometheus that does to its answers what networks, proxies and full disks do.

It runs in the test's own process, on the node's address, which pods reach.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from tests.cluster.profiles import NODE_ADDRESS

START_SECONDS = 10.0
SLOW_SECONDS = 4.0
LOGIN_PAGE = b"<!DOCTYPE html><html><title>Sign in</title><p>Please sign in to continue.</html>"
GARBAGE = bytes(range(256))
OTHER_REPLICA = {"replica": "b"}

Json = dict[str, Any]
Sample = dict[str, Any]


class Fault(StrEnum):
    """What is wrong with Prometheus."""

    NONE = "none"
    DOWN = "connection refused"
    SLOW = "slower than the operator waits"
    BROKEN = "500"
    OVERLOADED = "503 of a load balancer"
    REFUSED = "an error in JSON"
    GARBAGE = "bytes that mean nothing"
    LOGIN = "a login page"
    CUT_OFF = "a body that is cut off"
    HALF = "half a document"
    NOT_A_NUMBER = "NaN in every series"
    EMPTY = "no series"
    DOUBLED = "two series where one is expected"
    STALE = "one old answer again and again"


class FaultyPrometheus:
    """The proxy. A context manager; `fault` may be changed at any time, and holds for the next answers."""

    def __init__(self, real_url: str) -> None:
        """Nothing is opened yet."""
        self._real_url = real_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-prometheus", daemon=True)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._client: aiohttp.ClientSession | None = None
        self._port = 0
        self._recorded: dict[str, bytes] = {}
        """The first real answer to each query."""
        self._fault = Fault.NONE
        self.answered: Counter[Fault] = Counter()
        """Answers given, by the fault that they were given under."""

    @property
    def url(self) -> str:
        """Where the operator finds it."""
        return f"http://{NODE_ADDRESS}:{self._port}"

    @property
    def fault(self) -> Fault:
        """What is wrong now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._run(self._become(fault))

    def __enter__(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _start(self) -> None:
        self._client = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/api/v1/query", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, NODE_ADDRESS, self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def _become(self, fault: Fault) -> None:
        assert self._runner is not None
        if fault is Fault.DOWN and self._site is not None:
            await self._site.stop()
            self._site = None
        elif fault is not Fault.DOWN and self._site is None:
            await self._listen()
        self._fault = fault

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault, form = self._fault, await request.text()
        self.answered[fault] += 1
        if fault is Fault.DOWN:  # a connection from before
            return _cut_off(request)
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if fault in CANNED:
            return CANNED[fault]()
        body = await self._ask(request, form)
        first = self._recorded.setdefault(parse_qs(form)["query"][0], body)
        if fault is Fault.CUT_OFF:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.content_length = len(body)
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            return _cut_off(request, response)
        if fault is Fault.HALF:
            body = body[: len(body) // 2]
        elif fault is Fault.STALE:
            body = first
        elif fault in REWRITES:
            body = _rewritten(body, REWRITES[fault])
        return web.Response(body=body, content_type="application/json")

    async def _ask(self, request: web.Request, form: str) -> bytes:
        """The real Prometheus' answer."""
        assert self._client is not None
        headers = {"Content-Type": request.headers["Content-Type"]}
        async with self._client.post(f"{self._real_url}/api/v1/query", data=form, headers=headers) as answer:
            return await answer.read()


def _cut_off(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response(status=500)


def _rewritten(body: bytes, rewrite: Callable[[list[Sample]], list[Sample]]) -> bytes:
    document: Json = json.loads(body)
    with suppress(KeyError):
        document["data"]["result"] = rewrite(document["data"]["result"])
    return json.dumps(document).encode()


def _not_numbers(samples: list[Sample]) -> list[Sample]:
    return [sample | {"value": [sample["value"][0], "NaN"]} for sample in samples]


def _doubled(samples: list[Sample]) -> list[Sample]:
    """As of two replicas that both scrape, without anybody who removes what is double."""
    return [*samples, *(sample | {"metric": sample["metric"] | OTHER_REPLICA} for sample in samples)]


REWRITES: dict[Fault, Callable[[list[Sample]], list[Sample]]] = {
    Fault.NOT_A_NUMBER: _not_numbers,
    Fault.EMPTY: lambda _: [],
    Fault.DOUBLED: _doubled,
}
CANNED: dict[Fault, Callable[[], web.Response]] = {
    Fault.BROKEN: lambda: web.Response(status=500, text="Internal Server Error"),
    Fault.OVERLOADED: lambda: web.Response(
        status=503, body=b"<html>Service Unavailable</html>", content_type="text/html"
    ),
    Fault.REFUSED: lambda: web.json_response(
        {"status": "error", "errorType": "execution", "error": "query processing would load too many samples"},
        status=422,
    ),
    Fault.GARBAGE: lambda: web.Response(body=GARBAGE, content_type="application/json"),
    Fault.LOGIN: lambda: web.Response(body=LOGIN_PAGE, content_type="text/html"),
}
