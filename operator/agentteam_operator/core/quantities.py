"""The quantities of runs that are averaged: which series they come from, and what each bucket stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from agentteam_operator.api import run_metrics
from agentteam_operator.api.metrics import MetricName
from agentteam_operator.core import histogram

CLIP_QUANTILE = 0.95
CLIP_FACTOR = 2.0
"""Runs count up to twice what 95 % of blue's runs don't exceed: without a bound one run could outweigh all others, and
the bound must lie near the usual runs, or their differences vanish beside it."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of each run that succeeds."""

    series: str
    """The histogram (or counter) of the agent server that it is read from."""
    bounds: tuple[float, ...]
    """Upper bounds of the buckets, inclusive."""
    whole: bool
    """The number is a whole one."""
    is_share: bool = False
    """The number is 0 or 1, and its average a share of runs."""

    def typical(self) -> tuple[float, ...]:
        """What a run of each bucket is taken to have: the middle of the bucket; its lower bound beyond the last."""
        if self.is_share:
            return self.bounds
        least = 1.0 if self.whole else 0.0
        middles = (
            lower if upper == inf else (min(lower + least, upper) + upper) / 2
            for lower, upper in pairwise((0.0, *self.bounds))
        )
        return tuple(middles)

    def clip(self, blue: histogram.Counts, limit: float | None) -> float | None:
        """The highest number that counts, by what blue's runs usually have; None while it has none.

        Never less than twice the limit that green is held against: it must be able to pass it.
        """
        if self.is_share:
            return 1.0
        usual = self.quantile(blue, CLIP_QUANTILE)
        known = [CLIP_FACTOR * bound for bound in (usual, limit) if bound is not None]
        return min(max(known), self.bounds[-2]) if known else None

    def quantile(self, counts: Sequence[int], quantile: float) -> float | None:
        """The upper bound of the bucket in which that share of the runs is reached; the last finite one at most."""
        total = sum(counts)
        if not total:
            return None
        bucket = next(index for index, seen in enumerate(accumulate(counts)) if seen >= quantile * total)
        return min(self.bounds[bucket], self.bounds[-2])

    def values(self, clip: float) -> tuple[float, ...]:
        """The value of each bucket as a share of the clip, within [0, 1]."""
        return tuple(min(typical, clip) / clip for typical in self.typical())


QUANTITIES: dict[str, Quantity] = {
    MetricName.MAX_TURN_HIT_RATE: Quantity(run_metrics.STOPPED, (0.0, 1.0), whole=True, is_share=True),
    MetricName.TURNS_PER_RUN: Quantity(run_metrics.TURNS, run_metrics.BOUNDS[run_metrics.TURNS], whole=True),
    MetricName.TOKENS_PER_RUN: Quantity(run_metrics.TOKENS, run_metrics.BOUNDS[run_metrics.TOKENS], whole=True),
    MetricName.COST_PER_RUN: Quantity(run_metrics.COST, run_metrics.BOUNDS[run_metrics.COST], whole=False),
}
"""By the metric that judges them."""
