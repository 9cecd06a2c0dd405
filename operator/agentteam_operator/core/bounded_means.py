"""The mathematics of averages: betting on which of two colours has the larger mean of a bounded quantity.

A run's tokens, cost or turns are no yes or no. Cut off at some bound and divided by it they lie within [0, 1], and that
is all that is assumed of their distribution. Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", JRSS B 86(1), 2024, have the one-sample bet; Shekhar and Ramdas, "Nonparametric two-sample testing by
betting", IEEE Trans. Inf. Theory 70(2), 2024, the idea for two. For blocks of unequal size it goes like this.

Let a block hold n_a values of blue with mean a and n_b of green with mean b, all independent. Before it is seen, choose
a centre c within (0, 1) and a stake s >= 0, and bet s / n_a on each of blue's values being below c, s / n_b on each of
green's being above:

    E = prod over blue (1 - s / n_a (y - c))  *  prod over green (1 + s / n_b (y - c))

Each factor is linear in y, so its expectation depends on the mean alone. If green's mean isn't the larger (b <= a),
then by log(1 + x) <= x

    log expectation of E  =  n_a log(1 - s / n_a (a - c)) + n_b log(1 + s / n_b (b - c))  <=  s (b - a)  <=  0

So E is an e-variable whatever c and s are; they decide only how fast it grows if green's mean is the larger. The stake
is the one that Kelly would take on the means and spreads seen so far, held down so that no value can cost more than
half of what is at stake: s = (b - a) / (v_a / n_a + v_b / n_b), v being the mean squared distance from c.

A yes or no is the special case of values 0 and 1. Everything is in natural logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log1p, sqrt

Values = tuple[float, ...]
"""The value of each bucket, within [0, 1], rising."""

SHRINKAGE_RUNS = 10.0
"""The means are drawn to each other as if each colour had had so many more values at their common mean: noise in the
first values isn't worth a stake."""

MOST_LOST = 0.5
"""No value may cost more than this share of what is at stake."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of one colour's values."""

    total: int = 0
    """How many there are."""
    mean: float = 0.0
    variance: float = 0.0
    """Mean squared distance from their mean."""

    @classmethod
    def of(cls, counts: Sequence[int], values: Values) -> Moments:
        """Those of so many values in each bucket; `counts` may leave out trailing zeros."""
        total = sum(counts)
        if not total:
            return cls()
        pairs = tuple(zip(counts, values, strict=False))
        mean = sum(count * value for count, value in pairs) / total
        return cls(total, mean, sum(count * (value - mean) ** 2 for count, value in pairs) / total)

    def shrunk(self, centre: float) -> float:
        """The mean to bet on."""
        return (self.total * self.mean + SHRINKAGE_RUNS * centre) / (self.total + SHRINKAGE_RUNS)

    def spread_around(self, centre: float) -> float:
        """Mean squared distance from a centre, never 0: one more value is taken to be half of all there is away."""
        squares = self.total * (self.variance + (self.mean - centre) ** 2)
        return (squares + 0.25) / (self.total + 1)


def log_gain_two_sample(
    blue: Sequence[int], green: Sequence[int], values: Values, *, past_blue: Moments, past_green: Moments
) -> float:
    """What a block says against "green's mean is no larger than blue's"; 0 (no bet) where green's isn't larger so far.

    `blue` and `green` are the block's counts by bucket; the pasts are those before it.
    """
    blue_total, green_total = sum(blue), sum(green)
    if not blue_total or not green_total or not past_blue.total or not past_green.total:
        return 0.0
    seen = past_blue.total + past_green.total
    centre = (past_blue.total * past_blue.mean + past_green.total * past_green.mean + 0.5) / (seen + 1)
    difference = past_green.shrunk(centre) - past_blue.shrunk(centre)
    if difference <= 0:
        return 0.0
    noise = past_blue.spread_around(centre) / blue_total + past_green.spread_around(centre) / green_total
    stake = min(difference / noise, highest_stake(blue_total, green_total, centre))
    lost = _log_wealth(blue, values, centre, -stake / blue_total)
    return lost + _log_wealth(green, values, centre, stake / green_total)


def highest_stake(blue_total: int, green_total: int, centre: float) -> float:
    """The stake at which the worst value, 1 of blue's or 0 of green's, costs `MOST_LOST`."""
    return MOST_LOST * min(blue_total / (1 - centre), green_total / centre)


def log_gain_one_sample(green: Sequence[int], values: Values, *, limit: float, past: Moments) -> float:
    """What a block says against "green's mean is at most `limit`", within (0, 1); 0 while it is below so far."""
    difference = past.shrunk(limit) - limit
    if difference <= 0:
        return 0.0
    bet = min(difference / past.spread_around(limit), MOST_LOST / limit)
    return _log_wealth(green, values, limit, bet)


def _log_wealth(counts: Sequence[int], values: Values, centre: float, bet: float) -> float:
    return sum(count * log1p(bet * (value - centre)) for count, value in zip(counts, values, strict=False))


def standard_errors_above(green: Moments, blue: Moments) -> float:
    """How many standard errors green's mean lies above blue's (Welch); infinite where nothing varies."""
    if not green.total or not blue.total:
        return 0.0
    noise = sqrt(green.variance / green.total + blue.variance / blue.total)
    difference = green.mean - blue.mean
    if noise:
        return difference / noise
    return inf if difference > 0 else -inf if difference < 0 else 0.0


def smallest_difference(blue: Moments, green: Moments, *, threshold: float) -> float | None:
    """The smallest difference of the means that so many values could be expected to prove; None if none could.

    A stake s on a difference d gains s d - s^2 V / 2 in expectation, V being the noise of the block that is all of it;
    half the logarithm of the number of values is what learning the stake costs.
    """
    if not blue.total or not green.total:
        return None
    wanted = threshold + 0.5 * log1p(min(blue.total, green.total))
    centre = (blue.mean + green.mean + 0.5 / (blue.total + green.total)) / (2 + 1 / (blue.total + green.total))
    noise = blue.spread_around(centre) / blue.total + green.spread_around(centre) / green.total
    most = highest_stake(blue.total, green.total, centre)
    difference = sqrt(2 * wanted * noise)
    if difference > most * noise:
        difference = wanted / most + most * noise / 2
    return difference if difference <= 1 else None
