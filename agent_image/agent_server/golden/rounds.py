"""A round of golden conversations during the watch: not a gate by itself, but pairs of samples to be counted.

Each sample of the new revision has its partner of the active one, had beside it. A pair counts only as a whole: where
the way to either pod failed, it says nothing of either revision, and both stay equally many in each conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent_server.golden.judgement import conversations_verdict
from agent_server.golden.samples import Samples
from agent_server.verdict import Outcome, Verdict

HAD = "RoundHad"
NO_PAIRS = "NoPairs"


@dataclass(slots=True)
class _Pairs:
    """So many pairs by one of the new revision's pods, and how many samples of either revision failed in them."""

    pairs: int = 0
    failed: int = 0
    control_failed: int = 0


def round_verdict(samples: Sequence[Samples]) -> Verdict:
    """What was seen: passed if there is anything to be counted, however many samples failed."""
    pairs = _pairs(samples)
    verdict = replace(conversations_verdict(samples), pairs=pairs)
    if not pairs:
        said = f"no sample could be had with both revisions; {verdict.message}"
        return replace(verdict, outcome=Outcome.FAILED, reason=NO_PAIRS, message=said)
    return replace(verdict, outcome=Outcome.PASSED, reason=HAD)


def _pairs(samples: Sequence[Samples]) -> tuple[dict[str, Any], ...]:
    """By target: {"target", "pairs", "failed", "controlFailed"}."""
    found: dict[str, _Pairs] = {}
    for each in samples:
        for candidate, control in zip(each.candidate, each.control, strict=True):
            if candidate.is_of_the_team and control.is_of_the_team:
                tally = found.setdefault(candidate.target, _Pairs())
                tally.pairs += 1
                tally.failed += not candidate.passed
                tally.control_failed += not control.passed
    return tuple(
        {"target": target, "pairs": tally.pairs, "failed": tally.failed, "controlFailed": tally.control_failed}
        for target, tally in sorted(found.items())
    )
