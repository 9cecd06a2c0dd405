"""The operator's own pod: a cluster that is without one for a while, and the sight of a new one at work."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from demo.kube import Watch
from tests.e2e.harness import OPERATOR, OPERATOR_NAMESPACE, Cluster
from tests.support.waiting import poll

LEASE = OPERATOR
LEASE_SECONDS = 30
TICKS_SECONDS = 30
STOP_SECONDS = 60
TICKS_METRIC = "agentteam_operator_ticks_total{"
PODS = f"app.kubernetes.io/instance={OPERATOR},app.kubernetes.io/component=operator"


@contextlib.contextmanager
def without_operator(cluster: Cluster) -> Iterator[None]:
    """No pod of the operator inside the context; one that acts after it, also when a test fails in it."""
    replicas = cluster.tools.get("deployment", OPERATOR, OPERATOR_NAMESPACE)["spec"]["replicas"]
    assert replicas >= 1, "an earlier run left the cluster without an operator"
    try:
        _scale(cluster, 0)
        poll(
            lambda: not cluster.tools.list("pods", OPERATOR_NAMESPACE, PODS), STOP_SECONDS, "the operator's pods to go"
        )
        yield
    finally:
        _scale(cluster, replicas)
        cluster.await_operator()
        await_acting_operator(cluster)


def _scale(cluster: Cluster, replicas: int) -> None:
    cluster.tools.kubectl("scale", f"deployment/{OPERATOR}", "-n", OPERATOR_NAMESPACE, f"--replicas={replicas}")


def await_acting_operator(cluster: Cluster) -> None:
    """Until the release's present pod holds the Lease and has looked at every team: before, it has decided nothing."""
    pod = cluster.operator_pod()["metadata"]["name"]
    with Watch(cluster.tools, "lease", LEASE, OPERATOR_NAMESPACE) as watch:
        watch.wait_for(
            lambda lease: lease["spec"].get("holderIdentity") == pod, LEASE_SECONDS, f"{pod} to hold the Lease"
        )
    teams = len(json.loads(cluster.tools.kubectl("get", "agentteams", "-A", "-o", "json"))["items"])
    poll(lambda: _ticks(cluster, pod) >= teams, TICKS_SECONDS, f"{pod} to look at {teams} teams")


def _ticks(cluster: Cluster, pod: str) -> int:
    """How many looks at teams this pod counts among its own metrics."""
    path = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods/{pod}:9090/proxy/metrics"
    lines = cluster.tools.kubectl("get", "--raw", path).splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(TICKS_METRIC))
