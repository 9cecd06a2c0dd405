"""The cache against the real API server: what the watches bring, and what they miss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.client import MERGE_PATCH, KubeClient
from agentteam_operator.kube.resources import CONFIG_MAP, POD, SERVICE, Resource
from agentteam_operator.observe.store import Store
from agentteam_operator.observe.watch import Watch

from tests.integration.runtime.until import until


@asynccontextmanager
async def watching(kube: KubeClient, store: Store, resource: Resource, namespace: str) -> AsyncIterator[Watch]:
    watch = Watch(kube, store, resource, namespace, lambda: None)
    task = asyncio.create_task(watch.run())
    try:
        await asyncio.wait_for(watch.synced.wait(), 30)
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def service(name: str, *, labelled: bool = True) -> dict[str, Any]:
    labels = names.labels("chat") if labelled else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]},
    }


async def test_objects_come_change_and_go(kube: KubeClient, namespace: str) -> None:
    woken: list[tuple[str, str]] = []
    store = Store(woken.append)
    key = (namespace, "chat")

    def selector(name: str) -> object:
        entry = store.entry(key)
        held = entry.children.get(("Service", name)) if entry else None
        return held["spec"]["selector"] if held else None

    async def is_held(name: str, expected: object) -> bool:
        return selector(name) == expected

    await kube.request("POST", SERVICE.path(namespace), what="first", body=service("before"))
    await kube.request("POST", SERVICE.path(namespace), what="foreign", body=service("foreign", labelled=False))
    async with watching(kube, store, SERVICE, namespace):
        assert selector("before") == {"a": "b"}, "what was there is listed"
        await kube.request("POST", SERVICE.path(namespace), what="second", body=service("after"))
        await until(lambda: is_held("after", {"a": "b"}), what="the new Service")
        patch = {"spec": {"selector": {"a": "c"}}}
        path = SERVICE.path(namespace, "after")
        await kube.request("PATCH", path, what="change", body=patch, content_type=MERGE_PATCH)
        await until(lambda: is_held("after", {"a": "c"}), what="its change")
        await kube.request("DELETE", path, what="delete")
        await until(lambda: is_held("after", None), what="its end")
        assert selector("foreign") is None, "what isn't ours is never fetched"
    assert set(woken) == {key}


async def test_what_went_while_nobody_watched_is_forgotten(kube: KubeClient, namespace: str) -> None:
    store = Store(lambda _: None)
    await kube.request("POST", SERVICE.path(namespace), what="make", body=service("gone"))
    async with watching(kube, store, SERVICE, namespace):
        assert store.known() == [(namespace, "chat")]
    await kube.request("DELETE", SERVICE.path(namespace, "gone"), what="delete")
    async with watching(kube, store, SERVICE, namespace):
        assert store.known() == []


async def test_config_maps_are_watched_without_their_data(kube: KubeClient, namespace: str) -> None:
    store = Store(lambda _: None)
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "chat-0123456789", "labels": names.labels("chat", revision="0123456789")},
        "data": {"app.yaml": "x" * 100_000},
    }
    await kube.request("POST", CONFIG_MAP.path(namespace), what="make", body=body)
    async with watching(kube, store, CONFIG_MAP, namespace):
        entry = store.entry((namespace, "chat"))
        assert entry is not None
        held = entry.children["ConfigMap", "chat-0123456789"]
        assert "data" not in held
        assert held["metadata"]["labels"][names.LABEL_REVISION] == "0123456789"


async def test_a_pod_that_the_service_selects_is_seen_whoever_made_it(kube: KubeClient, namespace: str) -> None:
    store = Store(lambda _: None)
    for name, labels in {"selected": names.server_selector("chat"), "other": {names.LABEL_TEAM: "chat"}}.items():
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "containers": [{"name": "main", "image": "nobody-runs-it"}],
                "automountServiceAccountToken": False,
            },
        }
        await kube.request("POST", POD.path(namespace), what="make", body=body)
    async with watching(kube, store, POD, namespace):
        entry = store.entry((namespace, "chat"))
        assert entry is not None
        assert set(entry.children) == {("Pod", "selected")}
