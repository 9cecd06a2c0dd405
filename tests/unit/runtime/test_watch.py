from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import KubeError, Retryable, Silent, Terminal
from agentteam_operator.kube.resources import POD, Resource
from agentteam_operator.observe import watch
from agentteam_operator.observe.store import Store
from structlog.testing import capture_logs

from tests.support.waiting import settle


class ApiServer(KubeClient):
    """Lists nothing or fails, and lets every stream fall silent."""

    def __init__(self, failure: KubeError | None = None) -> None:
        self.failure = failure
        self.stream_failure: KubeError = Silent("nothing came any more")
        self.lists = 0
        self.streamed_from: list[str] = []

    async def list(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        self.lists += 1
        if self.failure:
            raise self.failure
        return {"metadata": {"resourceVersion": "7"}, "items": []}

    async def watch(
        self, resource: Resource, namespace: str, *, query: Mapping[str, str], metadata_only: bool, idle_seconds: float
    ) -> AsyncIterator[bytes]:
        assert (resource, namespace, metadata_only, idle_seconds) == (POD, "", False, watch.IDLE_SECONDS)
        self.streamed_from.append(query["resourceVersion"])
        await asyncio.sleep(0)
        if query:
            raise self.stream_failure
        yield b""


async def turns(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[Any]]:
    """Signs of life of a watch that turned for a while, and what it logged."""
    beats: list[None] = []
    monkeypatch.setattr(watch, "_pause_seconds", lambda _: 0.0)
    looked = watch.Watch(server, Store(lambda _: None), POD, "", lambda: beats.append(None))
    with capture_logs() as logs:
        task = asyncio.create_task(looked.run())
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return len(beats), logs


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Retryable("list pods: ClientConnectorError"), id="no-answer"),
        pytest.param(Terminal("list pods: forbidden (HTTP 403)"), id="forbidden"),
    ],
)
async def test_a_watch_is_alive_while_the_api_server_is_not(
    failure: KubeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer(failure)
    beats, logs = await turns(server, monkeypatch)
    assert server.lists > 5
    assert beats >= server.lists, "each turn is a sign of life, whatever comes of it"
    assert {entry["event"] for entry in logs} == {"watch_failed"}


async def test_a_kind_without_objects_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    beats, logs = await turns(server, monkeypatch)
    assert server.lists == 1, "nothing was lost: the next stream goes on where the last one fell silent"
    assert set(server.streamed_from) == {"7"}
    assert beats > 5
    assert {(entry["event"], entry["log_level"]) for entry in logs} == {("watch_idle", "debug")}


async def test_a_stream_that_cannot_go_on_begins_anew_from_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    server.stream_failure = Retryable("watch pods: etcd event received with PrevKv=nil (HTTP 500)")
    await turns(server, monkeypatch)
    assert server.lists > 1, "a version that no stream goes on from is given up"
    assert len(server.streamed_from) >= server.lists * (watch.FAILURES_BEFORE_LIST - 1), "but not at the first failure"
