"""A client that asks one agent server for one answer, and says why when none comes."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

import aiohttp

from agent_server.api.errors import EXTENSION
from agent_server.api.middleware import REVISION_HEADER, SYNTHETIC_HEADER
from agent_server.errors import ErrorCode
from agent_server.golden.expectations import Answer, Failure
from agent_server.verdict import one_line, quoted

_MAX_BODY_BYTES = 4 * 1024 * 1024
_OK, _TOO_MANY_REQUESTS = 200, 429
_CODE = re.compile(r"[a-z]+(_[a-z]+){0,5}")

UNREACHABLE = "Unreachable"
REVISION_MISMATCH = "RevisionMismatch"
INVALID_ANSWER = "InvalidAnswer"
TIMEOUT = "Timeout"

Messages = list[dict[str, str]]


class NoAnswerError(Exception):
    """No answer came; `failure` says why, and `cost` what it cost all the same, None where nobody knows."""

    def __init__(self, failure: Failure, *, cost: float | None = None) -> None:
        """Take the reason, and the cost."""
        super().__init__(failure.message)
        self.failure = failure
        self.cost = cost


@dataclass(frozen=True, slots=True)
class Expected:
    """Which revision a server must be of; an empty one is any.

    With `other` it must be of any but that: the active revision's pods are asked only for comparison, and an address
    may have passed on to a pod of the new one.
    """

    revision: str
    other: bool = False

    def mismatch(self, found: str) -> str:
        """What is wrong with the revision of an answer; empty if nothing is."""
        if not self.revision or (found == self.revision) != self.other:
            return ""
        wanted = "another one" if self.other else quoted(self.revision)
        return f"the pod serves revision {quoted(found, 63)}, not {wanted}"


class ChatClient:
    """Asks for plain answers, as synthetic runs. Redirects aren't followed."""

    def __init__(self, session: aiohttp.ClientSession, *, timeout_seconds: float) -> None:
        """Ask by `session`; an answer may take `timeout_seconds`, one wait for a place in the queue included."""
        self._session = session
        self._timeout_seconds = timeout_seconds

    async def ask(self, target: str, expected: Expected, messages: Messages) -> Answer:
        """The answer of the server at `target`. One that is told to come back later does so once, if there is time.

        Raises:
            NoAnswerError: the server can't be reached, isn't of the expected revision, or the run failed.
        """
        clock = asyncio.get_running_loop().time
        give_up = clock() + self._timeout_seconds
        try:
            async with asyncio.timeout_at(give_up):
                reply = await self._post(target, messages)
                wait_seconds = reply.retry_after_seconds
                if wait_seconds is not None and clock() + wait_seconds < give_up:
                    await asyncio.sleep(wait_seconds)
                    reply = await self._post(target, messages)
        except TimeoutError:
            raise _no_answer(TIMEOUT, f"no answer within {self._timeout_seconds:g} s") from None
        except aiohttp.ClientConnectorError as error:
            why = os.strerror(error.errno) if error.errno else type(error).__name__
            raise _no_answer(UNREACHABLE, f"the pod can't be reached: {why}", cost=0.0) from None
        except aiohttp.ClientError as error:
            why = one_line(str(error) or type(error).__name__, 100)
            raise _no_answer(UNREACHABLE, f"the connection to the pod broke: {why}") from None
        return reply.answer(expected)

    async def _post(self, target: str, messages: Messages) -> _Reply:
        clock = asyncio.get_running_loop().time
        started = clock()
        async with self._session.post(
            f"{target.rstrip('/')}/v1/chat/completions",
            json={"messages": messages},
            headers={SYNTHETIC_HEADER: "true"},
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > _MAX_BODY_BYTES:
                    raise _no_answer(INVALID_ANSWER, f"an answer of more than {_MAX_BODY_BYTES >> 20} MiB")
            headers = response.headers
            retry_after = headers.get("Retry-After", "") if response.status == _TOO_MANY_REQUESTS else ""
            return _Reply(
                response.status, headers.get(REVISION_HEADER, ""), retry_after, bytes(body), clock() - started
            )


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one request brought."""

    status: int
    revision: str
    retry_after: str
    body: bytes
    seconds: float

    @property
    def retry_after_seconds(self) -> float | None:
        """When the server wants to be asked again; None if it doesn't."""
        return float(self.retry_after) if re.fullmatch(r"\d{1,6}", self.retry_after, re.ASCII) else None

    def answer(self, expected: Expected) -> Answer:
        """The answer.

        Raises:
            NoAnswerError: there is none, or none of the expected revision.
        """
        if not self.revision:
            raise _no_answer(INVALID_ANSWER, f"HTTP {self.status}, but not from an agent server")
        if mismatch := expected.mismatch(self.revision):
            raise _no_answer(REVISION_MISMATCH, mismatch)
        try:
            document = json.loads(self.body)
            if self.status != _OK:
                raise _run_failed(document["error"], _cost(document.get(EXTENSION) or {}))
            return _answer(document, self.seconds)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            message = f"HTTP {self.status} with an answer that this agent server can't read: is it of another version?"
            raise _no_answer(INVALID_ANSWER, message) from None


def _answer(document: Any, seconds: float) -> Answer:  # noqa: ANN401 - any JSON value
    extension = document[EXTENSION]
    return Answer(
        text=str(document["choices"][0]["message"]["content"]),
        stop_reason=str(extension["stop_reason"]),
        speakers=tuple(map(str, extension["speakers"])),
        tokens=int(document["usage"]["total_tokens"]),
        seconds=seconds,
        cost=_cost(extension),
    )


def _cost(extension: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """What the server says that it cost; an older one says nothing of it."""
    said = extension.get("cost")
    if said is None:
        return None
    cost = float(said)
    return cost if isfinite(cost) and cost >= 0 else None


def _run_failed(error: Any, cost: float | None) -> NoAnswerError:  # noqa: ANN401 - any JSON value
    """The run's error code as a reason: model_timeout -> ModelTimeout. One that was turned away cost nothing."""
    code = str(error["code"])
    cost = 0.0 if code == ErrorCode.QUEUE_FULL else cost
    reason = "".join(part.capitalize() for part in code.split("_")) if _CODE.fullmatch(code) else "RunFailed"
    return _no_answer(reason, f"the run failed: {one_line(str(error['message']), 160)}", cost=cost)


def _no_answer(reason: str, message: str, *, cost: float | None = None) -> NoAnswerError:
    return NoAnswerError(Failure(reason, message), cost=cost)
