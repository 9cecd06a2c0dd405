"""What is served, from which file, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from agent_server.check import validate_files
from agent_server.config import ConfigError, load_team
from agent_server.runtime.secrets import SecretFiles, SecretUnavailableError
from agent_server.settings import Settings
from agentteam_operator.api.revision import revision_document, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec

from tests.support.agent_server import REPO, replay_model, team_spec

SPEC = team_spec([replay_model("x")])


def _write(path: Path, document: object) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def _manifest(spec: dict[str, Any], name: str = "hello") -> dict[str, Any]:
    return {"apiVersion": "agentteam.dev/v1alpha1", "kind": "AgentTeam", "metadata": {"name": name}, "spec": spec}


def _revision() -> dict[str, Any]:
    spec = AgentTeamSpec.parse(SPEC)
    return revision_document(
        spec, name="hello", namespace="support", default_image="agent:1", builder_version="1"
    ).to_document()


def test_manifest_and_revision_are_the_same_revision(tmp_path: Path) -> None:
    manifest = load_team(_write(tmp_path / "team.yaml", _manifest(SPEC)))
    revision = load_team(_write(tmp_path / "app.yaml", _revision()), expected_revision=manifest.revision)
    assert manifest.revision == revision.revision == revision_hash(AgentTeamSpec.parse(SPEC))
    assert (manifest.name, manifest.spec.team) == (revision.name, revision.spec.team)


def test_a_newer_operators_revision_is_served_for_what_is_known_of_it(tmp_path: Path) -> None:
    newer = _revision()
    newer["spec"]["runs"]["novelty"] = 1
    newer["novelty"] = {}
    assert (
        load_team(_write(tmp_path / "app.yaml", newer)).spec == load_team(_write(tmp_path / "b.yaml", _revision())).spec
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param("a: [", "team.yaml: is no YAML", id="no-yaml"),
        pytest.param("", "has 0 YAML documents", id="empty"),
        pytest.param("a: 1\n---\na: 2\n", "has 2 YAML documents", id="two-documents"),
        pytest.param("- a\n", "has 1 YAML documents", id="a-list"),
        pytest.param(_manifest({}), "spec.models", id="no-models"),
        pytest.param(_manifest(team_spec([replay_model("x")], ["a"], maxTurn=1)), "maxTurn", id="a-slip-of-the-pen"),
        pytest.param({**_revision(), "spec": {}}, "spec.models", id="a-bad-revision"),
    ],
)
def test_refused(tmp_path: Path, document: object, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_team(_write(tmp_path / "team.yaml", document))
    assert problem in caught.value.problems[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read"):
        load_team(tmp_path / "nowhere.yaml")


def test_another_revisions_config_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mount its ConfigMap"):
        load_team(_write(tmp_path / "app.yaml", _revision()), expected_revision="0123456789")


def test_validate_prints_a_line_for_each_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = _write(tmp_path / "good.yaml", _manifest(SPEC))
    lost = team_spec([replay_model("x")], ["a", "b"])
    lost["team"]["agents"][0]["model"] = "other"
    lost["team"]["agents"][1]["model"] = "another"
    bad = _write(tmp_path / "bad.yaml", _manifest(lost))
    assert validate_files([good]) == 0
    assert capsys.readouterr().out == f"{good}: ok\n"
    assert validate_files([bad, good]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{good}: ok"
    assert [line.split(" ")[1] for line in lines[:-1]] == ["spec.team.agents[0].model", "spec.team.agents[1].model"]


@pytest.mark.parametrize("example", sorted(REPO.glob("examples/*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_taken_by_autogen(example: Path) -> None:
    assert validate_files([example]) == 0


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_PORT", "8123")
    monkeypatch.setenv("AUTOGEN_SOMETHING_OF_THE_USER", "x")
    assert (Settings().port, Settings().drain_delay_seconds) == (8123, 3)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_secrets_are_read_again_when_the_kubelet_swaps_them(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "key").write_text(f"value-{version}\n")
    link = tmp_path / "llm"
    link.symlink_to(tmp_path / "1")
    secrets = SecretFiles(tmp_path)
    assert secrets.read("llm", "key") == "value-1"
    (tmp_path / "new").symlink_to(tmp_path / "2")
    (tmp_path / "new").rename(link)
    assert secrets.read("llm", "key") == "value-2"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "can't be read"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "can't be read")],
    ids=["missing", "empty", "blank", "no-text"],
)
def test_unusable_secrets(tmp_path: Path, content: bytes | None, problem: str) -> None:
    (tmp_path / "llm").mkdir()
    if content is not None:
        (tmp_path / "llm" / "key").write_bytes(content)
    with pytest.raises(SecretUnavailableError, match=problem):
        SecretFiles(tmp_path).read("llm", "key")
