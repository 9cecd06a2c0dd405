"""When a connection is told to end: with an answer, by `Connection: close`, and never behind a client's back.

A server that drops an idle keep-alive connection may drop it just as the client's next request is on its way, and that
request is lost. So connections stay open while idle (longer than any usual client keeps one), and those that are older
than the bound, or that meet a draining server, end with their next answer.
"""

from __future__ import annotations

import random
import time
import weakref
from asyncio import BaseTransport
from collections.abc import Callable

from aiohttp import web

KEEPALIVE_TIMEOUT_SECONDS = 620.0
"""Longer than the idle timeout of usual clients and load balancers (600 s at the most): they close first."""

_AGE_JITTER = 0.2


class ConnectionPolicy:
    """Decides for each answer whether it is its connection's last."""

    def __init__(
        self,
        max_age_seconds: float,
        *,
        is_draining: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Bound the age to `max_age_seconds`, less up to a fifth by chance, so that clients don't return in step."""
        self._max_age_seconds = max_age_seconds
        self._is_draining = is_draining
        self._clock = clock
        self._jitter = jitter
        self._expiry: weakref.WeakKeyDictionary[BaseTransport, float] = weakref.WeakKeyDictionary()

    def note_request(self, transport: BaseTransport | None) -> None:
        """Start a connection's age with its first request."""
        if transport is not None and transport not in self._expiry:
            age = self._max_age_seconds * (1 - _AGE_JITTER * self._jitter())
            self._expiry[transport] = self._clock() + age

    def is_last_answer(self, transport: BaseTransport | None) -> bool:
        """Whether the answer that begins now must end its connection."""
        if self._is_draining() or transport is None:
            return True
        return self._clock() >= self._expiry.get(transport, 0.0)

    async def on_response_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Signal handler: announce the end of the connection where it's due."""
        self.note_request(request.transport)
        if self.is_last_answer(request.transport):
            response.force_close()
            # aiohttp has chosen the headers before it asks its signal handlers.
            response.headers["Connection"] = "close"
