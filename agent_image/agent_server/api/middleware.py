"""What every request goes through: an id, the revision's name, and errors in one shape."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent_server.api.errors import (
    RequestError,
    error_body,
    http_error_response,
    request_error_response,
    run_error_response,
)
from agent_server.errors import ErrorCode, RunError
from agent_server.telemetry.logging import code_location

REQUEST_ID = "request_id"
REQUEST_ID_HEADER = "X-Request-Id"
REVISION_HEADER = "X-AgentTeam-Revision"
SYNTHETIC_HEADER = "X-AgentTeam-Synthetic"

_VALID_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_log = structlog.get_logger("agent_server.http")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id (the client's own, if it's a fit one), and turn exceptions into error answers."""
    offered = request.headers.get(REQUEST_ID_HEADER, "")
    request[REQUEST_ID] = offered if _VALID_ID.fullmatch(offered) else uuid.uuid4().hex
    try:
        return await handler(request)
    except RequestError as error:
        return request_error_response(error)
    except RunError as error:
        return run_error_response(error)
    except web.HTTPException as error:
        return http_error_response(error)
    except ConnectionError:
        raise  # the client went away in the middle of an answer
    except Exception as error:  # noqa: BLE001 - the last line of defence: nothing of it may reach the client
        _log.error(
            "request_crashed", request_id=request[REQUEST_ID], error=type(error).__name__, where=code_location(error)
        )
        body = error_body("the server failed", status=500, code=ErrorCode.INTERNAL.value)
        return web.json_response(body, status=500)


def is_synthetic(request: web.Request) -> bool:
    """Whether the request says that it only tries the team out.

    Raises:
        RequestError: the header says something that is neither.
    """
    said = request.headers.get(SYNTHETIC_HEADER, "false")
    if said not in ("true", "false"):
        raise RequestError("invalid_request", f"the header {SYNTHETIC_HEADER} must be true, or left out")
    return said == "true"


def count_requests(counter: Callable[[int], None]) -> Middleware:
    """A middleware that tells `counter` +1 when a request begins and -1 when it ends."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        counter(1)
        try:
            return await handler(request)
        finally:
            counter(-1)

    return count


def identify_answers(revision: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal handler that puts the request's id and the revision on every answer."""

    async def identify(request: web.Request, response: web.StreamResponse) -> None:
        response.headers[REQUEST_ID_HEADER] = request.get(REQUEST_ID, "")
        response.headers[REVISION_HEADER] = revision

    return identify
