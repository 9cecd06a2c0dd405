"""Simulated releases: two colours of pods under load, looked at and judged as the product does it.

Deterministic for a seed. Faults are drawn for each pod, so that failures may come in clusters; what a scenario means is
said by its functions of time. All times are seconds since the candidate got its first traffic.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from math import exp, log
from pathlib import Path
from random import Random
from statistics import NormalDist

import yaml
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import DURATION_BOUNDS_SECONDS, Colour, Mode
from agentteam_operator.core.gates.judgement import INCONCLUSIVE_HOLD_SECONDS
from agentteam_operator.core.state import PodCounters, Snapshot

ROOT = Path(__file__).resolve().parents[2]

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stage:
    """A stretch of the rollout with so many pods taking traffic."""

    seconds: int
    blue_pods: int
    green_pods: int
    mode: Mode = Mode.CONCURRENT
    patience_seconds: int = 0
    """For how much longer it lasts at most, while the judge holds; then a person says to go on."""


def _gradual(step_seconds: int, watch_seconds: int, settle_seconds: int) -> tuple[Stage, ...]:
    """A team of three: one green pod for the first step, equal halves for the watch, then green alone."""
    hold_seconds = INCONCLUSIVE_HOLD_SECONDS
    return (
        Stage(step_seconds, 3, 1, patience_seconds=watch_seconds + hold_seconds),
        Stage(watch_seconds, 3, 3, patience_seconds=hold_seconds),
        Stage(settle_seconds, 0, 3, Mode.ONE_SAMPLE),
    )


def _of_demo() -> tuple[tuple[Stage, ...], AnalysisSettings]:
    """The schedule and the settings that the demo patches its team with."""
    patch = yaml.safe_load((ROOT / "examples" / "demo" / "shorter-watch.yaml").read_text(encoding="utf-8"))
    rollout = patch["spec"]["rollout"]
    first, second = rollout["traffic"]["steps"]
    assert (first["weight"], second["weight"], second["holdSeconds"]) == (25, 50, 0), "stages are made for these"
    stages = _gradual(first["holdSeconds"], rollout["watchSeconds"], rollout["settleSeconds"])
    return stages, AnalysisSettings.parse(rollout["analysis"])


AUTO = _gradual(60, 600, 120)
"""The default schedule."""

DEMO, DEMO_SETTINGS = _of_demo()
"""The demo's shortened one."""

IMMEDIATE = (Stage(600, 0, 3, Mode.ONE_SAMPLE),)

Rates = Callable[[float], float]
"""Share of bad runs at a time."""


@dataclass(frozen=True)
class Fault:
    """What makes runs fail."""

    blue: Rates
    green: Rates
    breaker_per_hour: float = 0.0
    """How often each pod's circuit breaker opens, for `breaker_seconds`, during which all of its runs fail: on a pod
    that takes traffic only, for the first time after an exponential time from its first run on."""
    breaker_seconds: float = 30.0
    clump: int = 1
    """Failures come by so many, in a row and on the same pod; the rate stays."""
    outage_seconds: float = 0.0
    """Once in the release, at a random time, the provider fails for both colours alike."""
    outage_rate: float = 0.5
    green_slowdown: float = 1.0
    """Factor on green's durations, which are log-normal around 1 s."""
    success_seconds: float = 0.0
    """Where given, a run that succeeds takes exactly that long, and one that fails ends at once."""


@dataclass(frozen=True)
class Scenario:
    name: str
    fault: Fault
    runs_per_second: float = 10.0
    stages: tuple[Stage, ...] = AUTO
    settings: AnalysisSettings = field(default_factory=AnalysisSettings)
    scrape_seconds: int = 0
    """Every pod is scraped this often, at a phase of its own; 0 means at every look."""
    past_seconds: int = 0
    """How long blue has served before, alone."""


@dataclass(frozen=True)
class Result:
    """How one release ended."""

    rolled_back_after_seconds: float | None
    reason: str
    state: analysis.AnalysisStatus


def constant(rate: float) -> Rates:
    return lambda _: rate


def from_time(seconds: float, before: float, after: float) -> Rates:
    return lambda now: before if now < seconds else after


@cache
def _duration_weights(slowdown: float) -> tuple[float, ...]:
    """Cumulative probability of each bucket, for a median of 1 s and a spread of factor 1.65."""
    normal = NormalDist(log(slowdown), 0.5)
    return (*(normal.cdf(log(bound)) for bound in DURATION_BOUNDS_SECONDS[:-1]), 1.0)


@dataclass
class _Pod:
    """A pod, with the counters that it shows."""

    name: str
    breaker_opens_at: float | None
    """When its breaker opens next, or has opened; None before its first run."""
    scrape_phase: float
    long_seconds: float
    clump_left: int = 0
    succeeded: int = 0
    failed: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(DURATION_BOUNDS_SECONDS))
    scraped: PodCounters | None = None
    open_until: deque[float] = field(default_factory=deque)

    def run(self, random: Random, rate: float, now: float, fault: Fault, weights: tuple[float, ...]) -> None:
        clump = fault.clump
        if fault.breaker_per_hour and self._breaker_is_open(random, now, fault):
            failed = True
        elif self.clump_left:
            self.clump_left -= 1
            failed = True
        else:
            failed = random.random() < rate / clump
            if failed:
                self.clump_left = clump - 1
        self.failed += failed
        if fault.success_seconds:
            if failed:
                self.buckets[0] += 1
            else:
                self.open_until.append(now + fault.success_seconds)
            return
        self.succeeded += not failed
        self.buckets[bisect_left(weights, random.random())] += 1

    def _breaker_is_open(self, random: Random, now: float, fault: Fault) -> bool:
        if self.breaker_opens_at is None:
            self.breaker_opens_at = now + random.expovariate(fault.breaker_per_hour / 3600)
        while self.breaker_opens_at + fault.breaker_seconds <= now:
            self.breaker_opens_at += fault.breaker_seconds + random.expovariate(fault.breaker_per_hour / 3600)
        return self.breaker_opens_at <= now

    def counters(self, now: float) -> PodCounters:
        while self.open_until and self.open_until[0] <= now:
            self.open_until.popleft()
            self.succeeded += 1
            self.buckets[bisect_left(DURATION_BOUNDS_SECONDS, self.long_seconds)] += 1
        started = self.succeeded + self.failed + len(self.open_until)
        return PodCounters(started, self.succeeded, self.failed, tuple(accumulate(map(float, self.buckets))))


def poisson(random: Random, mean: float) -> int:
    """A Poisson number, by Knuth's products (means of up to some hundreds)."""
    count, left = 0, mean
    product = random.random()
    while True:
        step = min(left, 500.0)
        if product > exp(-step):
            count += 1
            product *= random.random()
        elif left > step:
            left -= step
            product *= exp(step)
        else:
            return count


class Release:
    """One release of a scenario; `run` plays it to its end."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._random = Random(f"{scenario.name}/{seed}")  # noqa: S311 - a simulation
        total = sum(stage.seconds for stage in scenario.stages)
        self._outage_at = self._random.uniform(0, total)
        most = max(max(stage.blue_pods, stage.green_pods) for stage in scenario.stages)
        # Blue has been serving for long: its breakers may be open as the release begins.
        self._blue = [self._pod(f"blue-{index}", -3600) for index in range(most)]
        self._green = [self._pod(f"green-{index}", None) for index in range(most)]

    def _pod(self, name: str, breaker_opens_at: float | None) -> _Pod:
        return _Pod(name, breaker_opens_at, self._random.random(), self._scenario.fault.success_seconds)

    def run(self) -> Result:
        state = analysis.AnalysisStatus()
        interval = self._scenario.settings.interval_seconds
        now = 0.0
        if self._scenario.past_seconds:
            alone = Stage(0, len(self._blue), 0)
            self._traffic(alone, -self._scenario.past_seconds, self._scenario.past_seconds)
        for stage in self._scenario.stages:
            end, holds = now + stage.seconds, False
            while now < end or (holds and now < end + stage.patience_seconds):
                now += interval
                self._traffic(stage, now - interval, interval)
                judgement = self._judge(state, stage, now)
                state = judgement.state
                holds = not analysis.enough(judgement, self._scenario.settings)
                failed = [verdict for verdict in judgement.verdicts if verdict.verdict is Verdict.FAILED]
                if failed:
                    return Result(now, f"{failed[0].name}: {failed[0].message}", state)
        return Result(None, "", state)

    def _traffic(self, stage: Stage, since: float, interval: float) -> None:
        """The runs of one interval, spread evenly over the pods that serve."""
        fault, random = self._scenario.fault, self._random
        pods = [(pod, fault.blue, 1.0) for pod in self._blue[: stage.blue_pods]]
        pods += [(pod, fault.green, fault.green_slowdown) for pod in self._green[: stage.green_pods]]
        mean = self._scenario.runs_per_second * interval / len(pods)
        for pod, rates, slowdown in pods:
            weights = _duration_weights(slowdown)
            for moment in sorted(random.uniform(since, since + interval) for _ in range(poisson(random, mean))):
                rate = rates(moment)
                if self._outage_at <= moment < self._outage_at + fault.outage_seconds:
                    rate = fault.outage_rate
                pod.run(random, rate, moment, fault, weights)

    def _judge(self, state: analysis.AnalysisStatus, stage: Stage, now: float) -> analysis.Judgement:
        blue = self._blue[: max(stage.blue_pods, self._scenario.stages[0].blue_pods)]
        if self._scenario.past_seconds:
            blue = self._blue
        green = self._green[: stage.green_pods]
        at = START + timedelta(seconds=now)
        snapshot = Snapshot(at, {pod.name: self._scraped(pod, now) for pod in (*blue, *green)})
        return analysis.judge(
            self._scenario.settings,
            state,
            snapshot,
            blue=Colour(frozenset(pod.name for pod in blue), _created(blue, -3600), 0),
            green=Colour(frozenset(pod.name for pod in green), _created(green, 0), 0),
            mode=stage.mode,
            now=at,
        )

    def _scraped(self, pod: _Pod, now: float) -> PodCounters:
        """What Prometheus holds of the pod: its last scrape."""
        every = self._scenario.scrape_seconds
        if not every:
            return pod.counters(now)
        interval = self._scenario.settings.interval_seconds
        if pod.scraped is None or (now - pod.scrape_phase * every) % every < interval:
            pod.scraped = pod.counters(now)
        return pod.scraped


def _created(pods: list[_Pod], seconds: float) -> Mapping[str, datetime]:
    return {pod.name: START + timedelta(seconds=seconds) for pod in pods}


def play(scenario: Scenario, releases: int, first_seed: int = 0) -> list[Result]:
    return [Release(scenario, seed).run() for seed in range(first_seed, first_seed + releases)]
