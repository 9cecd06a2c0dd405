"""Reading a check's last words: the verdict that its container left, or plain text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.storable import MAX_TALLY, whole
from agentteam_operator.core.build.checks import MAX_TARGETS
from agentteam_operator.core.pairs import PairsObserved

MAX_MESSAGE_CHARACTERS = 1000
_MAX_COST = 1e12
_MAX_PAIRS = 1000
_TARGET = re.compile(r"http://(?P<ip>[0-9a-fA-F.:\[\]]{2,60}):[0-9]{1,5}/?")
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
    cost: float | None = None
    pairs: tuple[PairsObserved, ...] = ()


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
        cost=_cost(verdict.get("cost")),
        pairs=_pairs(verdict.get("pairs")),
    )


def _cost(found: object) -> float | None:
    """An amount of money, if it can be one."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    cost = float(found) if abs(found) <= _MAX_COST else -1.0
    return cost if cost >= 0 else None


def _pairs(found: object) -> tuple[PairsObserved, ...]:
    """The pairs of a round, each pod once; nothing if anything of it makes no sense."""
    if not isinstance(found, list):
        return ()
    read = [_read_pairs(entry) for entry in found[:MAX_TARGETS]]
    known = [pairs for pairs in read if pairs is not None]
    sensible = len(known) == len(found) == len({pairs.address for pairs in known})
    return tuple(known) if sensible else ()


def _read_pairs(entry: object) -> PairsObserved | None:
    if not isinstance(entry, dict):
        return None
    address = _TARGET.fullmatch(str(entry.get("target", "")))
    counts = [entry.get(field) for field in ("pairs", "failed", "controlFailed")]
    whole = [count for count in counts if isinstance(count, int) and not isinstance(count, bool)]
    if address is None or len(whole) < len(counts):
        return None
    pairs, failed, control_failed = whole
    sensible = 0 < pairs <= _MAX_PAIRS and 0 <= failed <= pairs and 0 <= control_failed <= pairs
    return PairsObserved(address["ip"].strip("[]"), pairs, failed, control_failed) if sensible else None


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
