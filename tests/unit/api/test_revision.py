from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from agentteam_operator.api.revision import (
    RevisionDocument,
    revision_document,
    revision_hash,
)
from agentteam_operator.api.spec import AgentTeamSpec, RevisionSpec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.unit.api.malformed import fields_given
from tests.unit.api.manifests import FULL, MINIMAL, Document, merged

WITHIN = {"name": "team", "namespace": "ns", "default_image": "registry.example/agent:1", "builder_version": "0.1.0"}


def _spec(patch: Document | None = None) -> AgentTeamSpec:
    return AgentTeamSpec.parse(merged(MINIMAL["spec"], patch or {}))


def _unpriced(spec: Document, *but: str) -> Document:
    """The spec as it was before models had a price; those named have theirs."""
    models = [
        {field: value for field, value in model.items() if field != "price" or model["name"] in but}
        for model in spec["models"]
    ]
    return {**spec, "models": models}


_SCRIPTED = MINIMAL["spec"]["models"][0]
FROZEN = {
    "minimal": (MINIMAL["spec"], "c7c7bdd189"),
    "full": (_unpriced(FULL["spec"]), "a04b488141"),
    "full, with a price": (_unpriced(FULL["spec"], "main"), "2a0b099409"),
    "with a version": (merged(MINIMAL["spec"], {"version": "1.4.0"}), "41f35ea5e9"),
    "with text beyond ASCII": (
        merged(
            MINIMAL["spec"],
            {"models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["Grüße, 世界"]}}]},
        ),
        "de55f71f5b",
    ),
    "with numbers for quantities": (merged(MINIMAL["spec"], {"resources": {"requests": {"cpu": 1}}}), "8d081b59f8"),
    "with a whole number for a fraction": (
        merged(
            MINIMAL["spec"],
            {
                "models": [
                    {
                        "name": "main",
                        "provider": "OpenAI",
                        "model": "m",
                        "baseURL": "http://llm/v1",
                        "parameters": {"temperature": 1},
                    },
                ]
            },
        ),
        "88dfd762dc",
    ),
}
"""Once released, none of these hashes may change: a running team would roll out anew with the operator's upgrade."""


@pytest.mark.parametrize(("spec", "expected"), FROZEN.values(), ids=FROZEN.keys())
def test_the_hash_of_a_spec_is_the_same_for_ever(spec: Document, expected: str) -> None:
    assert revision_hash(AgentTeamSpec.parse(spec)) == expected


@pytest.mark.parametrize("spec", [MINIMAL["spec"], FULL["spec"]], ids=["minimal", "full"])
def test_the_hash_doesnt_depend_on_who_filled_in_the_defaults(spec: Document) -> None:
    parsed = AgentTeamSpec.parse(spec)
    filled_in = AgentTeamSpec.parse(parsed.to_document())
    assert revision_hash(filled_in) == revision_hash(parsed)
    assert filled_in == parsed


IN_PLACE: dict[str, Document] = {
    "replicas": {"replicas": 7},
    "autoscaling": {"autoscaling": {"maxReplicas": 9}},
    "service": {"service": {"port": 8080}},
    "ingress": {"ingress": {"host": "chat.example"}},
    "disruption budget": {"disruptionBudget": {"maxUnavailable": 2}},
    "rollout": {"rollout": {"watchSeconds": 1}},
    "suspend": {"suspend": True},
}


@pytest.mark.parametrize("patch", IN_PLACE.values(), ids=IN_PLACE.keys())
def test_what_changes_in_place_makes_no_revision(patch: Document) -> None:
    assert revision_hash(_spec(patch)) == revision_hash(_spec())


def test_every_field_makes_a_revision_or_changes_in_place() -> None:
    in_place = {next(iter(patch)) for patch in IN_PLACE.values()}
    assert {field.alias or name for name, field in AgentTeamSpec.model_fields.items()} == in_place | {
        field.alias or name for name, field in RevisionSpec.model_fields.items()
    }


def _other(value: Any, schema: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Another value that the schema allows."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value + 1 <= schema.get("maximum", value + 1) else value / 2
    if "enum" in schema:
        return next(iter(set(schema["enum"]) - {value}), None)
    other = {"https://llm.example/v1": "https://llm.example/v2", "500m": "600m"}.get(value)
    return other or ("1Mi" if value.endswith("i") else f"{value}0")


REVISION_LEAVES = [
    pytest.param(document["spec"], path[1:], _other(value, schema), id=kind)
    for kind, (document, path, schema, value) in fields_given().items()
    if not isinstance(value, dict | list)
    and path[1] in {field.alias or name for name, field in RevisionSpec.model_fields.items()}
    and _other(value, schema) is not None
    and not kind.endswith(".provider")
]


@pytest.mark.parametrize(("spec", "path", "value"), REVISION_LEAVES)
def test_every_field_of_a_revision_changes_its_hash(spec: Document, path: tuple[str | int, ...], value: object) -> None:
    changed = copy.deepcopy(spec)
    parent: Any = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    assert revision_hash(AgentTeamSpec.parse(changed)) != revision_hash(AgentTeamSpec.parse(spec))


@given(st.lists(st.sampled_from(sorted(AgentTeamSpec.parse(MINIMAL["spec"]).to_document())), unique=True))
def test_filling_in_any_of_the_defaults_leaves_the_hash(fields: list[str]) -> None:
    everything = AgentTeamSpec.parse(MINIMAL["spec"]).to_document()
    partly = MINIMAL["spec"] | {field: everything[field] for field in fields}
    assert revision_hash(AgentTeamSpec.parse(partly)) == revision_hash(AgentTeamSpec.parse(MINIMAL["spec"]))


@given(st.permutations(sorted(FULL["spec"])))
def test_the_order_of_fields_leaves_the_hash(order: list[str]) -> None:
    shuffled = {name: FULL["spec"][name] for name in order}
    assert revision_hash(AgentTeamSpec.parse(shuffled)) == revision_hash(AgentTeamSpec.parse(FULL["spec"]))


def test_the_order_of_agents_makes_a_revision() -> None:
    agents = [{"name": "a", "model": "main"}, {"name": "b", "model": "main"}]
    assert revision_hash(_spec({"team": {"agents": agents}})) != revision_hash(
        _spec({"team": {"agents": agents[::-1]}})
    )


def test_the_document_is_what_pods_read() -> None:
    document = revision_document(_spec({"version": "1.4.0"}), **WITHIN).to_document()
    assert list(document) == ["apiVersion", "kind", "metadata", "image", "spec"]
    assert document["apiVersion"] == "agentteam.dev/v1alpha1"
    assert document["kind"] == "AgentTeamRevision"
    assert document["metadata"] == {
        "name": "team",
        "namespace": "ns",
        "revision": revision_hash(_spec({"version": "1.4.0"})),
        "builderVersion": "0.1.0",
    }
    assert document["image"] == "registry.example/agent:1"
    assert RevisionSpec.parse(document["spec"]).to_document() == document["spec"]
    assert document["spec"]["runs"] == {"maxConcurrent": 100, "maxQueued": 200, "timeoutSeconds": 300}
    assert set(document["spec"]) == {
        "version", "image", "models", "team", "runs", "telemetry", "pod", "resources",
    }  # fmt: skip


def test_an_image_that_the_user_chose_is_kept_as_written() -> None:
    digest = "registry.example/team/agents@sha256:" + "0" * 64
    assert revision_document(_spec({"image": digest}), **WITHIN).image == digest


def test_the_operators_image_and_version_leave_the_hash() -> None:
    older = revision_document(_spec(), **WITHIN)
    newer = revision_document(_spec(), **WITHIN | {"default_image": "registry.example/agent:2", "builder_version": "9"})
    assert older.metadata.revision == newer.metadata.revision
    assert older.image != newer.image


@pytest.mark.parametrize("spec", [MINIMAL["spec"], FULL["spec"]], ids=["minimal", "full"])
def test_the_document_survives_being_written_and_read(spec: Document) -> None:
    document = revision_document(AgentTeamSpec.parse(spec), **WITHIN)
    assert RevisionDocument.parse(document.to_text()) == document
    assert yaml.safe_load(document.to_text()) == document.to_document()
    assert json.loads(json.dumps(document.to_document())) == document.to_document()
    assert revision_hash(RevisionDocument.parse(document.to_text()).spec) == document.metadata.revision


NEWER: dict[str, tuple[str | int, ...]] = {
    "at the top": (),
    "of the metadata": ("metadata",),
    "of the spec": ("spec",),
    "of a model": ("spec", "models", 0),
    "of the team": ("spec", "team"),
    "of an agent": ("spec", "team", "agents", 0),
}


@pytest.mark.parametrize("path", NEWER.values(), ids=NEWER.keys())
def test_a_field_of_a_newer_operator_is_passed_over_in_documents_but_not_in_manifests(
    path: tuple[str | int, ...],
) -> None:
    document = revision_document(_spec(), **WITHIN)
    newer = document.to_document()
    parent: Any = newer
    for step in path:
        parent = parent[step]
    parent["novelty"] = {"a": 1}
    assert RevisionDocument.parse(newer) == document
    assert RevisionDocument.parse(yaml.safe_dump(newer)) == document
    if path[:1] == ("spec",):
        with pytest.raises(ValidationError, match="extra_forbidden"):
            AgentTeamSpec.parse(newer["spec"])


def test_a_document_is_no_less_strict_about_the_fields_that_it_knows() -> None:
    document = revision_document(_spec(), **WITHIN).to_document()
    document["spec"]["runs"]["maxConcurrent"] = "100"
    with pytest.raises(ValidationError, match="int_type"):
        RevisionDocument.parse(document)


@given(st.text(max_size=200))
def test_any_text_survives_being_written_and_read(text: str) -> None:
    models = [{**_SCRIPTED, "replay": {"answers": [text]}}]
    document = revision_document(_spec({"models": models}), **WITHIN)
    assert RevisionDocument.parse(document.to_text()).spec.models[0].replay == document.spec.models[0].replay


def test_texts_of_several_lines_can_be_read_by_people() -> None:
    agents = [{"name": "clerk", "model": "main", "systemMessage": "You help.\nBe brief.\n"}]
    written = revision_document(_spec({"team": {"agents": agents}}), **WITHIN).to_text()
    assert "systemMessage: |\n        You help.\n        Be brief.\n" in written
