"""A team that is deleted and made again at once, while what the former one owned is still being collected."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.scenario import Deed, End, Scenario, Step, all_do, apply, at_once, delete, in_phase
from tests.simulation.world import TEAM, World


def served(version: str) -> End:
    """This version is the new team's first, and serves."""
    return End(Phase.COMPLETED, active=version, outcomes={version: Outcome.SUCCESSFUL}, sizes={version: 3})


def nothing(_: World) -> None:
    """Only to have waited for it."""


def disown_service(world: World) -> None:
    """Somebody makes the active Service nobody's, labels and all."""
    held = world.server.objects["Service", names.active_service(TEAM)]
    metadata = {key: value for key, value in held["metadata"].items() if key != "ownerReferences"}
    world.note("somebody takes the active Service from its owner")
    world.server.replace(resources.SERVICE, {**held, "metadata": metadata})


def garbage_stays(seconds: float) -> Deed:
    """The garbage collector is slow: what a deleted object owned stays so long."""

    def deed(world: World) -> None:
        world.controllers.collects_after_seconds = seconds

    return deed


AGAIN = Scenario("created-again", (Step(at_once, all_do(garbage_stays(3.0), delete, apply("1"))),), served("1"))

CREATED_AGAIN = (
    AGAIN,
    replace(AGAIN, name="created-again-as-another", steps=(
        Step(at_once, all_do(garbage_stays(3.0), delete, apply("2"))),
    ), end=served("2")),
    replace(AGAIN, name="created-again-in-mid-rollout", steps=(
        Step(at_once, apply("2")),
        Step(in_phase(Phase.WATCHING), all_do(garbage_stays(3.0), delete, apply("2"))),
    ), end=served("2")),
    replace(AGAIN, name="created-again-beside-garbage-for-ever", steps=(
        Step(at_once, all_do(garbage_stays(1e6), delete, apply("1"))),
    ), end=End(Phase.FAILED, reason="NameConflict", sizes={"1": 3})),
    replace(AGAIN, name="created-again-beside-garbage-for-long", steps=(
        Step(at_once, all_do(garbage_stays(90.0), delete, apply("1"))),
        Step(in_phase(Phase.FAILED), nothing),
        Step(in_phase(Phase.COMPLETED), nothing),
    )),
    replace(AGAIN, name="created-again-beside-a-stranger", steps=(
        Step(at_once, all_do(garbage_stays(3.0), delete, disown_service, apply("1"))),
    ), end=End(Phase.FAILED, reason="NameConflict")),
)  # fmt: skip
