"""The team's own ServiceAccount: an identity without a token, for agents never talk to the API server."""

from __future__ import annotations

from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef) -> Manifest:
    """The ServiceAccount `<team>`; not needed where `spec.pod.serviceAccountName` names another one."""
    return common.sealed(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": common.metadata(team, team.name, names.labels(team.name)),
            "automountServiceAccountToken": False,
        }
    )
