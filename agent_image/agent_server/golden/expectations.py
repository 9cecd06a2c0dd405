"""What a conversation expects, held against what came: one function for each kind of expectation.

Nothing here asks or waits: answers go in, failures come out, every one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from agentteam_operator.api.conversations import Expectation
from agentteam_operator.api.patterns import is_found
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from agent_server.verdict import one_line, quoted

_MOST_SCHEMA_ERRORS = 10
"""Of one answer; a long list of wrong entries has one for each."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The team's answer to one turn.

    The last agent's message, why the run stopped, the agent of each message, the tokens of all calls to models, and the
    time to the answer's last byte.
    """

    text: str
    stop_reason: str
    speakers: tuple[str, ...]
    tokens: int
    seconds: float
    cost: float | None = None
    """None where the server didn't tell it, for want of a price or of the endpoint's count of tokens."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that was not as expected: a CamelCase reason, and one line for people."""

    reason: str
    message: str


def failures_of(expect: Expectation, answers: Sequence[Answer]) -> tuple[Failure, ...]:
    """All that `answers`, one for each turn and at least one, are short of. Empty: as expected."""
    last = answers[-1]
    return (
        *_contained(expect, last),
        *_not_contained(expect, answers),
        *_matched(expect, last),
        *_spoken(expect, answers),
        *_stopped(expect, last),
        *_valid(expect, last),
        *_within_limits(expect, answers),
    )


def _contained(expect: Expectation, last: Answer) -> Iterator[Failure]:
    for text in expect.contains:
        if text not in last.text:
            yield Failure("TextMissing", f"answer doesn't contain {quoted(text)} {_said(last)}")


def _not_contained(expect: Expectation, answers: Sequence[Answer]) -> Iterator[Failure]:
    for text in expect.not_contains:
        for turn, answer in _numbered(answers):
            if text in answer.text:
                yield Failure("TextForbidden", f"answer{turn} contains {quoted(text)} {_said(answer)}")


def _matched(expect: Expectation, last: Answer) -> Iterator[Failure]:
    if expect.matches and not is_found(expect.matches, last.text):
        yield Failure("NoMatch", f"answer doesn't match {quoted(expect.matches)} {_said(last)}")


def _spoken(expect: Expectation, answers: Sequence[Answer]) -> Iterator[Failure]:
    spoke = dict.fromkeys(speaker for answer in answers for speaker in answer.speakers)
    for agent in expect.agents_spoke:
        if agent not in spoke:
            yield Failure("AgentSilent", f"agent {agent} didn't speak (spoke: {one_line(', '.join(spoke), 80)})")


def _stopped(expect: Expectation, last: Answer) -> Iterator[Failure]:
    if expect.stop_reason not in last.stop_reason:
        message = f"the run didn't stop for {quoted(expect.stop_reason)} (stopped: {quoted(last.stop_reason)})"
        yield Failure("StopReasonDiffers", message)


def _valid(expect: Expectation, last: Answer) -> Iterator[Failure]:
    if not expect.json_schema:
        return
    try:
        document = json.loads(last.text)
    except (ValueError, RecursionError):
        yield Failure("NotJson", f"answer isn't JSON {_said(last)}")
        return
    try:
        for error in islice(_validator(expect.json_schema).iter_errors(document), _MOST_SCHEMA_ERRORS):
            place, why = one_line(error.json_path, 60), one_line(error.message, 100)
            yield Failure("SchemaMismatch", f"answer isn't valid under jsonSchema at {place}: {why}")
    except RecursionError:
        yield Failure("SchemaMismatch", "jsonSchema leads back to itself without an end: correct the schema")


def _within_limits(expect: Expectation, answers: Sequence[Answer]) -> Iterator[Failure]:
    for turn, answer in _numbered(answers):
        turns = len(answer.speakers)
        if expect.max_turns is not None and turns > expect.max_turns:
            yield Failure("TooManyTurns", f"answer{turn} took {turns} turns of agents, more than {expect.max_turns}")
        limit = expect.max_latency_seconds
        if limit is not None and answer.seconds > limit:
            yield Failure("TooSlow", f"answer{turn} took {answer.seconds:.3g} s, more than {limit:g} s")
    tokens = sum(answer.tokens for answer in answers)
    if expect.max_tokens is not None and tokens > expect.max_tokens:
        yield Failure("TooManyTokens", f"the sample took {tokens} tokens, more than {expect.max_tokens}")
    if expect.max_tokens is not None and not tokens:
        message = "tokens can't be held against maxTokens: the model's endpoint reports none"
        yield Failure("TokensUnknown", message)


def _numbered(answers: Sequence[Answer]) -> Iterator[tuple[str, Answer]]:
    """Each answer with its number in words; the only one has none."""
    for number, answer in enumerate(answers, start=1):
        yield f" {number}" if len(answers) > 1 else "", answer


def _said(answer: Answer) -> str:
    return f"(said: {quoted(answer.text)})"


def _pattern(
    _validator: Any,  # noqa: ANN401 - jsonschema's own
    pattern: str,
    instance: object,
    _schema: Any,  # noqa: ANN401 - any JSON value
) -> Iterable[ValidationError]:
    """The keyword `pattern`, by RE2: Python's own engine can be kept busy for hours by an answer."""
    if isinstance(instance, str) and not is_found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


@cache
def _validator(schema: str) -> Any:  # noqa: ANN401 - a class that jsonschema makes
    """The validator of a schema that has passed the API's checks. Nothing is fetched from anywhere."""
    return _Validator(json.loads(schema), registry=Registry())
