"""Versions that are found out once all the traffic is theirs, where there is no old one beside them to compare with."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.kube import Json
from demo.timeline import phase, rollout
from tests.e2e.harness import (
    MODEL_NAMESPACE,
    QUICK_ROLLOUT,
    Cluster,
    Team,
    await_answers,
    gate,
    manifest,
    phases,
    service_ip,
)
from tests.e2e.incidents import Told, assert_told_as_one_incident, assert_told_in_a_line, told
from tests.load.report import LoadReport
from tests.support.waiting import poll

pytestmark = pytest.mark.e2e

RATE_PER_SECOND = 20.0
IMMEDIATE = QUICK_ROLLOUT | {"traffic": {"mode": "Immediate"}, "watchSeconds": 120}
LONG_SETTLE = QUICK_ROLLOUT | {"settleSeconds": 120}
# A name that no other test uses: what it does is changed at run time.
TURNING = "scripted-ok-delay-3ms"
NAMES = ("immediate", "turns-bad")


@dataclass(frozen=True)
class Outcome:
    """What the rollout left behind."""

    before: str
    bad: str
    after: Json
    report: LoadReport
    told: Told
    earlier: int
    """Incidents that the team had before."""
    pods: list[Json]


@pytest.fixture(scope="module")
def outcomes(cluster: Cluster, namespace: str) -> Iterator[dict[str, Outcome]]:
    """Two releases of one team: bad from the start without a watch, and bad only after a watch that it passed."""
    with cluster.team(namespace, manifest("late", rollout=IMMEDIATE)) as team:
        team.await_first()
        found = {"immediate": _play(team, "scripted-fail-50", "1.1.0", settings=IMMEDIATE)}
        try:
            found["turns-bad"] = _play(team, TURNING, "1.2.0", settings=LONG_SETTLE, turn=cluster)
        finally:
            _behave(cluster, "DELETE")
        yield found


def _play(team: Team, model: str, version: str, *, settings: Json, turn: Cluster | None = None) -> Outcome:
    before, earlier = team.active, 1 if "lastIncident" in team.watch.latest["status"] else 0
    known = rollout(team.watch.latest)["revision"]
    models = [team.document["spec"]["models"][0] | {"model": model}]
    with team.load(RATE_PER_SECOND) as load:
        team.change(version=version, models=models, rollout=settings)
        team.watch.wait_for(lambda state: rollout(state)["revision"] != known, 30, f"a rollout of {version}")
        bad = rollout(team.await_phase("Settling", 120))["revision"]
        if turn:
            await_answers(load, bad, round(RATE_PER_SECOND))
            _behave(turn, "PUT", {"behaveLike": "scripted-fail-50"})
        after = team.watch.wait_for(lambda state: phase(state) == "RolledBack", 60, f"{bad} to be rolled back")
        poll(lambda: not team.pods(bad), 60, f"the pods of {bad} to go")
        await_answers(load, before, round(RATE_PER_SECOND))
        report = load.stop()
    return Outcome(before, bad, after, report, told(team), earlier, team.pods())


def _behave(cluster: Cluster, method: str, how: Json | None = None) -> None:
    """Change what the turning model does, or have it do as its name says."""
    url = f"http://{service_ip(cluster.tools, 'model-endpoint', MODEL_NAMESPACE)}/admin/models/{TURNING}"
    body = json.dumps(how).encode() if how else None
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the cluster's own address
        pass


@pytest.fixture(params=NAMES)
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[request.param]


def test_blue_serves_whole_and_green_is_gone(outcome: Outcome) -> None:
    status = outcome.after["status"]
    assert (status["activeRevision"], status["rollout"]["weight"]) == (outcome.before, 0)
    assert {pod["metadata"]["labels"]["agentteam.dev/revision"] for pod in outcome.pods} == {outcome.before}
    assert outcome.report.by_revision[outcome.before].counts.bad == 0
    assert outcome.report.counts.lost == 0, outcome.report.text()


def test_it_is_found_out_by_the_limit_after_the_switch(outcome: Outcome) -> None:
    seen = phases(outcome.after)
    assert seen[seen.index("RollingBack") - 1] == "Settling"
    verdict = gate(outcome.after, "errorRate")
    assert (verdict["verdict"], verdict["reason"]) == ("Failed", "AboveLimit")
    assert verdict["samples"] >= 20


def test_it_is_one_incident_told_once(outcome: Outcome) -> None:
    assert_told_as_one_incident(outcome.after, outcome.told, earlier=outcome.earlier)


def test_the_line_says_which_version_serves(outcome: Outcome) -> None:
    assert_told_in_a_line(outcome.after, outcome.told, before=outcome.before, version_before="1.0.0")


def test_the_gradual_one_had_passed_its_watch(outcomes: dict[str, Outcome]) -> None:
    steps = rollout(outcomes["turns-bad"].after)["transitions"]
    assert ("Switching", "NoWorse") in [(step["phase"], step["reason"]) for step in steps]
    assert "Watching" not in phases(outcomes["immediate"].after)
