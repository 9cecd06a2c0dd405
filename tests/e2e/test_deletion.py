"""A team deleted in the middle of a rollout takes all that it made with it, and waits for nobody."""

from __future__ import annotations

import pytest

from demo.timeline import rollout
from tests.e2e.harness import QUICK_ROLLOUT, TEAM_LABEL, Cluster, manifest, poll

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

GONE_SECONDS = 60
KINDS = (
    "deployments,replicasets,pods,services,endpointslices,configmaps,serviceaccounts,jobs,"
    "horizontalpodautoscalers,poddisruptionbudgets,ingresses"
)
LONG_WATCH = QUICK_ROLLOUT | {"watchSeconds": 300}


def test_all_that_a_team_made_goes_with_it(cluster: Cluster, namespace: str) -> None:
    document = manifest("gone", rollout=LONG_WATCH, ingress={"host": "gone.example"})
    with cluster.team(namespace, document) as team:
        team.await_first()
        watching = team.change_and_await_phase("Watching", lambda: team.change(version="1.1.0"))
        revisions = {watching["status"]["activeRevision"], rollout(watching)["revision"]}
        assert len(revisions) == 2
        made = cluster.tools.list(KINDS, namespace, f"{TEAM_LABEL}=gone")
        assert {"Deployment", "ConfigMap", "Service", "Pod", "Ingress", "PodDisruptionBudget"} <= {
            one["kind"] for one in made
        }
        assert "finalizers" not in watching["metadata"]
        # Nothing but the garbage collector takes part: without the operator it goes just the same.
        cluster.operator_process().kill()
        cluster.tools.kubectl("delete", "agentteam", "gone", "-n", namespace, timeout_seconds=10)
        poll(
            lambda: not cluster.tools.list(KINDS, namespace, f"{TEAM_LABEL}=gone"),
            GONE_SECONDS,
            "the garbage collector to remove all",
        )
        cluster.await_operator()
        # The operator that comes back must not make any of it again.
        assert cluster.tools.list(KINDS, namespace, f"{TEAM_LABEL}=gone") == []
