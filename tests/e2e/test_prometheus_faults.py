"""Prometheus fails in every way in the middle of a watch: nobody is promoted or rolled back by accident.

A good and a bad candidate wait together. Whatever Prometheus does, the hold is bounded and the status says whose fault
it is; when Prometheus is back, the good one goes out and the bad one goes back.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.kube import Json
from demo.timeline import phase, rollout
from tests.e2e.faulty_prometheus import Fault, FaultyPrometheus
from tests.e2e.harness import (
    OPERATOR,
    OPERATOR_NAMESPACE,
    Cluster,
    Team,
    condition,
    gate,
    manifest,
    phases,
    service_ip,
)
from tests.e2e.operator_pod import await_acting_operator
from tests.load.report import LoadReport

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

PROMETHEUS = f"{OPERATOR}-prometheus"
TIMEOUT_SECONDS = 2
LOOKS = 2
RATE_PER_SECOND = 12.0
FAULT_SECONDS = 60.0
RECOVERY_SECONDS = 30.0
NOTHING = "does Prometheus scrape it?"
WORDS = {
    Fault.DOWN: "can't be reached: Connection refused",
    Fault.SLOW: f"no answer within {TIMEOUT_SECONDS} s",
    Fault.BROKEN: "answered 500",
    Fault.OVERLOADED: "answered 503",
    Fault.REFUSED: "query processing would load too many samples",
    Fault.GARBAGE: "not JSON: '\\x00\\x01",
    Fault.LOGIN: "not JSON: '<!DOCTYPE html>",
    Fault.CUT_OFF: "the answer was cut off",
    Fault.HALF: 'not JSON: \'{"status"',
    Fault.NOT_A_NUMBER: NOTHING,
    Fault.DOUBLED: "several series for one metric",
    Fault.EMPTY: NOTHING,
    Fault.STALE: "is it from a cache?",
}
"""What the gate says, by the fault, in the order in which they come."""


@contextlib.contextmanager
def _reading_from(cluster: Cluster, url: str) -> Iterator[None]:
    """The operator reads another Prometheus inside the context.

    By its environment, for with the chart's value prometheus.url the bundled one would go, which the proxy asks.
    """
    deployment = cluster.tools.get("deployment", OPERATOR, OPERATOR_NAMESPACE)
    environment = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    before = {one["name"]: one["value"] for one in environment if one["name"].startswith("PROMETHEUS_")}
    try:
        _set_environment(cluster, {"PROMETHEUS_URL": url, "PROMETHEUS_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)})
        yield
    finally:
        _set_environment(cluster, before)


def _set_environment(cluster: Cluster, values: dict[str, str]) -> None:
    settings = [f"{name}={value}" for name, value in values.items()]
    cluster.tools.kubectl("set", "env", f"deployment/{OPERATOR}", "-n", OPERATOR_NAMESPACE, *settings)
    cluster.await_operator()
    await_acting_operator(cluster)


def test_a_prometheus_that_is_really_gone(cluster: Cluster, namespace: str) -> None:
    """Without the proxy: what it does when it's down is what a Prometheus without a pod does."""
    where = (f"deployment/{PROMETHEUS}", "-n", OPERATOR_NAMESPACE)
    with cluster.team(namespace, manifest("alone")) as team:
        team.await_first()
        before = team.active
        with team.load(RATE_PER_SECOND):
            try:
                cluster.tools.kubectl("scale", *where, "--replicas=0")
                team.change(version="1.1.0")
                _await_step_held(team)
                said = team.watch.wait_for(
                    lambda state: WORDS[Fault.DOWN] in state["status"]["message"], FAULT_SECONDS, "it to be told"
                )
                assert phase(said) == "Watching"
                assert rollout(said).get("judgedSeconds", 0) == 0
            finally:
                cluster.tools.kubectl("scale", *where, "--replicas=1")
                cluster.tools.kubectl("rollout", "status", *where, "--timeout=60s")
            assert phase(team.await_end(before, RECOVERY_SECONDS)) == "Completed"


@pytest.fixture(scope="module")
def prometheus(cluster: Cluster) -> Iterator[FaultyPrometheus]:
    real = f"http://{service_ip(cluster.tools, PROMETHEUS, OPERATOR_NAMESPACE)}:9090"
    with FaultyPrometheus(real) as proxy, _reading_from(cluster, proxy.url):
        yield proxy


@dataclass(frozen=True)
class Held:
    """What the teams' statuses were under one fault, after some looks."""

    good: Json
    bad: Json


@dataclass(frozen=True)
class Outcome:
    """A good and a bad candidate that Prometheus said nothing of for a long time."""

    before: str
    by_fault: dict[Fault, Held]
    awaiting: Held
    told: list[str]
    """Messages of the Events of both teams that say that a person is waited for."""
    good: Json
    bad: Json
    reports: list[LoadReport]


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, namespace: str, prometheus: FaultyPrometheus) -> Iterator[Outcome]:
    with contextlib.ExitStack() as stack:
        good, bad = (stack.enter_context(cluster.team(namespace, manifest(name))) for name in ("good", "bad"))
        for team in (good, bad):
            team.await_first()
        before = good.active
        assert bad.active == before, "both have the same spec"
        loads = [stack.enter_context(team.load(RATE_PER_SECOND)) for team in (good, bad)]
        prometheus.fault = Fault.DOWN
        good.change(version="1.1.0")
        bad.change_model("scripted-fail-50", version="1.1.0")
        for team in (good, bad):
            _await_step_held(team)
        by_fault = {fault: _hold(prometheus, fault, good, bad) for fault in WORDS}
        for team in (good, bad):
            team.await_phase("AwaitingPromotion", FAULT_SECONDS)
        awaiting = Held(good.watch.latest, bad.watch.latest)
        told = _told(cluster, namespace, "AwaitingPromotion")
        prometheus.fault = Fault.NONE
        completed, rolled_back = (team.await_end(before, RECOVERY_SECONDS) for team in (good, bad))
        yield Outcome(before, by_fault, awaiting, told, completed, rolled_back, [load.stop() for load in loads])


def _await_step_held(team: Team) -> None:
    team.watch.wait_for(lambda state: phase(state) == "Watching", 60, f"{team.name} to be watched")


def _hold(prometheus: FaultyPrometheus, fault: Fault, *teams: Team) -> Held:
    """Set the fault, wait until each team's gate tells of it, and then for some looks more."""
    prometheus.fault = fault
    return Held(*(_looked_on(team, WORDS[fault]) for team in teams))


def _looked_on(team: Team, words: str) -> Json:
    """The state some looks after the gate has come to say this."""

    def says(state: Json) -> bool:
        return words in gate(state, "errorRate").get("message", "")

    told = team.watch.wait_for(says, FAULT_SECONDS, f"the words {words}")
    due = _attended_seconds(told) + LOOKS
    return team.watch.wait_for(lambda state: _attended_seconds(state) >= due, FAULT_SECONDS, "more looks")


def _attended_seconds(team: Json) -> float:
    return float(rollout(team).get("attendedSeconds", 0))


def _told(cluster: Cluster, namespace: str, reason: str) -> list[str]:
    """Messages of the Events of a reason."""
    events = json.loads(cluster.tools.kubectl("get", "events", "-n", namespace, "-o", "json"))["items"]
    return [event["message"] for event in events if event["reason"] == reason]


@pytest.fixture(params=list(WORDS), ids=str)
def held(request: pytest.FixtureRequest, outcome: Outcome) -> Held:
    return outcome.by_fault[request.param]


def test_nothing_moves_while_prometheus_says_nothing(held: Held) -> None:
    for state in (held.good, held.bad):
        assert phase(state) in {"Watching", "AwaitingPromotion"}
        assert "RollingBack" not in phases(state)
        assert rollout(state).get("judgedSeconds", 0) == 0, "time without metrics isn't watched"


def test_the_status_names_prometheus_in_one_line(held: Held) -> None:
    for state in (held.good, held.bad):
        said = state["status"]["message"]
        assert "Prometheus" in said
        assert "\n" not in said


def test_the_hold_is_bounded_and_a_person_is_told_why(outcome: Outcome) -> None:
    for state in (outcome.awaiting.good, outcome.awaiting.bad):
        assert state["status"]["phase"] == "Paused"
        assert state["status"]["activeRevision"] == outcome.before
        assert "Prometheus" in state["status"]["message"]
    assert len(outcome.told) == 2
    assert all("Prometheus" in message for message in outcome.told)


def test_when_prometheus_is_back_the_good_one_goes_out_and_the_bad_one_back(outcome: Outcome) -> None:
    assert phase(outcome.good) == "Completed"
    assert phase(outcome.bad) == "RolledBack"
    assert gate(outcome.bad, "errorRate")["verdict"] == "Failed"
    assert outcome.bad["status"]["activeRevision"] == outcome.before
    assert condition(outcome.good, "MetricsFound")["status"] == "True"
    assert [report.counts.lost for report in outcome.reports] == [0, 0]
