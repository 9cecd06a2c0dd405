"""The bare test of repeated golden conversations, on many releases at once: how often it condemns who is no worse.

The same e-process as `core/round_evidence.py` makes it (a test holds the two equal). Both revisions have the same
chances in each pair, as they have whenever the new one is no worse; what differs is what else goes on.

`python -m tests.judgement.repeated` prints the tables of docs/judgement.md.
"""

from __future__ import annotations

from collections.abc import Iterator
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


# --- what the documents tell ---

ALPHA, TESTS, MIN_SAMPLES, MIN_EFFECT = 0.001, 6, 20, 0.05
"""The defaults: five tests of the metrics, and that of the rounds."""

WORSE = ((0.0, 1.0), (0.0, 0.5), (0.0, 0.3), (0.05, 0.35), (0.2, 0.6), (0.0, 0.1))
"""How often blue's samples fail, and green's."""
PAIRS = (3, 6, 20)
"""Of a round."""
_SEED = 20260105


def found_after(blue: float, green: float, pairs: int, releases: int) -> Floats:
    """By release: the round after which green is proven worse; infinity where it isn't in `ROUNDS`."""
    random = np.random.default_rng([_SEED, pairs, int(100 * blue), int(100 * green)])
    shape = (releases, ROUNDS)
    blue_bad, green_bad = random.binomial(pairs, blue, shape), random.binomial(pairs, green, shape)
    total = np.full(shape, pairs)
    evidence = log_evidence(Blocks(blue_bad, total, green_bad, total), most=MAX_LOG_GAIN)[AS_THE_PRODUCT]
    seen = np.cumsum(total, axis=1)
    apart = np.cumsum(green_bad - blue_bad, axis=1) / seen >= MIN_EFFECT
    proven = (evidence > np.log(TESTS / ALPHA)) & (seen >= MIN_SAMPLES) & apart
    first: Floats = np.where(proven.any(axis=1), proven.argmax(axis=1) + 1.0, np.inf)
    return first


def _tables(releases: int) -> Iterator[str]:
    yield "| blue and green fail alike | over 20 : 1 (at most 5 %) | over 1,000 : 1 (at most 0.1 %) |"
    yield "|---|---|---|"
    for kind in NO_WORSE:
        shares = [100 * exceeded(kind, alpha, releases, _SEED) / releases for alpha in (0.05, 0.001)]
        yield f"| {kind.name} | " + " | ".join(f"{share:.2g} %" for share in shares) + " |"
    yield ""
    yield "| blue's and green's samples that fail | " + " | ".join(f"{pairs} pairs a round" for pairs in PAIRS) + " |"
    yield "|---|" + "---|" * len(PAIRS)
    for blue, green in WORSE:
        cells = [_cell(found_after(blue, green, pairs, releases // 10)) for pairs in PAIRS]
        yield f"| {100 * blue:g} % and {100 * green:g} % | " + " | ".join(cells) + " |"


def _cell(found: Floats) -> str:
    share = np.isfinite(found).mean()
    median = f", half of them by round {np.median(found[np.isfinite(found)]):.0f}" if share else ""
    return f"{100 * share:.0f} %{median}"


if __name__ == "__main__":
    print("\n".join(_tables(100_000)))
