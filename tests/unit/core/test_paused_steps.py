"""A person is asked in a traffic step: what comes in meanwhile leads to the next step, never past the rest of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core.actions import heard
from agentteam_operator.core.decide import advance
from agentteam_operator.core.gates import asking

from tests.unit.core.situations import BLUE, CALM, GREEN, NOW, Situation, revision_of, verdict

STEPS = {
    "traffic": {
        "steps": [
            {"weight": 10, "holdSeconds": 60},
            {"weight": 25, "holdSeconds": 3600},
            {"weight": 50, "holdSeconds": 3600},
        ]
    }
}
ENOUGH = verdict(Verdict.PASSED, answers=20)
TOO_FEW = verdict(Verdict.PASSED, answers=19)


def paused_at(step: int) -> Situation:
    """Too few answers in a step of three, for as long as a whole watch lasts and more; a person has been asked."""
    return replace(
        CALM[Phase.AWAITING_PROMOTION],
        paused_in=Phase.SHIFTING,
        reason="Inconclusive",
        rollout=STEPS,
        step=step,
        step_held_seconds=5000.0,
        in_phase_seconds=4000.0,
        blue=revision_of(BLUE, 9),
        green=revision_of(GREEN, 1),
        endpoints=(BLUE, GREEN),
        judgement=ENOUGH,
    )


def moved(situation: Situation) -> RolloutStatus:
    rollout = advance(situation.view()).rollout
    assert rollout is not None
    return rollout


@pytest.mark.parametrize(
    ("step", "phase", "next_step"),
    [
        pytest.param(0, Phase.SHIFTING, 1, id="first"),
        pytest.param(1, Phase.SHIFTING, 2, id="second"),
        pytest.param(2, Phase.WATCHING, 2, id="last"),
    ],
)
def test_what_was_missing_of_a_step_leads_where_it_would_have_led_before_the_pause(
    step: int, phase: Phase, next_step: int
) -> None:
    paused = paused_at(step)
    held = replace(paused, phase=Phase.SHIFTING, paused_in=None)
    for rollout in (moved(held), moved(paused)):
        assert (rollout.phase, rollout.step, rollout.reason) == (phase, next_step, "StepHeld")
        assert (rollout.paused_in, rollout.judged_seconds, rollout.attended_seconds) == (None, 0, 0)
        assert rollout.deadline is not None
        assert rollout.deadline > NOW


def test_the_next_step_has_its_own_time_to_be_reached() -> None:
    rollout = moved(paused_at(0))
    assert rollout.step_started_at is None
    assert rollout.deadline is not None
    assert (rollout.deadline - NOW).total_seconds() == 300


@pytest.mark.parametrize(
    "update",
    [
        pytest.param({"judgement": TOO_FEW}, id="still-too-few-answers"),
        pytest.param({"judgement": verdict(Verdict.PENDING)}, id="still-held"),
        pytest.param({"reason": asking.PAUSED}, id="a-person-paused-it"),
        pytest.param({"stray_pods": frozenset({"debug"})}, id="pods-of-neither-revision"),
    ],
)
def test_a_step_that_still_lacks_something_stays_paused(update: dict[str, Any]) -> None:
    assert moved(replace(paused_at(0), **update)).phase is Phase.AWAITING_PROMOTION


def test_a_resumed_step_begins_anew() -> None:
    resumed = replace(paused_at(1), annotations={"agentteam.dev/resume": GREEN}, judgement=TOO_FEW)
    rollout = advance(heard(resumed.view())).rollout
    assert rollout is not None
    assert (rollout.phase, rollout.step, rollout.step_started_at) == (Phase.SHIFTING, 1, None)
