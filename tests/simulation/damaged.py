"""Objects of the serving revision that somebody deletes: made anew, and nobody notices but whoever deleted them."""

from __future__ import annotations

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.behaviour import Behaviour
from tests.simulation.faults import CRASHES
from tests.simulation.pods import is_ready
from tests.simulation.scenario import End, Scenario, Step, after, all_do, apply, at_once, in_phase
from tests.simulation.specs import revision
from tests.simulation.world import TEAM, World

BAD = Behaviour(error_share=0.5)
UPGRADED = End(Phase.COMPLETED, active="2", outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.SUCCESSFUL}, sizes={"2": 3})
BACK = End(Phase.ROLLED_BACK, "1", "WorseThanBlue", {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}, {"1": 3})


def remove_config(world: World) -> None:
    """Somebody deletes the ConfigMap of version 1."""
    world.note("somebody deletes the ConfigMap of version 1")
    world.people_meddle = True
    world.server.remove(resources.CONFIG_MAP, names.revision_object(TEAM, revision("1")))
    world.people_meddle = False


def lose_pod(world: World) -> None:
    """A pod of version 1 goes; the one that takes its place needs the ConfigMap."""
    lost = _pods(world)[0]
    world.note(f"pod {lost} goes")
    world.server.remove(resources.POD, lost)


def all_are_ready(world: World) -> bool:
    """Version 1 has all its pods again."""
    return len(_pods(world)) == len([name for name in _pods(world) if is_ready(world.server.objects["Pod", name])]) == 3


def nothing(_: World) -> None:
    """Only wait."""


def _pods(world: World) -> list[str]:
    prefix = names.revision_object(TEAM, revision("1"))
    return [name for kind, name in sorted(world.server.objects) if kind == "Pod" and name.startswith(f"{prefix}-0")]


def config_removed(phase: Phase, end: End, two: Behaviour) -> Scenario:
    """In this phase version 1 loses its ConfigMap, and with it a pod."""
    return Scenario(
        f"config-removed-in-{phase.value}{'-and-errors' if end is BACK else ''}",
        (
            Step(at_once, apply("2")),
            Step(in_phase(phase), all_do(remove_config, lose_pod)),
            Step(after(1, all_are_ready), nothing),
        ),
        end,
        behaviours={"2": two},
        spared=CRASHES,  # the operator makes the ConfigMap anew if it has read it since its own start
    )


DAMAGED = (
    config_removed(Phase.SHIFTING, UPGRADED, Behaviour()),
    config_removed(Phase.SHIFTING, BACK, BAD),
    config_removed(Phase.ROLLED_BACK, BACK, BAD),
)
