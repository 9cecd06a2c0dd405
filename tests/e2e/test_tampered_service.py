"""Somebody changes whom the active Service selects: that is refused, and costs nothing.

A Service that was taken over by hand is put right, and its clients feel it for a moment at most: Kubernetes acts on
such a change at once, so what can be held is that connections that are open stay open and served, and that as soon as
the Service is mended nothing is lost any more and nobody answers who shouldn't. docs/benchmarks/tampered-service.md
says how long the moment is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from demo.errors import DemoError
from demo.kube import Json
from demo.timeline import phase
from tests.e2e import tampering
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, Team, manifest, phases
from tests.e2e.tampering import Selector, Tampering, server_selector
from tests.load.process import LoadProcess
from tests.load.report import LoadReport
from tests.support.waiting import poll

pytestmark = pytest.mark.e2e

CALM_ANSWERS = 40
"""Two seconds of the load, without a loss after each mend."""
ROLLOUT = QUICK_ROLLOUT | {"autoPromote": False, "watchSeconds": 25}


@dataclass
class Scene:
    """A team under the loads of two kinds of clients, and what they felt after each mend."""

    team: Team
    new: LoadProcess
    """Each request opens a connection of its own."""
    kept: LoadProcess
    """One connection for all."""
    astray_when_mended: dict[str, int] = field(default_factory=dict)
    """Requests on new connections that were lost, or answered by others, after the Service was right again."""

    def tamper(self, deed: Tampering, *, until: Selector, answering: Sequence[str]) -> None:
        """Do it, wait until it is mended, and count what goes astray afterwards."""
        deed.do(self.team)
        tampering.await_selector(self.team, until)
        self.await_answers(CALM_ANSWERS // 4)  # kube-proxy follows the EndpointSlices
        before = _astray(self.new.progress, answering)
        self.await_answers(CALM_ANSWERS)
        self.astray_when_mended[deed.name] = _astray(self.new.progress, answering) - before

    def await_answers(self, count: int) -> None:
        """So many good answers more, on new connections."""
        before = self.new.progress["counts"]["ok"]
        self.new.wait_for(lambda line: line["counts"]["ok"] >= before + count, tampering.RESTORE_SECONDS)


def _astray(progress: Json, answering: Sequence[str]) -> int:
    """Requests that none of these revisions answered well."""
    answered = (progress["by_revision"].get(revision, {"counts": {"ok": 0}}) for revision in answering)
    return int(sum(progress["counts"].values()) - sum(one["counts"]["ok"] for one in answered))


def refusal(team: Team, deed: Tampering) -> str:
    """What the API server says to a deed; empty if it is done."""
    try:
        deed.do(team)
    except DemoError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Outcome:
    """What all of the tampering came to."""

    refusals: dict[str, str]
    """What was said before the Service was taken over."""
    felt: dict[str, int]
    """Requests that failed until then."""
    steady: dict[str, int]
    untested: dict[str, int]
    watched: dict[str, int]
    candidate: str
    after: Json
    new: LoadReport
    kept: LoadReport


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, namespace: str) -> Iterator[Outcome]:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(cluster.team(namespace, manifest("other", version="0.1.0", replicas=1)))
        team = stack.enter_context(cluster.team(namespace, manifest("tampered", rollout=ROLLOUT)))
        other.await_first()
        team.await_first()
        scene = Scene(team, *stack.enter_context(tampering.loads(team)))
        before, own, all_pods = team.active, server_selector(team.name, team.active), server_selector(team.name)
        deeds = (
            tampering.selecting_nothing(),
            tampering.without_selector(),
            tampering.selecting(other.name, name="select another app"),
        )
        refusals = {deed.name: refusal(team, deed) for deed in deeds}
        scene.await_answers(CALM_ANSWERS)
        felt = {name: _astray(load.progress, [before]) for name, load in (("new", scene.new), ("kept", scene.kept))}
        tampering.take_over(team)
        for deed in deeds:
            scene.tamper(deed, until=own, answering=[before])
        steady, scene.astray_when_mended = scene.astray_when_mended, {}

        waiting = team.change_and_await_phase("AwaitingPromotion", lambda: team.change(version="1.1.0"))
        candidate = waiting["status"]["candidateRevision"]
        for deed in (
            tampering.selecting(team.name, candidate, "select the untested candidate"),
            tampering.selecting(team.name, name="select both"),
            tampering.without_selector(),
        ):
            scene.tamper(deed, until=own, answering=[before])
        untested, scene.astray_when_mended = scene.astray_when_mended, {}

        where = ("-n", namespace, "agentteam", team.name)
        cluster.tools.kubectl("annotate", *where, f"agentteam.dev/promote={candidate}")
        team.await_phase("Watching")
        for deed in (
            tampering.selecting(team.name, candidate, "select the candidate alone"),
            tampering.selecting_nothing(),
        ):
            scene.tamper(deed, until=all_pods, answering=[before, candidate])
        assert phase(team.watch.latest) == "Watching", "all of it must fall into the watch"
        after = team.await_end(before)
        yield Outcome(
            refusals,
            felt,
            steady,
            untested,
            scene.astray_when_mended,
            candidate,
            after,
            scene.new.stop(),
            scene.kept.stop(),
        )


def test_a_change_by_hand_is_refused_and_costs_no_request(outcome: Outcome) -> None:
    for deed, said in outcome.refusals.items():
        assert "the operator alone changes it: change the AgentTeam instead" in said, deed
        assert f"kubectl annotate service tampered -n {outcome.after['metadata']['namespace']}" in said
        assert tampering.TAKEN_OVER in said
    assert outcome.felt == {"new": 0, "kept": 0}


def test_as_soon_as_it_is_mended_nothing_goes_astray(outcome: Outcome) -> None:
    assert outcome.steady == {"select nothing": 0, "remove the selector": 0, "select another app": 0}
    assert outcome.untested == {"select the untested candidate": 0, "select both": 0, "remove the selector": 0}
    assert outcome.watched == {"select the candidate alone": 0, "select nothing": 0}


def test_a_connection_that_is_open_feels_nothing(outcome: Outcome) -> None:
    assert outcome.kept.counts.ok > 0
    assert (outcome.kept.counts.lost, outcome.kept.counts.bad) == (0, 0), outcome.kept.text()


def test_the_rollout_goes_its_way_past_no_gate(outcome: Outcome) -> None:
    assert phases(outcome.after) == [
        "Validating", "Preparing", "HealthChecking", "AwaitingPromotion", "Shifting", "Watching", "Switching",
        "Settling", "Completed",
    ]  # fmt: skip
    assert outcome.after["status"]["activeRevision"] == outcome.candidate


def test_a_deleted_service_comes_back(cluster: Cluster, namespace: str) -> None:
    with cluster.team(namespace, manifest("deleted", replicas=1)) as team:
        team.await_first()
        old = cluster.tools.get("service", team.name, namespace)["metadata"]["uid"]
        cluster.tools.kubectl("delete", "service", team.name, "-n", namespace)
        poll(
            lambda: any(
                one["metadata"]["name"] == team.name and one["metadata"]["uid"] != old
                for one in cluster.tools.list("services", namespace)
            ),
            tampering.RESTORE_SECONDS,
            "the Service to be made again",
        )
        tampering.await_selector(team, server_selector(team.name, team.active))
        with team.load(10):  # answers, at its present address
            pass
