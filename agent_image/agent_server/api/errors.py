"""Error answers in OpenAI's shape, with a stable code and the request's id."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from agent_server.errors import RunError

EXTENSION = "agentteam"
"""What OpenAI's answers have no field for: why the team stopped, who spoke, in order, and a synthetic run's cost."""

_CLIENT_ERROR = 400
_RATE_LIMITED = 429
_SERVER_ERROR = 500


class RequestError(Exception):
    """A request that can't be served as it is; the message says what to change."""

    def __init__(self, code: str, message: str, *, status: int = _CLIENT_ERROR, param: str | None = None) -> None:
        """Take the stable `code`, the HTTP `status`, and the field at fault, if it's one."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.param = param


def error_body(message: str, *, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """The error object that OpenAI's clients understand."""
    return {"error": {"message": message, "type": _error_type(status), "param": param, "code": code}}


def request_error_response(error: RequestError) -> web.Response:
    """The answer to a request that can't be served."""
    return _response(error.status, error_body(error.message, status=error.status, code=error.code, param=error.param))


def run_error_response(error: RunError) -> web.Response:
    """The answer for a run that failed."""
    body = error_body(error.message, status=error.http_status, code=error.code.value)
    body |= {} if error.cost is None else {EXTENSION: {"cost": error.cost}}
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    return _response(error.http_status, body, headers)


def http_error_response(error: web.HTTPException) -> web.Response:
    """Errors of aiohttp itself (no such path, method not allowed, body too large) in our shape."""
    code = error.reason.lower().replace(" ", "_")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return _response(error.status, error_body(_http_message(error), status=error.status, code=code), headers)


def _http_message(error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return "the request's body is too large: send less of the conversation, or raise AUTOGEN_MAX_BODY_BYTES"
    if isinstance(error, web.HTTPNotFound):
        return "there is nothing at this path: POST /v1/chat/completions and GET /v1/models are"
    return error.reason


def _response(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, text=json.dumps(body, ensure_ascii=False), content_type="application/json", headers=headers
    )


def _error_type(status: int) -> str:
    if status == _RATE_LIMITED:
        return "rate_limit_error"
    return "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
