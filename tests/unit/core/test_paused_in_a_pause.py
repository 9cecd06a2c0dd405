"""Somebody pauses what waits for a person: from then on only a person's word, or a fault, ends the wait."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core.actions import heard
from agentteam_operator.core.decide import advance
from agentteam_operator.core.gates.intent import SETTINGS_UNREAD
from agentteam_operator.core.view import View

from tests.unit.core.situations import CALM, GREEN, NOW, Situation, revision_of, verdict

PAUSE, PROMOTE, RESUME = (f"agentteam.dev/{action}" for action in ("pause", "promote", "resume"))
UNDECIDED = replace(
    CALM[Phase.AWAITING_PROMOTION],
    reason="Inconclusive",
    in_phase_seconds=700.0,
    step_held_seconds=700.0,
    judgement=verdict(Verdict.PASSED),
)
"""A watch lacked a verdict, and in this very tick it comes."""
SERVES = replace(UNDECIDED, paused_in=Phase.SETTLING, active=GREEN, selects=GREEN, green=revision_of(GREEN, 3))
WAITING = {
    "in-a-step": replace(UNDECIDED, paused_in=Phase.SHIFTING),
    "in-the-watch": UNDECIDED,
    "with-all-traffic": SERVES,
}


def told(situation: Situation, word: str, nonce: int = 1) -> View:
    return heard(replace(situation, annotations={word: f"{GREEN}/{nonce}"}).view())


def rollout_of(view: View) -> RolloutStatus:
    assert view.rollout is not None
    return view.rollout


@pytest.mark.parametrize("case", WAITING)
def test_what_is_paused_does_not_go_on_by_itself(case: str) -> None:
    waiting = WAITING[case]
    assert advance(waiting.view()).phase is not Phase.AWAITING_PROMOTION, "else it would have gone on"
    paused = rollout_of(advance(told(waiting, PAUSE)))
    assert (paused.phase, paused.reason, paused.paused_in) == (Phase.AWAITING_PROMOTION, "Paused", waiting.paused_in)
    assert (paused.attended_seconds, paused.judged_seconds, paused.phase_started_at) == (700.0, 700.0, NOW)
    assert paused.deadline is not None
    assert (paused.deadline - NOW).total_seconds() == 86_400
    later = waiting.view()
    later = later.with_status(later.status.model_copy(update={"rollout": paused}))
    assert advance(later).phase is Phase.AWAITING_PROMOTION


@pytest.mark.parametrize(
    ("case", "word", "phase"),
    [
        ("in-a-step", PROMOTE, Phase.SWITCHING),
        ("in-a-step", RESUME, Phase.SHIFTING),
        ("in-the-watch", PROMOTE, Phase.SWITCHING),
        ("in-the-watch", RESUME, Phase.WATCHING),
        ("with-all-traffic", PROMOTE, Phase.COMPLETED),
        ("with-all-traffic", RESUME, Phase.SETTLING),
    ],
)
def test_a_persons_word_ends_it(case: str, word: str, phase: Phase) -> None:
    assert advance(told(replace(WAITING[case], reason="Paused"), word)).phase is phase


@pytest.mark.parametrize("case", WAITING)
def test_a_fault_ends_it(case: str) -> None:
    worse = replace(WAITING[case], reason="Paused", judgement=verdict(Verdict.FAILED))
    assert advance(worse.view()).phase is Phase.ROLLING_BACK


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(replace(UNDECIDED, reason="Paused"), id="paused-already"),
        pytest.param(replace(UNDECIDED, paused_in=Phase.TESTING, reason="SharedFault"), id="tested"),
        pytest.param(replace(UNDECIDED, paused_in=Phase.HEALTH_CHECKING, reason=SETTINGS_UNREAD), id="no-traffic-yet"),
    ],
)
def test_what_waits_for_nothing_but_a_person_needs_no_pause(situation: Situation) -> None:
    view = told(situation, PAUSE)
    assert ActionName.PAUSE not in view.said
    (entry,) = view.status.actions
    assert (entry.accepted, entry.message) == (False, "it waits for a person already, and for nothing else")
    assert rollout_of(view).reason == situation.reason


@pytest.mark.parametrize(
    ("case", "onward"),
    [
        ("in-a-step", "To go on: kubectl annotate --overwrite -n sim agentteam chat agentteam.dev/resume="),
        ("in-the-watch", "To go on: kubectl annotate --overwrite -n sim agentteam chat agentteam.dev/resume="),
        ("with-all-traffic", "To go on: kubectl annotate --overwrite -n sim agentteam chat agentteam.dev/promote="),
    ],
)
def test_the_question_is_that_of_where_it_stood(case: str, onward: str) -> None:
    message = rollout_of(advance(told(WAITING[case], PAUSE))).message
    assert message.startswith(f"a person paused it at 0 %. {onward}")
    assert "by itself" not in message
