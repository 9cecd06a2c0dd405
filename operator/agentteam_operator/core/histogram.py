"""Histograms of run durations: counts by bucket, and what can be read from them.

Counts are plain (each run in one bucket), in the order of `DURATION_BOUNDS_SECONDS`. Each bound is 1.3 to 1.5 times
the one before, so a change of a duration by less than that may stay within a bucket, unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import inf
from operator import add as add_numbers
from operator import sub as subtract

Counts = tuple[int, ...]
"""Runs by bucket; shorter than the bounds when the last ones are zero."""

DURATION_BOUNDS_SECONDS: tuple[float, ...] = (
    *(0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75, 1.0, 1.35, 1.8, 2.4, 3.2, 4.3, 5.6, 7.5),
    *(10.0, 13.5, 18.0, 24.0, 32.0, 43.0, 56.0, 75.0, 100.0, 135.0, 180.0, 240.0, 320.0),
    inf,
)
"""Upper bounds of `autogen_run_duration_seconds`, inclusive, as the agent server exposes them."""


def pack(counts: Counts) -> str:
    """Counts as text, trailing zeros left out: "0 3 12"."""
    return " ".join(map(str, trimmed(counts)))


@lru_cache(maxsize=4096)
def unpack(text: str) -> Counts:
    """Counts from text."""
    return tuple(map(int, text.split()))


def trimmed(counts: Counts) -> Counts:
    """The same counts without trailing zeros."""
    length = len(counts)
    while length and not counts[length - 1]:
        length -= 1
    return counts[:length]


def add(first: Counts, second: Counts) -> Counts:
    """The sum, bucket by bucket."""
    longer = first if len(first) > len(second) else second
    return (*map(add_numbers, first, second), *longer[min(len(first), len(second)) :])


def from_cumulative(cumulative: Sequence[float]) -> Counts:
    """Plain counts from Prometheus' cumulative ones (runs of at most the bound), as long as the bounds."""
    return tuple(map(round, map(subtract, cumulative, (0.0, *cumulative[:-1]))))


def quantile_seconds(counts: Counts, quantile: float) -> float | None:
    """The duration that `quantile` of the runs don't exceed, interpolated within its bucket as Prometheus does.

    Returns None without runs, and infinity when it lies beyond the last finite bound.
    """
    total = sum(counts)
    if not total:
        return None
    rank = quantile * total
    bucket = next(index for index, seen in enumerate(accumulate(counts)) if seen >= rank and counts[index])
    upper = DURATION_BOUNDS_SECONDS[bucket]
    if upper == inf:
        return inf
    lower = DURATION_BOUNDS_SECONDS[bucket - 1] if bucket else 0.0
    below = sum(counts[:bucket])
    return lower + (upper - lower) * (rank - below) / counts[bucket]


def first_bound_at_or_above(seconds: float) -> float:
    """The smallest bound that isn't below `seconds`."""
    return next(bound for bound in DURATION_BOUNDS_SECONDS if bound >= seconds)


def slower_than(counts: Counts, bound_seconds: float) -> int:
    """Runs that took longer than `bound_seconds`, which must be one of the bounds."""
    return sum(counts[DURATION_BOUNDS_SECONDS.index(bound_seconds) + 1 :])
