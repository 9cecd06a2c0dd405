from __future__ import annotations

import pytest
from agentteam_operator.api.base import QUALIFIED_NAME_PATTERN, ApiModel
from agentteam_operator.api.field_problems import FieldProblem, shorten
from agentteam_operator.api.resource import AgentTeam
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.validation import read_team, validate
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.manifests import FULL, MINIMAL, Document, merged, team
from tests.unit.api.rejections import REJECTIONS, REPETITIONS, Rejection


@pytest.mark.parametrize("manifest", [MINIMAL, FULL], ids=["minimal", "full"])
def test_a_right_team_has_no_problems(manifest: Document) -> None:
    read, problems = read_team(manifest)
    assert problems == []
    assert read is not None


@pytest.mark.parametrize("case", [*REJECTIONS, *REPETITIONS], ids=lambda case: case.id)
def test_fields_that_contradict_one_another_are_one_problem_each(case: Rejection) -> None:
    read, problems = read_team(case.manifest)
    assert read is not None, "each field by itself is well-formed"
    assert [problem.message for problem in problems] == [case.message]
    assert problems[0].path.startswith(case.field)


def test_all_problems_are_told_at_once_each_with_its_value() -> None:
    manifest = team({"replicas": 1, "autoscaling": {"maxReplicas": 1}, "team": {"maxTurns": None}})
    manifest["metadata"]["name"] = "Team"
    _, problems = read_team(manifest)
    assert [(problem.path, problem.value) for problem in problems] == [
        ("metadata.name", "Team"),
        ("spec.replicas", "1"),
        ("spec.team.maxTurns", ""),
        ("spec.autoscaling.minReplicas", "3"),
    ]


MALFORMED = {
    "unknown field close to a known one": ({"replica": 3}, "spec.replica: unknown field: did you mean replicas?"),
    "unknown field far from all": ({"zzz": 3}, "spec.zzz: unknown field: remove it"),
    "unknown field deep down": (
        {"pod": {"probes": {"startup": {"period": 1}}}},
        "spec.pod.probes.startup.period: unknown field: did you mean periodSeconds?",
    ),
    "field of a later version": ({"budgets": {}}, "spec.budgets: unknown field: remove it"),
    "missing list": ({"models": None}, "spec.models: is required: add it"),
    "empty list": ({"models": []}, "spec.models ([]): must have at least 1 entries"),
    "text for a number": ({"replicas": "3"}, "spec.replicas (3): must be a whole number, without quotes"),
    "number for text": ({"version": 1.5}, "spec.version (1.5): must be text: write it in quotes"),
    "text for a switch": ({"suspend": "yes"}, "spec.suspend (yes): must be true or false, without quotes"),
    "list for an object": ({"team": []}, "spec.team ([]): must be an object with fields"),
    "object for a list": ({"models": {"a": 1}}, 'spec.models ({"a": 1}): must be a list'),
    "too small": ({"replicas": 0}, "spec.replicas (0): must be at least 1"),
    "too big": ({"replicas": 501}, "spec.replicas (501): must be at most 500"),
    "not above zero": ({"rollout": {"analysis": {"alpha": 0}}}, "spec.rollout.analysis.alpha (0): must be more than 0"),
    "not a choice": (
        {"team": {"type": "Swarm"}},
        "spec.team.type (Swarm): must be one of 'RoundRobin' or 'Selector'",
    ),
    "too long": ({"version": "1" * 64}, f"spec.version ({'1' * 64}): must have at most 63 characters"),
    "off the pattern": (
        {"team": {"agents": [{"name": "my_agent", "model": "main"}]}},
        "spec.team.agents[0].name (my_agent): must match ^[a-z]([-a-z0-9]*[a-z0-9])?$",
    ),
    "a key off the pattern": (
        {"pod": {"labels": {"a b": "c"}}},
        f"spec.pod.labels.a b (a b): must match {QUALIFIED_NAME_PATTERN}",
    ),
}


@pytest.mark.parametrize(("spec", "line"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_field_is_told_with_path_value_and_mend(spec: Document, line: str) -> None:
    read, problems = read_team(team(spec))
    assert read is None
    assert [str(problem) for problem in problems] == [line]


@pytest.mark.parametrize("manifest", [None, 7, [], "text", {}, {"spec": 3}, {"metadata": []}], ids=repr)
def test_nothing_that_is_stored_crashes_the_reader(manifest: object) -> None:
    read, problems = read_team(manifest)
    assert read is None
    assert problems


def test_the_objects_own_metadata_and_status_are_passed_over() -> None:
    manifest = merged(
        MINIMAL,
        {"metadata": {"uid": "u", "managedFields": [{"manager": "kubectl"}]}, "status": {"phase": "Healthy"}},
    )
    read, problems = read_team(manifest)
    assert problems == []
    assert read is not None
    assert read.status == {"phase": "Healthy"}


def test_validate_takes_a_spec_and_a_name() -> None:
    spec = AgentTeamSpec.parse(MINIMAL["spec"])
    assert validate(spec, "team") == []
    assert [problem.path for problem in validate(spec, "")] == ["metadata.name"]


def test_a_long_value_is_cut_to_one_line() -> None:
    assert shorten("a\n" * 100) == "a " * 39 + "a…"
    assert str(FieldProblem("spec", "", "wrong")) == "spec: wrong"


def _models(model: type[ApiModel]) -> set[type[ApiModel]]:
    """The model and all that its fields hold."""
    found = {model}
    for field in model.model_fields.values():
        for inner in _held(field.annotation):
            found |= _models(inner)
    return found


def _held(annotation: object) -> list[type[ApiModel]]:
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        return [annotation]
    return [inner for argument in getattr(annotation, "__args__", ()) for inner in _held(argument)]


def test_each_rule_of_the_api_server_has_a_row_in_the_table() -> None:
    """A static message must be in the table as it is; one with values, by its first fixed words."""
    said = [case.message for case in REJECTIONS]
    rules = [rule for model in _models(AgentTeam) for rule in model.rules]
    silent = [
        rule.message for rule in rules if not rule.message_expression and not any(rule.message == text for text in said)
    ]
    assert len(rules) > 30
    assert silent == []


def _formats(prompt: str) -> bool:
    """Whether Python, which fills the prompt in, can do so."""
    try:
        prompt.format(roles="", history="", participants="")
    except (KeyError, IndexError, ValueError):
        return False
    return True


@given(st.lists(st.sampled_from(["{", "}", "{{", "}}", "{roles}", "{history}", "{other}", "roles", " "]), min_size=1))
def test_a_prompt_is_accepted_if_and_only_if_it_can_be_filled_in(pieces: list[str]) -> None:
    prompt = "".join(pieces)
    problems = validate(_selector_team(prompt), "team")
    assert [problem.path for problem in problems] == ([] if _formats(prompt) else ["spec.team.selector.prompt"])


def _selector_team(prompt: str) -> AgentTeamSpec:
    agents = [{"name": "router", "model": "main"}, {"name": "clerk", "model": "main"}]
    selector = {"model": "main", "prompt": prompt}
    return AgentTeamSpec.parse(team({"team": {"type": "Selector", "agents": agents, "selector": selector}})["spec"])


@pytest.mark.parametrize(("characters", "fits"), [(10_000, True), (20_000, True), (32_768, False)])
def test_a_team_must_fit_into_a_config_map(characters: int, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    agents = [{"name": f"agent-{i}", "model": "main", "systemMessage": "é" * (characters // 2)} for i in range(50)]
    spec = AgentTeamSpec.parse(team({"team": {"agents": agents}})["spec"])
    problems = validate(spec, "team")
    assert (problems == []) == fits
    for problem in problems:
        assert problem.path == "spec"
        assert problem.message.endswith("holds 1044480: shorten system messages, prompts or scripted answers")
