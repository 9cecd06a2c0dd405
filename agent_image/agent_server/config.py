"""What this process serves: read from the mounted app.yaml of a revision, or from an AgentTeam manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentteam_operator.api.models import ModelSpec
from agentteam_operator.api.team import RunsSettings, TeamSpec, TelemetrySettings


@dataclass(frozen=True, slots=True)
class ServedTeam:
    """The parts of a revision that the server acts on."""

    name: str
    revision: str
    version: str
    models: Sequence[ModelSpec]
    team: TeamSpec
    runs: RunsSettings
    telemetry: TelemetrySettings
