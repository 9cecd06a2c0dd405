"""The steps of a team's rollouts, as far as its status still holds them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from agentteam_operator.api.status import AgentTeamStatus, Phase, Transition


def timeline(status: AgentTeamStatus) -> Iterator[Transition]:
    """All steps that the status still holds, each with its revision, oldest first."""
    rollout = status.rollout
    if rollout is not None:
        yield from rollout.earlier
        for entry in rollout.transitions:
            yield entry.model_copy(update={"revision": entry.revision or rollout.revision})


def step(entry: Transition) -> tuple[str, Phase, datetime]:
    """What tells one step from another."""
    return entry.revision, entry.phase, entry.at
