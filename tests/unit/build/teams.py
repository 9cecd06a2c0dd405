"""A team to build from; each test changes what it is about."""

from __future__ import annotations

from typing import Any

from agentteam_operator.api.revision import RevisionDocument, revision_document
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.core.observed import (TeamRef)

TEAM = TeamRef(namespace="support", name="chat", uid="uid-of-chat", generation=1, resource_version="7")

MINIMAL: dict[str, Any] = {
    "version": "1.2.3",
    "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["hello"]}}],
    "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "greeter", "model": "main"}]},
}


def spec_of(**fields: object) -> AgentTeamSpec:
    """The minimal spec with fields, in the manifest's spelling, put over it."""
    return AgentTeamSpec.parse({**MINIMAL, **fields})


def document_of(**fields: object) -> RevisionDocument:
    """The resolved document of `spec_of`."""
    return revision_document(
        spec_of(**fields),
        name=TEAM.name,
        namespace=TEAM.namespace,
        default_image="agent:1",
        builder_version="test",
    )
