"""A team grows with its load by the real HorizontalPodAutoscaler, and neither colour shrinks during a rollout."""

from __future__ import annotations

import pytest

from demo.kube import Json, Watch
from demo.timeline import phase, rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, manifest

pytestmark = pytest.mark.e2e

MIN_REPLICAS, MAX_REPLICAS = 1, 3
RATE_PER_SECOND = 25.0
SCALE_SECONDS = 120
AUTOSCALING = {"minReplicas": MIN_REPLICAS, "maxReplicas": MAX_REPLICAS, "targetCPUUtilization": 40}
# 40 % of 50m is soon used up, without taking the machine from the other tests.
RESOURCES = {"requests": {"cpu": "50m", "memory": "128Mi"}}


def _sizes(watch: Watch, since: float, until: float) -> list[int]:
    return [state["spec"]["replicas"] for at, state in watch.history if since <= at <= until]


def test_a_team_grows_under_load_and_neither_colour_shrinks_in_a_rollout(cluster: Cluster, namespace: str) -> None:
    document = manifest("grows", autoscaling=AUTOSCALING, resources=RESOURCES, rollout=QUICK_ROLLOUT)
    del document["spec"]["replicas"]
    with cluster.team(namespace, document) as team:
        team.await_first()
        before = team.active
        with (
            Watch(cluster.tools, "deployment", f"grows-{before}", namespace) as blue,
            team.load(RATE_PER_SECOND) as load,
        ):
            blue.wait_for(_is_grown, SCALE_SECONDS, "the HorizontalPodAutoscaler to add pods")
            validating = team.change_and_await_phase("Preparing", lambda: team.change(version="1.1.0"))
            green_name = f"grows-{rollout(validating)['revision']}"
            with Watch(cluster.tools, "deployment", green_name, namespace) as green:
                after = team.await_end(before, 120)
                report = load.stop()
                started, ended = _first_seen(team.watch, after, "Preparing"), team.watch.history[-1][0]
                for colour, end in ((blue, _first_seen(team.watch, after, "Completed")), (green, ended)):
                    sizes = _sizes(colour, started, end)
                    assert sizes == sorted(sizes), f"a colour shrank during the rollout: {sizes}"
                assert green.latest["spec"]["replicas"] >= MIN_REPLICAS + 1
        assert phase(after) == "Completed"
        assert report.counts.lost == 0, report.text()


def _is_grown(deployment: Json) -> bool:
    return bool(deployment["spec"]["replicas"] > MIN_REPLICAS)


def _first_seen(watch: Watch, team: Json, name: str) -> float:
    revision = rollout(team)["revision"]
    return next(at for at, state in watch.history if phase(state) == name and rollout(state)["revision"] == revision)
