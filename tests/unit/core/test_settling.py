"""Settling ends: what it needs is what the switch needed, and its deadline is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core.decide import advance, decide
from agentteam_operator.core.gates import judgement
from agentteam_operator.core.observed import JobObserved, RevisionObserved

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, Situation, revision_of, verdict

WITHOUT_PROMETHEUS = replace(ENVIRONMENT, metrics_configured=False)
LONG_SECONDS = 100_000.0
PASSED = JobObserved(finished=True, succeeded=True)


def settling(green: RevisionObserved, blue: RevisionObserved | None = None) -> Situation:
    """Long past its deadline."""
    calm = replace(CALM[Phase.SETTLING], in_phase_seconds=LONG_SECONDS, overdue=True, endpoints=(GREEN,))
    return replace(calm, green=green, blue=blue or revision_of(BLUE))


def after(situation: Situation) -> RolloutStatus:
    rollout = decide(situation.observed(), WITHOUT_PROMETHEUS, NOW).status.rollout
    assert rollout is not None
    return rollout


def test_what_an_autoscaler_adds_is_not_waited_for() -> None:
    """Three of blue's size are ready; the autoscaler wants five, and there is no room for two."""
    rollout = after(settling(revision_of(GREEN, 3, 2)))
    assert (rollout.phase, rollout.reason) == (Phase.COMPLETED, "Settled")


def test_pods_that_stay_away_are_a_reason_to_go_back() -> None:
    rollout = after(settling(revision_of(GREEN, 2, 1)))
    assert (rollout.phase, rollout.reason) == (Phase.ROLLING_BACK, "PodsNotReady")
    assert rollout.message == "2 of 3 pods ready; 3 of the old revision"


@pytest.mark.parametrize("ready", [2, 1, 0])
def test_an_old_revision_that_is_no_better_is_not_gone_back_to(ready: int) -> None:
    rollout = after(settling(revision_of(GREEN, 2, 1), revision_of(BLUE, ready, 3 - ready)))
    assert (rollout.phase, rollout.reason) == (Phase.COMPLETED, "Settled")
    assert rollout.message == "2 of 3 pods ready"


@pytest.mark.parametrize("action", ["Pause", "Rollback", "Promote"])
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        pytest.param("Gradual", Verdict.PASSED, id="gradual-acquitted"),
        pytest.param("Gradual", Verdict.INCONCLUSIVE, id="gradual-quiet"),
        pytest.param("Immediate", Verdict.PASSED, id="at-once-acquitted"),
    ],
)
def test_a_missing_pod_is_no_want_of_a_verdict(action: str, mode: str, said: Verdict) -> None:
    """Nobody is asked for it: it may come until the deadline, which then decides."""
    rules = {"traffic": {"mode": mode}, "analysis": {"onInconclusive": action}}
    waiting = replace(CALM[Phase.SETTLING], in_phase_seconds=700.0, judgement=verdict(said, 5), rollout=rules)
    lacking = replace(waiting, green=revision_of(GREEN, 2, 1), endpoints=(GREEN,), probe=PASSED)
    assert phase_of(lacking) is Phase.SETTLING
    assert phase_of(replace(lacking, green=revision_of(GREEN, 3))) is Phase.COMPLETED
    assert phase_of(replace(lacking, overdue=True)) is Phase.ROLLING_BACK
    assert phase_of(replace(lacking, overdue=True, blue=revision_of(BLUE, 2, 1))) is Phase.COMPLETED


def phase_of(situation: Situation) -> Phase | None:
    return advance(situation.view()).phase


@pytest.mark.parametrize("action", ["Pause", "Rollback", "Promote"])
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        pytest.param("Gradual", Verdict.PASSED, id="gradual-acquitted"),
        pytest.param("Gradual", Verdict.INCONCLUSIVE, id="gradual-quiet"),
        pytest.param("Immediate", Verdict.PASSED, id="at-once-acquitted"),
    ],
)
def test_a_second_look_at_their_health_that_never_came_is_no_want_of_a_verdict(
    action: str, mode: str, said: Verdict
) -> None:
    rules = {"traffic": {"mode": mode}, "analysis": {"onInconclusive": action}}
    late = replace(settling(revision_of(GREEN, 3)), in_phase_seconds=1300.0, judgement=verdict(said, 5), rollout=rules)
    rollout = advance(late.view()).rollout
    assert rollout is not None
    assert (rollout.phase, rollout.reason) == (Phase.COMPLETED, "Settled")
    assert [entry.phase for entry in rollout.transitions] == [Phase.SETTLING, Phase.COMPLETED]


@pytest.mark.parametrize(("action", "phase"), [("Pause", Phase.AWAITING_PROMOTION), ("Rollback", Phase.ROLLING_BACK)])
@pytest.mark.parametrize("ready", [2, 3], ids=["a-pod-is-missing", "all-ready"])
def test_what_went_over_at_once_and_was_not_watched_lacks_a_verdict(action: str, phase: Phase, ready: int) -> None:
    rules = {"traffic": {"mode": "Immediate"}, "analysis": {"onInconclusive": action}}
    green = revision_of(GREEN, ready, 3 - ready)
    late = replace(settling(green), in_phase_seconds=500.0, judgement=verdict(Verdict.PASSED), rollout=rules)
    rollout = advance(replace(late, probe=PASSED).view()).rollout
    assert rollout is not None
    assert (rollout.phase, rollout.reason) == (phase, "Inconclusive")


def test_a_pause_says_of_missing_pods_too() -> None:
    """What was switched at once is judged here: with no verdict a person is asked, who wants to know of the pods."""
    quiet = replace(settling(revision_of(GREEN, 2, 3)), judgement=verdict(Verdict.INCONCLUSIVE))
    paused = advance(replace(quiet, rollout={"traffic": {"mode": "Immediate"}}).view()).rollout
    assert paused is not None
    assert paused.phase is Phase.AWAITING_PROMOTION
    assert paused.message.startswith("2 of 3 pods ready; errorRate: as said. It goes on by itself once ")


def test_a_pause_for_want_of_pods_ends_when_they_are_there() -> None:
    paused = replace(CALM[Phase.AWAITING_PROMOTION], active=GREEN, selects=GREEN, in_phase_seconds=LONG_SECONDS)
    paused = replace(paused, judgement=verdict(Verdict.PASSED))
    assert judgement.acquitted_while_serving(replace(paused, green=revision_of(GREEN, 2, 1)).view()) is None
    assert judgement.acquitted_while_serving(replace(paused, green=revision_of(GREEN, 3, 2)).view())
