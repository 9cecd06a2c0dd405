"""Settling ends: what it needs is what the switch needed, and its deadline is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core.decide import advance, decide
from agentteam_operator.core.gates import judgement
from agentteam_operator.core.observed import RevisionObserved

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, Situation, revision_of, verdict

WITHOUT_PROMETHEUS = replace(ENVIRONMENT, metrics_configured=False)
LONG_SECONDS = 100_000.0


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


def test_a_pause_for_want_of_pods_says_so() -> None:
    """Every gate has passed: it isn't Prometheus that is silent."""
    situation = replace(settling(revision_of(GREEN, 2, 3)), judgement=verdict(Verdict.PASSED))
    paused = advance(situation.view()).rollout
    assert paused is not None
    assert paused.phase is Phase.AWAITING_PROMOTION
    assert paused.message.startswith("2 of 3 pods ready. To go on: kubectl annotate --overwrite -n ")


def test_a_pause_for_want_of_pods_ends_when_they_are_there() -> None:
    paused = replace(CALM[Phase.AWAITING_PROMOTION], active=GREEN, selects=GREEN, in_phase_seconds=LONG_SECONDS)
    paused = replace(paused, judgement=verdict(Verdict.PASSED))
    assert judgement.acquitted_while_serving(replace(paused, green=revision_of(GREEN, 2, 1)).view()) is None
    assert judgement.acquitted_while_serving(replace(paused, green=revision_of(GREEN, 3, 2)).view())
