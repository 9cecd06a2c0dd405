"""What people are told, from the first word to the last: incidents that open, get worse and end, deaf notifiers."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase

from tests.simulation.lost_pods import lose, recover
from tests.simulation.scenario import Scenario, Step, after, apply, at_once, in_phase
from tests.simulation.stories import BAD, CREATED, UPGRADED, rolled_back, upgrade
from tests.simulation.telling import CHAT, PAGER

MENDED = replace(
    upgrade("", UPGRADED, two=BAD, then=(Step(in_phase(Phase.ROLLED_BACK), apply("3")),)),
    name="mended-after-a-rollback",
    end=replace(
        UPGRADED,
        active="3",
        outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED, "3": Outcome.SUCCESSFUL},
        sizes={"3": 3},
    ),
)
"""An incident that opens with a rollback and is over with the version that mends it."""

DEAF = replace(upgrade("errors-told-to-the-deaf", rolled_back("WorseThanBlue"), two=BAD), deaf=frozenset({PAGER, CHAT}))
ONE_DEAF = replace(upgrade("errors-told-to-one-deaf", rolled_back("WorseThanBlue"), two=BAD), deaf=frozenset({PAGER}))

OUTAGE = Scenario(
    "nothing-serves-for-a-while",
    (Step(at_once, lose("1", 3)), Step(after(40, at_once), recover("1"))),
    CREATED,
    may_differ=("status.incident",),  # nobody tells of an outage whose news never came
)

TOLD = (MENDED, DEAF, ONE_DEAF, OUTAGE)
