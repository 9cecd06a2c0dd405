"""What this process serves: read from the mounted app.yaml of a revision, or from an AgentTeam manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from agentteam_operator.api.conversations import Conversation
from agentteam_operator.api.revision import RevisionDocument, revision_hash
from agentteam_operator.api.spec import RevisionSpec
from agentteam_operator.api.validation import problems_of, read_team
from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class ServedTeam:
    """The team that is served. `revision` is its hash, the same that the operator names the revision's objects by."""

    name: str
    revision: str
    spec: RevisionSpec


class ConfigError(Exception):
    """A file that can't be served; `problems` has one line for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take the lines."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load_team(path: Path, *, expected_revision: str = "") -> ServedTeam:
    """The team in the file at `path`: an AgentTeamRevision (app.yaml) or an AgentTeam.

    `expected_revision`, if given, must be that of an AgentTeamRevision: a pod never serves another revision's config.

    Raises:
        ConfigError: the file can't be read, or something in it is wrong.
    """
    document = _read_document(path)
    if document.get("kind") != "AgentTeamRevision":
        return _from_manifest(document)
    team = _from_revision(document)
    if expected_revision and team.revision != expected_revision:
        raise ConfigError(
            [f"{path}: revision is {team.revision}, not {expected_revision} (AUTOGEN_REVISION): mount its ConfigMap"]
        )
    return team


def load_conversations(path: Path) -> tuple[Conversation, ...]:
    """The golden conversations of the AgentTeam in the file at `path`.

    Raises:
        ConfigError: the file can't be read, something in it is wrong, or it has no conversation.
    """
    team, problems = read_team(_read_document(path))
    if team is None or problems:
        raise ConfigError([str(problem) for problem in problems])
    if not team.spec.rollout.conversations:
        raise ConfigError([f"{path}: spec.rollout.conversations is empty: write one"])
    return team.spec.rollout.conversations


def _read_document(path: Path) -> dict[str, Any]:
    try:
        documents = [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: can't be read: {error}"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: is no YAML: {' '.join(str(error).split())}"]) from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError([f"{path}: has {len(documents)} YAML documents: give exactly one AgentTeam"])
    document: dict[str, Any] = documents[0]
    return document


def _from_manifest(document: dict[str, Any]) -> ServedTeam:
    team, problems = read_team(document)
    if team is None or problems:
        raise ConfigError([str(problem) for problem in problems])
    return ServedTeam(team.metadata.name, revision_hash(team.spec), team.spec)


def _from_revision(document: dict[str, Any]) -> ServedTeam:
    try:
        revision = RevisionDocument.parse(document)
    except ValidationError as error:
        raise ConfigError([str(problem) for problem in problems_of(error, RevisionDocument)]) from None
    return ServedTeam(revision.metadata.name, revision.metadata.revision, revision.spec)
