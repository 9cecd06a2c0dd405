"""The real cluster, behind the port."""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.apply.execute import NameConflict
from agentteam_operator.core import names
from agentteam_operator.core.decision import EmitEvent
from agentteam_operator.core.observed import Manifest, TeamRef
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import APPLY, JSON, JSON_PATCH, MERGE_PATCH, KubeClient
from agentteam_operator.kube.errors import AlreadyExists, Conflict, NotFound, Retryable
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.assemble import controlled, goes_with_former
from agentteam_operator.observe.store import Store

EVENTS_REMEMBERED = 10_000


class KubeWriter:
    """The real cluster. What the API server answers goes into the cache at once."""

    def __init__(self, client: KubeClient, store: Store, may_write: Callable[[], bool]) -> None:
        """`may_write` is asked before each write: no longer once the lease is lost."""
        self._client = client
        self._store = store
        self._may_write = may_write
        self._told: OrderedDict[str, None] = OrderedDict()

    async def write_status(self, team: TeamRef, status: AgentTeamStatus, resource_version: str) -> None:
        """See `ClusterWriter`. A PUT replaces all of it: fields that are no longer set go."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {
                "name": team.name,
                "namespace": team.namespace,
                "uid": team.uid,
                "resourceVersion": resource_version,
            },
            "status": status.to_document(),
        }
        path = resources.AGENT_TEAM.path(team.namespace, team.name, "status")
        answer = await self._send("PUT", path, f"write the status of AgentTeam {team.namespace}/{team.name}", body)
        self._store.put(resources.AGENT_TEAM, answer)

    async def create(self, team: TeamRef, manifest: Manifest) -> None:
        """See `ClusterWriter`.

        Created, not applied: applying would take an object over that someone made of this name since we looked.
        """
        resource, name = resources.BY_KIND[manifest["kind"]], manifest["metadata"]["name"]
        what = f"create {resource.kind} {team.namespace}/{name}"
        query = {"fieldManager": names.FIELD_MANAGER}
        try:
            answer = await self._send("POST", resource.path(team.namespace), what, manifest, query=query)
        except AlreadyExists:
            answer = await self._own(team, resource, name)
        self._store.put(resource, answer)

    async def apply(self, team: TeamRef, manifest: Manifest, resource_version: str) -> None:
        """See `ClusterWriter`. Looks at the live object first: it must be the team's, and what was decided on."""
        resource, name = resources.BY_KIND[manifest["kind"]], manifest["metadata"]["name"]
        try:
            live = await self._own(team, resource, name)
        except NotFound:
            if resource_version:
                raise Conflict(f"{resource.kind} {team.namespace}/{name} went since it was read") from None
            await self.create(team, manifest)
            return
        version = live["metadata"]["resourceVersion"]
        if resource_version not in {"", version}:
            self._store.put(resource, live)
            raise Conflict(f"{resource.kind} {team.namespace}/{name} changed since it was read")
        version = await self._take_fields_over(resource, live)
        body = {
            **manifest,
            "metadata": {**manifest["metadata"], "uid": live["metadata"]["uid"], "resourceVersion": version},
        }
        answer = await self._send(
            "PATCH",
            resource.path(team.namespace, name),
            f"apply {resource.kind} {team.namespace}/{name}",
            body,
            query={"fieldManager": names.FIELD_MANAGER, "force": "true"},
            content_type=APPLY,
        )
        self._store.put(resource, answer)

    async def scale(self, team: TeamRef, name: str, replicas: int, resource_version: str) -> None:
        """See `ClusterWriter`. Through the scale subresource, so that `replicas` is nobody's applied field."""
        resource = resources.DEPLOYMENT
        body = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        answer = await self._send(
            "PATCH",
            resource.path(team.namespace, name, "scale"),
            f"scale Deployment {team.namespace}/{name} to {replicas}",
            body if resource_version else {"spec": body["spec"]},
            query={"fieldManager": names.FIELD_MANAGER},
            content_type=MERGE_PATCH,
        )
        version = answer["metadata"]["resourceVersion"]
        self._store.scaled((team.namespace, team.name), resource, name, replicas=replicas, resource_version=version)

    async def delete(self, team: TeamRef, resource: Resource, name: str, uid: str) -> None:
        """See `ClusterWriter`. What it owns goes with it, in the background."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        path = resource.path(team.namespace, name)
        with contextlib.suppress(NotFound):
            await self._send("DELETE", path, f"delete {resource.kind} {team.namespace}/{name}", options)
        entry = self._store.entry((team.namespace, team.name))
        held = entry.children.get((resource.kind, name)) if entry else None
        if held is not None and held["metadata"]["uid"] == uid:
            self._store.remove(resource, held)

    async def create_event(self, team: TeamRef, event: EmitEvent) -> None:
        """See `ClusterWriter`. The name comes from what is told, so the API server refuses the second telling."""
        name = f"{team.name}.{hashlib.sha256(event.key.encode()).hexdigest()[:16]}"
        told = f"{team.namespace}/{name}"
        if told in self._told:
            return
        path = resources.EVENT.path(team.namespace)
        with contextlib.suppress(AlreadyExists):
            await self._send("POST", path, f"create Event {told}", event_manifest(team, event, name))
        self._told[told] = None
        if len(self._told) > EVENTS_REMEMBERED:
            self._told.popitem(last=False)

    async def _own(self, team: TeamRef, resource: Resource, name: str) -> dict[str, Any]:
        """The live object, which must be controlled by this very team."""
        live = await self._client.get(resource, team.namespace, name)
        if not controlled(live, team.uid):
            if goes_with_former(live, team):
                self._store.put(resource, live)
                raise Conflict(f"{resource.kind} {team.namespace}/{name} of an earlier {names.KIND} has still to go")
            self._store.add_foreign((team.namespace, team.name), (resource.kind, name))
            raise NameConflict(resource.kind, name, team.namespace)
        return live

    async def _take_fields_over(self, resource: Resource, live: Mapping[str, Any]) -> str:
        """The live object's version, after our fields were marked as applied.

        What was made by POST is on record as an "Update" of ours. Unless that is made an "Apply", a field that later
        manifests leave out would stay for ever. Needed once for each object, and only when it changes for the first
        time. Upstream has the same cure in client-go's `csaupgrade`.
        """
        metadata = live["metadata"]
        fields = metadata.get("managedFields") or []
        ours = [
            index
            for index, entry in enumerate(fields)
            if entry.get("manager") == names.FIELD_MANAGER and entry.get("operation") == "Update"
        ]
        version: str = metadata["resourceVersion"]
        if not ours or any(_applied(entry) for entry in fields):
            return version
        index = ours[0]
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": f"/metadata/managedFields/{index}/operation", "value": "Apply"},
        ]
        path = resource.path(metadata["namespace"], metadata["name"])
        what = f"take over the fields of {resource.kind} {metadata['namespace']}/{metadata['name']}"
        answer = await self._send("PATCH", path, what, patch, content_type=JSON_PATCH)
        return str(answer["metadata"]["resourceVersion"])

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        body: object,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        if not self._may_write():
            raise Retryable(f"{what}: not done, for another replica of the operator holds the lease now")
        return await self._client.request(method, path, what=what, query=query, body=body, content_type=content_type)


def _applied(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == names.FIELD_MANAGER and entry.get("operation") == "Apply"


def event_manifest(team: TeamRef, event: EmitEvent, name: str) -> dict[str, Any]:
    """A core/v1 Event about the team, as `kubectl describe` shows it."""
    at = event.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": team.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": team.namespace,
            "name": team.name,
            "uid": team.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "count": 1,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
    }
