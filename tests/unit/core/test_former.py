"""What a team of the same name has left behind is waited for, but not for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.status import Phase, TeamPhase
from agentteam_operator.core import timing
from agentteam_operator.core.decide import advance, decide
from agentteam_operator.core.decision import CreateObject
from agentteam_operator.core.gates import intent

from tests.unit.core.situations import CALM, ENVIRONMENT, NOW, Situation

SERVICE = frozenset({("Service", "chat")})
POD = frozenset({("Pod", "chat-aaaaaaaaaa-1")})


def situation(phase: Phase, **changes: Any) -> Situation:  # noqa: ANN401
    return replace(CALM[Phase.FAILED], phase=phase, base="", blue=None, green=None, active="", **changes)


@pytest.mark.parametrize(
    ("changes", "phase"),
    [
        pytest.param({"former": SERVICE}, Phase.VALIDATING, id="waited-for"),
        pytest.param({"former": POD}, Phase.VALIDATING, id="pods-too"),
        pytest.param({"former": SERVICE, "overdue": True}, Phase.FAILED, id="not-for-ever"),
        pytest.param({"former": POD, "overdue": True}, Phase.PREPARING, id="pods-stand-in-nobodys-way"),
        pytest.param({"former": SERVICE, "foreign": frozenset({("Job", "x")})}, Phase.FAILED, id="nor-with-a-stranger"),
        pytest.param({}, Phase.PREPARING, id="nothing-is-left"),
    ],
)
def test_what_is_about_to_go_is_waited_for(changes: dict[str, Any], phase: Phase) -> None:
    assert advance(situation(Phase.VALIDATING, **changes).view()).phase is phase


def test_the_wait_is_told_in_one_line_and_makes_nothing() -> None:
    decision = decide(situation(Phase.VALIDATING, former=SERVICE | POD).observed(), ENVIRONMENT, NOW)
    assert decision.status.phase is TeamPhase.PROGRESSING
    assert (
        "waiting for the objects of the previous team of this name to go, such as Pod chat-" in decision.status.message
    )
    assert not [action for action in decision.actions if isinstance(action, CreateObject)]
    assert decision.requeue_after_seconds is not None
    assert decision.requeue_after_seconds <= intent.FORMER_GOES_SECONDS


def test_what_stayed_too_long_is_named_and_the_team_goes_on_once_it_is_gone() -> None:
    refused = situation(Phase.FAILED, reason="NameConflict", former=SERVICE)
    assert advance(refused.view()).phase is Phase.FAILED, "no second wait"
    found = intent.invalid(refused.view())
    assert found is not None
    assert found.message == "Service chat of an earlier AgentTeam chat hasn't gone: delete it"
    assert advance(replace(refused, former=frozenset()).view()).phase is Phase.PREPARING


def test_how_long_it_is_waited_for() -> None:
    assert timing.deadline_seconds(situation(Phase.VALIDATING).view(), Phase.VALIDATING) == 60
