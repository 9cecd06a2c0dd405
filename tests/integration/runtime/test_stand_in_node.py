"""The stand-in for a node, held to what the tests rely on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.resources import POD

from tests.integration.runtime.stand_in_node import StandInNode
from tests.integration.runtime.until import until

SLOW_SECONDS = 0.5
A_POD = {
    "metadata": {"name": "one", "labels": {"app": "any"}},
    "spec": {"containers": [{"name": "server", "image": "stand-in"}]},
}


async def test_the_newest_behaviour_is_the_one_that_stays(
    kube: KubeClient, namespace: str, node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, statuses = kube.request, []

    async def slow_at_first(method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401 - handed through
        if path.endswith("/pods/one/status"):
            statuses.append(arguments["body"]["status"]["phase"])
            await asyncio.sleep(SLOW_SECONDS if len(statuses) == 1 else 0)
        return await request(method, path, **arguments)

    monkeypatch.setattr(kube, "request", slow_at_first)

    async def first_is_on_its_way() -> bool:
        return statuses == ["Pending"]

    node.behaviour = lambda _: "starting"
    await kube.request("POST", POD.path(namespace), what="create a pod", body=A_POD)
    await until(first_is_on_its_way, what="the pod to be treated")
    node.behaviour = lambda _: "ready"
    await node.treat_all()
    await asyncio.sleep(2 * SLOW_SECONDS)  # the slow one has arrived by now, whatever the order
    assert (await kube.get(POD, namespace, "one"))["status"]["phase"] == "Running"
