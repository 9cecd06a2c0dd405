"""What the gates of intent make of the edges: who asks for what, and what is in its way."""

from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.api.field_problems import FieldProblem
from agentteam_operator.api.order_status import ActionName, RestartStatus, RollbackStatus
from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core.gates import intent
from agentteam_operator.core.view import View

from tests.unit.core.edges import Gate, message_of, seen
from tests.unit.core.situations import BLUE, GREEN, OTHER, revision_of

COMPLETED, FAILED, ROLLED_BACK, VALIDATING, PAUSE = (
    Phase.COMPLETED,
    Phase.FAILED,
    Phase.ROLLED_BACK,
    Phase.VALIDATING,
    Phase.AWAITING_PROMOTION,
)
PROMOTE, RETRY, RESUME = (frozenset({one}) for one in (ActionName.PROMOTE, ActionName.RETRY, ActionName.RESUME))
BOTH_PASSED = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
BACK_TO_BLUE = {"rollback_to": RollbackStatus(revision=BLUE, instead_of=GREEN)}
BACK_TO_OTHER = {"rollback_to": RollbackStatus(revision=OTHER, instead_of=GREEN)}
ANEW = {"restarted": RestartStatus(revision=OTHER, of=GREEN, nonce="1")}
ALIVE = {"active": BLUE, "selects": BLUE, "green": revision_of(GREEN, 3)}
ANOTHER = "d" * 10
SERVICE, CONFIG, POD = ("Service", "chat"), ("ConfigMap", "chat-x"), ("Pod", "chat-x-1")
PROBLEMS = (FieldProblem("spec.team", "", "is missing"), FieldProblem("spec.models", "", "is empty"))


def left(*found: tuple[str, str], **situation: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a Situation
    return {"former": frozenset(found), **situation}


@pytest.mark.parametrize(
    ("gate", "view", "message"),
    [
        (intent.new_target, seen(COMPLETED, target=OTHER), f"the spec asks for a new revision, {OTHER}"),
        (
            intent.new_target,
            seen(COMPLETED, target=BLUE),
            f"the spec asks for a retained revision, {BLUE}",
        ),
        (intent.new_target, seen(COMPLETED, target=OTHER, said=RETRY), f"a person wants {OTHER} to be tried again"),
        (intent.new_target, seen(FAILED, said=RETRY), f"a person wants {GREEN} to be tried again"),
        (
            intent.new_target,
            seen(COMPLETED, target=BLUE, team_status=BACK_TO_BLUE),
            f"a person wants to go back to {BLUE}",
        ),
        (
            intent.new_target,
            seen(COMPLETED, target=OTHER, team_status=BACK_TO_BLUE),
            f"the spec asks for a new revision, {OTHER}",
        ),
        (
            intent.new_target,
            seen(COMPLETED, target=OTHER, team_status=ANEW),
            f"a person wants {GREEN} made anew, as {OTHER}",
        ),
        (
            intent.new_target,
            seen(COMPLETED, target=BLUE, team_status=ANEW),
            f"the spec asks for a retained revision, {BLUE}",
        ),
        (
            intent.new_target,
            seen(COMPLETED, target=ANOTHER, team_status=ANEW),
            f"the spec asks for a new revision, {ANOTHER}",
        ),
        (
            intent.new_target,
            seen(
                COMPLETED,
                target=BLUE,
                team_status={"restarted": RestartStatus(revision=BLUE, of=GREEN, nonce="1")},
            ),
            f"the spec asks for a retained revision, {BLUE}",
        ),
        (intent.new_target, seen(FAILED, target=OTHER), f"the spec asks for a new revision, {OTHER}"),
        (
            intent.new_target,
            seen(FAILED, target=OTHER, outcomes={OTHER: Outcome.FAILED}),
            f"the spec asks for a new revision, {OTHER}",
        ),
        (
            intent.new_target,
            seen(ROLLED_BACK, reason="ErrorRate", outcomes=BOTH_PASSED, green=revision_of(GREEN, 3)),
            f"the spec asks for a retained revision, {GREEN}",
        ),
        (
            intent.new_target,
            seen(COMPLETED, active=BLUE, reason="Aborted", outcomes=BOTH_PASSED),
            f"the spec asks for a retained revision, {GREEN}",
        ),
        (intent.reverted, seen(ROLLED_BACK, target=BLUE), f"the spec asks again for {BLUE}, which serves"),
        (
            intent.reverted,
            seen(ROLLED_BACK, target=BLUE, team_status=BACK_TO_BLUE),
            f"a person asks again for {BLUE}, which serves",
        ),
        (intent.superseded, seen(Phase.WATCHING, target=OTHER), f"the spec now asks for {OTHER} instead of {GREEN}"),
        (
            intent.superseded,
            seen(Phase.WATCHING, target=OTHER, team_status=BACK_TO_OTHER),
            f"a person now asks for {OTHER} instead of {GREEN}",
        ),
        (intent.aborted, seen(PAUSE, said=frozenset({ActionName.ABORT})), "aborted by a person"),
        (intent.promoted, seen(PAUSE, said=PROMOTE), "promoted by a person"),
        (intent.promoted_untested, seen(PAUSE, said=PROMOTE, paused_in=Phase.TESTING), "promoted by a person"),
        (intent.promoted_by_steps, seen(PAUSE, said=PROMOTE, paused_in=Phase.HEALTH_CHECKING), "promoted by a person"),
        (intent.resumed_test, seen(PAUSE, said=RESUME, paused_in=Phase.TESTING), "a person wants it to go on"),
        (
            intent.invalid,
            seen(VALIDATING, problems=PROBLEMS, foreign=frozenset({SERVICE})),
            "spec.team: is missing; spec.models: is empty",
        ),
        (
            intent.invalid,
            seen(VALIDATING, foreign=frozenset({SERVICE, CONFIG})),
            "ConfigMap chat-x exists and isn't this AgentTeam's: delete or rename it, or rename the team",
        ),
        (
            intent.invalid,
            seen(VALIDATING, overdue=True, **left(SERVICE, CONFIG, POD)),
            "ConfigMap chat-x of an earlier AgentTeam chat hasn't gone: delete it",
        ),
        (
            intent.invalid,
            seen(FAILED, reason="NameConflict", **left(SERVICE)),
            "Service chat of an earlier AgentTeam chat hasn't gone: delete it",
        ),
        (intent.valid, seen(VALIDATING), "the spec is valid"),
        (intent.valid, seen(VALIDATING, overdue=True, **left(POD)), "the spec is valid"),
        (intent.mended, seen(FAILED, reason="NameConflict"), "what was refused is acceptable now"),
        (intent.mended, seen(FAILED, reason="InvalidSpec"), "what was refused is acceptable now"),
    ],
    ids=[
        "new",
        "back",
        "retried",
        "retried-after-it-failed",
        "ordered-back",
        "ordered-back-but-the-spec-wants-another",
        "ordered-anew",
        "ordered-anew-but-the-spec-wants-an-old-one",
        "ordered-anew-but-the-spec-wants-another",
        "ordered-anew-and-there-already",
        "another-after-the-first-failed",
        "at-creation-what-failed-before-is-tried-once-more",
        "back-to-what-went-wrong-but-passed-before",
        "aborted-long-ago",
        "reverted",
        "ordered-to-stay",
        "superseded",
        "superseded-by-a-person",
        "aborted",
        "promoted",
        "promoted-untested",
        "promoted-to-its-first-step",
        "resumed",
        "every-problem-before-any-conflict",
        "first-of-two-conflicts",
        "left-behind-too-long",
        "left-behind-and-refused-for-it",
        "valid",
        "pods-are-in-nobodys-way",
        "mended-name",
        "mended-spec",
    ],
)
def test_says_what_it_found(gate: Gate, view: View, message: str) -> None:
    assert message_of(gate, view) == message


@pytest.mark.parametrize(
    ("gate", "view"),
    [
        (intent.new_target, seen(COMPLETED)),
        (intent.new_target, seen(COMPLETED, said=RETRY)),
        (intent.new_target, seen(FAILED)),
        (intent.new_target, seen(ROLLED_BACK)),
        (intent.new_target, seen(ROLLED_BACK, reason="Aborted", outcomes=BOTH_PASSED)),
        (intent.reverted, seen(ROLLED_BACK, target=BLUE, blue=revision_of(BLUE, 0, 3), green=revision_of(GREEN, 3))),
        (intent.reverted, seen(ROLLED_BACK)),
        (intent.reverted, seen(FAILED, target="")),
        (intent.superseded, seen(Phase.WATCHING)),
        (intent.promoted, seen(PAUSE, said=RESUME)),
        (intent.promoted_untested, seen(PAUSE, said=PROMOTE)),
        (intent.promoted_untested, seen(PAUSE, paused_in=Phase.TESTING)),
        (intent.promoted_by_steps, seen(PAUSE, said=PROMOTE)),
        (
            intent.promoted_by_steps,
            seen(
                PAUSE,
                said=PROMOTE,
                paused_in=Phase.HEALTH_CHECKING,
                rollout={"traffic": {"mode": "Immediate"}},
            ),
        ),
        (intent.resumed_test, seen(PAUSE, said=RESUME, paused_in=Phase.SHIFTING)),
        (intent.resumed_test, seen(PAUSE, said=PROMOTE, paused_in=Phase.TESTING)),
        (intent.invalid, seen(VALIDATING)),
        (intent.invalid, seen(VALIDATING, **left(SERVICE))),
        (intent.invalid, seen(VALIDATING, overdue=True, **left(POD))),
        (intent.invalid, seen(FAILED, reason="InvalidSpec", **left(SERVICE))),
        (intent.invalid, seen(FAILED, reason="InvalidSpec", overdue=True, **left(SERVICE))),
        (intent.invalid, seen(COMPLETED, reason="NameConflict", **left(SERVICE))),
        (intent.valid, seen(VALIDATING, problems=PROBLEMS)),
        (intent.valid, seen(VALIDATING, **left(POD))),
        (intent.mended, seen(FAILED, reason="Aborted")),
        (intent.mended, seen(FAILED, reason="InvalidSpec", problems=PROBLEMS)),
    ],
    ids=[
        "what-serves-is-not-new",
        "what-serves-is-not-retried",
        "what-has-failed-is-not-new",
        "what-was-rolled-back-is-not-new",
        "nor-what-a-person-refused-though-it-passed-before",
        "what-serves-has-no-pod-left",
        "what-was-rolled-back-is-still-asked-for",
        "nothing-serves-and-nothing-is-asked-for",
        "still-asked-for",
        "resumed-is-not-promoted",
        "promoted-in-another-phase",
        "not-promoted",
        "promoted-when-it-has-traffic",
        "promoted-to-all-at-once",
        "resumed-in-another-phase",
        "promoted-is-not-resumed",
        "nothing-in-the-way",
        "left-behind-and-still-waited-for",
        "only-pods-left-behind",
        "left-behind-but-refused-for-another-reason",
        "left-behind-but-no-longer-validated",
        "left-behind-by-a-team-that-serves",
        "problems-are-not-valid",
        "left-behind-is-not-valid-yet",
        "a-refusal-by-a-person-does-not-mend",
        "not-mended-yet",
    ],
)
def test_finds_nothing(gate: Gate, view: View) -> None:
    assert gate(view) is None


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (seen(VALIDATING, **left(SERVICE, CONFIG)), "such as ConfigMap chat-x"),
        (seen(VALIDATING, overdue=True, **left(SERVICE)), ""),
        (seen(COMPLETED, **left(SERVICE)), ""),
        (seen(VALIDATING), ""),
    ],
    ids=["waited-for", "too-long", "after-validation", "nothing-left"],
)
def test_what_is_waited_for_before_a_rollout(view: View, words: str) -> None:
    said = intent.awaits_former(view)
    assert said.endswith(words)
    assert bool(said) == bool(words)
