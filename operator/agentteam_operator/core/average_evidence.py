"""Averages and shares of runs that succeed: both colours on one scale, and what a block adds to the evidence.

`bounded_means.py` has the mathematics, `quantities.py` the series and their buckets; `averages.py` gives the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core import bounded_means, histogram
from agentteam_operator.core.bounded_means import Moments
from agentteam_operator.core.counters import Increment, Side
from agentteam_operator.core.metric_verdict import percent
from agentteam_operator.core.quantities import QUANTITIES, Quantity

_UNITS = {
    MetricName.TURNS_PER_RUN: "turns",
    MetricName.TOKENS_PER_RUN: "tokens",
    MetricName.COST_PER_RUN: "",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """What an average is measured by: blue's runs so far, and how much is usual of them."""

    metric: AnalysisMetric
    clip: float
    """The number that stands for 1 on the scale."""
    blue: Moments

    @property
    def quantity(self) -> Quantity:
        """What is averaged."""
        return QUANTITIES[self.metric.name]

    @property
    def values(self) -> bounded_means.Values:
        """Each bucket's value on the scale."""
        return self.quantity.values(self.clip)

    def moments(self, runs: Increment) -> Moments:
        """Those of other runs on the same scale."""
        return Moments.of(runs.quantities.get(self.metric.name, ()), self.values)

    def effect(self, green: Moments) -> float:
        """How much larger green's average is: a share of blue's, or for shares of runs the difference."""
        difference = green.mean - self.blue.mean
        if self.quantity.is_share:
            return difference
        return difference / self.blue.mean if self.blue.mean else 0.0

    def words(self, share: float) -> str:
        """A mean for people: "35.0 %", "1,230 tokens", "0.0123" of a currency."""
        if self.quantity.is_share:
            return percent(share)
        value = float(f"{share * self.clip:.3g}")
        shown = f"{value:,.0f}" if value >= 100 else f"{value:g}"  # noqa: PLR2004 - three digits either way
        return f"{shown} {_UNITS[MetricName(self.metric.name)]}".rstrip()


def scale(state: AnalysisStatus, metric: AnalysisMetric) -> Scale | None:
    """What a metric is measured by; None while nothing says how much is usual."""
    quantity, blue = QUANTITIES[metric.name], histogram.unpack(state.blue.quantities.get(metric.name, ""))
    clip = quantity.clip(blue, metric.max)
    return Scale(metric, clip, Moments.of(blue, quantity.values(clip))) if clip else None


def scales(state: AnalysisStatus, settings: AnalysisSettings) -> tuple[Scale, ...]:
    """Those of all averages that are judged and can be measured."""
    found = (scale(state, metric) for metric in settings.metrics if metric.name in QUANTITIES)
    return tuple(one for one in found if one)


def against_limit(name: str) -> str:
    """The name of the test against `max`."""
    return f"{name}Limit"


def gains(past: Sequence[Scale], blue: Increment, green: Side, *, concurrent: bool) -> dict[str, float]:
    """What a block adds to each test's log evidence; every bet is chosen from what was before it.

    `past` are the scales of before the block, `blue` is the block's; `green` is the whole of it, or some of its pods.
    """
    found: dict[str, float] = {}
    for one in past:
        name, limit = one.metric.name, one.metric.max
        seen, now = one.moments(green.past), green.now.quantities.get(name, ())
        if concurrent:
            found[name] = bounded_means.log_gain_two_sample(
                blue.quantities.get(name, ()), now, one.values, past_blue=one.blue, past_green=seen
            )
        # Silent while blue is above the limit itself: then the limit says nothing about the new revision.
        if limit is not None and one.blue.mean * one.clip <= limit:
            found[against_limit(name)] = bounded_means.log_gain_one_sample(
                now, one.values, limit=limit / one.clip, past=seen
            )
    return found
