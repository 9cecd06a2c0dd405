"""The operator as a process, on a real control plane: rollouts, steadiness, and what stands in their way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from agentteam_operator.core import names
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import AlreadyExists, KubeError, NotFound
from agentteam_operator.kube.resources import (
    AGENT_TEAM,
    CHILDREN,
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    DEPLOYMENT,
    EVENT,
    POD_MONITOR,
    SERVICE,
)

from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.stand_in_node import Pod, StandInNode
from tests.integration.runtime.team import QUICK, Team, rolled_out
from tests.integration.runtime.until import until


async def test_a_change_goes_out_blue_green(team: Team, start_operator: StartOperator) -> None:
    start_operator()
    await team.create()
    blue = await rolled_out(team)
    await team.change("two")
    await until(team.is_in("Completed", active_is_not=blue), what="the second rollout to complete")
    status = await team.status()
    green = status["activeRevision"]
    assert green != blue
    assert status["phase"] == "Healthy"
    assert await team.selector() == names.server_selector(team.name, green)
    retired = names.revision_object(team.name, blue)

    async def is_scaled_down() -> bool:
        return bool((await team.kube.get(DEPLOYMENT, team.namespace, retired))["spec"]["replicas"] == 0)

    await until(is_scaled_down, what="blue to be drained")
    passed = [entry["phase"] for entry in status["rollout"]["transitions"]]
    assert passed == [
        "Validating",
        "Preparing",
        "HealthChecking",
        "Shifting",
        "Shifting",
        "Watching",
        "Switching",
        "Switching",
        "Settling",
        "Completed",
    ]


async def versions(team: Team) -> dict[str, str]:
    """What only the operator writes, with its versions."""
    found = {}
    for resource in (AGENT_TEAM, DEPLOYMENT, SERVICE, CONFIG_MAP, EVENT):
        for item in (await team.kube.list(resource, team.namespace))["items"]:
            if resource == EVENT and item.get("source", {}).get("component") != names.FIELD_MANAGER:
                continue
            found[f"{resource.kind}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
    return found


async def test_a_steady_team_costs_no_write(team: Team, start_operator: StartOperator, api_server: Any) -> None:  # noqa: ANN401
    start_operator(RESYNC_SECONDS="0.5")
    await team.create(ingress={"host": "chat.example"}, autoscaling={"minReplicas": 2, "maxReplicas": 4}, replicas=None)
    await rolled_out(team)
    before = await settled_versions(team)
    audited = api_server.audit_log.stat().st_size
    await team.patch({"metadata": {"annotations": {"example.com/poke": "1"}}})
    await asyncio.sleep(3)  # a dozen ticks by resync, and one by the annotation
    after = await versions(team)
    del before["AgentTeam/chat"], after["AgentTeam/chat"]
    assert after == before
    assert writes_since(api_server.audit_log, audited, team.namespace) == []


async def settled_versions(team: Team) -> dict[str, str]:
    """The versions, once they have been the same for a while."""
    last: dict[str, str] = {}

    async def is_still() -> bool:
        nonlocal last
        before, last = last, await versions(team)
        await asyncio.sleep(1)
        return before == last

    await until(is_still, what="the cluster to come to rest")
    return last


def writes_since(audit_log: Any, offset: int, namespace: str) -> list[str]:  # noqa: ANN401
    """Writes of the operator in a namespace, its lease left out, as the API server recorded them."""
    with audit_log.open("rb") as lines:
        lines.seek(offset)
        entries = [json.loads(line) for line in lines if line.endswith(b"}\n")]
    return [
        f"{entry['verb']} {entry['requestURI']}"
        for entry in entries
        if entry["stage"] == "ResponseComplete"
        and entry.get("objectRef", {}).get("namespace") == namespace
        and entry.get("userAgent") == "agentteam-operator"
        and entry["verb"] in {"create", "update", "patch", "delete", "deletecollection"}
        and entry["objectRef"]["resource"] not in {"leases", "nodes", "pods"}
        and (entry["objectRef"]["resource"] != "agentteams" or entry["objectRef"].get("subresource"))
    ]


async def test_a_green_that_never_gets_ready_is_rolled_back(
    team: Team, node: StandInNode, start_operator: StartOperator
) -> None:
    start_operator()
    await team.create()
    blue = await rolled_out(team)

    def no_image(pod: Pod) -> str:
        return "ready" if pod["metadata"]["labels"][names.LABEL_REVISION] == blue else "ImagePullBackOff"

    node.behaviour = no_image
    await team.change("two")
    await until(team.is_in("RolledBack"), what="the rollback")
    status = await team.status()
    assert status["activeRevision"] == blue
    assert "ImagePullBackOff" in str(status["rollout"])
    assert await team.selector() == names.server_selector(team.name, blue)


async def test_a_failed_health_check_is_rolled_back_with_its_words(
    team: Team, node: StandInNode, start_operator: StartOperator
) -> None:
    start_operator()
    await team.create()
    blue = await rolled_out(team)
    node.probe_passes = False
    await team.change("two")
    await until(team.is_in("RolledBack"), what="the rollback")
    status = await team.status()
    assert status["activeRevision"] == blue
    assert "connection refused" in str(status["rollout"]["transitions"])


async def test_a_foreign_service_is_left_alone(team: Team, start_operator: StartOperator) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"app": "other"}, "ports": [{"port": 80}]},
    }
    made = await team.kube.request("POST", SERVICE.path(team.namespace), what="make it first", body=foreign)
    start_operator()
    await team.create()
    await until(team.is_in("Failed"), what="the conflict to be told")
    assert "Service chat exists and isn't this AgentTeam's" in (await team.status())["message"]
    found = await team.kube.get(SERVICE, team.namespace, "chat")
    assert found["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    with pytest.raises(NotFound):
        await team.kube.get(SERVICE, team.namespace, "chat-preview")


async def test_deleting_a_team_removes_all_that_it_made(team: Team, start_operator: StartOperator) -> None:
    start_operator()
    await team.create()
    await rolled_out(team)
    await team.change("two")
    await until(team.is_in("HealthChecking", "Shifting"), what="the middle of a rollout")
    await team.kube.request("DELETE", AGENT_TEAM.path(team.namespace, team.name), what="delete the team")

    async def nothing_is_left() -> bool:
        left = [
            item["metadata"]["name"]
            for resource in CHILDREN
            for item in (await team.kube.list(resource, team.namespace, labels=f"{names.LABEL_TEAM}=chat"))["items"]
        ]
        return not left

    await until(nothing_is_left, what="everything to go")


POD_MONITORS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "podmonitors.monitoring.coreos.com", "annotations": {"api-approved.kubernetes.io": "test"}},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {"kind": "PodMonitor", "plural": "podmonitors", "listKind": "PodMonitorList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture
async def pod_monitors(kube: KubeClient) -> AsyncIterator[None]:
    path = CUSTOM_RESOURCE_DEFINITION.path()
    with suppress(AlreadyExists):  # a run that was killed left it
        await kube.request("POST", path, what="install PodMonitors", body=POD_MONITORS)

    async def is_served() -> bool:
        try:
            return bool(await kube.list(POD_MONITOR))
        except KubeError:  # not known yet, or its storage is being made
            return False

    try:
        await until(is_served, what="the API of PodMonitors")
        yield
    finally:
        await kube.request("DELETE", f"{path}/{POD_MONITORS['metadata']['name']}", what="remove PodMonitors")


@pytest.mark.usefixtures("pod_monitors")
async def test_a_pod_monitor_is_made_where_there_are_some(team: Team, start_operator: StartOperator) -> None:
    start_operator()
    await team.create()
    await rolled_out(team)

    async def is_made() -> bool:
        return bool((await team.kube.list(POD_MONITOR, team.namespace))["items"])

    await until(is_made, what="the PodMonitor")
    made = await team.kube.get(POD_MONITOR, team.namespace, team.name)
    assert made["spec"]["selector"]["matchLabels"] == names.server_selector(team.name)


async def test_a_quota_that_forbids_pods_is_told(team: Team, start_operator: StartOperator) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    path = f"/api/v1/namespaces/{team.namespace}/resourcequotas"
    await team.kube.request("POST", path, what="allow no pods", body=quota)

    async def is_enforced() -> bool:
        found = await team.kube.request("GET", f"{path}/none", what="read the quota")
        return bool(found.get("status", {}).get("hard"))

    await until(is_enforced, what="the quota to be enforced")
    start_operator()
    await team.create(rollout={**QUICK, "readyTimeoutSeconds": 3})
    await until(team.is_in("Failed"), what="the rollout to fail")
    assert "exceeded quota: none" in str((await team.status())["rollout"])
