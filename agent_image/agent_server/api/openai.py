"""OpenAI's chat completions, plain and streamed, and its list of models: the team is the one model.

A plain answer is the last agent's message. A stream shows the team at work: every agent's message, token by token, in
the order of speaking, with an empty line between two agents' messages and the speaker's name as `agent` in each chunk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from agent_server.api.chat_request import parse_chat_request
from agent_server.api.chunks import Chunks, envelope, usage_object
from agent_server.api.errors import EXTENSION, RequestError
from agent_server.api.middleware import REQUEST_ID, is_synthetic
from agent_server.conversation import RunResult
from agent_server.runtime.runs import RunManager
from agent_server.runtime.stream import Ended, EventStream


@dataclass(frozen=True, slots=True)
class OpenAISurface:
    """The handlers. `model` is the team's name, `revision` becomes the system_fingerprint."""

    runs: RunManager
    model: str
    revision: str
    created: int
    stream_comment_seconds: float

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the handlers at OpenAI's paths."""
        router.add_post("/v1/chat/completions", self.chat_completions)
        router.add_get("/v1/models", self.list_models)
        router.add_get("/v1/models/{model}", self.get_model)

    async def list_models(self, _request: web.Request) -> web.Response:
        """The team, as the only model."""
        return web.json_response({"object": "list", "data": [self._model_object()]})

    async def get_model(self, request: web.Request) -> web.Response:
        """The team, by its name."""
        name = request.match_info["model"]
        if name != self.model:
            raise RequestError(
                "model_not_found", f"model {name[:80]!r} isn't served here, but {self.model!r} is", status=404
            )
        return web.json_response(self._model_object())

    async def chat_completions(self, request: web.Request) -> web.StreamResponse:
        """Run the conversation and answer with what the team says."""
        chat = parse_chat_request(await request.read(), self.model)
        conversation = replace(chat.conversation(), synthetic=is_synthetic(request))
        request_id: str = request[REQUEST_ID]
        if not chat.stream:
            result = await self.runs.start(conversation, request_id=request_id)
            return web.json_response(self._completion(result, tells_cost=conversation.synthetic))
        events = EventStream()
        run = self.runs.start(conversation, request_id=request_id, on_event=events.put)
        events.end_with(run)
        try:
            return await self._stream(request, run, events, Chunks(self.model, self.revision, chat.includes_usage))
        finally:
            run.cancel()
            await asyncio.wait({run})

    async def _stream(
        self, request: web.Request, run: asyncio.Task[RunResult], events: EventStream, chunks: Chunks
    ) -> web.StreamResponse:
        """Stream the run. Nothing is sent before something comes, so that an early failure has its HTTP status."""
        event = await events.next(self.stream_comment_seconds)
        if isinstance(event, Ended):
            run.result()  # raises what the run failed of
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        await response.write(chunks.opening())
        while not isinstance(event, Ended):
            await response.write(chunks.event(event))
            event = await events.next(self.stream_comment_seconds)
        await response.write(chunks.ending(run))
        await response.write_eof()
        return response

    def _completion(self, result: RunResult, *, tells_cost: bool) -> dict[str, Any]:
        cost = {"cost": result.cost} if tells_cost and result.cost_known else {}
        message = {"role": "assistant", "content": result.answer, "refusal": None}
        return {
            **envelope("chat.completion", self.model, self.revision),
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": usage_object(result.usage),
            EXTENSION: {"stop_reason": result.stop_reason, "speakers": list(result.speakers), **cost},
        }

    def _model_object(self) -> dict[str, Any]:
        return {"id": self.model, "object": "model", "created": self.created, "owned_by": "agentteam"}
