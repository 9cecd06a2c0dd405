"""The Services: the active one that people talk to, and the preview one that selects the candidate alone."""

from __future__ import annotations

from collections.abc import Mapping

from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.workload import ServiceType
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef, spec: AgentTeamSpec, *, selector: Mapping[str, str], preview: bool = False) -> Manifest:
    """The active Service with the user's type and annotations, or the preview one, never reachable from outside.

    Raises:
        ValueError: if the selector is empty, for such a Service has no endpoints, or someone else's.
    """
    if not selector:
        raise ValueError("the selector of a Service must not be empty: give names.server_selector(...)")
    settings = spec.service
    name = names.preview_service(team.name) if preview else names.active_service(team.name)
    annotations = {} if preview else settings.annotations
    return common.sealed(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": common.metadata(team, name, names.labels(team.name), annotations),
            "spec": {
                "type": (ServiceType.CLUSTER_IP if preview else settings.type).value,
                "selector": dict(selector),
                "publishNotReadyAddresses": False,
                "ports": [
                    {
                        "name": names.HTTP_PORT_NAME,
                        "port": settings.port,
                        "targetPort": names.HTTP_PORT_NAME,
                        "protocol": "TCP",
                    }
                ],
            },
        }
    )
