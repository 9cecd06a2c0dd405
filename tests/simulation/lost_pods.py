"""Pods that are lost, or find no room: what the cluster takes, whatever the release is worth."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.meddling import stray_pod
from tests.simulation.past import JsonObject
from tests.simulation.pods import conditions, is_ready
from tests.simulation.scenario import Deed, End, Scenario, Step, after, all_do, annotate, apply, at_once, in_phase
from tests.simulation.specs import revision, spec
from tests.simulation.world import ENVIRONMENT, World

AUTOSCALED = {"replicas": None, "autoscaling": {"minReplicas": 3, "maxReplicas": 10, "targetCPUUtilization": 70}}
WITHOUT_PROMETHEUS = replace(ENVIRONMENT, metrics_configured=False)


def no_room(world: World) -> None:
    """From now on no node takes another pod."""
    world.note("the cluster is full")
    world.controllers.is_full = True


def load(pods: int) -> Deed:
    """The load comes to need so many pods."""
    return lambda world: world.controllers.set_load(pods)


def lose(version: str, count: int) -> Deed:
    """So many pods of a version stop answering."""

    def deed(world: World) -> None:
        world.note(f"{count} pods of version {version} stop answering")
        for pod in [pod for pod in _pods_of(world, version) if is_ready(pod)][:count]:
            _set_ready(world, pod, ready=False)

    return deed


def recover(version: str) -> Deed:
    """All pods of a version answer again."""

    def deed(world: World) -> None:
        world.note(f"pods of version {version} answer again")
        for pod in _pods_of(world, version):
            _set_ready(world, pod, ready=True)

    return deed


def _on_inconclusive(action: str) -> dict[str, object]:
    return {"analysis": {"intervalSeconds": 5, "onInconclusive": action}}


def _pods_of(world: World, version: str) -> list[JsonObject]:
    pods = world.server.of_kind(resources.POD)
    return [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_REVISION) == revision(version)]


def _set_ready(world: World, pod: JsonObject, *, ready: bool) -> None:
    status = {**pod["status"], "conditions": conditions(pod["status"], world.timeline.now, ready=ready)}
    world.server.replace(resources.POD, {**pod, "status": status})


LOST_PODS = (
    Scenario(
        "autoscaled-without-room",
        (Step(at_once, apply("2", **AUTOSCALED)), Step(in_phase(Phase.SETTLING), all_do(no_room, load(5)))),
        End(Phase.COMPLETED, "2", "Settled", {"1": Outcome.SUCCESSFUL, "2": Outcome.SUCCESSFUL}, {"2": 5}),
        first=spec("1", **AUTOSCALED),
        environment=WITHOUT_PROMETHEUS,
    ),
    Scenario(
        "pod-lost-while-settling",
        (Step(at_once, apply("2")), Step(in_phase(Phase.SETTLING), lose("2", 1))),
        End(Phase.ROLLED_BACK, "1", "PodsNotReady", {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}, {"1": 3}),
        environment=WITHOUT_PROMETHEUS,
    ),
    *(
        Scenario(
            f"pod-lost-while-settling-judged-{action.lower()}",
            (Step(at_once, apply("2", rollout=_on_inconclusive(action))), Step(in_phase(Phase.SETTLING), lose("2", 1))),
            End(Phase.ROLLED_BACK, "1", "", {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}, {"1": 3}),
        )
        for action in ("Rollback", "Promote")
    ),
    Scenario(
        "back-to-a-revision-that-died",
        (
            Step(at_once, apply("2")),
            Step(in_phase(Phase.WATCHING), all_do(lose("1", 3), annotate("abort", "2"))),
            Step(in_phase(Phase.ROLLED_BACK), apply("1")),
        ),
        End(Phase.ROLLED_BACK, "1", "", {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}, {"1": 3, "2": 3}),
    ),
    Scenario(
        "old-pods-lost-beside-a-stray-one",
        (Step(at_once, apply("2")), Step(in_phase(Phase.WATCHING), all_do(stray_pod, lose("1", 3)))),
        End(Phase.COMPLETED, "2", "Settled", {"1": Outcome.SUCCESSFUL, "2": Outcome.SUCCESSFUL}, {"2": 3}),
    ),
    Scenario(
        "back-to-a-revision-that-died-beside-a-stray-pod",
        (
            Step(at_once, apply("2")),
            Step(in_phase(Phase.WATCHING), all_do(lose("1", 3), stray_pod, annotate("abort", "2"))),
        ),
        End(Phase.ROLLED_BACK, "1", "", {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}, {"1": 3, "2": 3}),
    ),
    Scenario(
        "superseded-beside-a-revision-that-died",
        (
            Step(at_once, lose("1", 3)),
            Step(after(5, in_phase(Phase.COMPLETED)), apply("2")),
            Step(in_phase(Phase.PREPARING), apply("3")),
        ),
        End(
            Phase.COMPLETED,
            "3",
            "Settled",
            {"1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED, "3": Outcome.SUCCESSFUL},
            {"3": 3},
        ),
        environment=WITHOUT_PROMETHEUS,
    ),
    Scenario(
        "back-to-a-revision-that-recovers",
        (
            Step(at_once, apply("2")),
            Step(in_phase(Phase.WATCHING), all_do(lose("1", 3), annotate("abort", "2"))),
            Step(in_phase(Phase.ROLLED_BACK), apply("1")),
            Step(after(10, in_phase(Phase.ROLLED_BACK)), recover("1")),
        ),
        End(Phase.COMPLETED, "1", "Reverted", {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}, {"1": 3}),
    ),
)
