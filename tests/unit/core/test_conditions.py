"""What tools read off a team: whether what was applied serves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.field_problems import FieldProblem
from agentteam_operator.api.status import AgentTeamStatus, Phase, TeamPhase
from agentteam_operator.core.conditions import summarize
from agentteam_operator.core.observed import Refusal

from tests.unit.core.situations import BLUE, CALM, GREEN, TEAM, Situation, revision_of

INVALID = (FieldProblem("spec.rollout.traffic.steps", "1", "can't be made of 3 pods"),)


def serving(*problems: FieldProblem) -> AgentTeamStatus:
    """The revision that is asked for serves with all its pods."""
    completed = replace(CALM[Phase.COMPLETED], green=revision_of(GREEN), endpoints=(GREEN,), problems=problems)
    view = completed.view()
    return summarize(view.with_status(view.status.model_copy(update={"stable_revision": GREEN})))


@pytest.mark.parametrize(
    ("problems", "phase", "expected"),
    [
        ((), TeamPhase.HEALTHY, {"Validated": "True", "Ready": "True", "Stalled": "False", "Available": "True"}),
        (INVALID, TeamPhase.DEGRADED, {"Validated": "False", "Ready": "False", "Stalled": "True", "Available": "True"}),
    ],
    ids=["valid", "invalid"],
)
def test_a_spec_that_became_invalid_in_place_is_not_ready(
    problems: tuple[FieldProblem, ...], phase: TeamPhase, expected: dict[str, str]
) -> None:
    """Whoever waits for Ready after applying it must not be told that it serves."""
    status = serving(*problems)
    found = {condition.type: condition.status for condition in status.conditions}
    assert {kind: found[kind] for kind in expected} == expected
    assert found["Reconciling"] == "False"
    assert status.phase is phase
    assert all(problem.message in status.message for problem in problems)


def test_what_is_rolled_back_and_what_serves_are_named_as_people_name_them() -> None:
    """Whoever is woken knows versions, not hashes."""
    view = CALM[Phase.ROLLED_BACK].view()
    known = [entry.model_copy(update={"version": {BLUE: "1"}.get(entry.hash, "2")}) for entry in view.status.revisions]
    status = summarize(view.with_status(view.status.model_copy(update={"revisions": known})))
    assert status.message.startswith(f"version 2 ({GREEN}) was rolled back, version 1 ({BLUE}) serves")


REFUSED = Refusal("Service", TEAM, "patch Service: denied by policy (HTTP 403)", final=False)


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        pytest.param(
            replace(CALM[Phase.ROLLED_BACK], selects=GREEN, endpoints=(GREEN,), refusals=(REFUSED,)),
            f"version 2 ({GREEN}) still gets traffic that is version 1 ({BLUE})'s ({REFUSED.message})",
            id="may-not-be-turned-back",
        ),
        pytest.param(
            replace(CALM[Phase.ROLLED_BACK], selects=None, endpoints=(BLUE, GREEN)),
            f"version 2 ({GREEN}) still gets traffic that is version 1 ({BLUE})'s",
            id="not-turned-back-yet",
        ),
        pytest.param(
            replace(CALM[Phase.ROLLED_BACK], selects=BLUE, endpoints=(BLUE,)),
            f"version 1 ({BLUE}) serves",
            id="turned-back",
        ),
    ],
)
def test_what_gets_the_traffic_is_said_and_not_what_should(situation: Situation, words: str) -> None:
    said = summarize(situation.view()).message
    assert f"was rolled back, {words}" in said
    assert (f"version 1 ({BLUE}) serves" in said) is (situation.selects == BLUE)
