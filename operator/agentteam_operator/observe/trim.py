"""What is kept of an object: only what is decided by, or compared with a manifest.

A cache of whole objects costs several times the memory, most of it for managed fields and pod templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.edits import is_edited
from agentteam_operator.observe.pods import DISRUPTED

JsonObject = dict[str, Any]

EDITED = "edited"
"""Of a trimmed Deployment: whether somebody edited its pod template, which only the whole object tells."""

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
)
_OWNER = ("kind", "name", "uid", "controller", "apiVersion", "blockOwnerDeletion")


def trim(resource: Resource, item: Mapping[str, Any]) -> JsonObject:
    """A small copy of an object, with `apiVersion` and `kind`, which the items of a list lack."""
    keep = _KINDS.get(resource.kind, _whole)
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": _metadata(item.get("metadata", {})),
        **keep(item),
    }


def _metadata(metadata: Mapping[str, Any]) -> JsonObject:
    kept = {key: metadata[key] for key in _METADATA if key in metadata}
    owners = metadata.get("ownerReferences")
    if owners:
        kept["ownerReferences"] = [{key: owner[key] for key in _OWNER if key in owner} for owner in owners]
    return kept


def _whole(item: Mapping[str, Any]) -> JsonObject:
    return {key: item[key] for key in item if key not in {"apiVersion", "kind", "metadata", "status"}}


def _nothing(_: Mapping[str, Any]) -> JsonObject:
    return {}


def _team(item: Mapping[str, Any]) -> JsonObject:
    return {key: item[key] for key in ("spec", "status") if key in item}


def _deployment(item: Mapping[str, Any]) -> JsonObject:
    spec = item.get("spec", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers", [])
    images = [
        {"name": container.get("name"), "image": container.get("image")}
        for container in containers
        if container.get("name") == names.CONTAINER
    ]
    failures = [
        condition
        for condition in item.get("status", {}).get("conditions") or []
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"
    ]
    return {
        "spec": {"replicas": spec.get("replicas", 1), "template": {"spec": {"containers": images}}},
        "status": {"conditions": failures},
        EDITED: is_edited(item),
    }


_CONDITION_FIELDS = ("type", "status", "reason", "message", "lastTransitionTime")


def _pod(item: Mapping[str, Any]) -> JsonObject:
    status = item.get("status", {})
    conditions = [
        {key: condition[key] for key in _CONDITION_FIELDS if key in condition}
        for condition in status.get("conditions", [])
        if condition.get("type") in {"Ready", "PodScheduled", DISRUPTED}
    ]
    containers = [
        {key: entry[key] for key in ("name", "restartCount", "state", "lastState") if key in entry}
        for entry in status.get("containerStatuses", [])
    ]
    kept = {key: status[key] for key in ("phase", "podIP", "startTime", "reason", "message") if key in status}
    return {"status": {**kept, "conditions": conditions, "containerStatuses": containers}}


def _endpoint_slice(item: Mapping[str, Any]) -> JsonObject:
    return {
        "endpoints": [
            {"conditions": endpoint.get("conditions", {}), "targetRef": endpoint.get("targetRef", {})}
            for endpoint in item.get("endpoints") or []
        ]
    }


def _job(item: Mapping[str, Any]) -> JsonObject:
    return {"status": {"conditions": item.get("status", {}).get("conditions", [])}}


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], JsonObject]] = {
    names.KIND: _team,
    "ConfigMap": _nothing,
    "Deployment": _deployment,
    "EndpointSlice": _endpoint_slice,
    "Job": _job,
    "Pod": _pod,
}
