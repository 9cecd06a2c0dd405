"""Simulated releases judged by an average: how often a good one is rolled back, and how soon a bad one.

Runs take a log-normal number of tokens. All times are seconds since the candidate got its first traffic. Run as
`python -m tests.simulation.averages 400 100`: releases of each kind that is no worse, and that is worse.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import exp, log
from random import Random
from statistics import median

from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import DURATION_BOUNDS_SECONDS, Colour, Mode
from agentteam_operator.core.quantities import QUANTITIES
from agentteam_operator.core.state import PodCounters, Snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stage:
    """A stretch of the rollout with so many pods taking traffic."""

    seconds: int
    blue_pods: int
    green_pods: int
    mode: Mode = Mode.CONCURRENT


AUTO = (Stage(60, 3, 1), Stage(600, 3, 3), Stage(120, 0, 3, Mode.ONE_SAMPLE))
"""The default schedule of a team of three: one green pod, equal halves for the watch, then green alone."""

TOKENS = QUANTITIES[MetricName.TOKENS_PER_RUN]
SETTINGS = AnalysisSettings(
    metrics=(AnalysisMetric(name=MetricName.ERROR_RATE), AnalysisMetric(name=MetricName.TOKENS_PER_RUN))
)
_ONE_SECOND = DURATION_BOUNDS_SECONDS.index(1.0)


@dataclass(frozen=True)
class Usage:
    """How many tokens runs take."""

    name: str
    blue: float = 2000.0
    """Median of blue's runs."""
    green: float = 2000.0
    spread: float = 0.7
    """Standard deviation of the logarithm: 0.7 is a spread of factor two."""
    runs_per_second: float = 10.0
    session: int = 1
    """Runs come by so many in a row on one pod, which take alike."""
    heavy: float = 0.0
    """So large a share of runs, of either colour, takes a hundred times as many."""


def poisson(random: Random, mean: float) -> int:
    """A Poisson number, by Knuth's products (means of up to some hundreds)."""
    count, product = 0, random.random()
    while product > exp(-mean):
        count += 1
        product *= random.random()
    return count


@dataclass
class _Pod:
    name: str
    succeeded: int = 0
    tokens: list[int] = field(default_factory=lambda: [0] * len(TOKENS.bounds))

    def serve(self, random: Random, usage: Usage, middle: float, seconds: float, runs_per_second: float) -> None:
        for _ in range(poisson(random, seconds * runs_per_second / usage.session)):
            taken = random.lognormvariate(log(middle), usage.spread)
            if random.random() < usage.heavy:
                taken *= 100
            self.succeeded += usage.session
            self.tokens[bisect_left(TOKENS.bounds, taken)] += usage.session

    def counters(self) -> PodCounters:
        runs = float(self.succeeded)
        durations = tuple(runs if index >= _ONE_SECOND else 0.0 for index in range(len(DURATION_BOUNDS_SECONDS)))
        quantities = {MetricName.TOKENS_PER_RUN.value: tuple(map(float, accumulate(self.tokens)))}
        return PodCounters(runs, runs, 0.0, durations, quantities=quantities)


def release(usage: Usage, seed: int) -> float | None:
    """When it was rolled back; None if it wasn't."""
    random = Random(f"{usage.name}/{seed}")  # noqa: S311 - a simulation
    pods = {colour: [_Pod(f"{colour}-{number}") for number in range(3)] for colour in ("blue", "green")}
    state, now = analysis.AnalysisStatus(), 0
    for stage in AUTO:
        for _ in range(stage.seconds // SETTINGS.interval_seconds):
            now += SETTINGS.interval_seconds
            serving = [(pod, usage.blue) for pod in pods["blue"][: stage.blue_pods]]
            serving += [(pod, usage.green) for pod in pods["green"][: stage.green_pods]]
            for pod, middle in serving:
                pod.serve(random, usage, middle, SETTINGS.interval_seconds, usage.runs_per_second / len(serving))
            judgement = _judge(state, stage, pods, now)
            state = judgement.state
            if any(found.verdict is Verdict.FAILED for found in judgement.verdicts):
                return float(now)
    return None


def _judge(state: analysis.AnalysisStatus, stage: Stage, pods: dict[str, list[_Pod]], now: int) -> analysis.Judgement:
    at = START + timedelta(seconds=now)
    green = pods["green"][: stage.green_pods]
    shown = {pod.name: pod.counters() for pod in (*pods["blue"], *green)}
    return analysis.judge(
        SETTINGS,
        state,
        Snapshot(at, shown),
        blue=Colour(
            frozenset(pod.name for pod in pods["blue"]),
            {pod.name: START - timedelta(hours=1) for pod in pods["blue"]},
            0,
        ),
        green=Colour(frozenset(pod.name for pod in green), {pod.name: START for pod in green}, 0),
        mode=Mode.CONCURRENT if stage.blue_pods else Mode.ONE_SAMPLE,
        now=at,
    )


NO_WORSE = (
    Usage("equal"),
    Usage("equal, widely spread", spread=1.5),
    Usage("equal, 1 run in 5 s", runs_per_second=0.2),
    Usage("equal, one run in 200 takes a hundred times as many", heavy=0.005),
    Usage("equal, in sessions of 5 alike", session=5),
)
"""Both colours take alike: every rollback is a false one."""

WORSE = (
    Usage("20 % more", green=2400.0),
    Usage("50 % more", green=3000.0),
    Usage("50 % more, 1 run/s", green=3000.0, runs_per_second=1.0),
    Usage("50 % more, widely spread", green=3000.0, spread=1.5),
    Usage("twice as many", green=4000.0),
    Usage("twice as many, 1 run/s", green=4000.0, runs_per_second=1.0),
)
"""Green takes more: what counts is how soon it is rolled back."""


def score(usage: Usage, releases: int, play: Callable[[Usage, int], float | None] = release) -> list[float]:
    """When each of those that were rolled back was."""
    return [after for seed in range(releases) if (after := play(usage, seed)) is not None]


def main(no_worse: int, worse: int) -> None:
    for title, usages, releases in (("no worse", NO_WORSE, no_worse), ("worse", WORSE, worse)):
        print(f"| {title} | rolled back | after: median, longest |")
        print("|---|---|---|")
        for usage in usages:
            times = score(usage, releases)
            shown = f"{median(times):g} s, {max(times):g} s" if times else ""
            print(f"| {usage.name} | {len(times)} of {releases} | {shown} |", flush=True)
        print()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
