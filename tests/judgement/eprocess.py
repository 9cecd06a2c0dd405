"""The bare test of error rates against blue, on far more releases than the whole engine can play: all at once.

The same e-process as `core/evidence.py` makes it (a test holds the two equal), for many releases at a time, and in
three forms: as the formula has it, clipped, and clipped and divided by how much green's blocks vary, as the product
does it. A valid test exceeds odds of 1/alpha : 1 with a probability of at most alpha, at every alpha.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from agentteam_operator.core.counting import RECENT_BLOCKS
from agentteam_operator.core.sequential import MAX_LOG_GAIN, PRIOR_BAD, PRIOR_GOOD
from numpy.random import Generator

from tests.judgement.kinds import Floats, Integers

SINGLE_BLOCKS, EQUAL_BLOCKS = 12, 120
"""Looks of 5 s in the default schedule: one green pod beside three of blue for 60 s, then equal halves for 600 s."""
FORMS = ("as the formula has it", "clipped", "clipped and discounted")
ALPHAS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
_AT_ONCE = 5000
_FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class Blocks:
    """Answers by release and block."""

    blue_bad: Integers
    blue_total: Integers
    green_bad: Integers
    green_total: Integers


@dataclass(frozen=True)
class Null:
    """How both colours fail alike."""

    name: str
    runs_per_block: float
    rate: float
    clump: int = 1
    breaker_per_hour: float = 0.0

    def blocks(self, random: Generator, releases: int) -> Blocks:
        """The answers of so many releases on the default schedule."""
        green_share = np.where(np.arange(SINGLE_BLOCKS + EQUAL_BLOCKS) < SINGLE_BLOCKS, 0.25, 0.5)
        shape = (releases, green_share.size)
        return Blocks(*self._answers(random, shape, 1 - green_share), *self._answers(random, shape, green_share))

    def _answers(self, random: Generator, shape: tuple[int, int], share: Floats) -> tuple[Integers, Integers]:
        """Bad ones and all of a colour's answers."""
        mean = np.broadcast_to(self.runs_per_block * share, shape)
        rate = self._rates(random, shape)
        bad = self.clump * random.poisson(mean * rate / self.clump)
        return bad, bad + random.poisson(mean * (1 - rate))

    def _rates(self, random: Generator, shape: tuple[int, int]) -> Floats:
        """Each of the colour's three pods has a breaker, which opens for six blocks and takes its third of the runs."""
        opened = random.random((*shape, 3)) < self.breaker_per_hour * 5 / 3600
        still = opened.copy()
        for later in range(1, 6):
            still[:, later:] |= opened[:, :-later]
        failing = still.mean(axis=2)
        rates: Floats = failing + (1 - failing) * self.rate
        return rates


NULLS = (
    Null("independent, 1 % errors, 10 runs/s", 50, 0.01),
    Null("independent, 5 % errors, 10 runs/s", 50, 0.05),
    Null("independent, 20 % errors, 1 run/s", 5, 0.20),
    Null("clumps of 5, 3 % errors, 10 runs/s", 50, 0.03, clump=5),
    Null("breakers hourly on every pod, 1 % errors, 10 runs/s", 50, 0.01, breaker_per_hour=1.0),
)


def _ratio(seen_bad: Integers, seen_total: Integers, against: Floats, null: Floats) -> Floats:
    good = seen_total - seen_bad
    found: Floats = seen_bad * np.log(against / null) + good * (np.log1p(-against) - np.log1p(-null))
    return found


def _estimate(bad: Floats, total: Floats) -> Floats:
    return (PRIOR_BAD + bad) / (PRIOR_BAD + PRIOR_GOOD + total)


def _before(blocks: Floats | Integers) -> Floats:
    """Sum of all blocks before each."""
    found: Floats = np.cumsum(blocks, axis=1, dtype=np.float64) - blocks
    return found


def _lately(blocks: Floats | Integers) -> Floats:
    """Sum of the recent blocks before each."""
    before = _before(blocks)
    older = np.zeros_like(before)
    older[:, RECENT_BLOCKS:] = before[:, :-RECENT_BLOCKS]
    return before - older


def dispersions(bad: Integers, total: Integers) -> Floats:
    """`sequential.dispersion` of the recent blocks before each block, (releases, blocks).

    Pearson's chi-square of blocks with k bad ones of n each is (sum k^2/n - K^2/N) / (r (1 - r)), r being K/N.
    """
    count = _lately((total > 0).astype(np.float64))
    whole_bad, whole = _lately(bad), _lately(total)
    rate = whole_bad / np.maximum(whole, 1)
    usable = (count >= _FEWEST_BLOCKS) & (rate > 0) & (rate < 1)
    safe = np.where(usable, rate, 0.5)
    squares = _lately(bad * bad / np.maximum(total, 1))
    chi_square = (squares - whole_bad * rate) / (safe * (1 - safe))
    found: Floats = np.where(usable, np.maximum(1.0, chi_square / np.maximum(count - 1, 1)), 1.0)
    return found


def log_evidence(blocks: Blocks, *, most: float = MAX_LOG_GAIN) -> Mapping[str, Floats]:
    """Log E after each block, by form, each (releases, blocks); where it is clipped, a block adds `most` at most."""
    blue = _estimate(_before(blocks.blue_bad), _before(blocks.blue_total))
    green = _estimate(_before(blocks.green_bad), _before(blocks.green_total))
    bets = (green > blue) & (blocks.blue_total > 0) & (blocks.green_total > 0)
    both = np.maximum(blocks.blue_total + blocks.green_total, 1)
    null = np.where(bets, (blocks.blue_total * blue + blocks.green_total * green) / both, 0.5)
    gain = _ratio(blocks.blue_bad, blocks.blue_total, blue, null)
    gain += _ratio(blocks.green_bad, blocks.green_total, green, null)
    gain = np.where(bets, gain, 0.0)
    discounted = gain / dispersions(blocks.green_bad, blocks.green_total)
    forms = (gain, np.minimum(gain, most), np.minimum(discounted, most))
    return {form: np.cumsum(steps, axis=1) for form, steps in zip(FORMS, forms, strict=True)}


def exceeded(null: Null, releases: int, seed: int) -> Mapping[str, list[int]]:
    """By form: how many of the releases exceeded odds of 1/alpha : 1 at any look, for each of `ALPHAS`."""
    random = np.random.default_rng([seed, NULLS.index(null)])
    counts = {form: np.zeros(len(ALPHAS), dtype=np.int64) for form in FORMS}
    for begin in range(0, releases, _AT_ONCE):
        blocks = null.blocks(random, min(_AT_ONCE, releases - begin))
        for form, evidence in log_evidence(blocks).items():
            highest = evidence.max(axis=1)
            counts[form] += [int((highest > np.log(1 / alpha)).sum()) for alpha in ALPHAS]
    return {form: found.tolist() for form, found in counts.items()}
