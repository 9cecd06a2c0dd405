"""The optional PodMonitor, where the Prometheus Operator's CRDs are installed."""

from __future__ import annotations

from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef, *, interval_seconds: int) -> Manifest:
    """The PodMonitor `<team>` over all server pods of the team, scraped as often as judgement looks.

    `honorLabels` is off: a pod's namespace and name come from the scrape, never from what a workload says of itself.
    """
    return common.sealed(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": common.metadata(team, team.name, names.labels(team.name)),
            "spec": {
                "selector": {"matchLabels": names.server_selector(team.name)},
                "podMetricsEndpoints": [
                    {
                        "port": names.METRICS_PORT_NAME,
                        "path": "/metrics",
                        "interval": f"{interval_seconds}s",
                        "honorLabels": False,
                    }
                ],
            },
        }
    )
