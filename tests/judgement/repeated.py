"""The bare test of repeated golden conversations, on many releases at once: how often it condemns who is no worse.

The same e-process as `core/round_evidence.py` makes it (a test holds the two equal). Both revisions have the same
chances in each pair, as they have whenever the new one is no worse; what differs is what else goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from agentteam_operator.core.round_evidence import MAX_LOG_GAIN
from numpy.random import Generator

from tests.judgement.eprocess import FORMS, Blocks, log_evidence
from tests.judgement.kinds import Floats

ROUNDS = 12
"""As many as the default watch has time for."""
AS_THE_PRODUCT = FORMS[2]
_AT_ONCE = 20_000


@dataclass(frozen=True)
class NoWorse:
    """How the samples of both revisions fail alike."""

    name: str
    rates: tuple[float, ...]
    """How often each conversation fails."""
    samples: int = 3
    """Of each conversation in a round."""
    outages: float = 0.0
    """Share of rounds in which the model's endpoint fails 60 % of all samples besides."""

    def blocks(self, random: Generator, releases: int) -> Blocks:
        """The rounds of so many releases."""
        bad = np.where(random.random((releases, ROUNDS)) < self.outages, 0.6, 0.0)
        green, blue = (sum(self._failed(random, rate, bad) for rate in self.rates) for _ in range(2))
        total = np.full((releases, ROUNDS), self.samples * len(self.rates))
        return Blocks(np.asarray(blue), total, np.asarray(green), total)

    def _failed(self, random: Generator, rate: float, bad: Floats) -> Floats:
        found: Floats = random.binomial(self.samples, bad + (1 - bad) * rate).astype(np.float64)
        return found


NO_WORSE = (
    NoWorse("one conversation, 2 % fail", (0.02,)),
    NoWorse("one conversation, 30 % fail", (0.3,)),
    NoWorse("one that never fails, one that mostly does", (0.0, 0.8)),
    NoWorse("five of all kinds", (0.0, 0.05, 0.1, 0.5, 0.9)),
    NoWorse("an outage in one round of four, for both", (0.02, 0.1), outages=0.25),
    NoWorse("twenty samples, half fail", (0.5,), samples=20),
)


def exceeded(kind: NoWorse, alpha: float, releases: int, seed: int) -> int:
    """How many of the releases exceeded odds of 1/alpha : 1 after any round."""
    random = np.random.default_rng([seed, NO_WORSE.index(kind)])
    found = 0
    for begin in range(0, releases, _AT_ONCE):
        blocks = kind.blocks(random, min(_AT_ONCE, releases - begin))
        evidence = log_evidence(blocks, most=MAX_LOG_GAIN)[AS_THE_PRODUCT]
        found += int((evidence.max(axis=1) > np.log(1 / alpha)).sum())
    return found
