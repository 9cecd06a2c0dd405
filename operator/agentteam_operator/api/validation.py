"""What is wrong with an AgentTeam: all problems at once, each with its field, its value and the mend.

The API server refuses most of this when an object is written. The operator asks again, since a stored object may be
older than a rule, and so does `agent-server validate`, which knows no API server. A test table holds that whatever the
API server refuses is refused here, in the same words.
"""

from __future__ import annotations

from pydantic import ValidationError

from agentteam_operator.api.checks import cross_field_problems, name_problems
from agentteam_operator.api.field_problems import FieldProblem, problems_of
from agentteam_operator.api.resource import AgentTeam
from agentteam_operator.api.spec import AgentTeamSpec

__all__ = ["FieldProblem", "problems_of", "read_team", "validate"]


def validate(spec: AgentTeamSpec, name: str) -> list[FieldProblem]:
    """All that is wrong across the fields of a team whose fields are each well-formed; empty if nothing is."""
    return [*name_problems(name), *cross_field_problems(spec, "spec")]


def read_team(manifest: object) -> tuple[AgentTeam | None, list[FieldProblem]]:
    """The team of a manifest, and all that is wrong with it. Never raises, whatever the manifest holds.

    The team is None only where the manifest can't be read at all; a readable one is given along with its problems.
    """
    try:
        team = AgentTeam.parse(manifest)
    except ValidationError as error:
        return None, problems_of(error, AgentTeam)
    return team, validate(team.spec, team.metadata.name)
