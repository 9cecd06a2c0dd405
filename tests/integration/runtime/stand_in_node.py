"""What a node does to pods, without a node: the control plane alone never makes a pod ready.

Everything else (Deployments, ReplicaSets, EndpointSlices, Jobs, autoscalers, garbage collection) is Kubernetes itself.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.client import MERGE_PATCH, KubeClient
from agentteam_operator.kube.errors import AlreadyExists, KubeError
from agentteam_operator.kube.resources import POD, Resource

NODE = Resource("Node", "v1", "nodes")
HEARTBEAT_SECONDS = 10.0
CONVERSATIONS_COST = 0.125
"""Of all conversations of one Job."""

Pod = Mapping[str, Any]
Behaviour = Callable[[Pod], str]
"""What becomes of a server pod: "ready", "starting", or a waiting reason such as ImagePullBackOff."""


def _pairs(pod: Pod) -> dict[str, Any]:
    """Of a round of a watch: a pair for each of the candidate's pods, in which nothing fails."""
    arguments = pod["spec"]["containers"][0].get("args") or []
    targets = [value for option, value in itertools.pairwise(arguments) if option == "--target"]
    pairs = [{"target": target, "pairs": 1, "failed": 0, "controlFailed": 0} for target in targets]
    return {"pairs": pairs} if "--round" in arguments else {}


def always_ready(_: Pod) -> str:
    """Every pod starts well."""
    return "ready"


class StandInNode:
    """Gives pods of one namespace an address and a state; ends probe Jobs' pods with a verdict."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = f"node-of-{namespace}"
        self._addresses = (f"10.9.{high}.{low}" for high, low in itertools.product(range(255), range(1, 255)))
        self._done: dict[str, str] = {}
        # One pod after another: a status on its way must not arrive after a newer one, and stay.
        self._one_at_a_time = asyncio.Lock()
        self.behaviour: Behaviour = always_ready
        self.probe_passes = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StandInNode]:
        """Serve within the context."""
        await self._register()
        tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._stay_alive())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await self._client.request("DELETE", NODE.path(name=self._name), what="delete the node")
        if fallen := [outcome for outcome in outcomes if isinstance(outcome, Exception)]:
            raise ExceptionGroup("the stand-in node fell over in mid-test", fallen)

    async def _register(self) -> None:
        """EndpointSlices hold only pods of a node that exists."""
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._name}, "spec": {"unschedulable": True}}
        with suppress(AlreadyExists):
            await self._client.request("POST", NODE.path(), what="create the node", body=node)

    async def _stay_alive(self) -> None:
        while True:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "reason": "StandIn", "message": ""}
            await self._client.request(
                "PATCH",
                NODE.path(name=self._name, subresource="status"),
                what="set the node's status",
                body={"status": {"conditions": [ready]}},
                content_type=MERGE_PATCH,
            )
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _run(self) -> None:
        listed = await self._client.list(POD, self._namespace)
        for pod in listed["items"]:
            await self._treat(pod)
        query = {"resourceVersion": listed["metadata"]["resourceVersion"]}
        lines = self._client.watch(POD, self._namespace, query=query, metadata_only=False, idle_seconds=600)
        async for line in lines:
            event = json.loads(line)
            if event["type"] in {"ADDED", "MODIFIED"}:
                await self._treat(event["object"])

    async def treat_all(self) -> None:
        """Look at every pod again, after `behaviour` changed."""
        for pod in (await self._client.list(POD, self._namespace))["items"]:
            await self._treat(pod)

    async def _treat(self, pod: Pod) -> None:
        async with self._one_at_a_time:
            await self._bring_up_to_date(pod)

    async def _bring_up_to_date(self, pod: Pod) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            await self._end(pod)
            return
        if pod["status"].get("phase") in {"Succeeded", "Failed"}:
            return
        if not pod["spec"].get("nodeName"):
            await self._bind(pod)
        probe = pod["metadata"]["labels"].get(names.LABEL_ROLE) == names.ROLE_PROBE
        status = self._verdict(pod) if probe else self._server(pod)
        if not probe and self._done.get(pod["metadata"]["uid"]) == self.behaviour(pod):
            return
        self._done[pod["metadata"]["uid"]] = self.behaviour(pod)
        path = POD.path(self._namespace, pod["metadata"]["name"], "status")
        with suppress(KubeError):  # the pod may be gone by now
            await self._client.request(
                "PATCH", path, what="set a pod's status", body={"status": status}, content_type=MERGE_PATCH
            )

    async def _bind(self, pod: Pod) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": self._name}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}
        path = POD.path(self._namespace, pod["metadata"]["name"], "binding")
        with suppress(KubeError):
            await self._client.request("POST", path, what="bind a pod", body=body)

    async def _end(self, pod: Pod) -> None:
        """The container has ended: the pod goes at once."""
        path = POD.path(self._namespace, pod["metadata"]["name"])
        with suppress(KubeError):
            await self._client.request("DELETE", path, what="end a pod", body={"gracePeriodSeconds": 0})

    def _server(self, pod: Pod) -> dict[str, Any]:
        state = self.behaviour(pod)
        address = pod["status"].get("podIP") or next(self._addresses)
        started = pod["metadata"]["creationTimestamp"]
        waiting = (
            {} if state == "ready" else {"waiting": {"reason": "ContainerCreating" if state == "starting" else state}}
        )
        return {
            "phase": "Running" if state == "ready" else "Pending",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": started},
                {"type": "Ready", "status": str(state == "ready"), "lastTransitionTime": started},
            ],
            "containerStatuses": [
                {
                    "name": names.CONTAINER,
                    "image": "stand-in",
                    "imageID": "",
                    "ready": state == "ready",
                    "restartCount": 0,
                    "state": waiting or {"running": {"startedAt": started}},
                }
            ],
        }

    def _verdict(self, pod: Pod) -> dict[str, Any]:
        passed = self.probe_passes
        words = "all healthy" if passed else "models: main: connection refused"
        verdict: dict[str, Any] = {"gate": "health", "passed": passed, "reason": "", "message": words, "results": []}
        verdict |= {"cost": CONVERSATIONS_COST} | _pairs(pod)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "phase": "Succeeded" if passed else "Failed",
            "containerStatuses": [
                {
                    "name": "probe",
                    "image": "stand-in",
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": {
                        "terminated": {
                            "exitCode": 0 if passed else 1,
                            "reason": "Completed" if passed else "Error",
                            "message": json.dumps(verdict),
                            "startedAt": pod["metadata"]["creationTimestamp"],
                            "finishedAt": now,
                        }
                    },
                }
            ],
        }
