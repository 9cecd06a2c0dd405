"""Reading a check's last words: the verdict that its container left, or plain text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.storable import MAX_TALLY, whole

MAX_MESSAGE_CHARACTERS = 1000
_INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """What a check said; empty where it said nothing."""

    message: str = ""
    inconclusive: bool = False
    reason: str = ""
    value: str = ""
    threshold: str = ""
    samples: int = 0


def read_verdict(text: str, *, of_hook: bool = False) -> VerdictWords:
    """A check's last words: those of ours are a JSON object, a hook's are whatever its author writes.

    A hook may leave such an object, too: {"message", "value", "threshold", "samples"}. Whether it passed is said by how
    it ended; a verdict and a reason are taken from our own checks only.
    """
    try:
        verdict = json.loads(text)
    except (ValueError, RecursionError):
        verdict = None
    if not isinstance(verdict, dict):
        return VerdictWords(message=_words({"message": " ".join(text.split())}, "message", MAX_MESSAGE_CHARACTERS))
    return VerdictWords(
        message=_words(verdict, "message", MAX_MESSAGE_CHARACTERS),
        inconclusive=not of_hook and verdict.get("verdict") == _INCONCLUSIVE,
        reason="" if of_hook else _word(verdict),
        value=_words(verdict, "value", 64),
        threshold=_words(verdict, "threshold", 128),
        samples=_tally(verdict.get("samples")),
    )


def _words(verdict: dict[str, Any], field: str, most: int) -> str:
    found = verdict.get(field)
    return whole(without_secrets(str(found)))[:most] if found is not None else ""


def _tally(found: object) -> int:
    """How many there were; 0 for what can't be a number of anything."""
    if isinstance(found, bool) or not isinstance(found, int):
        return 0
    return min(max(found, 0), MAX_TALLY)


def _word(verdict: dict[str, Any]) -> str:
    """A reason as Kubernetes writes them: one CamelCase word."""
    found = verdict.get("reason")
    return found[:64] if isinstance(found, str) and found.isalnum() and found.isascii() else ""
