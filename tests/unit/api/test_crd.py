from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import re2
import yaml
from agentteam_operator.api.crd import (
    crd_text,
    custom_resource_definition,
    main,
    schema_hash,
)
from agentteam_operator.api.resource import ANNOTATION_SCHEMA_HASH, AgentTeam
from agentteam_operator.api.schema import structural_schema
from agentteam_operator.api.spec import AgentTeamSpec

from tests.unit.api.malformed import fields_given, kind_of

FILES = [Path("crds/agentteam.dev_agentteams.yaml"), Path("charts/agentteam-operator/files/crds/agentteams.yaml")]
VERSION = custom_resource_definition()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]["properties"]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_files_are_those_of_the_models(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == crd_text(), "run `make crds`"


def test_the_text_is_the_definition() -> None:
    assert yaml.safe_load(crd_text()) == custom_resource_definition()
    assert "&id" not in crd_text()


def test_the_definition_bears_its_schemas_hash() -> None:
    assert custom_resource_definition()["metadata"]["annotations"] == {ANNOTATION_SCHEMA_HASH: schema_hash()}
    assert len(schema_hash()) == 16


def _nodes(schema: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield kind_of(path), schema
    for name, below in schema.get("properties", {}).items():
        yield from _nodes(below, (*path, name))
    if "items" in schema:
        yield from _nodes(schema["items"], (*path, 0))
    if "additionalProperties" in schema:
        yield from _nodes(schema["additionalProperties"], (*path, "*"))


NODES = dict(_nodes(SCHEMA["spec"], ("spec",))) | dict(_nodes(SCHEMA["status"], ("status",)))


def test_every_field_is_described() -> None:
    assert [path for path, node in NODES.items() if not node.get("description") and path[-1] not in "]*"] == []


def test_every_field_of_the_spec_is_bounded() -> None:
    unbounded = [
        path
        for path, node in NODES.items()
        if path.startswith("spec")
        and (
            (node.get("type") == "string" and not {"maxLength", "enum"} & set(node))
            or (node.get("type") in {"integer", "number"} and not {"minimum", "maximum"} <= set(node))
            or (node.get("type") == "array" and not {"maxItems", "x-kubernetes-list-type"} <= set(node))
            or (node.get("type") == "object" and "additionalProperties" in node and "maxProperties" not in node)
        )
    ]
    assert unbounded == []


def test_nothing_that_a_structural_schema_refuses_is_left() -> None:
    unwanted = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "propertyNames", "nullable"}
    assert {path: unwanted & set(node) for path, node in NODES.items() if unwanted & set(node)} == {}
    assert [
        path for path, node in NODES.items() if "type" not in node and "x-kubernetes-int-or-string" not in node
    ] == []


def test_every_pattern_is_one_that_the_api_server_takes() -> None:
    """It reads them by RE2, which knows no lookahead and bounds what is repeated within what is repeated."""
    patterns = {path: node["pattern"] for path, node in NODES.items() if "pattern" in node}
    assert patterns
    for path, pattern in patterns.items():
        try:
            re2.compile(pattern)
        except re2.error as error:
            pytest.fail(f"{path}: {error}")


def test_the_full_manifest_of_the_tables_has_every_field() -> None:
    paths = {path for path in NODES if path.startswith("spec") and not path.endswith("*")}
    paths = {path for path in paths if not path.startswith("spec.pod.affinity.")}  # Kubernetes' own
    assert paths - set(fields_given()) == set()


def test_only_what_people_write_has_defaults() -> None:
    assert {
        path: node["default"] for path, node in NODES.items() if path.startswith("status") and "default" in node
    } == {
        "status": {"observedGeneration": -1},
        "status.observedGeneration": -1,
    }


def test_fields_of_later_versions_are_left_out() -> None:
    later = {
        "tools",
        "memories",
        "sessions",
        "budgets",
        "access",
        "privacy",
        "history",
        "networkPolicy",
        "fallbackAnswers",
    }
    assert later & set(SCHEMA["spec"]["properties"]) == set()
    assert set(SCHEMA["spec"]["required"]) == {"models", "team"}


def test_required_objects_have_no_default_and_optional_settings_have_one() -> None:
    properties = SCHEMA["spec"]["properties"]
    assert properties["rollout"]["default"] == {}
    assert "default" not in properties["replicas"]
    assert "default" not in properties["autoscaling"]
    assert properties["rollout"]["properties"]["health"]["properties"]["required"]["default"] == ["runtime", "models"]


def test_rules_are_declared_where_they_look() -> None:
    rules = VERSION["schema"]["openAPIV3Schema"]["x-kubernetes-validations"]
    assert [rule["rule"] for rule in rules] == [rule.expression for rule in AgentTeam.rules]
    spec_rules = [rule["rule"] for rule in SCHEMA["spec"]["x-kubernetes-validations"]]
    assert spec_rules == [rule.expression for rule in AgentTeamSpec.rules]
    assert structural_schema(AgentTeamSpec) == SCHEMA["spec"]


def test_the_command_writes_and_checks_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "crd.yaml"
    assert main(["--check", str(path)]) == 1
    assert not path.exists()
    assert capsys.readouterr().err == f"{path} differs from the models: run `make crds`\n"
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    path.write_text(path.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    assert main(["--check", str(path)]) == 1
