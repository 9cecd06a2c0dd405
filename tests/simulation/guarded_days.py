"""Simulated days under the guard: how often it speaks though nothing got worse, and how soon when something did.

A team has one day behind it and is watched for the next two, look by look, by the operator's own judgement
(`core/guard.py`); the past is read anew every hour, as the operator does. Only the traffic is simulated. Run as
`python -m tests.simulation.guarded_days 500 100`: teams of each kind that get no worse, and that do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log, log1p
from statistics import median
from zlib import crc32

import numpy as np
import numpy.typing as npt
from agentteam_operator.core import guard
from agentteam_operator.core.guard import GuardSettings, GuardState, Health
from agentteam_operator.core.sequential import Tally

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Curve = Callable[[Floats], Floats]

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY_MINUTES = 1440
WATCHED_DAYS = 2
MINUTES = (1 + WATCHED_DAYS) * DAY_MINUTES
PIECE_MINUTES = 15
LAG_MINUTES = 15
PAST_EVERY_MINUTES = 60
PODS = tuple(f"pod-{number}" for number in range(3))
SETTINGS = GuardSettings(max_rate=0.05, min_effect=0.005, min_runs=20)
BAD_FROM_MINUTE = DAY_MINUTES + 600


def constant(value: float) -> Curve:
    return lambda minutes: np.full(minutes.shape, value)


def daily(low: float, high: float) -> Curve:
    """Up and down once a day."""
    return lambda minutes: low + (high - low) * (1 - np.cos(2 * np.pi * minutes / DAY_MINUTES)) / 2


def since(minute: int, before: float, after: float) -> Curve:
    return lambda minutes: np.where(minutes < minute, before, after)


@dataclass(frozen=True)
class Episodes:
    """What comes over all pods, or over one at a time: so often a day, for so long, with such a share of failures."""

    per_day: float
    minutes: float
    rate: float
    of_one_pod: bool = False


HEALTHY = constant(0.01)
USUAL_LOAD = daily(60, 600)


@dataclass(frozen=True)
class Life:
    """How a team fares. Without further words: 10 runs/s at noon, a tenth of it at midnight, 1 % errors."""

    name: str
    rate: Curve = HEALTHY
    runs_per_minute: Curve = USUAL_LOAD
    clump: int = 1
    episodes: Episodes | None = None
    past_minutes: int = DAY_MINUTES
    """How long it has served when the guard begins."""
    sick_pod_rate: float = 0.0
    """One pod fails so, from `BAD_FROM_MINUTE` on."""

    def counts(self, random: np.random.Generator) -> tuple[Integers, Integers]:
        """Failed and all runs, by pod and minute."""
        minutes = np.arange(MINUTES, dtype=np.float64)
        means = np.broadcast_to(self.runs_per_minute(minutes) / len(PODS), (len(PODS), MINUTES))
        rates = 1 - (1 - self.rate(minutes)) * (1 - self._episodes(random))
        rates[0] = np.where(minutes < BAD_FROM_MINUTE, rates[0], np.maximum(rates[0], self.sick_pod_rate))
        bad = self.clump * random.poisson(means * rates / self.clump)
        return bad, bad + random.poisson(means * (1 - rates))

    def _episodes(self, random: np.random.Generator) -> Floats:
        """Share of failures by pod and minute: an episode takes its part of the minutes that it touches."""
        rates = np.zeros((len(PODS), MINUTES))
        if self.episodes is None:
            return rates
        for begin in random.uniform(0, MINUTES, random.poisson(self.episodes.per_day * MINUTES / DAY_MINUTES)):
            end = min(begin + self.episodes.minutes, MINUTES)
            pods = [int(random.integers(len(PODS)))] if self.episodes.of_one_pod else list(range(len(PODS)))
            for minute in range(int(begin), int(np.ceil(end))):
                rates[pods, minute] = self.episodes.rate * (min(end, minute + 1) - max(begin, minute))
        return rates


NO_WORSE = (
    Life("1 % errors"),
    Life("4 % errors, just under the limit", constant(0.04)),
    Life("6 % errors, above the limit", constant(0.06)),
    Life("20 % errors", constant(0.2)),
    Life("6 % errors, served for an hour so far", constant(0.06), past_minutes=60),
    Life("errors from 1 % at night to 7 % at noon, served for an hour so far", daily(0.01, 0.07), past_minutes=60),
    Life("1 run in 20 s, 13 % errors", constant(0.13), constant(3)),
    Life("1 run in 20 s, 4 % errors", constant(0.04), constant(3)),
    Life("50 runs/s, 3 % errors", constant(0.03), daily(300, 3000)),
    Life("errors from 1 % at night to 7 % at noon", daily(0.01, 0.07)),
    Life("errors from 20 % at night to 2 % at noon", daily(0.2, 0.02)),
    Life("3 % errors in clumps of 5", constant(0.03), clump=5),
    Life("6 % errors in clumps of 5", constant(0.06), clump=5),
    Life("each pod's breaker opens for 30 s once an hour", episodes=Episodes(72, 0.5, 1.0, of_one_pod=True)),
    Life("one pod fails half for 3 min, 12 times a day", episodes=Episodes(12, 3, 0.5, of_one_pod=True)),
    Life("the provider fails half for 1 min, 12 times a day", episodes=Episodes(12, 1, 0.5)),
    Life("the provider fails half for 5 min, 4 times a day", episodes=Episodes(4, 5, 0.5)),
)
UNTOLD = (
    Life("the provider fails half for 20 min, once a day", episodes=Episodes(1, 20, 0.5)),
    Life("one pod fails half for 40 min, once a day", episodes=Episodes(1, 40, 0.5, of_one_pod=True)),
)
WORSE = (
    Life("from 1 % to 8 %", since(BAD_FROM_MINUTE, 0.01, 0.08)),
    Life("from 1 % to 10 %", since(BAD_FROM_MINUTE, 0.01, 0.10)),
    Life("from 1 % to 20 %", since(BAD_FROM_MINUTE, 0.01, 0.20)),
    Life("from 1 % to 50 %", since(BAD_FROM_MINUTE, 0.01, 0.50)),
    Life("from 1 % to 20 %, 1 run in 20 s", since(BAD_FROM_MINUTE, 0.01, 0.20), constant(3)),
    Life("from 20 % to 40 %", since(BAD_FROM_MINUTE, 0.20, 0.40)),
    Life("one pod of three from 1 % to 50 %", sick_pod_rate=0.5),
)


@dataclass(frozen=True, slots=True)
class Word:
    """What the guard said first."""

    minute: int
    health: Health
    proven_minute: int | None
    """When it was proven with any one pod left out."""


def first_word(life: Life, seed: int) -> Word | None:
    """What the guard says first of one team; None if it says nothing."""
    begin = life.past_minutes
    bad, every = life.counts(np.random.default_rng([crc32(life.name.encode()), seed]))
    bad_sums, every_sums = (np.concatenate(([0], counts.sum(axis=0).cumsum())) for counts in (bad, every))
    state, usual, said, gains = GuardState(), None, None, np.zeros(0)
    for minute in range(begin, begin + WATCHED_DAYS * DAY_MINUTES):
        into = (minute - begin) % PAST_EVERY_MINUTES
        if not into:
            usual = guard.usual_rate(_pieces(bad_sums, every_sums, minute), SETTINGS.min_runs)
            here = slice(minute, minute + PAST_EVERY_MINUTES)
            limit = guard.limit_of(SETTINGS, usual or 0.0)
            gains = bad[:, here].sum(axis=0) * log(2) - every[:, here].sum(axis=0) * log1p(limit)
        if state == _CALM and gains[into] <= 0:
            continue  # it would stay as it is
        look = {pod: Tally(int(bad[n, minute]), int(every[n, minute])) for n, pod in enumerate(PODS)}
        state = guard.looked(state, look, usual, SETTINGS, START + timedelta(minutes=minute))
        if said is None and state.health is not Health.WELL:
            said = Word(minute, state.health, None)
        if said is not None and guard.found(state, _GUARDING).proven:
            return Word(said.minute, said.health, minute)
        if said is not None and minute > said.minute + DAY_MINUTES // 2:
            return said
    return said


_CALM = GuardState()
_GUARDING = guard.Guarding("a" * 10, SETTINGS)


def _pieces(bad_sums: Integers, every_sums: Integers, minute: int) -> Iterator[Tally]:
    """The last day before a minute, as the operator reads it."""
    end = (minute - LAG_MINUTES) // PIECE_MINUTES * PIECE_MINUTES
    times = range(max(0, end - DAY_MINUTES), end + 1, PIECE_MINUTES)
    pieces = (np.diff(sums[times]).tolist() for sums in (bad_sums, every_sums))
    return map(Tally, *pieces)


def silent(life: Life, teams: int) -> str:
    """A line of the table of those that get no worse."""
    words = [word for seed in range(teams) if (word := first_word(life, seed))]
    days = teams * WATCHED_DAYS
    back = sum(word.proven_minute is not None for word in words)
    return f"| {life.name} | {len(words)} in {days:,} days | {back} |"


def heard(life: Life, teams: int) -> str:
    """A line of the table of those that do."""
    words = [word for seed in range(teams) if (word := first_word(life, seed)) and word.minute >= BAD_FROM_MINUTE]
    after = sorted(word.minute + 1 - BAD_FROM_MINUTE for word in words)
    proven = sorted(word.proven_minute + 1 - BAD_FROM_MINUTE for word in words if word.proven_minute is not None)
    said = {health.value: sum(word.health is health for word in words) for health in (Health.WORSE, Health.SICK_POD)}
    kinds = ", ".join(f"{count} {name}" for name, count in said.items() if count)
    return f"| {life.name} | {len(words)} of {teams}: {kinds} | {_times(after)} | {len(proven)}: {_times(proven)} |"


def _times(minutes: list[int]) -> str:
    return f"{median(minutes):g} min, {minutes[-1]} min" if minutes else ""


def main() -> None:
    """Print both tables."""
    no_worse, worse = (int(word) for word in sys.argv[1:3])
    for life in (*NO_WORSE, *UNTOLD):
        print(silent(life, no_worse), flush=True)
    for life in WORSE:
        print(heard(life, worse), flush=True)


if __name__ == "__main__":
    main()
