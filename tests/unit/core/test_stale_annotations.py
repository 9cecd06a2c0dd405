"""A person's annotation is meant for the rollout that it was set in, even if a later one has the same candidate."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, Transition
from agentteam_operator.core import names
from agentteam_operator.core.decide import decide

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, Situation, revision_of

IMMEDIATE = {"traffic": {"mode": "Immediate"}}
GREEN_SERVES = replace(
    CALM[Phase.COMPLETED],
    rollout=IMMEDIATE,
    blue=revision_of(BLUE),
    green=revision_of(GREEN),
    endpoints=(GREEN,),
    outcomes={BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL},
)
"""Green has replaced blue, which is retained; the spec asks for blue again."""

WAY_BACK = replace(GREEN_SERVES, target=BLUE)


def next_status(
    situation: Situation, status: AgentTeamStatus | None = None, *, suspend: bool = False
) -> AgentTeamStatus:
    observed = situation.observed()
    assert observed.spec is not None
    spec = observed.spec.model_copy(update={"suspend": suspend})
    return decide(replace(observed, spec=spec, status=status or observed.status), ENVIRONMENT, NOW).status


def rollout_phase(status: AgentTeamStatus) -> Phase:
    assert status.rollout is not None
    return status.rollout.phase


def outcome(status: AgentTeamStatus, revision: str) -> Outcome:
    return next(entry.outcome for entry in status.revisions if entry.hash == revision)


@pytest.mark.parametrize("annotation", names.PERSONS_ANNOTATIONS)
def test_one_from_before_does_not_bar_the_way_back(annotation: str) -> None:
    status = next_status(replace(WAY_BACK, annotations={annotation: BLUE}))
    assert rollout_phase(status) is Phase.SWITCHING
    assert outcome(status, BLUE) is Outcome.SUCCESSFUL
    assert status.rollout is not None
    assert status.rollout.stale_annotations == [annotation]


def test_one_that_is_removed_and_set_again_counts() -> None:
    aborted = replace(WAY_BACK, annotations={names.ANNOTATION_ABORT: BLUE})
    begun = next_status(aborted)
    forgotten = next_status(WAY_BACK, begun)
    assert forgotten.rollout is not None
    assert forgotten.rollout.stale_annotations == []
    assert "Aborted" in {entry.reason for entry in steps(next_status(aborted, forgotten))}


def test_one_that_is_changed_to_another_revision_and_back_counts() -> None:
    aborted = replace(WAY_BACK, annotations={names.ANNOTATION_ABORT: BLUE})
    changed = next_status(replace(WAY_BACK, annotations={names.ANNOTATION_ABORT: GREEN}), next_status(aborted))
    assert "Aborted" in {entry.reason for entry in steps(next_status(aborted, changed))}


def test_one_that_is_removed_while_suspended_is_forgotten() -> None:
    begun = next_status(replace(WAY_BACK, annotations={names.ANNOTATION_ABORT: BLUE}))
    suspended = next_status(WAY_BACK, begun, suspend=True)
    assert suspended.rollout is not None
    assert suspended.rollout.stale_annotations == []


def test_one_that_is_set_in_the_rollout_counts() -> None:
    begun = next_status(WAY_BACK)
    aborted = next_status(replace(WAY_BACK, annotations={names.ANNOTATION_ABORT: BLUE}), begun)
    assert "Aborted" in {entry.reason for entry in steps(aborted)}


def test_what_is_noted_is_written_once() -> None:
    aborted = replace(WAY_BACK, annotations={names.ANNOTATION_ABORT: BLUE})
    begun = next_status(aborted)
    assert next_status(aborted, begun).to_document() == next_status(aborted, next_status(aborted, begun)).to_document()


def steps(status: AgentTeamStatus) -> list[Transition]:
    assert status.rollout is not None
    return [*status.rollout.earlier, *status.rollout.transitions]
