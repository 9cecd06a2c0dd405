"""`AgentTeam`: the whole object, as it is written in a file or read from the API server."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from agentteam_operator.api.base import ApiModel, LenientModel, Rule
from agentteam_operator.api.spec import AgentTeamSpec

GROUP = "agentteam.dev"
VERSION = "v1alpha1"
API_VERSION: Literal["agentteam.dev/v1alpha1"] = "agentteam.dev/v1alpha1"
KIND: Literal["AgentTeam"] = "AgentTeam"
PLURAL = "agentteams"

LABEL_NAME = "app.kubernetes.io/name"
ANNOTATION_SCHEMA_HASH = f"{GROUP}/schema-hash"

MAX_NAME_LENGTH = 40
"""So that the longest name of a child, `<team>-<10 characters of hash>-health-<n>`, stays within 63 characters."""


class Metadata(LenientModel):
    """What of an object's metadata the models read; the API server judges the rest."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the team."""
    namespace: str = ""
    """Namespace of the team."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the object."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the object."""


class AgentTeam(ApiModel):
    """A team of AI agents that is run, changed and judged as one."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "the name of a team has at most 40 characters, a-z, 0-9 and '-', and begins with a letter: shorten or "
            "correct metadata.name",
            message_expression="'metadata.name ' + self.metadata.name + ' must have at most 40 characters, a-z, 0-9 and"
            " \\'-\\', and begin with a letter: shorten or correct it'",
        ),
    )

    api_version: Literal["agentteam.dev/v1alpha1"] = API_VERSION
    """Version of the API."""
    kind: Literal["AgentTeam"] = KIND
    """Kind of the object."""
    metadata: Metadata
    """Name and namespace."""
    spec: AgentTeamSpec
    """What is asked for."""
    status: dict[str, object] | None = None
    """What the operator says of it; read through `AgentTeamStatus`."""
