"""What the judge says, and the words that it says it in."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isinf

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.status import Verdict
from agentteam_operator.core.sequential import Tally

NO_CONTROL = "NoConcurrentControl"
"""Reason of what can't be judged since green serves alone."""

UNREADABLE = "PrometheusError"
"""Reason of what can't be judged while Prometheus can't be read."""

_MOST_ODDS = 1e9


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """What one metric says of the candidate.

    PENDING goes on, or holds; PASSED found nothing against it in enough samples; FAILED found it bad; INCONCLUSIVE has
    too little to say either way so far; SKIPPED can't be judged here.
    """

    name: str
    verdict: Verdict
    value: str = ""
    threshold: str = ""
    samples: int = 0
    """Answers of the candidate (or looks at it) that the verdict rests on."""
    reason: str = ""
    message: str = ""
    detectable: str = ""
    """What so many samples would have shown: "1.5 points more"."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's new memory, and what every metric says."""

    state: AnalysisStatus
    verdicts: tuple[MetricVerdict, ...]
    unseen: str = ""
    """Whose pods the look showed nothing of, though they are judged: such a look tells nothing."""


def percent(share: float) -> str:
    """A share in percent: "8.1 %"."""
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares: "5.1 points"."""
    return f"{100 * difference:.1f} points"


def failing(tally: Tally, verb: str = "fails") -> str:
    """A tally: "fails 8.1 % (41 of 505)"."""
    return f"{verb} {percent(tally.rate)} ({tally.bad} of {tally.total})" if tally.total else "has no answers"


def compared(green: Tally, blue: Tally, verb: str = "fails") -> str:
    """Two tallies: "green fails 8.1 % (41 of 505), blue 3.0 % (15 of 498)"."""
    other = f"{percent(blue.rate)} ({blue.bad} of {blue.total})" if blue.total else "has no answers"
    return f"green {failing(green, verb)}, blue {other}"


def odds(log_evidence: float) -> str:
    """Evidence as odds: "24,000 : 1", in two digits."""
    value = exp(min(log_evidence, 700.0))
    if value > _MOST_ODDS:
        return f"over {_MOST_ODDS:,.0f} : 1"
    return f"{float(f'{value:.2g}'):,.0f} : 1" if value >= 10 else f"{value:.1f} : 1"  # noqa: PLR2004


def seconds(value: float) -> str:
    """A duration: "1.35 s"."""
    return "over 320 s" if isinf(value) else f"{value:.3g} s"
