"""The simulated API server: stored objects with versions, preconditions and ownership, spoken to by HTTP's words.

Stored objects are never changed in place: each write stores a new one, so that a reader's copy stays what it read.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import APPLY, JSON_PATCH, MERGE_PATCH
from agentteam_operator.kube.errors import error_of
from agentteam_operator.kube.resources import Resource

from tests.simulation.past import Change, JsonObject, Key, Past
from tests.simulation.timeline import Timeline, stamp

NAMESPACE = "sim"

_BY_PLURAL = {resource.plural: resource for resource in resources.BY_KIND.values()}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it reaches the API server."""

    method: str
    resource: Resource
    name: str
    subresource: str
    query: Mapping[str, str]
    body: Any
    content_type: str

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def words(self) -> str:
        """The request for people: "PATCH Deployment chat-0123456789/scale"."""
        name = self.name or (self.body or {}).get("metadata", {}).get("name", "") or self.query.get("labelSelector", "")
        said = f"{self.method} {self.resource.kind} {name}" + (f"/{self.subresource}" if self.subresource else "")
        spec = self.body.get("spec") if isinstance(self.body, dict) and self.is_write else None
        if self.subresource == "scale" and spec:
            return f"{said} to {spec['replicas']}"
        if self.resource.kind == "Service" and spec and "selector" in spec:
            return f"{said} selecting {spec['selector'].get(names.LABEL_REVISION, 'both')}"
        return said


def parse(method: str, path: str, query: Mapping[str, str], body: object, content_type: str) -> Request:
    """The request that a URL stands for."""
    parts = path.strip("/").split("/")
    rest = parts[parts.index("namespaces") + 2 :]
    plural, name, subresource = (*rest, "", "")[:3]
    return Request(method, _BY_PLURAL[plural], name, subresource, query, body, content_type)


class ApiServer:
    """All objects of one namespace. `observers` are told of each change, in order."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.objects: dict[Key, JsonObject] = {}
        self.version = 100
        self.uids = 0
        self.past = Past()
        self.observers: list[Callable[[Change], None]] = []
        self.refused_kinds: set[str] = set()
        """A policy refuses the operators' writes of these kinds, for good."""
        self.invalid_kinds: set[str] = set()
        """The operators' writes of these kinds are called invalid, whoever sends them."""
        self._handlers: dict[tuple[str, str], Callable[[Request], JsonObject]] = {
            ("GET", ""): self._get,
            ("POST", ""): self._post,
            ("PUT", "status"): self._put_status,
            ("PATCH", "scale"): self._scale,
            ("PATCH", JSON_PATCH): self._take_over,
            ("PATCH", APPLY): self._apply,
            ("DELETE", ""): self._delete,
        }

    # --- HTTP ---

    def handle(self, request: Request) -> JsonObject:
        """The answer to a request; raises the error that the real client would make of a refusal."""
        handler = self._handlers.get((request.method, request.subresource or request.content_type))
        handler = handler or self._handlers.get((request.method, ""))
        if handler is None:
            raise AssertionError(f"the simulated API server knows no {request.words}")
        if request.is_write and request.resource.kind in self.refused_kinds:
            raise self._refused(403, request, "Forbidden", f"no {request.resource.plural} here, says the policy")
        if request.is_write and request.resource.kind in self.invalid_kinds:
            raise self._refused(422, request, "Invalid", f"{request.resource.kind}: spec: Invalid value")
        return handler(request)

    def handle_as_of(self, request: Request, seconds: float) -> JsonObject:
        """The answer to a read by an API server that knows nothing of what came after a moment."""
        present = self.objects, self.version
        self.objects, self.version = self.past.objects(self.objects, seconds), self.past.version(self.version, seconds)
        try:
            return self.handle(request)
        finally:
            self.objects, self.version = present

    def _get(self, request: Request) -> JsonObject:
        return self._existing(request) if request.name else self._list(request)

    def _post(self, request: Request) -> JsonObject:
        return self.create(request.resource, request.body)

    def _list(self, request: Request) -> JsonObject:
        labels, fields = (request.query.get(key, "") for key in ("labelSelector", "fieldSelector"))
        items = [item for item in self.of_kind(request.resource) if selected(labels, item) and has_fields(fields, item)]
        return {"metadata": {"resourceVersion": str(self.version)}, "items": items}

    def _put_status(self, request: Request) -> JsonObject:
        held = self._existing(request)
        self._require(request, held, request.body["metadata"])
        return self.replace(request.resource, {**held, "status": request.body["status"]})

    def _scale(self, request: Request) -> JsonObject:
        if request.content_type != MERGE_PATCH:
            raise AssertionError("scale is a merge patch")
        held = self._existing(request)
        self._require(request, held, request.body.get("metadata", {}))
        stored = self.set_replicas(held, request.body["spec"]["replicas"])
        return {"kind": "Scale", "metadata": {"resourceVersion": stored["metadata"]["resourceVersion"]}}

    def _take_over(self, request: Request) -> JsonObject:
        held = self._existing(request)
        test, replace = request.body
        self._require(request, held, {"resourceVersion": test["value"]})
        fields = copy.deepcopy(held["metadata"]["managedFields"])
        index = int(replace["path"].split("/")[3])
        fields[index]["operation"] = replace["value"]
        return self.replace(request.resource, {**held, "metadata": {**held["metadata"], "managedFields": fields}})

    def _apply(self, request: Request) -> JsonObject:
        manifest: JsonObject = request.body
        held = self.objects.get((request.resource.kind, request.name))
        if held is None:
            if manifest["metadata"].get("resourceVersion"):
                raise self._refused(409, request, "Conflict", "the object is gone")
            return self.create(request.resource, manifest)
        self._require(request, held, manifest["metadata"])
        owned = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
        metadata = {**held["metadata"]}
        for part in ("labels", "annotations"):
            metadata[part] = {**metadata.get(part, {}), **manifest["metadata"].get(part, {})}
        metadata["ownerReferences"] = manifest["metadata"].get("ownerReferences", metadata.get("ownerReferences"))
        return self.replace(request.resource, {**held, **owned, "metadata": metadata})

    def _delete(self, request: Request) -> JsonObject:
        held = self._existing(request)
        uid = (request.body or {}).get("preconditions", {}).get("uid")
        if uid and held["metadata"]["uid"] != uid:
            raise self._refused(409, request, "Conflict", "the UID is another one")
        self.remove(request.resource, request.name)
        return {"kind": "Status", "status": "Success"}

    def _existing(self, request: Request) -> JsonObject:
        held = self.objects.get((request.resource.kind, request.name))
        if held is None:
            raise self._refused(404, request, "NotFound", f'"{request.name}" not found')
        return held

    def _require(self, request: Request, held: JsonObject, wanted: Mapping[str, Any]) -> None:
        """Hold the preconditions of a write against the stored object."""
        for field in ("uid", "resourceVersion"):
            if wanted.get(field, held["metadata"][field]) != held["metadata"][field]:
                raise self._refused(409, request, "Conflict", f"the {field} is {held['metadata'][field]} by now")

    def _refused(self, status: int, request: Request, reason: str, message: str) -> Exception:
        return error_of(status, request.words, {"reason": reason, "message": message})

    # --- storage, also used by the controllers and by people ---

    def create(self, resource: Resource, manifest: Mapping[str, Any]) -> JsonObject:
        """Store a new object."""
        name = manifest["metadata"]["name"]
        if (resource.kind, name) in self.objects:
            body = {"reason": "AlreadyExists", "message": f'"{name}" already exists'}
            raise error_of(409, f"create {resource.kind} {name}", body)
        self.uids += 1
        item = dict(manifest)
        item["metadata"] = {
            **item["metadata"],
            "namespace": NAMESPACE,
            "uid": f"uid-{self.uids}",
            "generation": 1,
            "creationTimestamp": stamp(self.timeline.now),
            "managedFields": [{"manager": names.FIELD_MANAGER, "operation": "Update"}],
        }
        return self._store(resource, None, item)

    def replace(self, resource: Resource, item: JsonObject) -> JsonObject:
        """Store another state of an object; one that is the same changes nothing."""
        held = self.objects[resource.kind, item["metadata"]["name"]]
        if item == held:
            return held
        metadata = dict(item["metadata"])
        if item.get("spec") != held.get("spec"):
            metadata["generation"] = held["metadata"]["generation"] + 1
        return self._store(resource, held, {**item, "metadata": metadata})

    def set_replicas(self, held: JsonObject, replicas: int) -> JsonObject:
        """A Deployment with another size."""
        return self.replace(resources.DEPLOYMENT, {**held, "spec": {**held["spec"], "replicas": replicas}})

    def remove(self, resource: Resource, name: str) -> None:
        """Delete an object at once."""
        held = self.objects.pop((resource.kind, name), None)
        if held is not None:
            self.version += 1
            gone = {**held, "metadata": {**held["metadata"], "resourceVersion": str(self.version)}}
            self._tell(Change(resource, gone, None))

    def of_kind(self, resource: Resource) -> list[JsonObject]:
        """All objects of a kind, by name."""
        return [item for (kind, _), item in sorted(self.objects.items()) if kind == resource.kind]

    def _store(self, resource: Resource, before: JsonObject | None, item: JsonObject) -> JsonObject:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.objects[resource.kind, item["metadata"]["name"]] = item
        self._tell(Change(resource, before, item))
        return item

    def _tell(self, change: Change) -> None:
        self.past.note(self.timeline.seconds, change)
        for observer in self.observers:
            observer(change)


def matches(wanted: Mapping[str, str], item: Mapping[str, Any]) -> bool:
    """The object bears all the labels of a selector."""
    labels = item["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


_REQUIREMENT = re.compile(r"(?P<key>[^\s,=]+)(?:=(?P<value>[^,]*)| in \((?P<values>[^)]*)\))?(?:,|$)")


def selected(selector: str, item: Mapping[str, Any]) -> bool:
    """A `labelSelector` of a URL picks the object: "key", "key=value" and "key in (a,b)", all of which must hold."""
    labels = item["metadata"].get("labels") or {}

    def holds(key: str, value: str | None, values: str | None) -> bool:
        if value is None and values is None:
            return key in labels
        return labels.get(key) in ([value] if values is None else values.split(","))

    return all(holds(*found.group("key", "value", "values")) for found in _REQUIREMENT.finditer(selector))


def has_fields(selector: str, item: Mapping[str, Any]) -> bool:
    """A `fieldSelector` of a URL picks the object: "field=value" with the field's path, all of which must hold."""

    def held(path: str) -> object:
        found: Any = item
        for key in path.split("."):
            found = found.get(key, {})
        return found

    return all(held(path) == value for path, _, value in (part.partition("=") for part in selector.split(",") if part))
