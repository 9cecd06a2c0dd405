"""What a kind of release is made of: who fails how often, who is slow, and what goes wrong around them.

Times are seconds since the candidate's first traffic; rates are shares of runs; slowdowns are factors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Curve = Callable[[Floats], Floats]
"""Something over time: seconds in, as many values out."""


class Who(StrEnum):
    """Which pod is sick."""

    ANY = "any pod"
    BLUE = "a pod of blue"
    GREEN = "a pod of green"
    FIRST = "green's first pod"


@dataclass(frozen=True)
class Sick:
    """One pod fails by itself, from a random time on: a bad node, or what its caches hold."""

    who: Who
    rate: float
    seconds: float
    earliest: float = 90.0
    """When both colours have all of their pods: of a single green pod nobody can say whether it is sick by itself."""
    latest: float = 600.0


@dataclass(frozen=True)
class Outage:
    """The model provider fails for both colours alike, once, while both serve."""

    rate: float
    seconds: float
    earliest: float = 0.0
    latest: float = 600.0


@dataclass(frozen=True)
class Episodes:
    """What comes over a pod now and then, each pod by itself: so often, for so long."""

    per_hour: float
    seconds: float


@dataclass(frozen=True)
class Storms:
    """For some time the provider fails at a rate, and callers try each failed run again at once, on the same pod."""

    per_hour: float
    seconds: float
    rate: float
    retries: int
    latest: float = 630.0
    """None begins later, but while both serve."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of each run that succeeds, log-normal. A kind without them counts none."""

    blue: float = 2000.0
    """Median of blue's runs."""
    green: float = 2000.0
    spread: float = 0.7
    """Standard deviation of the logarithm: 0.7 is a factor of two, 1.5 one of 4.5."""
    session: int = 1
    """Runs come by so many in a row on one pod, which take alike."""
    heavy: float = 0.0
    """So large a share of the runs, of either colour, takes a hundred times as many."""
    sick: float = 1.0
    """Factor on the sick pod's."""


def constant(value: float) -> Curve:
    return lambda times: np.full(times.shape, value)


def from_time(seconds: float, before: float, after: float) -> Curve:
    return lambda times: np.where(times < seconds, before, after)


def rising(start: float, end: float, over_seconds: float) -> Curve:
    return lambda times: start + (end - start) * np.clip(times / over_seconds, 0, 1)


def wave(mean: float, amplitude: float, period_seconds: float) -> Curve:
    return lambda times: mean + amplitude * np.sin(2 * np.pi * times / period_seconds)


NOTHING = constant(0.0)
HEALTHY = constant(0.01)
USUAL_MEMORY = constant(0.4)
NORMAL_SPEED = constant(1.0)


@dataclass(frozen=True)
class Kind:
    """A kind of release. Without further words both colours are alike, three pods each, on the default schedule."""

    name: str
    blue: Curve = HEALTHY
    """Share of blue's runs that fail."""
    green: Curve = HEALTHY
    runs_per_second: float = 10.0
    load: Curve = NORMAL_SPEED
    """Factor on the traffic of both."""
    green_slowdown: Curve = NORMAL_SPEED
    """Factor on green's durations, which are log-normal around 1 s."""
    green_hangs: Curve = NOTHING
    """Share of green's good runs that never end."""
    green_memory: Curve = USUAL_MEMORY
    """Share of its memory limit that each pod of green uses."""
    tail: float = 0.0
    """Where given, durations are Pareto with this exponent, from 0.5 s on."""
    answer_seconds: float = 0.0
    """Where given, a good run takes exactly that long, and one that fails ends at once."""
    clump: int = 1
    """Failures come by so many at once on one pod; the rate stays."""
    breaker: Episodes | None = None
    """All runs of a pod fail; never before it has taken traffic."""
    neighbour: Episodes | None = None
    """A pod's runs take twice as long."""
    restarts_within_seconds: float = 0.0
    """Each pod's server restarts once within this time, out of service for 5 s; its counters begin at 0 again."""
    tokens: Tokens | None = None
    sick: Sick | None = None
    outage: Outage | None = None
    storms: Storms | None = None
    cold_seconds: float = 0.0
    """For so long after its first traffic, a pod of green takes three times as long."""
    busy: float = 0.0
    """Share of a pod's capacity that its fair share of the load takes: durations grow as 1 / (1 - utilization)."""
    load_spread: float = 0.0
    """Spread (of the logarithm) of the pods' shares of the traffic: connections that are kept alive."""
    green_share: float = 1.0
    """Traffic of a green pod beside one of blue: connections kept alive stay where they are."""
    scrape_seconds: float = 5.0
    missed_scrapes: float = 0.02
    replicas: int = 3
    rollout: Mapping[str, Any] = field(default_factory=dict)
    """Parts of `spec.rollout`; empty for the defaults."""

    @property
    def on_default_schedule(self) -> bool:
        return not self.rollout and self.replicas == 3
