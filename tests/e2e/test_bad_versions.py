"""Bad versions come back by themselves, and the status says why in figures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest

from demo.kube import Json
from demo.timeline import rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, await_answers, condition, gate, manifest
from tests.load.report import LoadReport

pytestmark = pytest.mark.e2e

SECONDS_AFTERWARDS = 10
# kube-proxy and the pods' readiness follow within a second, and pods that end answer what they have begun.
LAST_ANSWERS_SECONDS = 5.0
LONG_WATCH = QUICK_ROLLOUT | {"watchSeconds": 180}
# Blue itself fails 5 % here, and the limit is far away: only the comparison with blue can tell.
FAR_LIMIT = LONG_WATCH | {
    "analysis": {"intervalSeconds": 1, "minSamples": 20, "metrics": [{"name": "errorRate", "max": 0.6}]}
}


@dataclass(frozen=True)
class Case:
    """A good model, a bad one, and the rate of requests that tells them apart."""

    name: str
    good: str
    bad: str
    rate: float
    rollout: dict[str, object]


@dataclass(frozen=True)
class Outcome:
    """What the rollout left behind."""

    before: str
    bad: str
    after: Json
    report: LoadReport


CASES = (
    Case("half-fails", "scripted-ok", "scripted-fail-50", 15.0, LONG_WATCH),
    Case("ten-points-worse", "scripted-fail-5", "scripted-fail-15", 30.0, FAR_LIMIT),
)


@pytest.fixture(scope="module")
def outcomes(cluster: Cluster, namespace: str) -> Iterator[dict[str, Outcome]]:
    """Both at once: they wait for evidence most of the time."""
    with contextlib.ExitStack() as stack:
        teams = {
            case.name: stack.enter_context(
                cluster.team(namespace, manifest(case.name, model=case.good, rollout=case.rollout))
            )
            for case in CASES
        }
        for team in teams.values():
            team.await_first()
        before = {name: team.active for name, team in teams.items()}
        loads = {case.name: stack.enter_context(teams[case.name].load(case.rate)) for case in CASES}
        for case in CASES:
            teams[case.name].change_model(case.bad, version="1.1.0")
        found = {}
        for case in CASES:
            name, team = case.name, teams[case.name]
            after = team.await_end(before[name], 240)
            await_answers(loads[name], before[name], round(case.rate * SECONDS_AFTERWARDS))
            found[name] = Outcome(before[name], rollout(after)["revision"], after, loads[name].stop())
        yield found


@pytest.fixture(params=[case.name for case in CASES])
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[request.param]


def test_it_is_rolled_back(outcome: Outcome) -> None:
    status = outcome.after["status"]
    assert rollout(outcome.after)["phase"] == "RolledBack"
    assert status["activeRevision"] == outcome.before
    assert condition(outcome.after, "RolledBack")["status"] == "True"
    assert condition(outcome.after, "Available")["status"] == "True"
    history = {one["hash"]: one["outcome"] for one in status["revisions"]}
    assert history[outcome.bad] == "Failed"


def test_the_status_says_why_with_figures(outcome: Outcome) -> None:
    verdict = gate(outcome.after, "errorRate")
    assert verdict["verdict"] == "Failed"
    assert verdict["samples"] >= 20
    assert "%" in verdict["message"]
    assert "errorRate" in rollout(outcome.after)["message"]


def test_no_request_is_lost_on_the_way_back(outcome: Outcome) -> None:
    assert outcome.report.counts.lost == 0, outcome.report.text()


def test_the_bad_version_answered_no_more_after_it(outcome: Outcome) -> None:
    bad = outcome.report.by_revision[outcome.bad]
    assert bad.counts.bad > 0
    assert bad.last_at <= _entered(outcome.after, "RolledBack") + LAST_ANSWERS_SECONDS


def test_a_good_blue_answers_well_throughout(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["half-fails"]
    assert outcome.report.by_revision[outcome.before].counts.bad == 0


def _entered(team: Json, name: str) -> float:
    """When the rollout entered a phase, in Unix seconds."""
    times = [entry["at"] for entry in rollout(team)["transitions"] if entry["phase"] == name]
    return datetime.fromisoformat(times[-1]).timestamp()
