"""Kubernetes objects as the API server would give them, with what a test is about put in."""

from __future__ import annotations

from typing import Any

from agentteam_operator.core import names

NAMESPACE = "support"
TEAM = "chat"
UID = "uid-of-chat"
REVISION = "0123456789"
CREATED = "2026-01-01T00:00:00Z"

JsonObject = dict[str, Any]

SPEC: JsonObject = {
    "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["hello"]}}],
    "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "greeter", "model": "main"}]},
}


def owner(uid: str = UID) -> JsonObject:
    """The owner reference of a child."""
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": TEAM, "uid": uid, "controller": True}


def metadata(name: str, version: int = 1, *, labels: JsonObject | None = None, **fields: Any) -> JsonObject:  # noqa: ANN401
    """Metadata of a child of the team."""
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-of-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": CREATED,
        "labels": {names.LABEL_TEAM: TEAM, **(labels or {})},
        "ownerReferences": [owner()],
        **fields,
    }


def team(version: int = 1, *, status: JsonObject | None = None, **spec: object) -> JsonObject:
    """The AgentTeam itself."""
    meta = metadata(TEAM, version, generation=1)
    del meta["ownerReferences"]
    return {"metadata": {**meta, "uid": UID}, "spec": {**SPEC, **spec}, "status": status or {}}


def deployment(revision: str = REVISION, version: int = 1, *, replicas: int = 3, **fields: Any) -> JsonObject:  # noqa: ANN401
    """A revision's Deployment."""
    name = names.revision_object(TEAM, revision)
    containers = [{"name": names.CONTAINER, "image": "agent:1"}]
    return {
        "metadata": metadata(name, version, labels=names.labels(TEAM, revision=revision, version="1.0"), **fields),
        "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}},
    }


def config_map(revision: str = REVISION, version: int = 1) -> JsonObject:
    """A revision's ConfigMap, as a metadata-only watch gives it."""
    name = names.revision_object(TEAM, revision)
    return {"metadata": metadata(name, version, labels=names.labels(TEAM, revision=revision))}


def pod(name: str, revision: str = REVISION, *, ready: bool = True, state: JsonObject | None = None) -> JsonObject:
    """A server pod of a revision, made by its Deployment's ReplicaSet."""
    replica_set = f"{names.revision_object(TEAM, revision)}-5d4c"
    return {
        "metadata": {
            **metadata(name, labels=names.labels(TEAM, revision=revision)),
            "ownerReferences": [{"kind": "ReplicaSet", "name": replica_set, "uid": "rs", "controller": True}],
        },
        "status": {
            "phase": "Running" if ready else "Pending",
            "podIP": "10.0.0.1",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": str(ready)},
            ],
            "containerStatuses": [{"name": names.CONTAINER, "restartCount": 0, "state": state or {"running": {}}}],
        },
    }


def service(name: str = TEAM, version: int = 1, **selector: str) -> JsonObject:
    """A Service of the team."""
    return {"metadata": metadata(name, version), "spec": {"selector": selector or names.server_selector(TEAM)}}


def endpoint_slice(service_name: str, *endpoints: JsonObject) -> JsonObject:
    """What the control plane makes of a Service and its pods; it is owned by the Service."""
    meta = metadata(f"{service_name}-x", labels={"kubernetes.io/service-name": service_name})
    return {"metadata": {**meta, "ownerReferences": []}, "endpoints": list(endpoints)}


def endpoint(pod_name: str, **conditions: bool) -> JsonObject:
    """One entry of an EndpointSlice."""
    return {"targetRef": {"kind": "Pod", "name": pod_name}, "conditions": {"ready": True, **conditions}}
