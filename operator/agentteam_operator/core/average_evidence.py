"""Averages and shares of runs that succeed: both colours on one scale, and what a block adds to the evidence.

`bounded_means.py` has the mathematics, `quantities.py` the series and their buckets; `averages.py` gives the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core import bounded_means, histogram
from agentteam_operator.core.bounded_means import Moments
from agentteam_operator.core.counting import Block
from agentteam_operator.core.metric_verdict import percent
from agentteam_operator.core.quantities import QUANTITIES, Quantity

_UNITS = {
    MetricName.TURNS_PER_RUN: "turns",
    MetricName.TOKENS_PER_RUN: "tokens",
    MetricName.COST_PER_RUN: "",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both colours' runs so far, on one scale."""

    quantity: Quantity
    clip: float
    """The number that stands for 1 on the scale."""
    blue: Moments
    green: Moments

    def moments(self, counts: histogram.Counts) -> Moments:
        """Those of other runs on the same scale."""
        return Moments.of(counts, self.quantity.values(self.clip))

    def effect(self, green: Moments) -> float:
        """How much larger green's average is: a share of blue's, or for shares of runs the difference."""
        difference = green.mean - self.blue.mean
        if self.quantity.is_share:
            return difference
        return difference / self.blue.mean if self.blue.mean else 0.0

    def words(self, name: str, share: float) -> str:
        """A mean for people: "35.0 %", "1,230 tokens", "0.0123" of a currency."""
        if self.quantity.is_share:
            return percent(share)
        value = float(f"{share * self.clip:.3g}")
        shown = f"{value:,.0f}" if value >= 100 else f"{value:g}"  # noqa: PLR2004 - three digits either way
        return f"{shown} {_UNITS[MetricName(name)]}".rstrip()


def compare(state: AnalysisStatus, metric: AnalysisMetric) -> Comparison | None:
    """The runs so far; None while nothing says how much is usual."""
    quantity = QUANTITIES[metric.name]
    blue, green = (histogram.unpack(colour.quantities.get(metric.name, "")) for colour in (state.blue, state.green))
    clip = quantity.clip(blue, metric.max)
    if not clip:
        return None
    values = quantity.values(clip)
    return Comparison(quantity, clip, Moments.of(blue, values), Moments.of(green, values))


def against_limit(name: str) -> str:
    """The name of the test against `max`."""
    return f"{name}Limit"


def gains(before: AnalysisStatus, block: Block, settings: AnalysisSettings, *, concurrent: bool) -> dict[str, float]:
    """What the block adds to each test's log evidence; every bet is chosen from what was before it."""
    found: dict[str, float] = {}
    for metric in settings.metrics:
        if metric.name not in QUANTITIES:
            continue
        past = compare(before, metric)
        green = block.green.quantities.get(metric.name, ())
        if concurrent:
            found[metric.name] = _gain_on_blue(past, block.blue.quantities.get(metric.name, ()), green)
        if metric.max is not None:
            found[against_limit(metric.name)] = _gain_on_limit(past, green, metric.max)
    return found


def _gain_on_blue(past: Comparison | None, blue: histogram.Counts, green: histogram.Counts) -> float:
    if past is None:
        return 0.0
    values = past.quantity.values(past.clip)
    return bounded_means.log_gain_two_sample(blue, green, values, past_blue=past.blue, past_green=past.green)


def _gain_on_limit(past: Comparison | None, green: histogram.Counts, limit: float) -> float:
    """Silent while blue is above the limit itself: then the limit says nothing about the new revision."""
    if past is None or past.blue.mean * past.clip > limit:
        return 0.0
    values = past.quantity.values(past.clip)
    return bounded_means.log_gain_one_sample(green, values, limit=limit / past.clip, past=past.green)
