"""What most scenarios are made of: settings, versions with faults, usual ends, and the two usual beginnings."""

from __future__ import annotations

from typing import Any

from agentteam_operator.api.status import Outcome, Phase

from tests.simulation.behaviour import Behaviour
from tests.simulation.scenario import End, Scenario, Step, apply, at_once
from tests.simulation.specs import spec

IMMEDIATE = {"traffic": {"mode": "Immediate"}}
PLAIN = {**IMMEDIATE, "watchSeconds": 0, "settleSeconds": 0, "drainSeconds": 0, "analysis": {"metrics": []}}
AUTO: dict[str, Any] = {"traffic": {}}
AUTOSCALED: dict[str, Any] = {
    "replicas": None,
    "autoscaling": {"minReplicas": 3, "maxReplicas": 10, "targetCPUUtilization": 70},
}
QUIET = 0.0
"""Runs per second of a team that nobody asks anything."""

BAD = Behaviour(error_share=0.5)
LEAKING = Behaviour(memory_share=0.95)
NEVER_READY = Behaviour(ready_after_seconds=None)
NO_IMAGE = Behaviour(image_found=False)
CRASHING = Behaviour(crashes_at_start=True)
SLOW = Behaviour(ready_after_seconds=70.0)
CRASHING_ALONE = Behaviour(crashes_alone_after_seconds=2.0)
UNHEALTHY = Behaviour(healthy=False)

CREATED = End(Phase.COMPLETED, active="1", outcomes={"1": Outcome.SUCCESSFUL}, sizes={"1": 3})
UPGRADED = End(Phase.COMPLETED, active="2", outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.SUCCESSFUL}, sizes={"2": 3})

SUPERSEDED = End(
    Phase.COMPLETED,
    active="3",
    outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED, "3": Outcome.SUCCESSFUL},
    sizes={"3": 3},
)


def rolled_back(reason: str, size: int = 3) -> End:
    """Version 1 serves as before, and version 2 is remembered for its fault."""
    outcomes = {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}
    return End(Phase.ROLLED_BACK, "1", reason, outcomes, {"1": size})


def given_up(reason: str) -> End:
    """Version 1 never served; its pods stay, for they may get ready yet."""
    return End(Phase.FAILED, reason=reason, outcomes={"1": Outcome.FAILED}, sizes={"1": 3})


def create(name: str, end: End, one: Behaviour) -> Scenario:
    """A team whose first version has a fault."""
    return Scenario(f"create-{name}", (Step(at_once, apply("1")),), end, first=None, behaviours={"1": one})


def upgrade(
    name: str,
    end: End = UPGRADED,
    *,
    two: Behaviour | None = None,
    runs_per_second: float = 40.0,
    then: tuple[Step, ...] = (),
    **fields: object,
) -> Scenario:
    """Version 2 is applied to a team of version 1, both with `fields`."""
    return Scenario(
        f"upgrade-{name}",
        (Step(at_once, apply("2", **fields)), *then),
        end,
        first=spec("1", **fields),
        behaviours={} if two is None else {"2": two},
        runs_per_second=runs_per_second,
    )
