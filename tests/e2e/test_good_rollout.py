"""A good version goes out under load: nobody notices, and the API server is asked for little.

It passes every gate that there is: golden conversations and a hook before any traffic, health before and after it, the
metrics at a quarter and at half of the traffic, and after the switch conversations, health and another hook.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest

from demo.kube import Json, Watch
from demo.timeline import phase, rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, Team, condition, gate, manifest, phases
from tests.e2e.own_checks import APPROVING, conversation, hook, team_spec
from tests.load.report import LoadReport
from tests.support.waiting import poll

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

RATE_PER_SECOND = 60.0
REQUESTS = 5_200
STEADY_SECONDS = 20.0
STEPS = {"steps": [{"weight": 25, "holdSeconds": 4}, {"weight": 50, "holdSeconds": 0}]}
BEFORE_TRAFFIC = {"validation", "readiness", "conversations", "hook/before", "health"}
AFTER_SWITCH = {"conversations", "hook/after", "health"}
PHASES = [
    "Validating",
    "Preparing",
    "Testing",
    "HealthChecking",
    "Shifting",
    "Watching",
    "Switching",
    "Settling",
    "Completed",
]


@dataclass(frozen=True)
class Outcome:
    """What the rollout left behind."""

    team: Team
    before: str
    after: Json
    report: LoadReport
    writes: list[str]
    endpoints: list[Json]
    """The Service's EndpointSlice, each time that it changed."""


def _settings(image: str) -> dict[str, Any]:
    hooks = [hook(image, "BeforeShift", "before"), hook(image, "AfterSwitch", "after")]
    return QUICK_ROLLOUT | {"traffic": STEPS, "watchSeconds": 15, "hooks": hooks} | conversation()


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, namespace: str) -> Iterator[Outcome]:
    settings = _settings(cluster.target.images.name("agentteam-agent"))
    with cluster.team(namespace, manifest("shop", replicas=3, rollout=settings, **team_spec(APPROVING))) as team:
        team.await_first()
        before = team.active
        slices = cluster.tools.list("endpointslices", namespace, "kubernetes.io/service-name=shop")
        name = slices[0]["metadata"]["name"]
        with (
            Watch(cluster.tools, "endpointslice", name, namespace) as endpoints,
            team.load(RATE_PER_SECOND, steady_answers=300) as load,
        ):
            position = cluster.audit_position()
            team.change(version="1.1.0")
            after = team.await_end(before, 240)
            load.wait_for(lambda line: line["sent"] >= REQUESTS, 120)
            report = load.stop()
        writes = cluster.writes_since(position, namespace=namespace)
        yield Outcome(team, before, after, report, writes, [state for _, state in endpoints.history])


def _at(outcome: Outcome, phase_name: str) -> Json:
    """The team as it was last seen in a phase."""
    return next(state for _, state in reversed(outcome.team.watch.history) if phase(state) == phase_name)


def _passed(team: Json) -> set[str]:
    return {one["name"] for one in rollout(team)["gates"] if one["verdict"] == "Passed"}


def test_it_passes_every_phase(outcome: Outcome) -> None:
    assert phases(outcome.after) == PHASES
    assert rollout(outcome.after)["revision"] == outcome.after["status"]["activeRevision"] != outcome.before
    assert condition(outcome.after, "Ready")["status"] == "True"
    assert "lastIncident" not in outcome.after["status"]


def test_it_gets_no_traffic_before_its_gates_have_passed(outcome: Outcome) -> None:
    for _, state in outcome.team.watch.history:
        if rollout(state).get("revision") == rollout(outcome.after)["revision"] and rollout(state).get("weight"):
            assert _passed(state) >= BEFORE_TRAFFIC, phase(state)
    assert gate(_at(outcome, "HealthChecking"), "conversations")["samples"] == 2


def test_the_metrics_pass_while_both_serve(outcome: Outcome) -> None:
    # The comparison with blue ends with the watch: afterwards the new revision serves alone.
    watched = _at(outcome, "Switching")
    assert _passed(watched) >= {"errorRate", "slowness"}
    assert gate(watched, "errorRate")["samples"] > 100


def test_what_was_asked_before_is_asked_again_after_the_switch(outcome: Outcome) -> None:
    assert _passed(outcome.after) >= BEFORE_TRAFFIC | AFTER_SWITCH
    assert "hook/after" not in _passed(_at(outcome, "Switching"))
    moved = [number for number, write in enumerate(outcome.writes) if write.startswith("patch services shop")]
    asked = [number for number, write in enumerate(outcome.writes) if write.startswith("create jobs")]
    # Conversations, health and a hook, each once before the first pod got traffic and once after all was switched.
    assert len([number for number in asked if number < moved[0]]) == 3
    assert len([number for number in asked if number > moved[-1]]) == 3
    assert len(asked) == 6


def test_the_weights_that_the_status_tells_are_those_of_the_service(outcome: Outcome) -> None:
    told = [_weight_told(state) for _, state in outcome.team.watch.history]
    real = [_share(state, outcome.after) for state in outcome.endpoints]
    for weights in (told, real):
        reached = [weight for weight, _ in groupby(weights)]
        # Pods of a step get ready one after the other, but there are never too many of them.
        assert reached == sorted(reached)
        assert {25, 50, 100} <= set(reached)
    assert set(told) <= set(real)


def _weight_told(state: Json) -> int:
    """Of the version on trial: the first version's own way to all the traffic isn't meant."""
    return rollout(state).get("weight", 0) if rollout(state).get("baseRevision") else 0


def _share(endpoint_slice: Json, after: Json) -> int:
    """Percent of the ready endpoints that are the new version's."""
    ready = [one for one in endpoint_slice.get("endpoints") or () if one["conditions"]["ready"]]
    new = [one for one in ready if one["targetRef"]["name"].startswith(f"shop-{rollout(after)['revision']}-")]
    return round(100 * len(new) / len(ready))


def test_no_request_is_lost_or_answered_badly(outcome: Outcome) -> None:
    report = outcome.report
    assert report.counts.total >= 5_000
    assert (report.counts.lost, report.counts.bad) == (0, 0), report.text()
    assert min(counts.ok for counts in report.by_connection.values()) >= 2_000


def test_both_revisions_served_and_then_the_new_one_alone(outcome: Outcome) -> None:
    old = outcome.report.by_revision[outcome.before]
    new = outcome.report.by_revision[outcome.after["status"]["activeRevision"]]
    assert old.counts.ok > 500
    assert new.counts.ok > 500
    assert new.first_at < old.last_at < new.last_at


def test_the_old_revision_is_kept_at_size_zero(cluster: Cluster, outcome: Outcome) -> None:
    outcome.team.await_size(outcome.before, 0)
    assert cluster.tools.get("configmap", f"shop-{outcome.before}", outcome.team.namespace)["immutable"]


def test_it_writes_each_object_about_once(outcome: Outcome) -> None:
    children = [write for write in outcome.writes if "events" not in write and "agentteams/status" not in write]
    jobs = [write for write in children if write.split()[1] == "jobs"]
    assert len(jobs) <= 12, "\n".join(jobs)  # each is created, and deleted once its verdict is in the status
    assert len(children) - len(jobs) <= 14, "\n".join(children)
    assert not [write for write in outcome.writes if not write.endswith((": 200", ": 201"))]


def test_a_steady_team_costs_no_write(cluster: Cluster, outcome: Outcome) -> None:
    pods = outcome.team.pods
    poll(lambda: len(pods()) == outcome.team.document["spec"]["replicas"], 60, "the old pods to be gone")
    position = cluster.audit_position()
    assert not outcome.team.changes_within(STEADY_SECONDS)
    assert cluster.writes_since(position, namespace=outcome.team.namespace) == []
