"""A person's words: each is heard once, and done or refused with a reason that tells what to do instead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.order_status import ActionName, RestartStatus, RollbackStatus
from agentteam_operator.api.revision import restarted_hash
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, Transition
from agentteam_operator.core import names
from agentteam_operator.core.actions import heard, target_in_force
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import EmitEvent
from agentteam_operator.core.plan import events
from agentteam_operator.core.view import IN_PROGRESS

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, OTHER, Situation, revision_of

GREEN_SERVES = replace(
    CALM[Phase.COMPLETED],
    rollout={"traffic": {"mode": "Immediate"}},
    blue=revision_of(BLUE),
    green=revision_of(GREEN),
    endpoints=(GREEN,),
    outcomes={BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL},
)
"""Green has replaced blue, which is kept."""

WAY_BACK = replace(GREEN_SERVES, target=BLUE)
"""The spec asks for blue again."""


def saying(situation: Situation, action: str, value: str) -> Situation:
    return replace(situation, annotations={names.action_annotation(action): value})


def next_status(situation: Situation, status: AgentTeamStatus | None = None, **spec: object) -> AgentTeamStatus:
    observed = situation.observed()
    observed = replace(observed, spec=observed.spec.model_copy(update=spec), status=status or observed.status)
    return decide(observed, ENVIRONMENT, NOW).status


def steps(status: AgentTeamStatus) -> list[Transition]:
    assert status.rollout is not None
    return [*status.rollout.earlier, *status.rollout.transitions]


IN_PAUSE = CALM[Phase.AWAITING_PROMOTION]
ROLLED_BACK = CALM[Phase.ROLLED_BACK]
HELD = replace(CALM[Phase.PREPARING], held_by_person=True)

ACCEPTED: dict[str, tuple[Situation, str, str]] = {
    "promote-a-pause": (IN_PAUSE, "promote", GREEN),
    "abort-while-preparing": (CALM[Phase.PREPARING], "abort", GREEN),
    "abort-after-the-switch": (CALM[Phase.SETTLING], "abort", GREEN),
    "pause-before-traffic": (CALM[Phase.PREPARING], "pause", GREEN),
    "pause-a-step": (CALM[Phase.SHIFTING], "pause", GREEN),
    "pause-what-may-go-on": (IN_PAUSE, "pause", GREEN),
    "resume-a-watch": (IN_PAUSE, "resume", GREEN),
    "resume-before-traffic": (HELD, "resume", GREEN),
    "retry-what-was-rolled-back": (ROLLED_BACK, "retry", GREEN),
    "retry-a-first-revision": (CALM[Phase.FAILED], "retry", GREEN),
    "rollback-to-a-kept-one": (GREEN_SERVES, "rollback", BLUE),
    "restart-what-serves": (GREEN_SERVES, "restart", GREEN),
    "with-a-nonce": (IN_PAUSE, "promote", f"{GREEN}/17"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_makes_sense_is_done(case: str) -> None:
    situation, action, value = ACCEPTED[case]
    view = heard(saying(situation, action, value).view())
    assert view.said == {ActionName(action)}
    (entry,) = view.status.actions
    assert (entry.action, entry.value, entry.accepted, entry.at) == (action, value, True, NOW)


REFUSED: dict[str, tuple[Situation, str, str, str]] = {
    "promote-in-a-watch": (CALM[Phase.WATCHING], "promote", GREEN, "nothing waits for a person in phase Watching"),
    "promote-when-over": (CALM[Phase.COMPLETED], "promote", GREEN, "there is no rollout to promote: the last one's"),
    "promote-another": (IN_PAUSE, "promote", OTHER, f"{OTHER} isn't the candidate, {GREEN} is"),
    "abort-when-over": (ROLLED_BACK, "abort", GREEN, "there is no rollout to abort"),
    "abort-on-the-way-back": (CALM[Phase.ROLLING_BACK], "abort", GREEN, "there is no rollout to abort"),
    "pause-a-switch": (CALM[Phase.SWITCHING], "pause", GREEN, "phase Switching can't be paused"),
    "pause-a-pause": (replace(IN_PAUSE, reason="Paused"), "pause", GREEN, "it waits for a person already"),
    "pause-the-way-back": (
        replace(CALM[Phase.PREPARING], gates_skipped=True), "pause", GREEN, "phase Preparing can't be paused",
    ),
    "resume-a-watch": (CALM[Phase.WATCHING], "resume", GREEN, "it isn't paused: its phase is Watching"),
    "resume-a-manual-gate": (
        replace(IN_PAUSE, paused_in=Phase.HEALTH_CHECKING), "resume", GREEN, "it waits for promote, or for abort",
    ),
    "retry-what-serves": (GREEN_SERVES, "retry", GREEN, f"{GREEN} hasn't failed"),
    "retry-another": (ROLLED_BACK, "retry", OTHER, f"{GREEN} is asked for: apply what {OTHER} was made from"),
    "retry-under-way": (CALM[Phase.WATCHING], "retry", GREEN, "a rollout is under way: its phase is Watching"),
    "rollback-to-what-serves": (GREEN_SERVES, "rollback", GREEN, f"{GREEN} serves already"),
    "rollback-to-what-failed": (ROLLED_BACK, "rollback", GREEN, f"{GREEN} is asked for already: if it failed, retry"),
    "rollback-to-what-is-gone": (GREEN_SERVES, "rollback", OTHER, f"{OTHER} isn't kept: there are {BLUE}, {GREEN}"),
    "restart-another": (GREEN_SERVES, "restart", BLUE, f"{BLUE} doesn't serve, {GREEN} does"),
    "restart-an-old-one": (ROLLED_BACK, "restart", BLUE, "what serves isn't what the spec asks for"),
    "restart-under-way": (CALM[Phase.WATCHING], "restart", BLUE, "a rollout is under way"),
    "no-revision": (IN_PAUSE, "promote", "", "agentteam.dev/promote must be REVISION or REVISION/NONCE"),
    "only-a-nonce": (IN_PAUSE, "promote", "/3", "agentteam.dev/promote must be REVISION or REVISION/NONCE"),
    "too-long": (IN_PAUSE, "promote", f"{GREEN}/{'9' * 200}", "agentteam.dev/promote must be REVISION"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_with_the_reason(case: str) -> None:
    situation, action, value, message = REFUSED[case]
    view = heard(saying(situation, action, value).view())
    assert view.said == set()
    (entry,) = view.status.actions
    assert not entry.accepted
    assert entry.message.startswith(message)
    assert len(entry.value) <= 128


@pytest.mark.parametrize("phase", [phase for phase in CALM if phase is not None])
@pytest.mark.parametrize("action", [action for action in ActionName if action is not ActionName.RESTART])
def test_a_word_is_answered_once_in_every_phase(phase: Phase, action: ActionName) -> None:
    situation = saying(CALM[phase], action, GREEN)
    once = next_status(situation)
    assert [entry.action for entry in once.actions] == [action]
    again = decide(replace(situation.observed(), status=once), ENVIRONMENT, NOW).status
    assert again.actions == once.actions


def test_what_is_said_of_a_candidate_waits_until_it_is_one() -> None:
    view = heard(saying(Situation(Phase.VALIDATING), "abort", GREEN).view())
    assert view.status.actions == []


def test_a_word_that_was_refused_does_not_lie_in_wait() -> None:
    """Promoted in the watch, and then the watch lacks a verdict: that question wasn't answered."""
    refused = next_status(saying(CALM[Phase.WATCHING], "promote", GREEN))
    paused = IN_PAUSE.status().model_copy(update={"actions": refused.actions})
    status = next_status(saying(IN_PAUSE, "promote", GREEN), paused)
    assert status.rollout is not None
    assert status.rollout.phase is Phase.AWAITING_PROMOTION


@pytest.mark.parametrize("action", [ActionName.PROMOTE, ActionName.ABORT])
def test_one_from_before_does_not_bar_the_way_back(action: ActionName) -> None:
    status = next_status(saying(WAY_BACK, action, BLUE))
    assert status.rollout is not None
    assert status.rollout.phase is Phase.SWITCHING
    assert {entry.hash: entry.outcome for entry in status.revisions}[BLUE] is Outcome.SUCCESSFUL


@pytest.mark.parametrize(
    ("meanwhile", "value"),
    [
        pytest.param(WAY_BACK, BLUE, id="removed-and-set-again"),
        pytest.param(saying(WAY_BACK, "abort", GREEN), BLUE, id="changed-and-changed-back"),
        pytest.param(saying(WAY_BACK, "abort", BLUE), f"{BLUE}/2", id="with-another-nonce"),
    ],
)
def test_one_that_is_said_anew_counts(meanwhile: Situation, value: str) -> None:
    begun = next_status(saying(WAY_BACK, "abort", BLUE))
    between = next_status(meanwhile, begun)
    assert "Aborted" in {entry.reason for entry in steps(next_status(saying(WAY_BACK, "abort", value), between))}


def test_the_same_word_once_more_changes_nothing() -> None:
    aborted = saying(WAY_BACK, "abort", BLUE)
    begun = next_status(aborted)
    once = next_status(aborted, begun)
    assert once.actions == begun.actions
    assert "Aborted" not in {entry.reason for entry in steps(once)}


def test_nobody_is_heard_while_the_team_is_suspended() -> None:
    assert next_status(saying(IN_PAUSE, "promote", GREEN), suspend=True).actions == []


def test_each_answer_is_told_in_an_event() -> None:
    view = heard(saying(CALM[Phase.WATCHING], "promote", GREEN).view())
    told = [action for action in events.recent(view) if isinstance(action, EmitEvent)]
    assert next((event.type, event.reason) for event in told) == ("Warning", "ActionRefused")
    assert told[0].message.startswith(f"promote {GREEN} is refused: nothing waits for a person")


BACK = RollbackStatus(revision=BLUE, instead_of=GREEN)
AGAIN = RestartStatus(revision=OTHER, of=GREEN, nonce=f"{GREEN}/1")

TARGETS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no-order": ({}, GREEN, GREEN),
    "back": ({"rollback_to": BACK}, GREEN, BLUE),
    "back-from-another-spec": ({"rollback_to": BACK}, OTHER, OTHER),
    "restarted": ({"restarted": AGAIN}, GREEN, OTHER),
    "restarted-from-another-spec": ({"restarted": AGAIN}, BLUE, BLUE),
    "back-from-what-was-restarted": ({"restarted": AGAIN, "rollback_to": BACK}, GREEN, BLUE),
}


@pytest.mark.parametrize("case", TARGETS)
def test_an_order_holds_for_the_spec_that_it_was_given_against(case: str) -> None:
    orders, spec_target, wanted = TARGETS[case]
    assert target_in_force(spec_target, AgentTeamStatus(**orders)) == wanted


def test_an_order_to_go_back_ends_with_the_spec() -> None:
    status = GREEN_SERVES.status().model_copy(update={"rollback_to": BACK})
    assert next_status(replace(GREEN_SERVES, target=OTHER), status).rollback_to is None
    assert next_status(GREEN_SERVES, status).rollback_to == BACK


def test_retry_ends_an_order_to_go_back() -> None:
    status = GREEN_SERVES.status().model_copy(update={"rollback_to": BACK})
    assert next_status(saying(GREEN_SERVES, "retry", GREEN), status).rollback_to is None


def test_a_restart_makes_a_revision_of_its_own() -> None:
    restarted = next_status(saying(GREEN_SERVES, "restart", f"{GREEN}/1")).restarted
    assert restarted is not None
    assert restarted.revision == restarted_hash(GREEN, f"{GREEN}/1") != GREEN
    assert (restarted.of, restarted.nonce) == (GREEN, f"{GREEN}/1")
    other = next_status(saying(GREEN_SERVES, "restart", f"{GREEN}/2")).restarted
    assert other is not None
    assert other.revision != restarted.revision


def test_a_restart_with_the_longest_nonce_is_the_revision_that_was_promised() -> None:
    word = f"{GREEN}/{'e3b0c44298fc1c14' * 4}"
    restarted = next_status(saying(GREEN_SERVES, "restart", word)).restarted
    assert restarted is not None
    assert restarted.revision == restarted_hash(restarted.of, restarted.nonce)


def test_what_a_person_paused_is_resumed_rather_than_promoted() -> None:
    rollout = next_status(saying(CALM[Phase.WATCHING], "pause", GREEN)).rollout
    assert rollout is not None
    assert ". To go on: kubectl annotate --overwrite -n sim agentteam chat agentteam.dev/resume=" in rollout.message
    skipped = "to send it all traffic now, without the rest of the watch"
    assert f"{skipped}: the same with agentteam.dev/promote" in rollout.message


def test_retry_forgets_what_was_held_against_a_revision() -> None:
    status = next_status(saying(ROLLED_BACK, "retry", GREEN))
    assert status.rollout is not None
    assert (status.rollout.phase in IN_PROGRESS, status.rollout.attempt) == (True, 2)
    assert {entry.hash: entry.outcome for entry in status.revisions}[GREEN] is Outcome.PENDING
