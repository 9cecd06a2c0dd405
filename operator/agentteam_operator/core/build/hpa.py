"""The HorizontalPodAutoscaler of one serving revision.

One for each colour: an autoscaler that is pointed at another Deployment, or whose target isn't loaded, scales the other
colour down within seconds.
"""

from __future__ import annotations

from typing import Any

from agentteam_operator.api.workload import Autoscaling
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef, revision: str, autoscaling: Autoscaling, *, frozen: bool, current: int) -> Manifest:
    """The autoscaler of a revision's Deployment.

    `frozen` (during a rollout): it may scale up, but neither below the `current` number of pods nor down at all.
    The policy is written out in both cases, since a field that is merely left out keeps what the server filled in.
    """
    name = names.revision_object(team.name, revision)
    least = max(autoscaling.min_replicas, current) if frozen else autoscaling.min_replicas
    return common.sealed(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": common.metadata(team, name, names.labels(team.name, revision=revision)),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": least,
                "maxReplicas": max(autoscaling.max_replicas, least),
                "metrics": _metrics(autoscaling),
                "behavior": {"scaleDown": {"selectPolicy": "Disabled" if frozen else "Max"}},
            },
        }
    )


def _metrics(autoscaling: Autoscaling) -> list[dict[str, Any]]:
    targets = {"cpu": autoscaling.target_cpu_utilization, "memory": autoscaling.target_memory_utilization}
    return [
        {
            "type": "Resource",
            "resource": {"name": resource, "target": {"type": "Utilization", "averageUtilization": percent}},
        }
        for resource, percent in targets.items()
        if percent is not None
    ]
