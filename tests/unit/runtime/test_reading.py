from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.api.revision import revision_hash
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.observe.reading import parse_spec

from tests.unit.runtime import objects

PLAIN = revision_hash(AgentTeamSpec.parse(objects.SPEC))
ROLLOUT: dict[str, Any] = {
    "watchSeconds": 7,
    "traffic": {"steps": [{"weight": 10}, {"weight": 50}]},
    "analysis": {"metrics": [{"name": "errorRate", "max": 0.1}, {"name": "slowness"}]},
}


@pytest.mark.parametrize(
    ("fields", "unread", "kept"),
    [
        pytest.param(
            {"service": {"port": 8080, "annotations": {"bad key": "v", "a": "b"}}},
            "service",
            {"service": {"port": 8080, "annotations": {"a": "b"}}},
            id="a-key",
        ),
        pytest.param({"replicas": "three"}, "replicas", {}, id="a-field"),
        pytest.param({"autoscaling": {"minReplicas": 2}}, "autoscaling", {}, id="a-required-field-missing"),
        pytest.param({"ingress": []}, "ingress", {}, id="another-type"),
        pytest.param({"suspend": "yes"}, "suspend", {}, id="a-switch"),
        pytest.param({"rollout": {**ROLLOUT, "drainSeconds": -1}}, "rollout", {"rollout": ROLLOUT}, id="a-setting"),
        pytest.param(
            {"rollout": {**ROLLOUT, "traffic": {"steps": [{"weight": 10}, {"weight": 99}, {"weight": 0}]}}},
            "rollout",
            {"rollout": {**ROLLOUT, "traffic": {"steps": [{"weight": 10}]}}},
            id="entries-of-a-list",
        ),
        pytest.param({"later": {"a": 1}}, "", {}, id="a-field-of-a-newer-version"),
    ],
)
def test_what_changes_in_place_is_set_aside_and_the_revision_stays(
    fields: dict[str, Any], unread: str, kept: dict[str, Any]
) -> None:
    reading = parse_spec(objects.team(**fields))
    assert reading.problems
    assert reading.target == PLAIN
    assert reading.unread == {unread} - {""}
    assert reading.spec == AgentTeamSpec.parse({**objects.SPEC, **kept})


DEEP: dict[str, Any] = {}
for _ in range(5000):
    DEEP = {"": DEEP}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"pod": {"annotations": {"bad key": "v"}}}, id="a-key"),
        pytest.param({"models": []}, id="required-and-empty"),
        pytest.param({"team": None}, id="required-and-null"),
        pytest.param({"team": {**objects.SPEC["team"], "agents": [{"name": "A B"}]}}, id="deep-in-what-is-required"),
        pytest.param({"pod": {"later": 1}}, id="a-field-of-a-newer-version"),
        pytest.param({"pod": {"affinity": DEEP}}, id="too-deep"),
    ],
)
def test_a_revision_that_can_not_be_read_is_another_one_and_the_rest_holds(fields: dict[str, Any]) -> None:
    team = objects.team(**{**fields, "replicas": 7, "rollout": ROLLOUT})
    reading = parse_spec(team)
    assert reading.problems
    assert reading.unread == set(fields)
    assert reading.target not in {PLAIN, revision_hash(reading.spec)}
    assert reading.target == parse_spec(objects.team(**{**fields, "replicas": 8})).target
    assert reading.spec.replicas == 7
    assert reading.spec.rollout.watch_seconds == 7


@pytest.mark.parametrize("spec", [None, [], "text", {}, {"models": 1}], ids=str)
def test_no_spec_at_all_is_read_too(spec: object) -> None:
    reading = parse_spec({**objects.team(), "spec": spec})
    assert reading.problems
    assert reading.target


def test_every_problem_is_told_by_its_path() -> None:
    reading = parse_spec(objects.team(replicas="three", service={"port": 0}, pod={"labels": {"a b": "c"}}))
    assert [problem.path for problem in reading.problems] == [
        "spec.pod.labels.a b",
        "spec.replicas",
        "spec.service.port",
    ]
