"""A team's spec, read as far as it can be.

The API server refuses what the models can't read, but a stored object may be older than a rule, or newer than this
operator. What can't be read is set aside, and the rest goes on: rollbacks, deadlines and repairs never wait for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from agentteam_operator.api.field_problems import FieldProblem, problems_of
from agentteam_operator.api.revision import HASH_LENGTH, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec, RevisionSpec
from agentteam_operator.api.validation import validate
from agentteam_operator.core.observed import Manifest

_NAMES = {field.alias or name: name for name, field in AgentTeamSpec.model_fields.items()}
_OF_THE_REVISION = frozenset(alias for alias, name in _NAMES.items() if name in RevisionSpec.model_fields)
_STAND_IN = {
    "models": [{"name": "unread", "provider": "Replay"}],
    "team": {"type": "RoundRobin", "agents": [{"name": "unread", "model": "unread"}]},
}
"""In place of a revision that can't be read. It never goes out: the problems forbid it."""


class SpecReading(NamedTuple):
    """What a stored spec says."""

    spec: AgentTeamSpec
    """Without the parts that can't be read."""
    problems: tuple[FieldProblem, ...]
    """All that is wrong with it."""
    target: str
    """Hash of the revision that it asks for; where that can't be read, one of its own, which no revision has."""
    unread: frozenset[str] = frozenset()
    """Fields of `AgentTeamSpec` of which a part was set aside."""


def parse_spec(team: Manifest) -> SpecReading:
    """The spec of an AgentTeam object. Never raises, whatever is stored."""
    document = team.get("spec") or {}
    try:
        spec = AgentTeamSpec.parse(document)
    except ValidationError as error:
        return _read_in_parts(document, error)
    return SpecReading(spec, tuple(validate(spec, team["metadata"]["name"])), revision_hash(spec))


def _read_in_parts(document: object, error: ValidationError) -> SpecReading:
    """Set aside one part after the other until the rest can be read; each time there is less, so it ends."""
    problems = tuple(problems_of(error, AgentTeamSpec, path="spec"))
    given: dict[str, Any] = document if isinstance(document, dict) else {}
    rest, target, unread = given, "", set()
    while True:
        path = _unreadable(error)
        if not path:
            rest, path = {}, ("models",)
        unread |= {_NAMES[field] for field in path[:1] if field in _NAMES}
        if path[0] in _OF_THE_REVISION:
            rest = {field: value for field, value in rest.items() if field not in _OF_THE_REVISION} | _STAND_IN
            target = _hash_of_unread(given)
        else:
            rest = _without(rest, path)
        try:
            spec = AgentTeamSpec.parse(rest)
        except ValidationError as further:
            error = further
        else:
            return SpecReading(spec, problems, target or revision_hash(spec), frozenset(unread))


def _unreadable(error: ValidationError) -> tuple[Any, ...]:
    """Path of the last thing that is wrong, so that indexes of lists before it hold; what lacks a part goes itself."""
    last = error.errors(include_url=False)[-1]
    path = tuple(step for step in last["loc"] if step != "[key]")
    return path[:-1] if last["type"] == "missing" and len(path) > 1 else path


def _without(value: Any, path: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """The value without what the path leads to."""
    step, *below = path
    if below:
        changed = _without(value[step], tuple(below))
        if isinstance(value, list):
            return [*value[:step], changed, *value[step + 1 :]]
        return {**value, step: changed}
    if isinstance(value, list):
        return [*value[:step], *value[step + 1 :]]
    return {key: held for key, held in value.items() if key != step}


def _hash_of_unread(given: Mapping[str, Any]) -> str:
    """A hash for what is asked for in vain: another for other words, and no readable spec's. Any depth will do."""
    words = hashlib.sha256(b"unread")
    below: list[tuple[int, object, object]] = [(0, "", {f: v for f, v in given.items() if f in _OF_THE_REVISION})]
    while below:
        depth, step, value = below.pop()
        entries = sorted(value.items()) if isinstance(value, dict) else []
        entries = list(enumerate(value)) if isinstance(value, list) else entries
        words.update(f"{depth} {step!r} {type(value).__name__} {'' if entries else repr(value)}\n".encode())
        below += [(depth + 1, name, entry) for name, entry in entries]
    return words.hexdigest()[:HASH_LENGTH]
