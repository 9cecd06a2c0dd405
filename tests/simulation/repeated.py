"""Golden conversations repeated during the watch of a team that has too few runs of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentteam_operator.api.status import Phase

from tests.simulation.behaviour import Behaviour
from tests.simulation.scenario import Scenario, Step, after, annotate, apply, in_phase
from tests.simulation.stories import QUIET, SUPERSEDED, rolled_back, upgrade
from tests.simulation.world import ENVIRONMENT

SAMPLES = 20
REPEATED: dict[str, Any] = {
    "conversations": [
        {
            "name": "refund",
            "turns": [{"user": "I want my money back"}],
            "samples": SAMPLES,
            "repeatDuringWatch": True,
        }
    ],
    "conversationsTimeoutSeconds": 20,
    "maxSyntheticCost": 2.0,
    "watchSeconds": 100,
    "analysis": {"intervalSeconds": 5, "alpha": 0.2},
}
"""Four rounds are enough at this alpha, one each 33 s."""
ASKING_NOBODY: dict[str, Any] = {
    **REPEATED,
    "analysis": {**REPEATED["analysis"], "onInconclusive": "Rollback"},
}
CAPPED: dict[str, Any] = {**ASKING_NOBODY, "maxSyntheticCost": 0.25}

FAILING_SAMPLES = Behaviour(sample_failures=0.5)
BOTH_FAIL_SAMPLES = Behaviour(sample_failures=0.5, both_fail_samples=True)
MUTE_ROUNDS = Behaviour(rounds_speak=False)
ENDLESS_ROUNDS = Behaviour(rounds_end=False)
COST_UNTOLD = Behaviour(conversations_cost=None)

VARIES = ("status.gates",)
"""How many rounds were had, and what they cost, hangs on when each began."""


def _quiet(name: str, *arguments: Any, **options: Any) -> Scenario:  # noqa: ANN401 - those of upgrade
    options = {"rollout": REPEATED, "runs_per_second": QUIET, **options}
    return replace(upgrade(f"quiet-{name}", *arguments, **options), may_differ=VARIES)


ACQUITTED = _quiet("repeated-acquitted")
WORSE = _quiet("repeated-worse", rolled_back("WorseThanBlue"), two=FAILING_SAMPLES)
CAP_REACHED = _quiet("repeated-cap-reached", rolled_back("Inconclusive"), rollout=CAPPED)

REPEATED_CONVERSATIONS = (
    ACQUITTED,
    WORSE,
    CAP_REACHED,
    _quiet("repeated-cap-reached-promoted", rollout={**REPEATED, "maxSyntheticCost": 0.25}, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
    )),
    _quiet("repeated-both-fail", rolled_back("Inconclusive"), two=BOTH_FAIL_SAMPLES, rollout=ASKING_NOBODY),
    _quiet("repeated-rounds-never-had", rolled_back("Inconclusive"), two=MUTE_ROUNDS, rollout=ASKING_NOBODY),
    _quiet("repeated-cost-untold", rolled_back("Inconclusive"), two=COST_UNTOLD, rollout=ASKING_NOBODY),
    _quiet("repeated-rounds-never-end", rolled_back("Inconclusive"), two=ENDLESS_ROUNDS, rollout=ASKING_NOBODY),
    _quiet("repeated-aborted", rolled_back("Aborted"), two=ENDLESS_ROUNDS, then=(
        Step(after(40, in_phase(Phase.SHIFTING)), annotate("abort", "2")),
    )),
    _quiet("repeated-superseded", SUPERSEDED, two=ENDLESS_ROUNDS, then=(
        Step(after(40, in_phase(Phase.SHIFTING)), apply("3", rollout=REPEATED)),
    )),
    _quiet("repeated-no-longer-wanted", two=ENDLESS_ROUNDS, then=(
        Step(after(40, in_phase(Phase.SHIFTING)), apply("2", rollout={"analysis": {"onInconclusive": "Promote"}})),
    )),
    replace(_quiet("repeated-by-two-operators"), operators=2),
    replace(
        _quiet("repeated-worse-without-prometheus", rolled_back("WorseThanBlue"), two=FAILING_SAMPLES),
        environment=replace(ENVIRONMENT, metrics_configured=False),
    ),
    upgrade("busy-repeated-not-needed", rollout=REPEATED),
)  # fmt: skip
