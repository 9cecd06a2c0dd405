"""A person's words at their edges: bounds of what is said, what is held against a revision, orders that end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.order_status import ActionName, ActionStatus, RestartStatus, RollbackStatus
from agentteam_operator.api.revision import restarted_hash
from agentteam_operator.api.status import Outcome, Phase, RevisionStatus
from agentteam_operator.core import names
from agentteam_operator.core.actions import heard
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import BLUE, CALM, GREEN, NOW, OTHER, ago, revision_of

SERVES: dict[str, Any] = {
    "green": revision_of(GREEN, 3),
    "outcomes": {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL},
}
PAUSE = Phase.AWAITING_PROMOTION


def said(phase: Phase, action: str, value: str, **parts: Any) -> View:  # noqa: ANN401 - see `seen`
    return heard(seen(phase, annotations={names.action_annotation(ActionName(action)): value}, **parts))


def answer(view: View) -> tuple[bool, str]:
    (entry,) = view.status.actions
    return entry.accepted, entry.message


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (f"{GREEN}/{'9' * 64}", True),
        (f"{GREEN}/{'9' * 65}", False),
        (f"{GREEN}/", True),
        ("c" * 128, False),
        ("c" * 129, False),
    ],
    ids=["longest-nonce", "nonce-too-long", "empty-nonce", "longest-value", "value-too-long"],
)
def test_how_long_a_word_may_be(value: str, *, accepted: bool) -> None:
    found, message = answer(said(PAUSE, "promote", value))
    assert found is accepted
    assert message.endswith("of 128 characters at most") is (not accepted and value != "c" * 128)


def test_an_example_names_the_candidate() -> None:
    assert f"such as {GREEN}/2" in answer(said(PAUSE, "promote", ""))[1]
    annotations = {names.action_annotation(ActionName.PROMOTE): ""}
    assert "such as 97b76932a4/2" in answer(heard(replace(CALM[None], annotations=annotations).view()))[1]


def test_a_word_that_is_too_long_is_answered_once() -> None:
    once = said(PAUSE, "promote", "c" * 200, team_status={"actions": []})
    again = heard(replace(once, now=once.after(5)))
    assert again.status.actions == once.status.actions


def test_an_answer_fits_into_the_status() -> None:
    many = {f"{number:010d}": Outcome.SUCCESSFUL for number in range(60)}
    view = seen(Phase.COMPLETED, annotations={names.action_annotation(ActionName.ROLLBACK): OTHER}, outcomes=many)
    kept = {name: revision_of(name, 0) for name in many}
    view = replace(view, observed=replace(view.observed, revisions={**view.observed.revisions, **kept}))
    assert len(answer(heard(view))[1]) == 512


@pytest.mark.parametrize(
    ("action", "heard_now"), [("abort", False), ("pause", False), ("promote", True), ("retry", True)]
)
def test_what_waits_until_there_is_a_candidate(action: str, *, heard_now: bool) -> None:
    assert bool(said(Phase.VALIDATING, action, GREEN).status.actions) is heard_now


def test_a_word_that_is_taken_back_is_forgotten() -> None:
    word = ActionStatus(action=ActionName.PROMOTE, value=GREEN, at=ago(5), accepted=False)
    assert heard(seen(PAUSE, team_status={"actions": [word]})).status.actions == []


def test_several_words_are_answered_in_their_order() -> None:
    annotations = {names.action_annotation(action): GREEN for action in (ActionName.RETRY, ActionName.PROMOTE)}
    view = heard(seen(PAUSE, annotations=annotations))
    assert [entry.action for entry in view.status.actions] == [ActionName.PROMOTE, ActionName.RETRY]
    assert view.said == {ActionName.PROMOTE}


def test_what_is_refused_changes_nothing_else() -> None:
    before = seen(Phase.SWITCHING)
    after = said(Phase.SWITCHING, "pause", GREEN)
    assert after.status.model_copy(update={"actions": []}) == before.status


AGAIN = RestartStatus(revision=OTHER, of=GREEN, nonce="1")
BACK = RollbackStatus(revision=BLUE, instead_of=GREEN)


@pytest.mark.parametrize(
    ("orders", "parts", "standing"),
    [
        ({"restarted": AGAIN}, {}, {"restarted"}),
        ({"restarted": AGAIN}, {"target": BLUE}, set()),
        ({"restarted": AGAIN}, {"target": BLUE, "outcomes": {OTHER: Outcome.SUCCESSFUL}}, {"restarted"}),
        ({"rollback_to": BACK}, {}, {"rollback_to"}),
        ({"rollback_to": BACK}, {"target": OTHER}, set()),
        ({"rollback_to": BACK, "restarted": AGAIN}, {"target": BLUE}, set()),
    ],
    ids=["restart-stands", "restart-ends", "restart-is-history", "way-back-stands", "way-back-ends", "both-end"],
)
def test_which_orders_stand(orders: dict[str, Any], parts: dict[str, Any], standing: set[str]) -> None:
    status = heard(seen(Phase.COMPLETED, team_status=orders, **parts)).status
    assert {name for name in ("restarted", "rollback_to") if getattr(status, name)} == standing


def held(view: View) -> bool:
    assert view.rollout is not None
    return view.rollout.held_by_person


@pytest.mark.parametrize(
    ("phase", "action", "parts", "now_held", "message"),
    [
        (Phase.TESTING, "pause", {}, True, f"{GREEN} waits before it gets any traffic"),
        (Phase.WATCHING, "pause", {}, False, f"{GREEN} stays at its share of the traffic"),
        (Phase.TESTING, "resume", {"held_by_person": True}, False, f"{GREEN} no longer waits before its traffic"),
        (Phase.TESTING, "resume", {}, False, "it isn't paused: its phase is Testing"),
        (Phase.WATCHING, "resume", {"held_by_person": True}, True, "it isn't paused: its phase is Watching"),
        (PAUSE, "resume", {"held_by_person": True}, True, f"{GREEN} goes on in Watching, from its beginning"),
    ],
    ids=["hold", "pause", "let-go", "not-held", "held-before-but-it-has-traffic", "held-before-and-paused-since"],
)
def test_who_is_held_before_any_traffic(
    *, phase: Phase, action: str, parts: dict[str, Any], now_held: bool, message: str
) -> None:
    view = said(phase, action, GREEN, **parts)
    assert held(view) is now_held
    assert answer(view)[1] == message


@pytest.mark.parametrize("paused_in", [Phase.TESTING, Phase.SHIFTING, Phase.WATCHING, Phase.SETTLING])
def test_where_a_pause_can_go_on(paused_in: Phase) -> None:
    assert answer(said(PAUSE, "resume", GREEN, paused_in=paused_in))[0]


NOT_FAILED = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
FAILED = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.FAILED}


@pytest.mark.parametrize(
    ("phase", "value", "parts", "expected"),
    [
        (Phase.ROLLED_BACK, GREEN, {"outcomes": NOT_FAILED}, (True, f"{GREEN} is tried again")),
        (Phase.FAILED, GREEN, {"outcomes": {}}, (True, f"{GREEN} is tried again")),
        (Phase.COMPLETED, GREEN, {"active": BLUE, "outcomes": FAILED}, (True, f"{GREEN} is tried again")),
        (Phase.COMPLETED, GREEN, {"outcomes": NOT_FAILED}, (False, f"{GREEN} hasn't failed")),
        (
            Phase.ROLLED_BACK,
            OTHER,
            {"target": OTHER, "outcomes": NOT_FAILED},
            (False, f"{OTHER} hasn't failed"),
        ),
        (
            Phase.COMPLETED,
            OTHER,
            {"team_status": {"rollback_to": BACK}},
            (False, f"{GREEN} is asked for: apply what {OTHER} was made from, then retry"),
        ),
    ],
    ids=[
        "rolled-back-though-it-passed-before",
        "first-one-that-was-refused",
        "failed-long-ago",
        "serves",
        "another-than-was-rolled-back",
        "another-than-was-ordered-back-from",
    ],
)
def test_what_can_be_retried(phase: Phase, value: str, parts: dict[str, Any], expected: tuple[bool, str]) -> None:
    assert answer(said(phase, "retry", value, **parts)) == expected


def test_a_retry_of_what_was_ordered_away_ends_the_order_and_forgets() -> None:
    view = said(Phase.WATCHING, "retry", GREEN, team_status={"rollback_to": BACK}, outcomes=FAILED)
    assert answer(view) == (True, f"{GREEN} is asked for again")
    assert view.status.rollback_to is None
    assert {entry.hash: entry.outcome for entry in view.status.revisions}[GREEN] is Outcome.PENDING


def test_a_retry_of_what_passed_before_leaves_its_history() -> None:
    view = said(Phase.ROLLED_BACK, "retry", GREEN, outcomes=NOT_FAILED)
    assert {entry.hash: entry.outcome for entry in view.status.revisions} == NOT_FAILED


def test_only_what_is_held_against_the_revision_is_forgotten() -> None:
    def entry(name: str, outcome: Outcome) -> RevisionStatus:
        return RevisionStatus(hash=name, created_at=ago(60), outcome=outcome, reason="ErrorRate", message="4 of 5")

    revisions = [entry(GREEN, Outcome.FAILED), entry(OTHER, Outcome.FAILED), entry(BLUE, Outcome.SUCCESSFUL)]
    after = said(Phase.ROLLED_BACK, "retry", GREEN, team_status={"revisions": revisions}).status.revisions
    assert after[1:] == revisions[1:]
    assert (after[0].outcome, after[0].reason, after[0].message) == (Outcome.PENDING, "", "")


@pytest.mark.parametrize(
    ("phase", "value", "parts", "expected"),
    [
        (Phase.COMPLETED, BLUE, SERVES, (True, f"back to {BLUE}")),
        (Phase.COMPLETED, GREEN, SERVES, (False, f"{GREEN} serves already")),
        (
            Phase.ROLLED_BACK,
            GREEN,
            {},
            (False, f"{GREEN} is asked for already: if it failed, retry it"),
        ),
        (Phase.COMPLETED, OTHER, {"outcomes": {}}, (False, f"{OTHER} isn't kept: there are none to go back to")),
        (Phase.COMPLETED, OTHER, SERVES, (False, f"{OTHER} isn't kept: there are {BLUE}, {GREEN} to go back to")),
    ],
    ids=["kept", "serves", "asked-for", "none-kept", "not-kept"],
)
def test_what_can_be_gone_back_to(phase: Phase, value: str, parts: dict[str, Any], expected: tuple[bool, str]) -> None:
    view = said(phase, "rollback", value, **parts)
    assert answer(view) == expected
    assert view.status.rollback_to == (BACK if expected[0] else None)


FRESH = restarted_hash(GREEN, f"{GREEN}/1")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (SERVES, f"{GREEN} is made anew as {FRESH}"),
        (
            {**SERVES, "outcomes": {GREEN: Outcome.SUCCESSFUL, FRESH: Outcome.FAILED}},
            "this was said before: give it another nonce",
        ),
        ({**SERVES, "active": ""}, f"{GREEN} doesn't serve, nothing does"),
        ({**SERVES, "target": OTHER}, "what serves isn't what the spec asks for"),
        (
            {**SERVES, "team_status": {"rollback_to": RollbackStatus(revision=BLUE, instead_of=GREEN)}},
            "what serves isn't what the spec asks for",
        ),
        (
            {**SERVES, "team_status": {"rollback_to": RollbackStatus(revision=GREEN, instead_of=GREEN)}},
            f"{GREEN} is made anew as {FRESH}",
        ),
    ],
    ids=["serves", "said-before", "nothing-serves", "another-is-asked-for", "ordered-back", "ordered-to-stay"],
)
def test_what_can_be_made_anew(parts: dict[str, Any], message: str) -> None:
    view = said(Phase.COMPLETED, "restart", f"{GREEN}/1", **parts)
    accepted, words = answer(view)
    assert words.startswith(message)
    if accepted:
        assert view.status.rollback_to is None
        assert view.status.restarted == RestartStatus(revision=FRESH, of=GREEN, nonce=f"{GREEN}/1")


def test_the_nonce_of_a_restart_fits_into_the_status() -> None:
    word = f"{GREEN}/{'9' * 64}"
    view = said(Phase.COMPLETED, "restart", word, **SERVES)
    assert view.status.restarted is not None
    assert view.status.restarted.nonce == word, "whole: the revision's hash is made from it"


def test_who_never_rolled_out_has_nothing_to_promote() -> None:
    annotations = {names.action_annotation(ActionName.PROMOTE): GREEN}
    view = heard(replace(CALM[None], annotations=annotations).view())
    assert answer(view) == (False, "there is no rollout to promote")
    assert view.status.actions[0].at == NOW
