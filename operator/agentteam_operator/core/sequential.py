"""The mathematics of the sequential judge: e-processes, which may be looked at as often as one likes.

An e-process is a running product E of bets against "green is no worse". Each factor has an expectation of at most 1 if
that is true, whatever happened before, so by Ville's inequality E ever reaches 1/alpha with a probability of at most
alpha. Sources: Ramdas, Gruenwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science 2023; Turner, Ly, Gruenwald, "Generic E-variables for exact sequential k-sample tests that allow for
optional stopping", JSPI 2024.

Everything is in natural logarithms; `log E = 6.9` means odds of 1,000 : 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import copysign, exp, inf, log, log1p, sqrt

PRIOR_BAD = 0.5
PRIOR_GOOD = 9.5
"""Beta(0.5, 9.5): before anything is seen, 5 % are taken to be bad, with the weight of 10 answers."""

MAX_LOG_GAIN = 1.0
"""What one block may add to log E. Failures come in clusters, so that a block's answers aren't independent; clipping
leaves an e-process an e-process, and makes a cluster as long as nine blocks necessary for a false alarm."""

_FEWEST_BLOCKS = 4

_BISECTIONS = 20
"""Of the unit interval: one in a million, where a tenth of a percent is told."""

STILL_WORSE_STANDARD_ERRORS = 2.0
"""With any one of its pods left out, green must still be worse by so much, or it is a sick pod that speaks."""

LATELY_WORSE_STANDARD_ERRORS = 1.5
"""So much worse they must be in the last blocks, too, which hold few answers."""


@dataclass(frozen=True, slots=True)
class Tally:
    """So many bad ones of so many answers."""

    bad: int = 0
    total: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.bad + other.bad, self.total + other.total)

    def __sub__(self, other: Tally) -> Tally:
        """What remains without the other."""
        return Tally(self.bad - other.bad, self.total - other.total)

    @property
    def rate(self) -> float:
        """The share of bad ones; 0 without answers."""
        return self.bad / self.total if self.total else 0.0

    @property
    def estimate(self) -> float:
        """The share of bad ones to expect, mean of the posterior: never 0 or 1."""
        return (PRIOR_BAD + self.bad) / (PRIOR_BAD + PRIOR_GOOD + self.total)


NONE = Tally()
"""No answers."""


def log_likelihood_ratio(seen: Tally, against: float, null: float) -> float:
    """Log of how much likelier `seen` is at the rate `against` than at the rate `null`, both within (0, 1)."""
    return seen.bad * log(against / null) + (seen.total - seen.bad) * (log1p(-against) - log1p(-null))


def log_gain_two_sample(blue: Tally, green: Tally, *, blue_rate: float, green_rate: float) -> float:
    """What a block says against "green is no worse than blue", for a bet on `blue_rate` and `green_rate`.

    Both rates must be chosen before the block is seen. 0 (no bet) unless green's is the higher and both have answered.
    The null rate is their mean weighted by the block's answers; with it the expectation is at most 1 at every pair of
    true rates of which green's isn't the higher (Turner, Ly, Gruenwald).
    """
    if green_rate <= blue_rate or not blue.total or not green.total:
        return 0.0
    null = (blue.total * blue_rate + green.total * green_rate) / (blue.total + green.total)
    return log_likelihood_ratio(blue, blue_rate, null) + log_likelihood_ratio(green, green_rate, null)


def log_gain_one_sample(seen: Tally, *, rate: float, limit: float) -> float:
    """What a block says against "the true rate is at most `limit`", for a bet on `rate` chosen before; 0 below it."""
    return log_likelihood_ratio(seen, rate, limit) if rate > limit else 0.0


def standard_errors_above(green: Tally, blue: Tally) -> float:
    """How many standard errors green's rate lies above blue's, by the signed root of the likelihood ratio statistic.

    Twice the log likelihood ratio of two rates against one is a chi-square with one degree of freedom (Wilks).
    """
    if not green.total or not blue.total:
        return 0.0
    pooled = (green + blue).rate
    ratio = sum(tally.total * _divergence(tally.rate, pooled) for tally in (green, blue))
    return copysign(sqrt(2 * max(ratio, 0.0)), green.rate - blue.rate)


def clearly_worse(rest: Tally, blue: Tally, *, min_effect: float) -> bool:
    """Whether the answers that remain with a pod left out are worse than blue's, and not by chance."""
    far = standard_errors_above(rest, blue) >= STILL_WORSE_STANDARD_ERRORS
    return far and rest.rate - blue.rate >= min_effect


def dispersion(blocks: Sequence[Tally], *, fewest: int = _FEWEST_BLOCKS) -> float:
    """How much more the blocks' rates vary than chance would have it: Pearson's chi-square by its degrees of freedom.

    Never less than 1, and 1 for fewer than `fewest` blocks. Failures that come in bursts raise it, a steady rate
    doesn't, be it high or low. Dividing a log gain by it (known before the block) leaves an e-process an e-process, by
    Jensen's inequality: the expectation of X to a power of at most 1 is no more than 1 if that of X isn't.
    """
    answered = [block for block in blocks if block.total]
    rate = sum(answered, NONE).rate
    if len(answered) < fewest or not 0 < rate < 1:
        return 1.0
    chi_square = sum((block.bad - block.total * rate) ** 2 / (block.total * rate * (1 - rate)) for block in answered)
    return max(1.0, chi_square / (len(answered) - 1))


def log_mean_exp(logs: tuple[float, ...]) -> float:
    """Log of the mean: a bet split evenly is as valid as each."""
    highest = max(logs)
    if highest == -inf:
        return -inf
    return highest + log(sum(exp(value - highest) for value in logs) / len(logs))


def log_threshold(alpha: float, tests: int) -> float:
    """What log E must exceed for a verdict, `alpha` being shared evenly by so many tests (Bonferroni)."""
    return log(tests / alpha)


def smallest_difference(blue: Tally, green: Tally, *, threshold: float) -> float | None:
    """The smallest difference of the true rates that so many answers could be expected to prove; None if none could.

    The expected log E of the best bet reaches the threshold there; half the logarithm of the number of answers is what
    learning the rates costs.
    """
    if not blue.total or not green.total:
        return None
    base = blue.estimate
    wanted = threshold + 0.5 * log1p(min(blue.total, green.total))
    return _smallest(base, lambda higher: _expected_two_sample(blue.total, green.total, base, higher), wanted)


def smallest_excess(green: Tally, *, limit: float, threshold: float) -> float | None:
    """The smallest excess over `limit` that so many answers could be expected to prove; None if none could."""
    if not green.total:
        return None
    wanted = threshold + 0.5 * log1p(green.total)
    return _smallest(limit, lambda higher: green.total * _divergence(higher, limit), wanted)


def _smallest(base: float, expected: Callable[[float], float], wanted: float) -> float | None:
    """The smallest step up from `base` at which the increasing function `expected` reaches `wanted`, by bisection."""
    low, high = base, 1 - 1e-9
    if expected(high) < wanted:
        return None
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if expected(middle) >= wanted else (middle, high)
    return high - base


def _expected_two_sample(blue_total: int, green_total: int, blue_rate: float, green_rate: float) -> float:
    null = (blue_total * blue_rate + green_total * green_rate) / (blue_total + green_total)
    return blue_total * _divergence(blue_rate, null) + green_total * _divergence(green_rate, null)


def _divergence(rate: float, other: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli distributions: the expected log likelihood ratio of one answer."""
    bad = rate * log(rate / other) if rate else 0.0
    good = (1 - rate) * (log1p(-rate) - log1p(-other)) if rate < 1 else 0.0
    return bad + good
