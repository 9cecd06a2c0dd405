"""The HTTP server: chat completions plain and streamed, /v1/models, and an admin surface for tests."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from .answers import answer, tokens
from .behaviour import Behaviour, Outcome, UnknownModelError, parse_model

LISTED_MODELS = ("scripted-ok", "scripted-fail-10", "scripted-fail-50", "scripted-ok-delay-2000ms", "scripted-hang")
_HANG_SECONDS = 3600.0
_CHARACTERS_PER_TOKEN = 4


class ModelEndpoint:
    """One endpoint and what tests have told it. State lives as long as the process."""

    def __init__(self, api_key: str = "") -> None:
        """Serve anybody, or only callers with ``Authorization: Bearer <api_key>``."""
        self._api_key = api_key
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._scripted: dict[str, deque[Outcome]] = {}
        self._replaced: dict[str, str] = {}
        self._flags: set[str] = set()

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._authorize], client_max_size=8 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/admin/stats", self._stats)
        app.router.add_put("/admin/models/{model}", self._control)
        app.router.add_delete("/admin/models/{model}", self._release)
        app.router.add_get("/admin/flags/{flag}", self._flag)
        app.router.add_put("/admin/flags/{flag}", self._raise_flag)
        app.router.add_delete("/admin/flags/{flag}", self._lower_flag)
        return app

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's type
        expected = f"Bearer {self._api_key}".encode()
        given = request.headers.get("Authorization", "").encode()
        if self._api_key and request.path.startswith("/v1/") and not hmac.compare_digest(given, expected):
            return _error(401, "invalid_api_key", "this endpoint wants its API key as Authorization: Bearer <key>")
        response: web.StreamResponse = await handler(request)
        return response

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _models(self, _request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in LISTED_MODELS]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
            model, messages = body["model"], body["messages"]
            behaviour = parse_model(self._replaced.get(model, model))
        except (json.JSONDecodeError, KeyError, TypeError):
            return _error(400, "invalid_request", "the body must be a JSON object with model and messages")
        except UnknownModelError as error:
            return _error(404, "model_not_found", str(error))
        outcome = self._next_outcome(model, behaviour)
        self.outcomes[model, outcome.value] += 1
        if behaviour.delay_seconds:
            await asyncio.sleep(behaviour.delay_seconds)
        if outcome is Outcome.FAIL:
            return _error(behaviour.fail_status, "scripted_failure", f"model {model} fails this call, as its name says")
        if outcome is Outcome.HANG:
            await asyncio.sleep(_HANG_SECONDS)
        if outcome is Outcome.GARBAGE:
            return web.Response(body=b"\x00<garbage>{", content_type="application/json")
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        completion = _Completion(model, messages, cut=outcome is Outcome.TRUNCATE, include_usage=include_usage)
        return await (completion.stream(request) if body.get("stream") else completion.plain(request))

    def _next_outcome(self, model: str, behaviour: Behaviour) -> Outcome:
        call = self.calls[model]
        self.calls[model] += 1
        if scripted := self._scripted.get(model):
            return scripted.popleft()
        return behaviour.outcome(model, call)

    async def _stats(self, _request: web.Request) -> web.Response:
        by_model: dict[str, dict[str, int]] = {}
        for (model, outcome), count in sorted(self.outcomes.items()):
            by_model.setdefault(model, {})[outcome] = count
        return web.json_response({"calls": sum(self.calls.values()), "models": by_model})

    async def _control(self, request: web.Request) -> web.Response:
        """Body ``{"behaveLike": "scripted-fail-50"}`` or ``{"outcomes": ["ok", "fail", ...]}`` for the next calls."""
        model, body = request.match_info["model"], await request.json()
        try:
            if "behaveLike" in body:
                parse_model(body["behaveLike"])
                self._replaced[model] = body["behaveLike"]
            if "outcomes" in body:
                self._scripted[model] = deque(Outcome(outcome) for outcome in body["outcomes"])
        except ValueError as error:
            return _error(400, "invalid_request", str(error))
        return web.Response(status=204)

    async def _release(self, request: web.Request) -> web.Response:
        self._replaced.pop(request.match_info["model"], None)
        self._scripted.pop(request.match_info["model"], None)
        return web.Response(status=204)

    async def _flag(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["flag"] in self._flags else 404)

    async def _raise_flag(self, request: web.Request) -> web.Response:
        self._flags.add(request.match_info["flag"])
        return web.Response(status=204)

    async def _lower_flag(self, request: web.Request) -> web.Response:
        self._flags.discard(request.match_info["flag"])
        return web.Response(status=204)


class _Completion:
    """One answer in OpenAI's shapes."""

    def __init__(self, model: str, messages: list[Any], *, cut: bool, include_usage: bool) -> None:
        self._id, self._created, self._model = f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), model
        self._pieces = tokens(answer(messages))
        self._cut, self._include_usage = cut, include_usage
        prompt_tokens = len(json.dumps(messages)) // _CHARACTERS_PER_TOKEN
        self._usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": len(self._pieces),
            "total_tokens": prompt_tokens + len(self._pieces),
        }

    async def plain(self, request: web.Request) -> web.StreamResponse:
        message = {"role": "assistant", "content": "".join(self._pieces)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        document = self._envelope("chat.completion") | {"choices": [choice], "usage": self._usage}
        if not self._cut:
            return web.json_response(document)
        data = json.dumps(document).encode()
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
        await response.prepare(request)
        await response.write(data[: len(data) // 2])
        return _broken_off(request, response)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        chunks = list(self._chunks())
        for chunk in chunks[: len(chunks) // 2] if self._cut else chunks:
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        if self._cut:
            return _broken_off(request, response)
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    def _chunks(self) -> Iterator[dict[str, Any]]:
        usage = {"usage": None} if self._include_usage else {}
        for index, piece in enumerate(self._pieces):
            delta = {"role": "assistant", "content": piece} if index == 0 else {"content": piece}
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            yield self._envelope("chat.completion.chunk") | {"choices": [choice]} | usage
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield self._envelope("chat.completion.chunk") | {"choices": [last]} | usage
        if self._include_usage:
            yield self._envelope("chat.completion.chunk") | {"choices": [], "usage": self._usage}

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}


def _broken_off(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": code, "param": None, "code": code}}, status=status)
