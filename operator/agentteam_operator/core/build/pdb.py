"""The PodDisruptionBudget of one serving revision.

One for each colour: with one over both, all pods that serve could be evicted while the other colour's stood by. Only
for more than one pod: with a single one it would block every node's drain for ever.
"""

from __future__ import annotations

from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef, revision: str, spec: AgentTeamSpec) -> Manifest:
    """The budget of a revision's pods; an unready pod may always go, for it serves nobody."""
    return common.sealed(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": common.metadata(
                team, names.revision_object(team.name, revision), names.labels(team.name, revision=revision)
            ),
            "spec": {
                "maxUnavailable": spec.disruption_budget.max_unavailable,
                "selector": {"matchLabels": names.server_selector(team.name, revision)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        }
    )
