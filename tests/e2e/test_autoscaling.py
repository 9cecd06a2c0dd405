"""A team grows with its load by the real HorizontalPodAutoscaler, and neither colour shrinks during a rollout."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.kube import Json, Watch
from demo.timeline import phase, rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, Team, manifest
from tests.load.report import LoadReport

pytestmark = pytest.mark.e2e

MIN_REPLICAS, MAX_REPLICAS = 1, 3
RATE_PER_SECOND = 15.0
SCALE_SECONDS = 120
SHRINK_SECONDS = 60
# Long enough for the autoscaler to notice that the load has gone, and for the judge to see it come back.
ROLLOUT = QUICK_ROLLOUT | {"watchSeconds": 60}
AUTOSCALING = {"minReplicas": MIN_REPLICAS, "maxReplicas": MAX_REPLICAS, "targetCPUUtilization": 40}
# 40 % of 50m is soon used up, without taking the machine from the other tests.
RESOURCES = {"requests": {"cpu": "50m", "memory": "128Mi"}}


@dataclass(frozen=True)
class Outcome:
    """A rollout in which the autoscaler had reason to take pods away."""

    after: Json
    reports: list[LoadReport]
    blue_sizes: list[int]
    green_sizes: list[int]


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, namespace: str) -> Iterator[Outcome]:
    document = manifest("grows", autoscaling=AUTOSCALING, resources=RESOURCES, rollout=ROLLOUT)
    del document["spec"]["replicas"]
    with contextlib.ExitStack() as stack:
        team = stack.enter_context(cluster.team(namespace, document))
        team.await_first()
        before = team.active
        blue = stack.enter_context(Watch(cluster.tools, "deployment", f"grows-{before}", namespace))
        with team.load(RATE_PER_SECOND) as load:
            blue.wait_for(_is_grown, SCALE_SECONDS, "the HorizontalPodAutoscaler to add pods")
            preparing = team.change_and_await_phase("Preparing", lambda: team.change(version="1.1.0"))
            green_name = f"grows-{rollout(preparing)['revision']}"
            green = stack.enter_context(Watch(cluster.tools, "deployment", green_name, namespace))
            team.await_phase("Watching")
            reports = [load.stop()]
        _await_wish_to_shrink(team, f"grows-{before}")
        assert phase(team.watch.latest) == "Watching", "the wish must fall into the rollout"
        with team.load(RATE_PER_SECOND) as load:
            after = team.await_end(before, 120)
            reports.append(load.stop())
        started, ended = _first_seen(team.watch, after, "Preparing"), _first_seen(team.watch, after, "Completed")
        yield Outcome(after, reports, _sizes(blue, started, ended), _sizes(green, started, ended))


def test_it_grows_and_the_next_version_takes_its_size_over(outcome: Outcome) -> None:
    assert phase(outcome.after) == "Completed"
    assert outcome.blue_sizes[0] > MIN_REPLICAS
    assert outcome.green_sizes[-1] > MIN_REPLICAS


def test_neither_colour_shrinks_in_the_rollout(outcome: Outcome) -> None:
    for sizes in (outcome.blue_sizes, outcome.green_sizes):
        assert sizes == sorted(sizes)


def test_no_request_is_lost(outcome: Outcome) -> None:
    for report in outcome.reports:
        assert report.counts.lost == 0, report.text()


def _sizes(watch: Watch, since: float, until: float) -> list[int]:
    """A Deployment's sizes between two moments, the one that it came with included."""
    earlier = [state["spec"]["replicas"] for at, state in watch.history if at < since]
    return earlier[-1:] + [state["spec"]["replicas"] for at, state in watch.history if since <= at <= until]


def _await_wish_to_shrink(team: Team, autoscaler: str) -> None:
    """Until the autoscaler says that its minimum alone keeps it from taking pods away; its usual patience is cut."""
    at_once = {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}
    kubectl, where = team.tools.kubectl, ("hpa", autoscaler, "-n", team.namespace)
    kubectl("patch", *where, "--type=merge", "-p", json.dumps(at_once))
    condition = "jsonpath={.status.conditions[?(@.type=='ScalingLimited')].reason}=TooFewReplicas"
    kubectl("wait", *where, f"--for={condition}", f"--timeout={SHRINK_SECONDS}s", timeout_seconds=SHRINK_SECONDS + 5)


def _is_grown(deployment: Json) -> bool:
    return bool(deployment["spec"]["replicas"] > MIN_REPLICAS)


def _first_seen(watch: Watch, team: Json, name: str) -> float:
    revision = rollout(team)["revision"]
    return next(at for at, state in watch.history if phase(state) == name and rollout(state)["revision"] == revision)
