"""Pods that are lost, or find no room: what the cluster takes, whatever the release is worth."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.pods import conditions, is_ready
from tests.simulation.scenario import Deed, End, Scenario, Step, all_do, apply, at_once, in_phase
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
    """So many pods of a version stop answering, for good."""

    def deed(world: World) -> None:
        world.note(f"{count} pods of version {version} stop answering")
        pods = [pod for pod in world.server.of_kind(resources.POD) if is_ready(pod)]
        ready = [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_REVISION) == revision(version)]
        for pod in ready[:count]:
            status = {**pod["status"], "conditions": conditions(pod["status"], world.timeline.now, ready=False)}
            world.server.replace(resources.POD, {**pod, "status": status})

    return deed


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
)
