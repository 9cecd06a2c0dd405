"""Bad versions come back by themselves, and the status says why in figures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest

from demo.kube import Json
from demo.timeline import rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, await_answers, condition, gate, manifest, phases
from tests.e2e.incidents import Told, assert_told_as_one_incident, assert_told_in_a_line, told
from tests.load.report import LoadReport
from tests.support.waiting import poll

pytestmark = pytest.mark.e2e

SECONDS_AFTERWARDS = 10
# kube-proxy and the pods' readiness follow within a second, and pods that end answer what they have begun.
LAST_ANSWERS_SECONDS = 5.0
LONG_WATCH = QUICK_ROLLOUT | {"watchSeconds": 180}
LONG_STEP = QUICK_ROLLOUT | {"traffic": {"steps": [{"weight": 50, "holdSeconds": 180}]}}
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
    phase: str
    """In which it is found out."""


@dataclass(frozen=True)
class Outcome:
    """What the rollout left behind."""

    case: Case
    before: str
    bad: str
    after: Json
    report: LoadReport
    told: Told
    pods: list[Json]


CASES = (
    Case("half-fails", "scripted-ok", "scripted-fail-50", 15.0, LONG_STEP, "Shifting"),
    Case("ten-points-worse", "scripted-fail-5", "scripted-fail-15", 30.0, FAR_LIMIT, "Watching"),
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
            bad, report = rollout(after)["revision"], loads[name].stop()
            poll(lambda team=team, bad=bad: not team.pods(bad), 60, f"the pods of {bad} to go")  # type: ignore[misc]
            found[name] = Outcome(case, before[name], bad, after, report, told(team), team.pods())
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
    assert {pod["metadata"]["labels"]["agentteam.dev/revision"] for pod in outcome.pods} == {outcome.before}


def test_it_is_found_out_before_the_switch(outcome: Outcome) -> None:
    seen = phases(outcome.after)
    assert seen[seen.index("RollingBack") - 1] == outcome.case.phase


def test_it_is_one_incident_told_once(outcome: Outcome) -> None:
    assert_told_as_one_incident(outcome.after, outcome.told)


def test_the_line_says_which_version_serves(outcome: Outcome) -> None:
    assert_told_in_a_line(outcome.after, outcome.told, before=outcome.before, version_before="1.0.0")


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
