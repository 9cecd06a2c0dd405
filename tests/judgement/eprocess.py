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


def _estimate(bad: Integers, total: Integers) -> Floats:
    return (PRIOR_BAD + bad) / (PRIOR_BAD + PRIOR_GOOD + total)


def dispersions(bad: Integers, total: Integers) -> Floats:
    """`sequential.dispersion` of each release's blocks, (releases, blocks)."""
    answered = total > 0
    count = answered.sum(axis=1)
    rate = bad.sum(axis=1) / np.maximum(total.sum(axis=1), 1)
    usable = (count >= _FEWEST_BLOCKS) & (rate > 0) & (rate < 1)
    safe = np.where(usable, rate, 0.5)[:, None]
    squares = np.where(answered, (bad - total * safe) ** 2 / np.maximum(total * safe * (1 - safe), 1e-300), 0.0)
    found: Floats = np.where(usable, np.maximum(1.0, squares.sum(axis=1) / np.maximum(count - 1, 1)), 1.0)
    return found


def log_evidence(blocks: Blocks, form: str) -> Floats:
    """Log E after each block, (releases, blocks)."""
    steps: Floats = np.zeros(blocks.blue_bad.shape)
    for block in range(steps.shape[1]):
        blue = _estimate(blocks.blue_bad[:, :block].sum(axis=1), blocks.blue_total[:, :block].sum(axis=1))
        green = _estimate(blocks.green_bad[:, :block].sum(axis=1), blocks.green_total[:, :block].sum(axis=1))
        blue_total, green_total = blocks.blue_total[:, block], blocks.green_total[:, block]
        null = (blue_total * blue + green_total * green) / np.maximum(blue_total + green_total, 1)
        bets = (green > blue) & (blue_total > 0) & (green_total > 0)
        null = np.where(bets, null, 0.5)
        gain = _ratio(blocks.blue_bad[:, block], blue_total, blue, null)
        gain += _ratio(blocks.green_bad[:, block], green_total, green, null)
        if form == FORMS[2]:
            recent = slice(max(0, block - RECENT_BLOCKS), block)
            gain /= dispersions(blocks.green_bad[:, recent], blocks.green_total[:, recent])
        if form != FORMS[0]:
            gain = np.minimum(gain, MAX_LOG_GAIN)
        steps[:, block] = np.where(bets, gain, 0.0)
    found: Floats = np.cumsum(steps, axis=1)
    return found


def exceeded(null: Null, releases: int, seed: int) -> Mapping[str, list[int]]:
    """By form: how many of the releases exceeded odds of 1/alpha : 1 at any look, for each of `ALPHAS`."""
    random = np.random.default_rng([seed, NULLS.index(null)])
    counts = {form: np.zeros(len(ALPHAS), dtype=np.int64) for form in FORMS}
    for begin in range(0, releases, _AT_ONCE):
        blocks = null.blocks(random, min(_AT_ONCE, releases - begin))
        for form in FORMS:
            highest = log_evidence(blocks, form).max(axis=1)
            counts[form] += [int((highest > np.log(1 / alpha)).sum()) for alpha in ALPHAS]
    return {form: found.tolist() for form, found in counts.items()}
