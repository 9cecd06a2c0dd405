"""From samples to the verdict on the conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_server.golden.expectations import Failure
from agent_server.golden.judgement import conversations_verdict
from agent_server.golden.samples import Sample, Samples
from agentteam_operator.api.conversations import Conversation

GREEN, BLUE = "http://10.0.0.1:8000", "http://10.0.0.2:8000"
WRONG = Failure("TextMissing", "answer doesn't contain 'order 17' (said: 'I can…')")
DOWN = Failure("ModelUnreachable", "the run failed: model 'main': its endpoint can't be reached: check baseURL")
GONE = Failure("Unreachable", "the pod can't be reached: Connection refused")
SLOW = Failure("Timeout", "no answer within 60 s")
MOVED = Failure("RevisionMismatch", "the pod serves revision 'a', not 'b'")


def _sample(target: str, failure: Failure | None) -> Sample:
    return Sample(target, () if failure is None else (failure,), tokens=10)


def _samples(
    *candidate: Failure | None, control: tuple[Failure | None, ...] = (), rate: float = 1.0, name: str = "refund"
) -> Samples:
    conversation = Conversation.parse(
        {"name": name, "turns": [{"user": "hi"}], "samples": len(candidate), "minPassRate": rate}
    )
    return Samples(
        conversation,
        tuple(_sample(GREEN, failure) for failure in candidate),
        tuple(_sample(BLUE, failure) for failure in control),
    )


OK = None
CASES: dict[str, tuple[list[Samples], tuple[str, str, str, str], str]] = {
    "all passed": (
        [_samples(OK, OK, OK)],
        ("Passed", "ConversationsPassed", "3 of 3 passed", "3 of 3"),
        "conversation refund passed, 3 of 3 samples",
    ),
    "several passed": (
        [_samples(OK, OK), _samples(OK, WRONG, rate=0.5, name="cancel")],
        ("Passed", "ConversationsPassed", "3 of 4 passed", "refund 2 of 2, cancel 1 of 2"),
        "all 2 conversations passed, 3 of 4 samples",
    ),
    "just enough": (
        [_samples(OK, WRONG, OK, rate=0.6)],
        ("Passed", "ConversationsPassed", "2 of 3 passed", "2 of 3"),
        "conversation refund passed, 2 of 3 samples",
    ),
    "one too few": (
        [_samples(OK, WRONG, WRONG, rate=0.6)],
        ("Failed", "ConversationFailed", "1 of 3 passed", "2 of 3"),
        f"conversation refund failed 2 of 3 on the new revision: {WRONG.message}",
    ),
    "one of two": (
        [_samples(OK, name="cancel"), _samples(WRONG)],
        ("Failed", "ConversationFailed", "1 of 2 passed", "2 of 2"),
        f"conversation refund failed 1 of 1 on the new revision: {WRONG.message}",
    ),
    "both of two": (
        [_samples(WRONG, name="cancel"), _samples(WRONG)],
        ("Failed", "ConversationFailed", "0 of 2 passed", "2 of 2"),
        f"conversation cancel failed 1 of 1 on the new revision: {WRONG.message}; failed as well: refund",
    ),
    "the active one is well": (
        [_samples(WRONG, OK, control=(OK, OK))],
        ("Failed", "ConversationFailed", "1 of 2 passed", "2 of 2"),
        f"conversation refund failed 1 of 2 on the new revision: {WRONG.message}; the active one passed 2 of 2",
    ),
    "a fault of both": (
        [_samples(DOWN, DOWN, control=(DOWN, OK))],
        ("Inconclusive", "SharedFault", "0 of 2 passed", "2 of 2"),
        f"conversation refund failed 2 of 2 on the new revision and 1 of 2 on the active one, too: {DOWN.message}",
    ),
    "the active one failed one of ten": (
        [_samples(*(WRONG,) * 10, control=(*(OK,) * 9, SLOW))],
        ("Failed", "ConversationFailed", "0 of 10 passed", "10 of 10"),
        f"conversation refund failed 10 of 10 on the new revision: {WRONG.message}; the active one passed 9 of 10",
    ),
    "both fail some, the new revision one more": (
        [_samples(OK, WRONG, WRONG, WRONG, control=(OK, OK, WRONG, WRONG))],
        ("Inconclusive", "SharedFault", "1 of 4 passed", "4 of 4"),
        f"conversation refund failed 3 of 4 on the new revision and 2 of 4 on the active one, too: {WRONG.message}",
    ),
    "both fail some, the new revision two more": (
        [_samples(OK, WRONG, WRONG, WRONG, control=(OK, OK, OK, WRONG))],
        ("Failed", "ConversationFailed", "1 of 4 passed", "4 of 4"),
        f"conversation refund failed 3 of 4 on the new revision: {WRONG.message}; the active one passed 3 of 4",
    ),
    "as large a share of fewer controls": (
        [_samples(OK, OK, WRONG, WRONG, control=(OK, WRONG, MOVED, MOVED))],
        ("Inconclusive", "SharedFault", "2 of 4 passed", "4 of 4"),
        f"conversation refund failed 2 of 4 on the new revision and 1 of 2 on the active one, too: {WRONG.message}",
    ),
    "a smaller share than of fewer controls": (
        [_samples(WRONG, WRONG, WRONG, WRONG, control=(OK, WRONG, MOVED, MOVED))],
        ("Failed", "ConversationFailed", "0 of 4 passed", "4 of 4"),
        f"conversation refund failed 4 of 4 on the new revision: {WRONG.message}; the active one passed 1 of 2",
    ),
    "the active one is well enough": (
        [_samples(DOWN, DOWN, control=(DOWN, OK), rate=0.5)],
        ("Failed", "ConversationFailed", "0 of 2 passed", "1 of 2"),
        f"conversation refund failed 2 of 2 on the new revision: {DOWN.message}; the active one passed 1 of 2",
    ),
    "only the active one fails": (
        [_samples(OK, control=(WRONG,))],
        ("Passed", "ConversationsPassed", "1 of 1 passed", "1 of 1"),
        "conversation refund passed, 1 of 1 samples",
    ),
    "a fault of both beside one of the new revision alone": (
        [_samples(DOWN, control=(DOWN,), name="cancel"), _samples(WRONG, control=(OK,))],
        ("Failed", "ConversationFailed", "0 of 2 passed", "2 of 2"),
        (
            f"conversation refund failed 1 of 1 on the new revision: {WRONG.message}; the active one passed 1 of 1"
            "; failed as well: cancel"
        ),
    ),
    "the active one can't be reached": (
        [_samples(WRONG, control=(GONE,))],
        ("Failed", "ConversationFailed", "0 of 1 passed", "1 of 1"),
        f"conversation refund failed 1 of 1 on the new revision: {WRONG.message}; the active one couldn't be asked",
    ),
    "what is left of the active one fails": (
        [_samples(DOWN, DOWN, control=(MOVED, DOWN))],
        ("Inconclusive", "SharedFault", "0 of 2 passed", "2 of 2"),
        f"conversation refund failed 2 of 2 on the new revision and 1 of 1 on the active one, too: {DOWN.message}",
    ),
    "a pod was replaced": (
        [_samples(MOVED, OK)],
        ("Failed", "RevisionMismatch", "1 of 2 passed", "2 of 2"),
        f"conversation refund failed 1 of 2 on the new revision: {MOVED.message}",
    ),
    "a pod was replaced, and an answer was wrong": (
        [_samples(MOVED, WRONG)],
        ("Failed", "ConversationFailed", "0 of 2 passed", "2 of 2"),
        f"conversation refund failed 2 of 2 on the new revision: {MOVED.message}",
    ),
}


@pytest.mark.parametrize(("samples", "found", "message"), CASES.values(), ids=CASES.keys())
def test_verdicts(samples: list[Samples], found: tuple[str, str, str, str], message: str) -> None:
    verdict = json.loads(conversations_verdict(samples).fitted())
    assert verdict["gate"] == "conversations"
    assert tuple(verdict[key] for key in ("verdict", "reason", "value", "threshold")) == found
    assert verdict["message"] == message
    assert verdict["samples"] == sum(len(one.candidate) for one in samples)
    assert verdict["tokens"] == 10 * sum(len(one.candidate) + len(one.control) for one in samples)


def _without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def test_results_begin_with_what_only_the_new_revision_fails() -> None:
    verdict = conversations_verdict(
        [
            _samples(OK, control=(OK,), name="greet"),
            _samples(DOWN, control=(DOWN,), name="cancel"),
            _samples(OK, WRONG, WRONG, control=(OK, GONE, OK)),
        ]
    )
    failed = {"target": GREEN, "reason": WRONG.reason, "message": WRONG.message}
    assert [_without(result, "failures") for result in verdict.results] == [
        {
            "conversation": name,
            "passed": passed,
            "value": value,
            "threshold": threshold,
            "control": control,
            "tokens": n,
        }
        for name, passed, value, threshold, control, n in (
            ("refund", False, "1 of 3", "3 of 3", "2 of 2", 60),
            ("cancel", False, "0 of 1", "1 of 1", "0 of 1", 20),
            ("greet", True, "1 of 1", "1 of 1", "1 of 1", 20),
        )
    ]
    assert verdict.results[0]["failures"] == [{"sample": 2, **failed}, {"sample": 3, **failed}]
