"""What the real API server refuses, in which words, and what it makes of what it accepts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from agentteam_operator.api.patterns import compiles
from agentteam_operator.api.revision import RevisionDocument, revision_document
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.validation import read_team, validate
from agentteam_operator.api.weights import green_pods_for, nearest_weight
from pydantic import ValidationError

from tests.integration.conftest import ApiServer
from tests.integration.mutations import Mutation, mutations
from tests.unit.api.malformed import MALFORMED, Malformed
from tests.unit.api.manifests import FULL, MINIMAL, Document, merged, team
from tests.unit.api.rejections import REJECTIONS, REPETITIONS, Rejection

MUTATIONS = 600
EXAMPLES = sorted(Path("examples").glob("*.yaml"))


@pytest.mark.parametrize("case", REJECTIONS, ids=lambda case: case.id)
def test_fields_that_contradict_one_another_are_refused(api_server: ApiServer, case: Rejection) -> None:
    answer = api_server.dry_run(case.manifest)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    field = case.field or "<nil>"
    assert answer.causes == [(field, f"Invalid value: {case.in_front}{case.message}")]


@pytest.mark.parametrize("case", REPETITIONS, ids=lambda case: case.id)
def test_entries_that_repeat_are_refused(api_server: ApiServer, case: Rejection) -> None:
    answer = api_server.dry_run(case.manifest)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    [(field, message)] = answer.causes
    assert field == f"{case.field}[1]"
    assert "Duplicate value" in message


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.id)
def test_malformed_fields_are_refused_by_the_api_server_and_by_the_models(
    api_server: ApiServer, case: Malformed
) -> None:
    answer = api_server.dry_run(case.manifest, fieldValidation="Strict")
    assert answer.status in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST}
    assert case.field in answer.body["message"]
    _, problems = read_team(case.manifest)
    assert case.field in {problem.path for problem in problems}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({field: {part: {key: "v"}}}, id=f"{field}.{part} {key[:20]!r}")
        for field, part in (
            ("pod", "labels"),
            ("pod", "annotations"),
            ("pod", "nodeSelector"),
            ("service", "annotations"),
        )
        for key in ("", "bad key", "a/b/c", "n" * 64, "p" * 400)
    ],
)
def test_keys_that_no_object_could_have_are_refused(api_server: ApiServer, spec: Document) -> None:
    answer = api_server.dry_run(team(spec))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    [(path, message)] = answer.causes
    assert path.split(".")[1:] == [*spec, *next(iter(spec.values()))]
    assert "each key must have 1 to 317 characters and match" in message


def test_an_affinity_is_kept_and_anything_else_in_its_place_is_not(api_server: ApiServer) -> None:
    node = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    pod = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "db"}}, "namespaces": ["data"]}
    affinity: Document = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [node]},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": node}],
        },
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [pod]},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 9, "podAffinityTerm": pod}]},
    }
    deep: Document = {}
    for _ in range(300):
        deep = {"": deep}
    answer = api_server.dry_run(team({"pod": {"affinity": {**affinity, "else": deep}}}))
    assert answer.body["spec"]["pod"]["affinity"] == affinity


def test_the_models_read_whatever_the_api_server_admits(api_server: ApiServer) -> None:
    def unread(mutation: Mutation) -> tuple[bool, str]:
        """Whether it is admitted, and if so, what keeps the models from reading it."""
        answer = api_server.dry_run(mutation.manifest)
        if answer.status != HTTPStatus.CREATED:
            assert answer.status in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST}, answer.body
            return False, ""
        try:
            spec = AgentTeamSpec.parse(answer.body["spec"])
        except ValidationError as error:
            return True, f"{mutation.id}: {error}"
        validate(spec, "team")
        document = revision_document(spec, name="team", namespace="n", default_image="i", builder_version="1")
        return True, "" if RevisionDocument.parse(document.to_text()) == document else f"{mutation.id}: changed"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(unread, mutations(MUTATIONS)))
    assert [words for _, words in found if words] == []
    admitted = sum(was_admitted for was_admitted, _ in found)
    assert MUTATIONS // 10 < admitted < MUTATIONS * 9 // 10, "the mutations tell nothing if all or none get through"


def test_names_that_kubernetes_itself_refuses(api_server: ApiServer) -> None:
    answer = api_server.dry_run(merged(MINIMAL, {"metadata": {"name": "Upper"}}))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "metadata.name" in answer.body["message"]


@pytest.mark.parametrize("manifest", [MINIMAL, FULL], ids=["minimal", "full"])
def test_right_teams_are_admitted(api_server: ApiServer, manifest: Document) -> None:
    answer = api_server.dry_run(manifest, fieldValidation="Strict")
    assert answer.status == HTTPStatus.CREATED, answer.body


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_the_examples_are_admitted(api_server: ApiServer, path: Path) -> None:
    answer = api_server.dry_run(yaml.safe_load(path.read_text(encoding="utf-8")), fieldValidation="Strict")
    assert answer.status == HTTPStatus.CREATED, answer.body


def test_the_largest_team_stays_within_the_api_servers_cost_limit(api_server: ApiServer) -> None:
    models = [
        {
            "name": f"{'m' * 60}{index:03}",
            "provider": "Replay",
            "replay": {"answers": ["x"]},
            "price": {"inputPerMillionTokens": 1, "outputPerMillionTokens": 2},
        }
        for index in range(20)
    ]
    agents = [{"name": f"{'a' * 60}{index:03}", "model": models[-1]["name"]} for index in range(50)]
    manifest = team(
        {
            "models": models,
            "team": {"type": "Selector", "selector": {"model": models[-1]["name"], "prompt": "{{}}" * 2048}},
            "pod": {
                "env": [{"name": f"V{index}", "value": "x" * 100} for index in range(100)],
                "volumes": [{"name": f"{'v' * 60}{index:03}", "emptyDir": {}} for index in range(50)],
                "volumeMounts": [{"name": f"{'v' * 60}049", "mountPath": f"/m{index}"} for index in range(50)],
                "labels": {f"key-{index}": "value" for index in range(50)},
                "annotations": {f"key-{index}": "value" for index in range(50)},
            },
            "replicas": 500,
            "rollout": {
                "traffic": {"steps": [{"weight": weight} for weight in range(20, 40)]},
                "maxSyntheticCost": 10,
                "conversations": [
                    {
                        "name": f"{'c' * 60}{index:03}",
                        "turns": [{"user": "x" * 1000}] * 10,
                        "expect": {
                            "agentsSpoke": [agent["name"] for agent in agents],
                            "contains": ["x" * 256] * 10,
                            "matches": "(a|b)" * 100,
                            "jsonSchema": "{}" + " " * 8190,
                        },
                        "repeatDuringWatch": index == 19,
                    }
                    for index in range(20)
                ],
            },
        }
    )
    manifest["spec"]["team"]["agents"] = agents
    answer = api_server.dry_run(manifest)
    assert answer.status == HTTPStatus.CREATED, answer.body


@pytest.mark.parametrize("pods", [1, 2, 3, 4, 5, 6, 7, 10, 37, 500])
def test_the_api_server_and_the_models_agree_on_every_weight(api_server: ApiServer, pods: int) -> None:
    for weight in range(1, 51):
        answer = api_server.dry_run(team({"replicas": pods, "rollout": {"traffic": {"steps": [{"weight": weight}]}}}))
        if green_pods_for(weight, pods) is not None:
            assert answer.status == HTTPStatus.CREATED, (weight, answer.causes)
        else:
            [(_, message)] = answer.causes
            assert message.endswith(f"the nearest that can is {nearest_weight(weight, pods)}"), weight


PATTERNS = (
    *("(?i)a+", "a**", "a++", "a{2,1}", "a{,2}", "x{1000}", "x{1001}", "(x{500}){500}", "a|", "", "*", "(", "\\", "\n"),
    *(r"\p{Greek}", r"\pX", "[[:alpha:]]", "[[:foo:]]", r"\x{10FFFF}", r"\x{110000}", r"\u00e9", r"\Q.\E", "(?#c)a"),
    *(
        "(?P<n>a)",
        "(?<n>a)",
        "(?P<n>a)(?P<n>b)",
        "(?P=n)",
        r"\1",
        "(?=a)",
        "(?<!a)",
        r"\A",
        r"\z",
        r"\Z",
        "(?x) a",
        "é+",
    ),
)


def test_the_api_server_and_the_models_agree_on_every_pattern(api_server: ApiServer) -> None:
    def is_admitted(pattern: str) -> bool:
        conversation = {"name": "c", "turns": [{"user": "hi"}], "expect": {"matches": pattern}}
        return api_server.dry_run(team({"rollout": {"conversations": [conversation]}})).status == HTTPStatus.CREATED

    admitted = {pattern for pattern in PATTERNS if is_admitted(pattern)}
    assert admitted == {pattern for pattern in PATTERNS if compiles(pattern)}
    assert len(PATTERNS) / 4 < len(admitted) < len(PATTERNS) * 3 / 4


def _without_empty_objects(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """An absent map and an empty one are the same to both sides, and the API server doesn't add empty ones."""
    if isinstance(value, dict):
        return {key: _without_empty_objects(item) for key, item in value.items() if _without_empty_objects(item) != {}}
    return [_without_empty_objects(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "spec",
    [
        MINIMAL["spec"],
        FULL["spec"],
        merged(MINIMAL["spec"], {"rollout": {"analysis": {}}, "pod": {"probes": {"startup": {"periodSeconds": 5}}}}),
        merged(MINIMAL["spec"], {"resources": {"limits": {"cpu": 2}}, "autoscaling": {"maxReplicas": 5}}),
    ],
    ids=["minimal", "full", "objects half given", "numbers for quantities"],
)
def test_the_api_server_fills_in_the_models_defaults(api_server: ApiServer, spec: Document) -> None:
    stored = api_server.dry_run(merged(MINIMAL, {"spec": None}) | {"spec": spec}).body["spec"]
    parsed = AgentTeamSpec.parse(spec)
    assert AgentTeamSpec.parse(stored) == parsed
    limits = spec.get("resources", {}).get("limits", {})
    if "cpu" in limits:
        stored["resources"]["limits"]["cpu"] = str(limits["cpu"])
    assert _without_empty_objects(stored) == _without_empty_objects(parsed.to_document())
