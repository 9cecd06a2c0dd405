"""What the gates of the checks make of the edges: whose word counts, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.status import GateStatus, Phase, Verdict
from agentteam_operator.core import names
from agentteam_operator.core.gates import checks
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.view import View

from tests.unit.core.edges import Gate, message_of, seen
from tests.unit.core.situations import GREEN, NOW, TESTED, ago, revision_of

WHOLE = revision_of(GREEN, 3)
CONVERSATIONS, SMOKE = names.CHECK_CONVERSATIONS, "hook/smoke"
RUNNING = JobObserved(finished=False, succeeded=False)
PASSED = JobObserved(finished=True, succeeded=True)
FAILED = JobObserved(finished=True, succeeded=False, message="404")
SHARED = replace(FAILED, message="both revisions fail", inconclusive=True, reason="SharedFault")
GIVEN_UP: dict[str, Any] = {"green": WHOLE, "reason": "ReadyTimeout", "rollout": TESTED}

HOW = (
    f"kubectl annotate --overwrite -n sim agentteam chat agentteam.dev/promote={GREEN}/{NOW.timestamp():.0f}; "
    "to go back: the same with agentteam.dev/abort"
)


def gates(**verdicts: Verdict) -> dict[str, Any]:
    """The rollout's status with these verdicts of conversations and of the hook."""
    named = {"conversations": CONVERSATIONS, "smoke": SMOKE}
    return {"gates": [GateStatus(name=named[key], verdict=verdict, at=NOW) for key, verdict in verdicts.items()]}


def while_tested(conversations: JobObserved | None, smoke: JobObserved | None, **situation: Any) -> View:  # noqa: ANN401
    """A candidate whose conversations and hook have come this far."""
    found = {CONVERSATIONS: conversations, SMOKE: smoke}
    jobs = {check: job for check, job in found.items() if job is not None}
    return seen(Phase.TESTING, jobs=jobs, green=WHOLE, **situation)


@pytest.mark.parametrize(
    ("gate", "view", "message"),
    [
        (checks.recovered_untested, seen(Phase.FAILED, **GIVEN_UP), "3 of 3 pods ready; its health is checked again"),
        (
            checks.recovered_untested,
            seen(
                Phase.FAILED,
                rollout_status=gates(conversations=Verdict.PASSED, smoke=Verdict.FAILED),
                **GIVEN_UP,
            ),
            "3 of 3 pods ready; its health is checked again",
        ),
        (
            checks.to_be_tested,
            seen(Phase.PREPARING, green=revision_of(GREEN, 1), rollout=TESTED),
            "1 of 1 pod ready; to be tested by: conversations, hook smoke",
        ),
        (
            checks.healthy_and_held,
            seen(Phase.HEALTH_CHECKING, probe=PASSED, held_by_person=True),
            "health passed; a person asked to wait before any traffic. To go on: " + HOW,
        ),
        (
            checks.healthy_and_held,
            seen(Phase.HEALTH_CHECKING, probe=PASSED, rollout={"autoPromote": False}),
            "health passed; spec.rollout.autoPromote is false. To go on: " + HOW,
        ),
        (checks.tests_passed, while_tested(PASSED, PASSED), "conversations: passed; hook smoke: passed"),
        (
            checks.tests_passed,
            while_tested(replace(PASSED, message="9 of 9"), PASSED),
            "conversations: 9 of 9; hook smoke: passed",
        ),
        (checks.failed, while_tested(PASSED, FAILED), "hook smoke failed: 404"),
        (checks.failed, while_tested(FAILED, RUNNING), "404"),
        (checks.late, while_tested(RUNNING, RUNNING, overdue=True), "conversations, hook smoke: no verdict in time"),
        (
            checks.late,
            while_tested(RUNNING, replace(RUNNING, message="no quota"), overdue=True),
            "conversations, hook smoke: no verdict in time; no quota",
        ),
        (checks.undecided, while_tested(SHARED, FAILED), "both revisions fail"),
    ],
    ids=[
        "recovered-with-its-tests-to-come",
        "recovered-with-one-test-to-come",
        "to-be-tested",
        "held-by-a-person",
        "held-by-the-spec",
        "passed",
        "passed-in-words",
        "failed",
        "failed-while-others-run",
        "late",
        "late-and-why",
        "undecided-conversations",
    ],
)
def test_says_what_it_found(gate: Gate, view: View, message: str) -> None:
    assert message_of(gate, view) == message


@pytest.mark.parametrize(
    ("gate", "view"),
    [
        (
            checks.recovered_untested,
            seen(
                Phase.FAILED,
                rollout_status=gates(conversations=Verdict.PASSED, smoke=Verdict.PASSED),
                **GIVEN_UP,
            ),
        ),
        (
            checks.healthy_and_held,
            seen(Phase.HEALTH_CHECKING, base="", blue=None, probe=PASSED, rollout={"autoPromote": False}),
        ),
        (checks.healthy_and_held, seen(Phase.HEALTH_CHECKING, probe=PASSED)),
        (checks.tests_passed, while_tested(PASSED, None)),
        (checks.tests_passed, while_tested(PASSED, FAILED)),
        (checks.tests_passed, while_tested(PASSED, replace(PASSED, finished=False))),
        (checks.failed, while_tested(SHARED, PASSED)),
        (checks.failed, while_tested(RUNNING, None)),
        (checks.late, while_tested(RUNNING, RUNNING)),
        (checks.late, while_tested(PASSED, PASSED, overdue=True)),
        (
            checks.late,
            seen(
                Phase.SETTLING,
                active=GREEN,
                green=WHOLE,
                overdue=True,
                rollout={"conversations": TESTED["conversations"]},
            ),
        ),
        (checks.undecided, while_tested(SHARED, None)),
        (checks.undecided, while_tested(SHARED, RUNNING)),
        (checks.undecided, while_tested(PASSED, PASSED)),
        (checks.undecided, while_tested(FAILED, PASSED)),
        (checks.undecided, while_tested(replace(SHARED, created_at=ago(60)), PASSED)),
    ],
    ids=[
        "recovered-and-tested",
        "a-first-revision-is-not-held",
        "nobody-asked-to-hold-it",
        "a-test-is-still-to-begin",
        "a-test-failed",
        "a-test-is-not-over",
        "what-both-revisions-fail-is-no-fault",
        "nothing-has-failed-yet",
        "time-left",
        "late-but-passed",
        "late-after-the-switch-and-passed-before-it",
        "undecided-while-a-test-is-to-begin",
        "undecided-while-a-test-runs",
        "passed-is-decided",
        "failed-is-decided",
        "undecided-by-pods-that-are-gone",
    ],
)
def test_finds_nothing(gate: Gate, view: View) -> None:
    assert gate(view) is None


@pytest.mark.parametrize(
    ("job", "reason"),
    [(SHARED, "SharedFault"), (replace(SHARED, reason="Superseded"), "SharedFault")],
    ids=["of-the-Job", "whatever-the-Job-calls-it"],
)
def test_why_nothing_is_decided(job: JobObserved, reason: str) -> None:
    found = checks.undecided(while_tested(job, PASSED))
    assert found is not None
    assert found.reason == reason


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (names.CHECK_HEALTH, "HealthCheckFailed"),
        (CONVERSATIONS, "ConversationsFailed"),
        (SMOKE, "HookFailed"),
    ],
)
def test_why_a_rollout_goes_back_for_a_check(check: str, reason: str) -> None:
    assert checks.reason_of_failure(check) == reason
