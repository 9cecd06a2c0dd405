"""How many pods serve while a candidate is on trial: never fewer than did before, whoever took them away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Decision, ScaleDeployment
from agentteam_operator.core.view import IN_PROGRESS

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, NOW, TEAM, Situation, revision_of

TRIALS = sorted(IN_PROGRESS - {Phase.VALIDATING})
SHRUNK = revision_of(BLUE, 1)


def decided(situation: Situation, base_replicas: int) -> Decision:
    """One tick of a rollout in which blue once had so many pods."""
    observed = situation.observed()
    assert observed.status.rollout is not None
    rollout = observed.status.rollout.model_copy(update={"base_replicas": base_replicas})
    status = observed.status.model_copy(update={"rollout": rollout})
    return decide(replace(observed, status=status), ENVIRONMENT, NOW)


def sizes(decision: Decision) -> dict[str, int]:
    return {action.name: action.replicas for action in decision.actions if isinstance(action, ScaleDeployment)}


@pytest.mark.parametrize("phase", TRIALS)
def test_what_somebody_takes_from_the_old_revision_it_gets_back(phase: Phase) -> None:
    """An autoscaler that was edited by hand has taken pods away before its edit could be undone."""
    found = sizes(decided(replace(CALM[phase], blue=SHRUNK), 4))
    assert found[f"{TEAM}-{BLUE}"] == 4


@pytest.mark.parametrize("phase", TRIALS)
@pytest.mark.parametrize(("before", "pods", "after"), [(0, 3, 3), (2, 3, 3), (4, 3, 4)])
def test_the_most_pods_of_the_old_revision_are_remembered(phase: Phase, before: int, pods: int, after: int) -> None:
    rollout = decided(replace(CALM[phase], blue=revision_of(BLUE, pods)), before).status.rollout
    assert rollout is not None
    assert rollout.base_replicas == after


def test_when_the_rollout_is_over_its_size_is_the_specs_again() -> None:
    rolled_back = replace(CALM[Phase.ROLLED_BACK], blue=revision_of(BLUE, 3))
    assert sizes(decided(rolled_back, 9)).get(f"{TEAM}-{BLUE}", 0) <= 3
