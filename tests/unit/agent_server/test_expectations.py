"""Every kind of expectation, met and not met."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_server.golden.chat import INVALID_ANSWER, REVISION_MISMATCH, TIMEOUT, UNREACHABLE
from agent_server.golden.expectations import Answer, failures_of
from agentteam_operator.api.conversations import Expectation

from tests.support.agent_server import REPO

LIMIT_SECONDS = 20


def _answer(text: str = "Your order 17 is refunded. APPROVE", **fields: Any) -> Answer:  # noqa: ANN401 - any field
    values: dict[str, Any] = {"stop_reason": "Text 'APPROVE' mentioned", "speakers": ("router", "clerk-2")}
    values |= {"tokens": 100, "seconds": 1.5, **fields}
    return Answer(text, **values)


ONE = (_answer(),)
TWO = (_answer("Which order?", speakers=("router",), stop_reason="Maximum number of turns 1 reached."), _answer())
JSON = (_answer('{"amount": 17}'),)
_AMOUNT = '{"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}'
_SAID = "(said: 'Your order 17 is refunded. APPROVE')"

MET: dict[str, tuple[dict[str, Any], tuple[Answer, ...]]] = {
    "nothing": ({}, ONE),
    "contains": ({"contains": ["order 17", "refunded"]}, ONE),
    "notContains": ({"notContains": ["order 18", "ORDER 17"]}, TWO),
    "matches": ({"matches": "(?i)ORDER \\d+"}, ONE),
    "matches the last answer": ({"matches": "^Your .* APPROVE$"}, TWO),
    "agentsSpoke": ({"agentsSpoke": ["clerk-2", "router"]}, ONE),
    "agentsSpoke in any turn": ({"agentsSpoke": ["clerk-2"]}, (ONE[0], _answer(speakers=("router",)))),
    "stopReason of the last turn": ({"stopReason": "'APPROVE'"}, TWO),
    "jsonSchema": ({"jsonSchema": _AMOUNT}, JSON),
    "jsonSchema with a pattern": ({"jsonSchema": '{"pattern": "^a+$"}'}, (_answer('"aaa"'),)),
    "jsonSchema of a pattern for texts, on a number": ({"jsonSchema": '{"pattern": "^a+$"}'}, (_answer("17"),)),
    "maxTurns": ({"maxTurns": 2}, ONE),
    "maxTurns is of one answer": ({"maxTurns": 2}, (*ONE, *ONE)),
    "maxTokens": ({"maxTokens": 200}, TWO),
    "maxLatencySeconds": ({"maxLatencySeconds": 1.5}, TWO),
}


@pytest.mark.parametrize(("expect", "answers"), MET.values(), ids=MET.keys())
def test_met(expect: dict[str, Any], answers: tuple[Answer, ...]) -> None:
    assert failures_of(Expectation.parse(expect), answers) == ()


NOT_MET: dict[str, tuple[dict[str, Any], tuple[Answer, ...], list[tuple[str, str]]]] = {
    "contains": (
        {"contains": ["order 18"]},
        ONE,
        [("TextMissing", f"answer doesn't contain 'order 18' {_SAID}")],
    ),
    "contains in another case": (
        {"contains": ["ORDER 17"]},
        ONE,
        [("TextMissing", f"answer doesn't contain 'ORDER 17' {_SAID}")],
    ),
    "contains is of the last answer": (
        {"contains": ["Which order?"]},
        TWO,
        [("TextMissing", f"answer doesn't contain 'Which order?' {_SAID}")],
    ),
    "notContains": (
        {"notContains": ["refunded"]},
        ONE,
        [("TextForbidden", f"answer contains 'refunded' {_SAID}")],
    ),
    "notContains is of every answer": (
        {"notContains": ["Which"]},
        TWO,
        [("TextForbidden", "answer 1 contains 'Which' (said: 'Which order?')")],
    ),
    "matches": (
        {"matches": "^order"},
        ONE,
        [("NoMatch", f"answer doesn't match '^order' {_SAID}")],
    ),
    "agentsSpoke": (
        {"agentsSpoke": ["clerk-3"]},
        TWO,
        [("AgentSilent", "agent clerk-3 didn't speak (spoke: router, clerk-2)")],
    ),
    "stopReason": (
        {"stopReason": "Maximum"},
        TWO,
        [("StopReasonDiffers", "the run didn't stop for 'Maximum' (stopped: 'Text 'APPROVE' mentioned')")],
    ),
    "jsonSchema on text": (
        {"jsonSchema": _AMOUNT},
        ONE,
        [("NotJson", f"answer isn't JSON {_SAID}")],
    ),
    "jsonSchema on JSON nested without an end": (
        {"jsonSchema": "{}"},
        (_answer("[" * 100_000),),
        [("NotJson", f"answer isn't JSON (said: '{'[' * 79}…')")],
    ),
    "jsonSchema on another document": (
        {"jsonSchema": _AMOUNT},
        (_answer('{"amount": "17"}'),),
        [("SchemaMismatch", "answer isn't valid under jsonSchema at $.amount: '17' is not of type 'number'")],
    ),
    "jsonSchema with a pattern": (
        {"jsonSchema": '{"pattern": "^(a+)+$"}'},
        (_answer('"aab"'),),
        [("SchemaMismatch", "answer isn't valid under jsonSchema at $: 'aab' does not match '^(a+)+$'")],
    ),
    "jsonSchema without an end": (
        {"jsonSchema": '{"$ref": "#"}'},
        JSON,
        [("SchemaMismatch", "jsonSchema leads back to itself without an end: correct the schema")],
    ),
    "maxTurns": (
        {"maxTurns": 1},
        TWO,
        [("TooManyTurns", "answer 2 took 2 turns of agents, more than 1")],
    ),
    "maxTokens is of all answers": (
        {"maxTokens": 199},
        TWO,
        [("TooManyTokens", "the sample took 200 tokens, more than 199")],
    ),
    "maxTokens of an endpoint that tells none": (
        {"maxTokens": 1},
        (_answer(tokens=0),),
        [("TokensUnknown", "tokens can't be held against maxTokens: the model's endpoint reports none")],
    ),
    "maxLatencySeconds": (
        {"maxLatencySeconds": LIMIT_SECONDS},
        (_answer(seconds=25.21),),
        [("TooSlow", "answer took 25.2 s, more than 20 s")],
    ),
    "all at once": (
        {"contains": ["a refund"], "agentsSpoke": ["boss"], "maxTurns": 1},
        ONE,
        [
            ("TextMissing", f"answer doesn't contain 'a refund' {_SAID}"),
            ("AgentSilent", "agent boss didn't speak (spoke: router, clerk-2)"),
            ("TooManyTurns", "answer took 2 turns of agents, more than 1"),
        ],
    ),
}


@pytest.mark.parametrize(("expect", "answers", "failures"), NOT_MET.values(), ids=NOT_MET.keys())
def test_not_met(expect: dict[str, Any], answers: tuple[Answer, ...], failures: list[tuple[str, str]]) -> None:
    found = failures_of(Expectation.parse(expect), answers)
    assert [(failure.reason, failure.message) for failure in found] == failures


def test_an_answer_that_is_wrong_all_over_is_told_in_part() -> None:
    expect = Expectation.parse({"jsonSchema": '{"items": {"type": "number"}}'})
    found = failures_of(expect, (_answer(json.dumps(["x"] * 100_000)),))
    assert len(found) == 10
    assert found[9].message == "answer isn't valid under jsonSchema at $[9]: 'x' is not of type 'number'"


def test_each_field_has_a_row_in_both_tables() -> None:
    fields = {field.alias for field in Expectation.model_fields.values()}
    assert {field for expect, _ in MET.values() for field in expect} == fields
    assert {field for expect, _, _ in NOT_MET.values() for field in expect} == fields


def test_the_reference_page_names_each_field_and_each_reason() -> None:
    told = (REPO / "docs" / "rollout.md").read_text(encoding="utf-8")
    assert {
        str(field.alias) for field in Expectation.model_fields.values() if f"| `{field.alias}` |" not in told
    } == set()
    page = (REPO / "docs" / "agent-server.md").read_text(encoding="utf-8")
    reasons = {reason for _, _, failures in NOT_MET.values() for reason, _ in failures}
    reasons |= {TIMEOUT, UNREACHABLE, REVISION_MISMATCH, INVALID_ANSWER}
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


def test_what_a_team_says_is_told_in_one_short_line_without_secrets() -> None:
    said = "Sure,\n the key is sk-live-1234567890.\n" + "x" * 100_000
    [failure] = failures_of(Expectation.parse({"contains": ["password=hunter2"]}), (_answer(said),))
    assert "\n" not in failure.message
    assert len(failure.message) < 200
    assert "1234567890" not in failure.message
    assert "hunter2" not in failure.message
