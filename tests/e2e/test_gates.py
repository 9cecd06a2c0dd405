"""Golden conversations, hooks and health, before any traffic and after the switch: each that fails leaves blue serving.

Version 1 ends its answers with APPROVE, as the conversation and the hook want it; the bad version 2 doesn't.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from demo.kube import Json
from demo.timeline import phase, rollout
from tests.e2e.harness import MODEL_NAMESPACE, QUICK_ROLLOUT, Cluster, Team, condition, gate, manifest, phases
from tests.e2e.incidents import Told, assert_told_as_one_incident, assert_told_in_a_line, told
from tests.e2e.own_checks import APPROVING, CURT, conversation, hook, team_spec
from tests.support.waiting import poll

pytestmark = pytest.mark.e2e

Deed = Callable[[Cluster, Team], None]


@dataclass(frozen=True)
class Case:
    """A release that a gate stops."""

    name: str
    settings: dict[str, Any]
    """Of the rollout, for both versions."""
    gate: str
    reason: str
    words: str
    """What the one line of the status says."""
    after_switch: bool = False
    deed: Deed | None = None
    """Done while the new version is watched, its gates passed."""
    new_spec: dict[str, Any] | None = None
    """Of the new version; with a curt system message where there is none."""


def _own_endpoint(team: str) -> dict[str, Any]:
    """A model that is reached by a Service of this namespace, which can be taken away."""
    model = manifest("any")["spec"]["models"][0]
    return {"models": [model | {"baseURL": f"http://{team}-model/v1"}]}


def _alias(team: str) -> Json:
    target = f"model-endpoint.{MODEL_NAMESPACE}.svc.cluster.local"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{team}-model"},
        "spec": {"type": "ExternalName", "externalName": target},
    }


def _take_endpoint_away(cluster: Cluster, team: Team) -> None:
    cluster.tools.kubectl("delete", "service", f"{team.name}-model", "-n", team.namespace)


def cases(image: str) -> list[Case]:
    slow_settle = {"settleSeconds": 20}
    judged_by_nothing = slow_settle | {"watchSeconds": 5, "analysis": {"metrics": []}}
    said = "the team said: "
    return [
        Case("conversation", conversation(), "conversations", "ConversationsFailed", "doesn't contain 'APPROVE'"),
        Case("hook", {"hooks": [hook(image, "BeforeShift")]}, "hook/smoke", "HookFailed", f"hook smoke failed: {said}"),
        Case(
            "hook-after", {"hooks": [hook(image, "AfterSwitch")]} | slow_settle, "hook/smoke", "HookFailed",
            f"hook smoke failed: {said}", after_switch=True,
        ),
        Case(
            "health", {}, "health", "HealthCheckFailed", "models", new_spec=_own_endpoint("nobody"),
        ),
        Case(
            "health-after", judged_by_nothing, "health", "HealthCheckFailed", "models", after_switch=True,
            deed=_take_endpoint_away, new_spec=_own_endpoint("health-after"),
        ),
    ]  # fmt: skip


NAMES = ("conversation", "hook", "hook-after", "health", "health-after")


@dataclass(frozen=True)
class Outcome:
    """What the rollout left behind."""

    case: Case
    before: str
    after: Json
    told: Told
    pods: list[Json]


@pytest.fixture(scope="module")
def outcomes(cluster: Cluster, namespace: str) -> dict[str, Outcome]:
    """One after another: each is short, and two cores are few for five teams' pods at once."""
    image = cluster.target.images.name("agentteam-agent")
    found = {}
    for case in cases(image):
        if case.name == "health-after":
            cluster.tools.apply(_alias(case.name), namespace)
        found[case.name] = _play(cluster, namespace, case)
    return found


def _play(cluster: Cluster, namespace: str, case: Case) -> Outcome:
    settings = QUICK_ROLLOUT | {"watchSeconds": 0} | case.settings
    first = manifest(case.name, replicas=1, rollout=settings, **team_spec(APPROVING))
    with cluster.team(namespace, first) as team:
        team.await_first()
        before = team.active
        bad = case.new_spec or team_spec(CURT)
        if case.deed is None:
            team.change(version="1.1.0", **bad)
        else:
            team.change_and_await_phase("Watching", lambda: team.change(version="1.1.0", **bad))
            case.deed(cluster, team)
        after = team.await_end(before, 120)
        assert phase(after) == "RolledBack", f"{case.name}: {rollout(after)}"
        poll(lambda: not team.pods(rollout(after)["revision"]), 60, "the new version's pods to go")
        return Outcome(case, before, after, told(team), team.pods())


@pytest.fixture(params=NAMES)
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[request.param]


def test_blue_serves_and_green_is_gone(outcome: Outcome) -> None:
    assert phase(outcome.after) == "RolledBack"
    assert outcome.after["status"]["activeRevision"] == outcome.before
    assert {pod["metadata"]["labels"]["agentteam.dev/revision"] for pod in outcome.pods} == {outcome.before}
    assert condition(outcome.after, "Available")["status"] == "True"


def test_it_got_traffic_only_if_its_gates_before_had_passed(outcome: Outcome) -> None:
    assert ("Settling" in phases(outcome.after)) is outcome.case.after_switch


def test_the_gate_holds_the_verdict_and_the_status_says_why_in_a_line(outcome: Outcome) -> None:
    case = outcome.case
    assert gate(outcome.after, case.gate)["verdict"] == "Failed"
    said = condition(outcome.after, "RolledBack")
    assert (said["status"], said["reason"]) == ("True", case.reason)
    assert case.words in said["message"]
    assert case.words in outcome.after["status"]["message"]


def test_it_is_one_incident_told_once(outcome: Outcome) -> None:
    assert_told_as_one_incident(outcome.after, outcome.told)


def test_the_line_says_which_version_serves(outcome: Outcome) -> None:
    assert_told_in_a_line(outcome.after, outcome.told, before=outcome.before, version_before="1.0.0")


def test_a_release_waits_for_a_person_and_goes_on_by_a_word(cluster: Cluster, namespace: str) -> None:
    settings = QUICK_ROLLOUT | {"watchSeconds": 0, "autoPromote": False}
    with cluster.team(namespace, manifest("by-hand", replicas=1, rollout=settings)) as team:
        team.await_first()
        before = team.active
        waiting = team.change_and_await_phase("AwaitingPromotion", lambda: team.change(version="1.1.0"))
        candidate = waiting["status"]["candidateRevision"]
        assert waiting["status"]["phase"] == "Paused"
        assert waiting["status"]["activeRevision"] == before
        assert f"agentteam.dev/promote={candidate}/" in waiting["status"]["message"]
        _say(cluster, team, f"agentteam.dev/promote={candidate}")
        promoted = team.await_end(before)
        assert (phase(promoted), promoted["status"]["activeRevision"]) == ("Completed", candidate)
        _say(cluster, team, f"agentteam.dev/rollback={before}")
        back = team.watch.wait_for(
            lambda state: state["status"]["activeRevision"] == before and phase(state) == "Completed",
            60,
            "the way back",
        )
        assert back["status"]["reason"] == "RolledBackByPerson"
        assert condition(back, "Ready")["status"] == "False"
        with contextlib.suppress(TimeoutError):
            back = team.watch.wait_for(lambda state: len(state["status"].get("actions", [])) == 2, 5, "both answers")
        assert {entry["action"]: entry["accepted"] for entry in back["status"]["actions"]} == {
            "promote": True,
            "rollback": True,
        }


def _say(cluster: Cluster, team: Team, word: str) -> None:
    cluster.tools.kubectl("annotate", "--overwrite", "-n", team.namespace, "agentteam", team.name, word)
