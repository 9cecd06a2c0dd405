"""The operator is killed in every phase that can be seen, and each rollout ends as it would have without.

Validating can't: it is over within the pass that begins it. The simulation dies there, at every call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from demo.kube import Json
from demo.timeline import TERMINAL_PHASES, phase, rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, Team, condition, gate, manifest
from tests.load.report import LoadReport

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

RATE_PER_SECOND = 20.0
ROLLOUT_SECONDS = 200
SLOW_ENOUGH = QUICK_ROLLOUT | {
    # Health that takes its time can be seen and killed in.
    "traffic": {"steps": [{"weight": 33, "holdSeconds": 3}, {"weight": 50, "holdSeconds": 0}]},
}


@dataclass(frozen=True)
class Disturbed:
    """A rollout in which the operator was killed whenever a phase was first seen."""

    before: str
    killed_in: list[str]
    after: Json
    report: LoadReport


def _disturb(cluster: Cluster, team: Team, change: Callable[[], None]) -> Disturbed:
    """Make a change, and kill the operator at the first sight of each phase until the rollout has ended."""
    before = team.active
    killed_in: list[str] = []
    with team.load(RATE_PER_SECOND) as load:
        process = cluster.operator_process()
        change()

        def is_due(state: Json) -> bool:
            return rollout(state)["revision"] != before and phase(state) not in killed_in

        while True:
            state = team.watch.wait_for(is_due, ROLLOUT_SECONDS, f"a phase after {killed_in}")
            if phase(state) in TERMINAL_PHASES:
                break
            process.kill()
            killed_in.append(phase(state))
            process = cluster.operator_process()
        after = team.await_end(before, ROLLOUT_SECONDS)
        report = load.stop()
    return Disturbed(before, killed_in, after, report)


def test_a_good_rollout_ends_well(cluster: Cluster, namespace: str) -> None:
    with cluster.team(namespace, manifest("good", rollout=SLOW_ENOUGH)) as team:
        team.await_first()
        disturbed = _disturb(cluster, team, lambda: team.change(version="1.1.0"))
        status = disturbed.after["status"]
        assert disturbed.killed_in == ["Preparing", "HealthChecking", "Shifting", "Watching", "Switching", "Settling"]
        assert rollout(disturbed.after)["phase"] == "Completed"
        assert status["activeRevision"] == status["stableRevision"] == rollout(disturbed.after)["revision"]
        assert condition(disturbed.after, "Ready")["status"] == "True"
        assert (disturbed.report.counts.lost, disturbed.report.counts.bad) == (0, 0), disturbed.report.text()
        team.await_size(disturbed.before, 0)


def test_a_bad_rollout_is_rolled_back(cluster: Cluster, namespace: str) -> None:
    patient = SLOW_ENOUGH | {"watchSeconds": 90}
    with cluster.team(namespace, manifest("bad", rollout=patient)) as team:
        team.await_first()
        disturbed = _disturb(cluster, team, lambda: team.change_model("scripted-fail-50", version="1.1.0"))
        bad = rollout(disturbed.after)["revision"]
        assert disturbed.killed_in == ["Preparing", "HealthChecking", "Shifting", "RollingBack"]
        assert rollout(disturbed.after)["phase"] == "RolledBack"
        assert disturbed.after["status"]["activeRevision"] == disturbed.before
        assert gate(disturbed.after, "errorRate")["verdict"] == "Failed"
        assert disturbed.report.counts.lost == 0, disturbed.report.text()
        assert disturbed.report.by_revision[disturbed.before].counts.bad == 0
        team.await_size(bad, 0)
