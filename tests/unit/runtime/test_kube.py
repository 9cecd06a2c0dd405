from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import (
    AlreadyExists,
    Conflict,
    Gone,
    KubeError,
    NamespaceEnding,
    NotFound,
    Retryable,
    Silent,
    Terminal,
    error_of,
)
from agentteam_operator.kube.resources import AGENT_TEAM, DEPLOYMENT, POD, SERVICE
from aiohttp import web
from kubernetes.aio.client import Configuration


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(POD.path("ns", "a"), "/api/v1/namespaces/ns/pods/a", id="core"),
        pytest.param(SERVICE.path(), "/api/v1/services", id="all-namespaces"),
        pytest.param(
            DEPLOYMENT.path("ns", "a", "scale"), "/apis/apps/v1/namespaces/ns/deployments/a/scale", id="subresource"
        ),
        pytest.param(AGENT_TEAM.path("ns"), "/apis/agentteam.dev/v1alpha1/namespaces/ns/agentteams", id="ours"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        pytest.param(404, "NotFound", NotFound, id="not-found"),
        pytest.param(409, "AlreadyExists", AlreadyExists, id="exists"),
        pytest.param(409, "Conflict", Conflict, id="conflict"),
        pytest.param(410, "Expired", Gone, id="gone"),
        pytest.param(429, "TooManyRequests", Retryable, id="too-many"),
        pytest.param(401, "Unauthorized", Retryable, id="token-being-renewed"),
        pytest.param(500, "InternalError", Retryable, id="server"),
        pytest.param(503, "ServiceUnavailable", Retryable, id="unavailable"),
        pytest.param(403, "Forbidden", Terminal, id="forbidden"),
        pytest.param(422, "Invalid", Terminal, id="invalid"),
        pytest.param(400, "BadRequest", Terminal, id="bad"),
    ],
)
def test_errors_by_what_can_be_done(status: int, reason: str, kind: type[KubeError]) -> None:
    error = error_of(status, "create Service ns/a", {"reason": reason, "message": "the server's words"})
    assert type(error) is kind
    assert str(error) == f"create Service ns/a: the server's words (HTTP {status})"


def test_a_refusal_because_the_namespace_is_being_deleted_is_known_by_its_cause() -> None:
    body = {"reason": "Forbidden", "message": "no", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}
    assert type(error_of(403, "create Service ns/a", body)) is NamespaceEnding
    other = {**body, "details": {"causes": [{"reason": "FieldValueInvalid"}]}}
    assert type(error_of(403, "create Service ns/a", other)) is Terminal


def test_the_servers_wish_for_patience_is_kept() -> None:
    error = error_of(429, "get", {"message": "slow down"}, "3")
    assert isinstance(error, Retryable)
    assert error.retry_after_seconds == 3


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client_of(handler: Handler) -> AsyncIterator[KubeClient]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{port}"
    async with KubeClient(configuration) as client:
        yield client
    await runner.cleanup()


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def garbage(_: web.Request) -> web.Response:
    return web.Response(text="<html>a proxy's page</html>")


async def broken(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    ("handler", "timeout_seconds", "words"),
    [
        pytest.param(hang, 0.2, "read it: TimeoutError", id="no-answer"),
        pytest.param(garbage, 10, "read it: the API server's answer is no JSON", id="no-json"),
        pytest.param(broken, 10, "read it: ServerDisconnectedError", id="broken-off"),
    ],
)
async def test_no_proper_answer_may_be_tried_again(handler: Handler, timeout_seconds: float, words: str) -> None:
    async with client_of(handler) as client:
        with pytest.raises(Retryable, match=words):
            await client.request("GET", "/api", what="read it", timeout_seconds=timeout_seconds)


async def test_nobody_there_may_be_tried_again() -> None:
    configuration = Configuration()
    configuration.host = "http://127.0.0.1:1"
    async with KubeClient(configuration) as client:
        with pytest.raises(Retryable, match=r"read it: ClientConnect"):
            await client.request("GET", "/api", what="read it")


async def test_a_stream_that_falls_silent_is_given_up() -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "BOOKMARK"}\n')
        await asyncio.sleep(60)
        return response

    async with client_of(stream) as client:
        lines = client.watch(POD, "", query={}, metadata_only=False, idle_seconds=1)
        assert await anext(aiter(lines)) == b'{"type": "BOOKMARK"}\n'
        with pytest.raises(Silent, match="watch pods: nothing came any more"):
            await anext(aiter(lines))
