from __future__ import annotations

import json
from typing import Any

import pytest
from agentteam_operator.api.check_conversations import schema_problem
from agentteam_operator.api.conversations import (
    MAX_CONVERSATION_BYTES,
    MAX_CONVERSATIONS_BYTES,
    Conversation,
)
from agentteam_operator.api.patterns import compiles, is_found
from agentteam_operator.api.validation import read_team

from tests.unit.api.manifests import Document, team

TURN = {"user": "I want my money back"}


def _conversation(**fields: object) -> Document:
    return {"name": "refund", "turns": [TURN], **fields}


def _problems(*conversations: Document) -> list[str]:
    _, problems = read_team(team({"rollout": {"conversations": list(conversations)}}))
    return [str(problem) for problem in problems]


def test_what_a_name_and_a_turn_alone_ask_for() -> None:
    conversation = Conversation.parse(_conversation())
    assert (conversation.samples, conversation.passes_needed) == (3, 3)
    assert conversation.expect.to_document() == {
        "contains": [],
        "notContains": [],
        "matches": "",
        "agentsSpoke": [],
        "stopReason": "",
        "jsonSchema": "",
    }
    assert Conversation.parse(json.loads(conversation.to_json())) == conversation


@pytest.mark.parametrize(
    ("rate", "samples", "needed"),
    [
        (1.0, 3, 3),
        (0.6, 3, 2),
        (0.67, 3, 3),
        (0.5, 4, 2),
        (0.3, 10, 3),
        (0.7, 10, 7),
        (0.95, 20, 19),
        (0.01, 1, 1),
        (1e-12, 20, 1),
    ],
)
def test_the_samples_that_must_pass(rate: float, samples: int, needed: int) -> None:
    assert Conversation.parse(_conversation(samples=samples, minPassRate=rate)).passes_needed == needed


_DEEP = '{"not":' * 60 + "{}" + "}" * 60
_SCHEMAS = {
    "an object": ('{"type": "object", "required": ["amount"]}', ""),
    "a reference within": ('{"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}', ""),
    "a property called $ref": ('{"properties": {"$ref": {"type": "string"}}}', ""),
    "a property called pattern": ('{"properties": {"pattern": {"type": "string"}}}', ""),
    "constants that only look like keywords": ('{"const": {"patternProperties": 5, "pattern": [], "$ref": 1}}', ""),
    "a reference by its anchor": ('{"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}}', ""),
    "a reference by its id": ('{"$id": "http://own/", "$ref": "/b", "$defs": {"b": {"$id": "b"}}}', ""),
    "a reference to no schema": ('{"$ref": "#/required", "required": ["a"]}', "refers to #/required, which isn't"),
    "a reference into a text": ('{"$ref": "#/title/0", "title": "a"}', "refers to #/title/0, which isn't within it"),
    "a reference into a list": ('{"$ref": "#/allOf/x", "allOf": [{}]}', "refers to #/allOf/x, which isn't within it"),
    "a reference that is no address": ('{"$ref": "http://["}', "refers to http://[, which isn't within it"),
    "a reference to nothing": ('{"$ref": "#/$defs/b", "$defs": {"a": {}}}', "refers to #/$defs/b, which isn't within"),
    "no JSON": ("type: object", "must be JSON, nested at most 50 levels deep"),
    "deep": (_DEEP, "must be JSON, nested at most 50 levels deep"),
    "deeper than any reader follows": ("[" * 8000, "must be JSON, nested at most 50 levels deep"),
    "no object": ("[1]", "must be a JSON object"),
    "an unknown type": ('{"type": "text"}', "no JSON Schema of draft 2020-12 at $.type: 'text' is not valid"),
    "a reference elsewhere": ('{"$ref": "http://elsewhere/"}', "refers to http://elsewhere/, which isn't within it"),
    "a reference elsewhere, below": ('{"items": {"$dynamicRef": "file:///etc/hosts"}}', "refers to file:///etc/hosts"),
    "a pattern that looks ahead": ('{"pattern": "(?=a)"}', "has the pattern (?=a), which is no regular expression"),
    "names by patterns": ('{"patternProperties": {"^a": {}}}', "has patternProperties, which aren't supported"),
}


@pytest.mark.parametrize(("schema", "problem"), _SCHEMAS.values(), ids=_SCHEMAS.keys())
def test_schemas(schema: str, problem: str) -> None:
    found = schema_problem(schema)
    assert problem in found
    assert bool(found) == bool(problem)


def test_a_wrong_schema_is_told_with_its_place() -> None:
    [problem] = _problems(_conversation(expect={"jsonSchema": "{"}))
    assert problem == (
        "spec.rollout.conversations[0].expect.jsonSchema ({): "
        "jsonSchema must be JSON, nested at most 50 levels deep: correct the schema"
    )


def test_a_conversation_fits_an_environment_variable() -> None:
    turns: list[Any] = [{"user": "\N{GRINNING FACE}" * 4096}] * 10
    [problem] = _problems(_conversation(turns=turns))
    assert problem.startswith("spec.rollout.conversations[0] (164")
    assert f"more than {MAX_CONVERSATION_BYTES}: shorten its turns" in problem
    assert _problems(_conversation(turns=turns[:5])) == []


def test_all_conversations_fit_one_job() -> None:
    turns: list[Any] = [{"user": "x" * 4096}] * 10
    some = [_conversation(name=f"c{index}", turns=turns) for index in range(14)]
    [problem] = _problems(*some)
    assert problem.startswith("spec.rollout.conversations (57")
    assert f"more than {MAX_CONVERSATIONS_BYTES}: shorten their turns" in problem
    assert _problems(*some[:12]) == []


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("refund(ed)?", "It is refunded.", True),
        ("Refund", "It is refunded.", False),
        ("(?i)Refund", "It is refunded.", True),
        ("^done$", "all done", False),
        ("\\d+ €", "17 €", True),
        ("a", "\ud800a", True),
        ("", "anything", True),
        ("(a+)+$", "a" * 100_000 + "!", False),
    ],
)
def test_patterns(pattern: str, text: str, *, found: bool) -> None:
    assert compiles(pattern)
    assert is_found(pattern, text) is found


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a{1001}", "(a{500}){500}", "\ud800", "[z-a]"])
def test_what_is_no_pattern(pattern: str) -> None:
    assert not compiles(pattern)
