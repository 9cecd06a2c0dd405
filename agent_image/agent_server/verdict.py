"""A gate's verdict, as a Job leaves it behind: one JSON object, whole in the log and at most 4 KiB as last words.

{"gate": str, "verdict": "Passed" | "Failed" | "Inconclusive", "passed": bool, "reason": CamelCase, "message": str,
"value": str, "threshold": str, "samples": int, "tokens": int (where any were spent), "cost": number
(where it is known), "pairs": [object, ...] (of a round), "results": [object, ...]}

Texts of others come in through `one_line` or `quoted`: in one line, bounded, and without what looks like a secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from agentteam_operator.api.redaction import without_secrets

MAX_VERDICT_BYTES = 4096
"""What Kubernetes keeps of a container's termination message."""

MAX_MESSAGE_LENGTH = 600
_MAX_LINE_LENGTH = 200
_MAX_QUOTE_LENGTH = 80
_MAX_READ_LENGTH = 4000
"""Of a longer text only the beginning is looked at; much more than is ever shown of it."""

_COST_DIGITS = 9
_FAILURES = "failures"
_MOST_FAILURES = (None, 5, 2, 1)
"""How many failures of one result are told: all, or fewer where they don't fit."""


class Outcome(StrEnum):
    """What a gate finds."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


_EXIT_STATUS = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INCONCLUSIVE: 3}
"""2 is a command that was used wrongly."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate found: `value`, held against `threshold`, over so many `samples`; `results` begin with the worst."""

    gate: str
    outcome: Outcome
    reason: str
    message: str
    value: str
    threshold: str
    samples: int
    results: tuple[dict[str, Any], ...] = ()
    tokens: int | None = None
    cost: float | None = None
    pairs: tuple[dict[str, Any], ...] | None = None

    def whole(self) -> str:
        """The verdict as JSON, with all results."""
        return self._json(list(self.results))

    def fitted(self) -> str:
        """The verdict as JSON of at most `MAX_VERDICT_BYTES`: with fewer failures a result, then with fewer results."""
        for most in _MOST_FAILURES:
            text = self._json([_with_failures(result, most) for result in self.results])
            if _fits(text):
                return text
        kept = [_with_failures(result, _MOST_FAILURES[-1]) for result in self.results]
        while kept and not _fits(text):
            kept.pop()
            text = self._json(kept)
        return text

    def _json(self, results: list[dict[str, Any]]) -> str:
        document: dict[str, Any] = {
            "gate": self.gate,
            "verdict": self.outcome.value,
            "passed": self.outcome is Outcome.PASSED,
            "reason": self.reason,
            "message": one_line(self.message, MAX_MESSAGE_LENGTH),
            "value": self.value,
            "threshold": self.threshold,
            "samples": self.samples,
        }
        if self.tokens is not None:
            document["tokens"] = self.tokens
        if self.cost is not None:
            document["cost"] = round(self.cost, _COST_DIGITS)
        if self.pairs is not None:
            document["pairs"] = list(self.pairs)
        document["results"] = results
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()


def publish(verdict: Verdict, termination_log: Path | None) -> int:
    """Print the whole verdict, and write the fitted one to `termination_log`. Returns the exit status."""
    print(verdict.whole())  # noqa: T201 - the command's output
    if termination_log is not None:
        termination_log.write_text(verdict.fitted(), encoding="utf-8")
    return _EXIT_STATUS[verdict.outcome]


def one_line(text: str, longest: int = _MAX_LINE_LENGTH) -> str:
    """`text` in one line of at most `longest` characters, without what looks like a secret."""
    line = without_secrets(" ".join(text[:_MAX_READ_LENGTH].split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def quoted(text: str, longest: int = _MAX_QUOTE_LENGTH) -> str:
    """`text` as `one_line` gives it, in quotes."""
    return f"'{one_line(text, longest)}'"


def _with_failures(result: dict[str, Any], most: int | None) -> dict[str, Any]:
    """The result with at most so many of its failures."""
    failures = result.get(_FAILURES)
    if most is None or not isinstance(failures, list) or len(failures) <= most:
        return result
    return {**result, _FAILURES: failures[:most], "furtherFailures": len(failures) - most}


def _fits(text: str) -> bool:
    return len(text.encode()) <= MAX_VERDICT_BYTES
