"""A team deleted in the middle of a rollout takes all that it made with it, and waits for nobody."""

from __future__ import annotations

import pytest

from demo.timeline import rollout
from tests.e2e.harness import QUICK_ROLLOUT, TEAM_LABEL, Cluster, Team, manifest
from tests.e2e.operator_pod import without_operator
from tests.support.waiting import poll

pytestmark = pytest.mark.e2e

GONE_SECONDS = 60
KINDS = (
    "deployments,replicasets,pods,services,endpointslices,configmaps,serviceaccounts,jobs,"
    "horizontalpodautoscalers,poddisruptionbudgets,ingresses"
)
LONG_WATCH = QUICK_ROLLOUT | {"watchSeconds": 300}


def test_all_that_a_team_made_goes_with_it_and_isnt_made_again(cluster: Cluster, namespace: str) -> None:
    document = manifest("gone", rollout=LONG_WATCH, ingress={"host": "gone.example"})
    with cluster.team(namespace, document) as team:
        team.await_first()
        _change_and_watch(team)
        assert {"Deployment", "ConfigMap", "Service", "Pod", "Ingress", "PodDisruptionBudget"} <= _kinds(team)
        _delete(team)
    # The operator was in the midst of the rollout: by the time that it has made another team, it would have made some
    # of this one again.
    with cluster.team(namespace, manifest("next")) as other:
        other.await_first()
        assert _kinds(team) == set()


@pytest.mark.alone
def test_it_goes_without_the_operator_just_the_same(cluster: Cluster, namespace: str) -> None:
    with cluster.team(namespace, manifest("unattended", rollout=LONG_WATCH)) as team:
        team.await_first()
        _change_and_watch(team)
        with without_operator(cluster):
            _delete(team)
        # The one that came back has looked at every team.
        assert _kinds(team) == set()


def _change_and_watch(team: Team) -> None:
    """Into the middle of a rollout: both revisions have pods and traffic."""
    watching = team.change_and_await_phase("Watching", lambda: team.change(version="1.1.0"))
    assert watching["status"]["activeRevision"] != rollout(watching)["revision"]
    assert "finalizers" not in watching["metadata"]


def _delete(team: Team) -> None:
    team.tools.kubectl("delete", "agentteam", team.name, "-n", team.namespace, timeout_seconds=10)
    poll(lambda: not _kinds(team), GONE_SECONDS, f"the garbage collector to remove all of {team.name}")


def _kinds(team: Team) -> set[str]:
    """The kinds of the team's objects that are there."""
    return {one["kind"] for one in team.tools.list(KINDS, team.namespace, f"{TEAM_LABEL}={team.name}")}
