"""A good version goes out under load: nobody notices, and the API server is asked for little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.kube import Json
from demo.timeline import phase, rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, Team, condition, gate, manifest, phases
from tests.load.report import LoadReport
from tests.support.waiting import poll

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

RATE_PER_SECOND = 100.0
REQUESTS = 5_200
STEADY_SECONDS = 20.0
ROLLOUT = QUICK_ROLLOUT | {
    "traffic": {"steps": [{"weight": 25, "holdSeconds": 4}, {"weight": 50, "holdSeconds": 0}]},
    "watchSeconds": 15,
}
PHASES = [
    "Validating",
    "Preparing",
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


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, namespace: str) -> Iterator[Outcome]:
    with cluster.team(namespace, manifest("shop", replicas=3, rollout=ROLLOUT)) as team:
        team.await_first()
        before = team.active
        with team.load(RATE_PER_SECOND, steady_answers=300) as load:
            position = cluster.audit_position()
            team.change(version="1.1.0")
            after = team.await_end(before)
            load.wait_for(lambda line: line["sent"] >= REQUESTS, 120)
            report = load.stop()
        yield Outcome(team, before, after, report, cluster.writes_since(position, namespace=namespace))


def test_it_passes_every_phase_and_gate(outcome: Outcome) -> None:
    assert phases(outcome.after) == PHASES
    assert rollout(outcome.after)["revision"] == outcome.after["status"]["activeRevision"] != outcome.before
    # The comparison with blue ends with the watch: afterwards the new revision serves alone.
    watched = next(state for _, state in reversed(outcome.team.watch.history) if phase(state) == "Switching")
    verdicts = {one["name"]: one["verdict"] for one in rollout(watched)["gates"]}
    assert {verdicts[name] for name in ("validation", "readiness", "health", "errorRate", "slowness")} == {"Passed"}
    assert gate(watched, "errorRate")["samples"] > 100
    assert condition(outcome.after, "Ready")["status"] == "True"


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
    assert len(children) <= 20, "\n".join(children)
    assert not [write for write in outcome.writes if not write.endswith((": 200", ": 201"))]


def test_a_steady_team_costs_no_write(cluster: Cluster, outcome: Outcome) -> None:
    pods = outcome.team.pods
    poll(lambda: len(pods()) == outcome.team.document["spec"]["replicas"], 60, "the old pods to be gone")
    position = cluster.audit_position()
    assert not outcome.team.changes_within(STEADY_SECONDS)
    assert cluster.writes_since(position, namespace=outcome.team.namespace) == []
