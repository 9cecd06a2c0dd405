"""The releases that the judge is tried on, and the table of how it did.

Run as `python -m tests.simulation.judgement 400 100`: releases of each kind that is no worse, and that is worse.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from agentteam_operator.api.rollout import AnalysisSettings

from tests.simulation.releases import AUTO, DEMO, DEMO_SETTINGS, IMMEDIATE, Fault, Scenario, constant, from_time, play

EVERY_SECOND = AnalysisSettings(interval_seconds=1)
HEALTHY = constant(0.01)
USUAL = constant(0.03)
LONG_RUNS = Fault(constant(0.05), constant(0.05), success_seconds=120)
LONG_RUNS_ALONE = Fault(USUAL, USUAL, success_seconds=120)

NO_WORSE = (
    Scenario("0.5 % errors", Fault(constant(0.005), constant(0.005))),
    Scenario("3 % errors", Fault(USUAL, USUAL)),
    Scenario("6 % errors, above the limit of 5 %", Fault(constant(0.06), constant(0.06))),
    Scenario("3 % errors, 1 run in 5 s", Fault(USUAL, USUAL), runs_per_second=0.2),
    Scenario("3 % errors, scraped every 15 s", Fault(USUAL, USUAL), scrape_seconds=15),
    Scenario("each pod's breaker opens for 30 s once an hour", Fault(HEALTHY, HEALTHY, breaker_per_hour=1)),
    Scenario("3 % errors in clumps of 5", Fault(USUAL, USUAL, clump=5)),
    Scenario("5 % fail at once, answers take 120 s, 4 runs/s", LONG_RUNS, 4, past_seconds=600),
    Scenario("5 % fail at once, answers take 120 s, 8 runs/s", LONG_RUNS, 8, past_seconds=600),
    Scenario("Immediate: 3 % fail at once, answers take 120 s", LONG_RUNS_ALONE, 8, IMMEDIATE, past_seconds=600),
    Scenario(
        "the provider fails half of all runs for 60 s", Fault(HEALTHY, HEALTHY, outage_seconds=60), stages=AUTO[:2]
    ),
)
"""Both revisions behave alike: every rollback is a false one."""

WORSE = (
    Scenario("50 % errors", Fault(HEALTHY, constant(0.5))),
    Scenario("50 % errors, 2 runs/s", Fault(HEALTHY, constant(0.5)), runs_per_second=2),
    Scenario("20 % errors", Fault(HEALTHY, constant(0.2))),
    Scenario("10 points worse (3 % -> 13 %)", Fault(USUAL, constant(0.13))),
    Scenario("3 points worse, under the limit (1 % -> 4 %)", Fault(HEALTHY, constant(0.04))),
    Scenario("50 % errors from 300 s on", Fault(HEALTHY, from_time(300, 0.01, 0.5))),
    Scenario("50 % errors after the switch, from 700 s on", Fault(HEALTHY, from_time(700, 0.01, 0.5))),
    Scenario(
        "20 % fail at once, answers take 120 s",
        Fault(HEALTHY, constant(0.2), success_seconds=120),
        8,
        past_seconds=600,
    ),
    Scenario("latency doubled", Fault(HEALTHY, HEALTHY, green_slowdown=2)),
    Scenario("latency 1.5 times", Fault(HEALTHY, HEALTHY, green_slowdown=1.5)),
    Scenario("demo: 50 % errors, 50 runs/s", Fault(constant(0), constant(0.5)), 50, DEMO, DEMO_SETTINGS),
    Scenario("demo: 10 points worse, 50 runs/s", Fault(constant(0), constant(0.1)), 50, DEMO, DEMO_SETTINGS),
    *(
        Scenario(name, Fault(blue, constant(rate)), load, IMMEDIATE, EVERY_SECOND, past_seconds=60)
        for name, blue, rate, load in (
            ("Immediate: 50 % errors, every second", HEALTHY, 0.5, 10),
            ("Immediate: 50 % errors, 50 runs/s, every second", HEALTHY, 0.5, 50),
            ("Immediate: 10 points worse, every second", USUAL, 0.13, 10),
        )
    ),
)
"""Green is worse: what counts is how soon it is rolled back."""


@dataclass(frozen=True)
class Score:
    """How the releases of a scenario ended."""

    scenario: Scenario
    releases: int
    rolled_back: int
    median_seconds: float | None
    """From the candidate's first traffic on; of those that were rolled back."""
    longest_seconds: float | None

    def row(self) -> str:
        times = "" if self.median_seconds is None else f"{self.median_seconds:g} s, {self.longest_seconds:g} s"
        return f"| {self.scenario.name} | {self.rolled_back} of {self.releases} | {times} |"


def score(scenario: Scenario, releases: int) -> Score:
    times = [
        result.rolled_back_after_seconds
        for result in play(scenario, releases)
        if result.rolled_back_after_seconds is not None
    ]
    return Score(scenario, releases, len(times), median(times) if times else None, max(times, default=None))


def table(title: str, scores: Iterable[Score]) -> Iterator[str]:
    yield f"| {title} | rolled back | after: median, longest |"
    yield "|---|---|---|"
    for one in scores:
        yield one.row()


def main(no_worse: int, worse: int) -> None:
    for title, scenarios, releases in (("no worse", NO_WORSE, no_worse), ("worse", WORSE, worse)):
        if releases:
            for line in table(title, (score(scenario, releases) for scenario in scenarios)):
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
