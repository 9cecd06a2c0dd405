"""What a rollout begins with, and what each of its phases begins with."""

from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.api.rollout import TrafficMode
from agentteam_operator.api.status import MAX_TRANSITIONS, Outcome, Phase, RolloutStatus, Transition
from agentteam_operator.core.beginning import begun, restarted_clock
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import BLUE, GREEN, NOW, OTHER, ago, revision_of

LONG = 2000
FOUND = Finding("Because", "as said")
WHOLE = revision_of(GREEN, 3)


@pytest.mark.parametrize(
    ("view", "base"),
    [
        (seen(Phase.COMPLETED, target=OTHER), GREEN),
        (seen(Phase.ROLLED_BACK, target=OTHER), BLUE),
        (seen(Phase.ROLLED_BACK, target=OTHER, blue=revision_of(BLUE, 0, 3), green=WHOLE), GREEN),
        (seen(Phase.FAILED, target=OTHER), ""),
    ],
    ids=["what-serves", "what-was-gone-back-to", "what-serves-in-its-stead", "nothing"],
)
def test_what_a_rollout_goes_out_from(view: View, base: str) -> None:
    rollout = begun(view)
    assert (rollout.revision, rollout.base_revision, rollout.phase) == (OTHER, base, Phase.VALIDATING)
    assert (rollout.started_at, rollout.phase_started_at) == (NOW, NOW)


def test_a_rollout_keeps_the_mode_that_it_began_with() -> None:
    assert begun(seen(Phase.COMPLETED, target=OTHER)).mode is TrafficMode.GRADUAL
    immediate = seen(Phase.COMPLETED, target=OTHER, rollout={"traffic": {"mode": "Immediate"}})
    assert begun(immediate).mode is TrafficMode.IMMEDIATE


@pytest.mark.parametrize(
    ("target", "outcome", "skipped"),
    [(BLUE, Outcome.SUCCESSFUL, True), (BLUE, Outcome.FAILED, False), (OTHER, Outcome.SUCCESSFUL, False)],
    ids=["kept", "failed", "gone"],
)
def test_who_passed_its_gates_before(target: str, outcome: Outcome, *, skipped: bool) -> None:
    view = seen(Phase.COMPLETED, target=target, outcomes={target: outcome})
    assert begun(view).gates_skipped is skipped


@pytest.mark.parametrize(("target", "attempt"), [(OTHER, 1), (GREEN, 4)], ids=["another", "the-same-once-more"])
def test_jobs_of_an_earlier_rollout_keep_their_names(target: str, attempt: int) -> None:
    assert begun(seen(Phase.FAILED, target=target, attempt=3)).attempt == attempt


def test_only_the_last_steps_of_the_rollout_before_are_told_with_this_one() -> None:
    steps = [Transition(phase=Phase.SHIFTING, at=ago(500 - number)) for number in range(MAX_TRANSITIONS + 5)]
    earlier = begun(seen(Phase.COMPLETED, target=OTHER, rollout_status={"transitions": steps})).earlier
    assert [entry.at for entry in earlier] == [entry.at for entry in steps[5:]]
    assert {entry.revision for entry in earlier} == {GREEN}


def entered(source: Phase, to: Phase, found: Finding = FOUND, **rollout_status: Any) -> RolloutStatus:  # noqa: ANN401
    view = seen(source, rollout_status=rollout_status)
    assert view.rollout is not None
    return restarted_clock(view, view.rollout, to, found)


BEFORE: dict[str, Any] = {
    "step": 1,
    "attended_seconds": 30.0,
    "judged_seconds": 20.0,
    "step_started_at": ago(40),
}


@pytest.mark.parametrize(
    ("source", "to", "reason", "expected"),
    [
        (Phase.HEALTH_CHECKING, Phase.SHIFTING, "Healthy", (1, 0, 0, None, None)),
        (Phase.SHIFTING, Phase.SHIFTING, "StepHeld", (2, 0, 0, None, None)),
        (Phase.SHIFTING, Phase.WATCHING, "StepHeld", (1, 0, 0, ago(40), None)),
        (Phase.WATCHING, Phase.WATCHING, "Because", (1, 0, 0, ago(40), None)),
        (Phase.WATCHING, Phase.AWAITING_PROMOTION, "Inconclusive", (1, 30.0, 20.0, ago(40), Phase.WATCHING)),
        (Phase.AWAITING_PROMOTION, Phase.SHIFTING, "Resumed", (1, 0, 0, None, None)),
        (Phase.AWAITING_PROMOTION, Phase.SHIFTING, "StepHeld", (2, 0, 0, None, None)),
        (Phase.AWAITING_PROMOTION, Phase.WATCHING, "StepHeld", (1, 0, 0, ago(40), None)),
    ],
    ids=[
        "first-step",
        "next-step",
        "watch",
        "watch-again",
        "pause",
        "step-again",
        "next-step-out-of-a-pause",
        "watch-out-of-a-pause",
    ],
)
def test_what_a_phase_begins_with(source: Phase, to: Phase, reason: str, expected: tuple[object, ...]) -> None:
    after = entered(source, to, Finding(reason, "as said"), **BEFORE, paused_in=Phase.TESTING)
    found = (after.step, after.attended_seconds, after.judged_seconds, after.step_started_at, after.paused_in)
    assert found == expected
    assert (after.phase, after.phase_started_at, after.reason, after.message) == (to, NOW, reason, "as said")


@pytest.mark.parametrize(
    ("to", "seconds"), [(Phase.WATCHING, 1260), (Phase.PREPARING, 300), (Phase.COMPLETED, None), (Phase.FAILED, None)]
)
def test_a_phase_has_its_deadline_unless_it_is_an_end(to: Phase, seconds: int | None) -> None:
    deadline = entered(Phase.SHIFTING, to).deadline
    assert (deadline and (deadline - NOW).total_seconds()) == seconds


def test_the_timeline_keeps_the_last_steps() -> None:
    steps = [Transition(phase=Phase.SHIFTING, at=ago(500 - number)) for number in range(MAX_TRANSITIONS)]
    after = entered(Phase.SHIFTING, Phase.WATCHING, Finding("Held", "x" * LONG), transitions=steps)
    assert after.transitions[:-1] == steps[1:]
    assert after.transitions[-1] == Transition(phase=Phase.WATCHING, at=NOW, reason="Held", message="x" * 1024)
    assert after.message == "x" * 1024


@pytest.mark.parametrize(
    ("to", "seconds"),
    [(Phase.SETTLING, 300), (Phase.HEALTH_CHECKING, 130), (Phase.TESTING, 15), (Phase.AWAITING_PROMOTION, 86_400)],
)
def test_a_phase_has_time_for_what_is_done_in_it(to: Phase, seconds: int) -> None:
    deadline = entered(Phase.SHIFTING, to).deadline
    assert deadline is not None
    assert (deadline - NOW).total_seconds() == seconds
