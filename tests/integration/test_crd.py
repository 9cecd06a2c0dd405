"""The CRD on the real API server: its documentation, subresources, columns and status."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args, get_origin

import pytest
from agentteam_operator.api.crd import custom_resource_definition, schema_hash
from agentteam_operator.api.resource import ANNOTATION_SCHEMA_HASH
from agentteam_operator.api.status import AgentTeamStatus
from pydantic import AwareDatetime

from tests.integration.conftest import CRD, MERGE_PATCH, TEAMS, ApiServer
from tests.support.waiting import poll
from tests.unit.api.manifests import FULL, MINIMAL, Document, merged

SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def _create(api_server: ApiServer, namespace: str, manifest: Document) -> str:
    """Makes the team, and gives its path."""
    placed = merged(manifest, {"metadata": {"namespace": namespace}})
    created = api_server.request("POST", TEAMS.format(namespace=namespace), placed)
    assert created.status == HTTPStatus.CREATED, created.body
    return f"{TEAMS.format(namespace=namespace)}/{placed['metadata']['name']}"


def test_the_stored_definition_is_accepted_without_reservation_and_bears_the_schemas_hash(
    api_server: ApiServer,
) -> None:
    stored = api_server.request("GET", CRD).body
    assert stored["metadata"]["annotations"][ANNOTATION_SCHEMA_HASH] == schema_hash()
    conditions = {condition["type"]: condition["status"] for condition in stored["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"


def _objects(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object of the schema that has fields, with the path that kubectl knows it by."""
    schema = schema.get("items", schema)
    if "properties" in schema:
        yield path, schema
        for name, below in schema["properties"].items():
            yield from _objects(below, f"{path}.{name}")


OBJECTS = dict(_objects(SCHEMA["spec"], "agentteam.spec")) | dict(_objects(SCHEMA["status"], "agentteam.status"))


OPENAPI = "/openapi/v3/apis/agentteam.dev/v1alpha1"


def _descriptions(properties: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What each field of each object is said to be."""
    objects = dict(_objects(properties["spec"], "agentteam.spec")) | dict(_objects(properties["status"], "status"))
    fields = {path: schema["properties"].items() for path, schema in objects.items()}
    return {path: {name: field["description"] for name, field in pairs} for path, pairs in fields.items()}


@pytest.fixture(scope="module")
def published(api_server: ApiServer) -> None:
    """The API server's OpenAPI document, which `kubectl explain` reads, follows a CRD a second or more behind."""
    poll(lambda: _is_published(api_server), 30, "the CRD to be published", every_seconds=0.1)


def _is_published(api_server: ApiServer) -> bool:
    schemas = api_server.request("GET", OPENAPI).body.get("components", {}).get("schemas", {})
    team = schemas.get("dev.agentteam.v1alpha1.AgentTeam", {}).get("properties")
    return bool(team) and _descriptions(team) == _descriptions(SCHEMA)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("path", OBJECTS, ids=str)
def test_kubectl_explains_each_field(api_server: ApiServer, path: str) -> None:
    said = " ".join(api_server.kubectl("explain", path).split())
    for name, field in OBJECTS[path]["properties"].items():
        assert re.search(rf"\b{name} <", said), f"{path}.{name} is listed"
        assert field["description"].split(" Default: ")[0] in said, f"{path}.{name} is described"


@pytest.mark.parametrize("short", ["agentteams", "agentteam", "at", "ateam"])
def test_teams_are_listed_with_their_columns(api_server: ApiServer, namespace: str, short: str) -> None:
    path = _create(api_server, namespace, merged(MINIMAL, {"spec": {"version": "1.4.0"}}))
    status = {"phase": "Progressing", "activeRevision": "0123456789", "ready": "3/3", "url": "http://team.ns"}
    status |= {"candidateRevision": "9876543210", "reason": "Watching"}
    rollout = {"phase": "Watching", "revision": "9876543210", "weight": 50, **_TIMES}
    answer = api_server.request(
        "PATCH", f"{path}/status", {"status": {**status, "rollout": rollout}}, content_type=MERGE_PATCH
    )
    assert answer.status == HTTPStatus.OK, answer.body
    header, row = (line.split() for line in api_server.kubectl("-n", namespace, "get", short).splitlines())
    assert header == ["NAME", "TYPE", "VERSION", "PHASE", "ROLLOUT", "WEIGHT", "ACTIVE", "READY", "AGE"]
    assert row[:-1] == ["team", "RoundRobin", "1.4.0", "Progressing", "Watching", "50", "0123456789", "3/3"]
    wide = api_server.kubectl("-n", namespace, "get", short, "-o", "wide").splitlines()
    assert wide[0].split()[-3:] == ["CANDIDATE", "REASON", "URL"]
    assert wide[1].split()[-3:] == ["9876543210", "Watching", "http://team.ns"]


_TIMES = {"startedAt": "2026-01-01T00:00:00Z", "phaseStartedAt": "2026-01-01T00:00:00Z"}


def test_a_new_team_isnt_taken_for_a_finished_one(api_server: ApiServer, namespace: str) -> None:
    team = api_server.request("GET", _create(api_server, namespace, MINIMAL)).body
    assert team["status"] == {"observedGeneration": -1}


def test_kubectl_scales_a_team(api_server: ApiServer, namespace: str) -> None:
    path = _create(api_server, namespace, MINIMAL)
    api_server.kubectl("-n", namespace, "scale", "agentteam/team", "--replicas=5")
    assert api_server.request("GET", path).body["spec"]["replicas"] == 5
    status = {"status": {"replicas": 5, "selector": "agentteam.dev/team=team"}}
    api_server.request("PATCH", f"{path}/status", status, content_type=MERGE_PATCH)
    scale = api_server.request("GET", f"{path}/scale").body
    assert scale["spec"] == {"replicas": 5}
    assert scale["status"] == {"replicas": 5, "selector": "agentteam.dev/team=team"}


def test_kubectl_doesnt_scale_a_team_that_is_scaled_by_load(api_server: ApiServer, namespace: str) -> None:
    _create(api_server, namespace, FULL)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        api_server.kubectl("-n", namespace, "scale", "agentteam/team", "--replicas=5")
    assert "remove replicas to let load decide, or remove autoscaling" in refused.value.stderr


def test_the_status_is_written_apart_and_unknown_fields_are_pruned(api_server: ApiServer, namespace: str) -> None:
    path = _create(api_server, namespace, MINIMAL)
    patch = {"status": {"phase": "Healthy", "bogus": 1}, "spec": {"suspend": True}}
    answer = api_server.request("PATCH", f"{path}/status", patch, content_type=MERGE_PATCH)
    assert answer.status == HTTPStatus.OK
    assert answer.body["status"] == {"observedGeneration": -1, "phase": "Healthy"}
    assert answer.body["spec"]["suspend"] is False
    ignored = api_server.request("PATCH", path, {"status": {"phase": "Failed"}}, content_type=MERGE_PATCH)
    assert ignored.body["status"]["phase"] == "Healthy"


PACKED: Mapping[str, Any] = {
    "durations": "1 2",
    "recent": "1/2 3/4",
    "recent_by_pod": {"key": "1/2"},
    "slow_by_pod": {"key": "1/2"},
    "log_evidence_without": {"key": "errorRate=7.125 slowness=-0.250"},
    "counted_from": {"key": "1 2 3|4 5"},
    "counters": {"key": "1 2 3|4 5|turnsPerRun 6 7"},
    "cpu": {"key": "1.5 30 0.25"},
    "recent_green": "1/2 3/4",
    "recent_blue": "1/2 3/4",
    "pods": {"key": "1 2 3 -0.5"},
}
"""Counters of the judge and of the rounds, which have a form of their own."""


def _example(annotation: Any) -> Any:  # noqa: ANN401 - any annotation, any JSON value
    """A value for a field of this type that isn't its default; for a model, of every field, however deep."""
    if hasattr(annotation, "model_fields"):
        return {
            field.alias or name: PACKED.get(name) or _example(field.annotation)
            for name, field in annotation.model_fields.items()
        }
    if hasattr(annotation, "__members__"):
        return list(annotation)[-1].value
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if not arguments:
        return {str: "7", int: 7, float: 0.5, bool: True, AwareDatetime: "2026-01-01T00:00:00.123456Z"}[annotation]
    if get_origin(annotation) is dict:
        return {"key": _example(arguments[1])}
    held = _example(arguments[0])
    return [held] if get_origin(annotation) in {list, tuple} else held


def test_nothing_that_the_operator_writes_is_pruned(api_server: ApiServer, namespace: str) -> None:
    status = AgentTeamStatus.parse(_example(AgentTeamStatus))
    path = _create(api_server, namespace, MINIMAL)
    document = status.to_document()
    answer = api_server.request("PATCH", f"{path}/status", {"status": document}, content_type=MERGE_PATCH)
    assert answer.status == HTTPStatus.OK, answer.body
    assert json.dumps(answer.body["status"], sort_keys=True) == json.dumps(document, sort_keys=True)
    assert AgentTeamStatus.parse(answer.body["status"]) == status


def test_two_teams_of_one_name_live_in_two_namespaces(api_server: ApiServer, namespace: str) -> None:
    other = f"test-{uuid.uuid4().hex[:10]}"
    api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    try:
        assert _create(api_server, namespace, MINIMAL) != _create(api_server, other, MINIMAL)
    finally:
        api_server.request("DELETE", f"/api/v1/namespaces/{other}")
