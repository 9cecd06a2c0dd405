"""What people order besides specs: pause, resume, retry, rollback, restart; and what is refused them."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase

from tests.simulation.behaviour import GOOD
from tests.simulation.scenario import End, Scenario, Step, all_do, annotate, apply, at_once, in_phase
from tests.simulation.stories import BAD, UPGRADED, rolled_back, upgrade
from tests.simulation.world import World


def mend(world: World) -> None:
    """What ailed version 2 (a model's endpoint, say) is well again."""
    world.note("what ailed version 2 is mended")
    world.controllers.behaviours = {**world.controllers.behaviours, "2": GOOD}


PAUSES = (
    *(
        upgrade(f"paused-in-{phase.value}-and-promoted", then=(
            Step(in_phase(phase), annotate("pause", "2")),
            Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
        ))
        for phase in (Phase.PREPARING, Phase.HEALTH_CHECKING, Phase.SHIFTING, Phase.WATCHING)
    ),
    *(
        upgrade(f"paused-in-{phase.value}-and-resumed", then=(
            Step(in_phase(phase), annotate("pause", "2")),
            Step(in_phase(Phase.AWAITING_PROMOTION), annotate("resume", "2")),
        ))
        for phase in (Phase.SHIFTING, Phase.WATCHING)
    ),
    upgrade("paused-and-thought-better-of-it", then=(
        Step(in_phase(Phase.PREPARING), annotate("pause", "2")),
        Step(in_phase(Phase.HEALTH_CHECKING), annotate("resume", "2")),
    )),
    upgrade("errors-while-paused", rolled_back("WorseThanBlue"), two=BAD, then=(
        Step(in_phase(Phase.SHIFTING), annotate("pause", "2")),
    )),
)  # fmt: skip

REFUSED = tuple(
    upgrade(f"{action}-refused-in-{phase.value}", then=(Step(in_phase(phase), annotate(action, "2")),))
    for action, phase in (
        ("promote", Phase.WATCHING),
        ("pause", Phase.SWITCHING),
        ("pause", Phase.SETTLING),
        ("resume", Phase.WATCHING),
        ("retry", Phase.WATCHING),
        ("restart", Phase.WATCHING),
        ("rollback", Phase.WATCHING),
        ("abort", Phase.COMPLETED),
    )
)

_GOOD_AGAIN = replace(UPGRADED, outcomes={**UPGRADED.outcomes, "3": Outcome.SUCCESSFUL})

ORDERS = (
    upgrade("retried", two=BAD, then=(
        Step(in_phase(Phase.ROLLED_BACK), all_do(mend, annotate("retry", "2"))),
    )),
    upgrade("retried-in-vain", rolled_back("WorseThanBlue"), two=BAD, then=(
        Step(in_phase(Phase.ROLLED_BACK), annotate("retry", "2")),
        Step(in_phase(Phase.PREPARING), annotate("retry", "2")),
    )),
    upgrade("ordered-back", replace(UPGRADED, active="1", sizes={"1": 3}), then=(
        Step(in_phase(Phase.COMPLETED, "2"), annotate("rollback", "1")),
    )),
    upgrade("ordered-back-two-revisions", replace(_GOOD_AGAIN, active="1", sizes={"1": 3}), then=(
        Step(in_phase(Phase.COMPLETED, "2"), apply("3")),
        Step(in_phase(Phase.COMPLETED, "3"), annotate("rollback", "1")),
    )),
    *(
        upgrade(f"ordered-back-in-{phase.value}", End(
            Phase.COMPLETED, active="1", outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED}, sizes={"1": 3},
        ), then=(Step(in_phase(phase), annotate("rollback", "1")),))
        for phase in (Phase.SHIFTING, Phase.SETTLING)
    ),
    upgrade("ordered-back-and-retried", then=(
        Step(in_phase(Phase.COMPLETED, "2"), annotate("rollback", "1")),
        Step(in_phase(Phase.COMPLETED, "1"), annotate("retry", "2")),
    )),
    upgrade("ordered-back-until-the-spec-changes", replace(_GOOD_AGAIN, active="3", sizes={"3": 3}), then=(
        Step(in_phase(Phase.COMPLETED, "2"), annotate("rollback", "1")),
        Step(in_phase(Phase.COMPLETED, "1"), apply("3")),
    )),
    Scenario("restarted", (Step(at_once, annotate("restart", "1", "again")),), End(
        Phase.COMPLETED,
        active="1@again",
        outcomes={"1": Outcome.SUCCESSFUL, "1@again": Outcome.SUCCESSFUL},
        sizes={"1@again": 3},
    )),
    Scenario("restarted-and-changed", (
        Step(at_once, annotate("restart", "1", "again")),
        Step(in_phase(Phase.COMPLETED, "1@again"), apply("2")),
    ), End(
        Phase.COMPLETED,
        active="2",
        outcomes={"1": Outcome.SUCCESSFUL, "1@again": Outcome.SUCCESSFUL, "2": Outcome.SUCCESSFUL},
        sizes={"2": 3},
    )),
)  # fmt: skip
