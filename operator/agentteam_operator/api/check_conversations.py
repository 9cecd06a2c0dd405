"""The rules of `spec.rollout.conversations` that span fields or that need more than CEL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentteam_operator.api.base import MAX_DEPTH
from agentteam_operator.api.conversations import (
    MAX_CONVERSATION_BYTES,
    MAX_CONVERSATIONS_BYTES,
    Conversation,
    Expectation,
)
from agentteam_operator.api.field_problems import Found, shorten
from agentteam_operator.api.patterns import compiles
from agentteam_operator.api.rollout import RolloutSettings
from agentteam_operator.api.team import TeamSpec

_REFERENCES = ("$ref", "$dynamicRef")


def check_expectation(expect: Expectation) -> Found:
    """A regular expression or a schema that is none."""
    if not compiles(expect.matches):
        yield ".matches", expect.matches, "matches must be a regular expression in RE2's syntax: correct it"
    if expect.json_schema and (wrong := schema_problem(expect.json_schema)):
        yield ".jsonSchema", expect.json_schema, f"{wrong}: correct the schema"


def check_conversation(conversation: Conversation) -> Found:
    """More than an environment variable takes."""
    size = len(conversation.to_json().encode())
    if size > MAX_CONVERSATION_BYTES:
        yield (
            "",
            f"{size} bytes",
            f"as JSON the conversation has {size} bytes, more than {MAX_CONVERSATION_BYTES}: shorten its turns",
        )


def check_size(rollout: RolloutSettings) -> Found:
    """More than one Job takes."""
    size = sum(len(conversation.to_json().encode()) for conversation in rollout.conversations)
    if size > MAX_CONVERSATIONS_BYTES:
        yield (
            ".conversations",
            f"{size} bytes",
            f"as JSON the conversations have {size} bytes, more than {MAX_CONVERSATIONS_BYTES}: shorten their turns",
        )


def check_speakers(rollout: RolloutSettings, team: TeamSpec) -> Found:
    """Expected agents that the team doesn't have."""
    names = {agent.name for agent in team.agents}
    for index, conversation in enumerate(rollout.conversations):
        for name in conversation.expect.agents_spoke:
            if name not in names:
                message = (
                    f"conversation {conversation.name} expects agent {name} to speak, which is not in spec.team.agents:"
                    " correct the name or add the agent"
                )
                yield f".rollout.conversations[{index}].expect.agentsSpoke", name, message


def schema_problem(text: str) -> str:
    """What keeps `text` from being a JSON Schema that needs nothing from elsewhere; empty if nothing does."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - most teams have no schema to check

    try:
        schema = json.loads(text)
        nodes = list(_nodes(schema, 0))
    except (ValueError, RecursionError):
        return f"jsonSchema must be JSON, nested at most {MAX_DEPTH} levels deep"
    if not isinstance(schema, dict):
        return "jsonSchema must be a JSON object"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"jsonSchema is no JSON Schema of draft 2020-12 at {error.json_path}: {shorten(error.message)}"
    return next((problem for node in nodes if (problem := _unusable(node, schema))), "")


def _nodes(value: object, depth: int) -> Iterator[Mapping[str, Any]]:
    """All objects within a JSON value.

    Raises:
        ValueError: it is nested too deep.
    """
    if depth > MAX_DEPTH:
        raise ValueError
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _nodes(below, depth + 1)


def _unusable(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a well-formed schema asks for and can't have: something from elsewhere, or an expression not of RE2's."""
    for keyword in _REFERENCES:
        target = node.get(keyword)
        if isinstance(target, str) and not _resolves(target, schema):
            return f"jsonSchema refers to {shorten(target)}, which isn't within it"
    if isinstance(node.get("patternProperties"), dict):
        return "jsonSchema has patternProperties, which aren't supported (names of properties can be matched slowly)"
    pattern = node.get("pattern")
    if isinstance(pattern, str) and not compiles(pattern):
        return f"jsonSchema has the pattern {shorten(pattern)}, which is no regular expression in RE2's syntax"
    return ""


def _resolves(target: str, schema: Mapping[str, Any]) -> bool:
    """Whether a reference leads to a schema within the schema itself."""
    from referencing import Registry  # noqa: PLC0415 - with jsonschema
    from referencing.exceptions import Unresolvable  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    resource = DRAFT202012.create_resource(schema)
    try:
        found = Registry().resolver_with_root(resource).lookup(target).contents
    except (Unresolvable, ValueError, TypeError):
        return False
    return isinstance(found, dict | bool)
