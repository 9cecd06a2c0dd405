"""A model's name, read as what it does: ``scripted-fail-10-delay-30ms`` fails a tenth of its calls after 30 ms.

Grammar: ``scripted`` followed by any of

- ``-ok``: nothing special; it may be left out
- ``-fail-<percent>``: so many percent of the calls are answered with an error, spread by a fixed pseudo-random order
- ``-status-<code>``: the HTTP status of these errors, 500 unless said
- ``-delay-<milliseconds>ms``: each answer, good or bad, takes so long
- ``-hang``: never answers
- ``-garbage``: answers 200 with a body that is no JSON
- ``-truncate``: closes the connection in the middle of the answer
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum

PREFIX = "scripted"
_PART = re.compile(
    r"-(?:(?P<plain>ok|hang|garbage|truncate)|fail-(?P<fail>\d{1,3})|status-(?P<status>[45]\d\d)|delay-(?P<delay>\d{1,6})ms)"
    r"(?=-|$)"
)


class Outcome(StrEnum):
    """How one call ends."""

    OK = "ok"
    FAIL = "fail"
    HANG = "hang"
    GARBAGE = "garbage"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a model does with its calls."""

    fail_percent: int = 0
    fail_status: int = 500
    delay_seconds: float = 0.0
    otherwise: Outcome = Outcome.OK
    """How a call ends that doesn't fail."""

    def outcome(self, model: str, call: int) -> Outcome:
        """How the model's ``call``-th call (from 0) ends: the same on every run, yet without a visible pattern."""
        digest = hashlib.blake2b(f"{model}/{call}".encode(), digest_size=8).digest()
        if int.from_bytes(digest, "big") % 10_000 < self.fail_percent * 100:
            return Outcome.FAIL
        return self.otherwise


class UnknownModelError(ValueError):
    """The name is not of the grammar above."""


def parse_model(name: str) -> Behaviour:
    """The behaviour that a model's name asks for.

    Raises:
        UnknownModelError: naming the part that isn't understood.
    """
    if not name.startswith(PREFIX):
        raise UnknownModelError(f"model {name!r} is not served here: names begin with {PREFIX!r}")
    behaviour, position = Behaviour(), len(PREFIX)
    while position < len(name):
        part = _PART.match(name, position)
        if part is None:
            raise UnknownModelError(
                f"model {name!r}: {name[position:]!r} is none of -ok, -fail-<percent>, -status-<code>,"
                " -delay-<milliseconds>ms, -hang, -garbage, -truncate"
            )
        behaviour, position = _with(behaviour, part, name), part.end()
    return behaviour


def _with(behaviour: Behaviour, part: re.Match[str], name: str) -> Behaviour:
    if plain := part["plain"]:
        return replace(behaviour, otherwise=Outcome(plain))
    if status := part["status"]:
        return replace(behaviour, fail_status=int(status))
    if delay := part["delay"]:
        return replace(behaviour, delay_seconds=int(delay) / 1000)
    percent = int(part["fail"])
    if percent > 100:
        raise UnknownModelError(f"model {name!r}: fail-{percent} is more than 100 percent")
    return replace(behaviour, fail_percent=percent)
