from __future__ import annotations

from math import inf

import pytest
from agentteam_operator.core import histogram
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS, Counts


def counts(**by_bound: int) -> Counts:
    """Runs by the bucket's bound, as `s0_1=3` for three of at most 0.1 s."""
    found = {float(name[1:].replace("_", ".")): count for name, count in by_bound.items()}
    return tuple(found.get(bound, 0) for bound in DURATION_BOUNDS_SECONDS)


@pytest.mark.parametrize(
    ("runs", "quantile", "expected"),
    [
        pytest.param((), 0.95, None, id="no runs"),
        pytest.param((10,), 0.5, 0.025, id="in the first bucket, from 0 on"),
        pytest.param(counts(s1=10), 0.5, 0.875, id="in the middle of a bucket"),
        pytest.param(counts(s1=10), 1.0, 1.0, id="all of them"),
        pytest.param(counts(s0_1=90, s10=10), 0.9, 0.1, id="at a bound"),
        pytest.param(counts(s0_1=90, s10=10), 0.95, 8.75, id="over an empty stretch"),
        pytest.param(counts(s0_1=90, sinf=10), 0.95, inf, id="beyond the last bound"),
    ],
)
def test_quantile(runs: Counts, quantile: float, expected: float | None) -> None:
    assert histogram.quantile_seconds(runs, quantile) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [
        pytest.param(0.0, 0.05, id="zero"),
        pytest.param(1.0, 1.0, id="a bound itself"),
        pytest.param(1.01, 1.35, id="just above"),
        pytest.param(321.0, inf, id="beyond the last"),
    ],
)
def test_first_bound_at_or_above(seconds: float, bound: float) -> None:
    assert histogram.first_bound_at_or_above(seconds) == bound


def test_slower_than_leaves_out_the_bound_itself() -> None:
    runs = counts(s1=5, s1_35=3, sinf=2)
    assert [histogram.slower_than(runs, bound) for bound in (0.75, 1.0, 1.35, inf)] == [10, 5, 2, 0]


def test_counts_survive_packing() -> None:
    assert histogram.pack((0, 3, 12, 0, 0)) == "0 3 12"
    assert histogram.unpack("0 3 12") == (0, 3, 12)
    assert histogram.unpack(histogram.pack(())) == ()


def test_plain_counts_of_cumulative_ones() -> None:
    assert histogram.from_cumulative((1.0, 1.0, 4.0)) == (1, 0, 3)


def test_adding_takes_the_longer() -> None:
    assert histogram.add((1, 2), (0, 1, 5)) == (1, 3, 5)


def test_bounds_rise() -> None:
    assert list(DURATION_BOUNDS_SECONDS) == sorted(set(DURATION_BOUNDS_SECONDS))
