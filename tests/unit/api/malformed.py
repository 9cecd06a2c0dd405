"""Manifests with one field out of its bounds, made from the schema for every field that there is."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentteam_operator.api.field_problems import path_of
from agentteam_operator.api.schema import structural_schema
from agentteam_operator.api.spec import AgentTeamSpec

from tests.unit.api.manifests import FULL, Document, merged

Path = tuple[str | int, ...]
_MISSING = object()
_LEFT_TO_THE_API_SERVER = "affinity"
"""Kubernetes' own type, whose fields the models don't look into."""

WITH_REPLICAS = merged(FULL, {"spec": {"autoscaling": None, "replicas": 4}})


@dataclass(frozen=True)
class Malformed:
    """A manifest with one field malformed."""

    id: str
    manifest: Document
    field: str


def _wrong_values(schema: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Values that a field of this schema can't have, each with what is wrong with it."""
    if schema.get("x-kubernetes-int-or-string"):
        yield "no quantity", "much"
        yield "negative", -1
        return
    kind = schema["type"]
    yield "wrong type", {"string": 7, "integer": "7", "number": "7", "boolean": "true"}.get(kind, "text")
    if "enum" in schema:
        yield "no choice", "Nonsense"
    elif "pattern" in schema:
        yield "off the pattern", "-/ $"
    if "maxLength" in schema:
        yield "too long", "a" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield "too short", ""
    if "minimum" in schema:
        yield "too small", schema["minimum"] - (0 if schema.get("exclusiveMinimum") else 1)
    if "maximum" in schema:
        yield "too big", schema["maximum"] + 1
    if "minItems" in schema:
        yield "too few", []


def _changed(document: Document, path: Path, value: object) -> Document:
    changed = copy.deepcopy(document)
    parent: Any = changed
    for step in path[:-1]:
        parent = parent[step]
    if value is _MISSING:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return changed


def _fields(schema: Mapping[str, Any], given: object, path: Path) -> Iterator[tuple[Path, Mapping[str, Any], object]]:
    """Each field that is given, with its path, schema and value, from the outside in."""
    yield path, schema, given
    if path[-1] == _LEFT_TO_THE_API_SERVER:
        return
    if isinstance(given, dict):
        for name, below in given.items():
            if name in schema.get("properties", {}):
                yield from _fields(schema["properties"][name], below, (*path, name))
    elif isinstance(given, list):
        for index, entry in enumerate(given):
            yield from _fields(schema["items"], entry, (*path, index))


def _cases(document: Document, path: Path, schema: Mapping[str, Any], given: object) -> Iterator[Malformed]:
    field = path_of(*path)
    for what, value in _wrong_values(schema):
        yield Malformed(f"{field} {what}", _changed(document, path, value), field)
    for name in schema.get("required", ()):
        yield Malformed(f"{field}.{name} missing", _changed(document, (*path, name), _MISSING), f"{field}.{name}")
    if "properties" in schema and path[-1] != _LEFT_TO_THE_API_SERVER:
        yield Malformed(f"{field}.bogus unknown", _changed(document, (*path, "bogus"), 1), f"{field}.bogus")
    if "maxItems" in schema and isinstance(given, list):
        too_many = given * (schema["maxItems"] + 1)
        yield Malformed(f"{field} too many", _changed(document, path, too_many), field)


def kind_of(path: Path) -> str:
    """The field whatever entry of a list it is in: spec.models[].name."""
    return (
        path_of(*path)
        if not any(isinstance(step, int) for step in path)
        else ".".join("[]" if isinstance(step, int) else step for step in path).replace(".[]", "[]")
    )


def fields_given() -> dict[str, tuple[Document, Path, Mapping[str, Any], object]]:
    """Each kind of field once: the manifest it is in, its path, its schema and its value."""
    schema = structural_schema(AgentTeamSpec)
    found: dict[str, tuple[Document, Path, Mapping[str, Any], object]] = {}
    for document in (FULL, WITH_REPLICAS):
        for path, below, given in _fields(schema, document["spec"], ("spec",)):
            found.setdefault(kind_of(path), (document, path, below, given))
    return found


MALFORMED = tuple(case for field in fields_given().values() for case in _cases(*field))
"""One row a field and bound that there is."""
