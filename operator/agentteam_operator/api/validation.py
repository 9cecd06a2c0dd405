"""What is wrong with an AgentTeam: all problems at once, each with its field, its value and the mend.

The API server refuses most of this when an object is written. The operator asks again, since a stored object may be
older than a rule, and so does `agent-server validate`, which knows no API server. A test table holds that whatever the
API server refuses is refused here, in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from agentteam_operator.api.checks import cross_field_problems, name_problems
from agentteam_operator.api.field_problems import FieldProblem, problems_of
from agentteam_operator.api.resource import AgentTeam
from agentteam_operator.api.revision import revision_document
from agentteam_operator.api.spec import AgentTeamSpec

MAX_DOCUMENT_BYTES = 1024 * 1024 - 4096
"""Most that a revision's document may have: a ConfigMap's 1 MiB, less some room for names, image and version."""

_LARGEST_GROWTH_AS_YAML = 6
"""Indentation, line breaks and escapes make YAML longer than JSON, but never by more than this."""

__all__ = ["FieldProblem", "problems_of", "read_team", "validate"]


def validate(spec: AgentTeamSpec, name: str) -> list[FieldProblem]:
    """All that is wrong across the fields of a team whose fields are each well-formed; empty if nothing is."""
    return [*name_problems(name), *cross_field_problems(spec, "spec"), *_size_problems(spec)]


def _size_problems(spec: AgentTeamSpec) -> Iterator[FieldProblem]:
    """A revision's document is kept in a ConfigMap, which holds 1 MiB."""
    if len(spec.model_dump_json()) < MAX_DOCUMENT_BYTES // _LARGEST_GROWTH_AS_YAML:
        return
    document = revision_document(spec, name="", namespace="", default_image="", builder_version="")
    size = len(document.to_text().encode())
    if size > MAX_DOCUMENT_BYTES:
        yield FieldProblem(
            "spec",
            f"{size} bytes",
            f"the team's texts make a document of {size} bytes, but a ConfigMap holds {MAX_DOCUMENT_BYTES}: shorten "
            "system messages, prompts or scripted answers",
        )


def read_team(manifest: object) -> tuple[AgentTeam | None, list[FieldProblem]]:
    """The team of a manifest, and all that is wrong with it. Never raises, whatever the manifest holds.

    The team is None only where the manifest can't be read at all; a readable one is given along with its problems.
    """
    try:
        team = AgentTeam.parse(manifest)
    except ValidationError as error:
        return None, problems_of(error, AgentTeam)
    return team, validate(team.spec, team.metadata.name)
