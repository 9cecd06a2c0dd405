"""The kinds of release that the judge is tried on: those in which green is no worse, and those in which it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.judgement.kinds import (
    HEALTHY,
    Episodes,
    Kind,
    Outage,
    Sick,
    Storms,
    Tokens,
    Who,
    constant,
    from_time,
    rising,
    wave,
)

ROOT = Path(__file__).resolve().parents[2]

IMMEDIATE: dict[str, Any] = {"traffic": {"mode": "Immediate"}}
IMMEDIATE_EVERY_SECOND: dict[str, Any] = {**IMMEDIATE, "analysis": {"intervalSeconds": 1}}

TOKENS: dict[str, Any] = {"analysis": {"metrics": [{"name": "errorRate"}, {"name": "tokensPerRun"}]}}


def _of_demo() -> dict[str, Any]:
    """`spec.rollout` that the demo patches its team with."""
    patch = yaml.safe_load((ROOT / "examples" / "demo" / "shorter-watch.yaml").read_text(encoding="utf-8"))
    rollout: dict[str, Any] = patch["spec"]["rollout"]
    return rollout


DEMO = _of_demo()


def alike(name: str, rate: float, **more: Any) -> Kind:  # noqa: ANN401 - Kind's own fields
    """Both colours fail at the same rate."""
    return Kind(name, blue=constant(rate), green=constant(rate), **more)


def worse(name: str, rate: float, **more: Any) -> Kind:  # noqa: ANN401 - Kind's own fields
    """1 % of blue's runs fail, and so many of green's."""
    return Kind(name, green=constant(rate), **more)


def taking(name: str, tokens: Tokens, **more: Any) -> Kind:  # noqa: ANN401 - Kind's own fields
    """Judged by errorRate and tokensPerRun."""
    return Kind(f"tokens: {name}", tokens=tokens, rollout=TOKENS, **more)


NO_WORSE = (
    alike("no errors", 0.0),
    alike("1 % errors", 0.01),
    alike("4 % errors, just under the limit", 0.04),
    alike("6 % errors, above the limit", 0.06),
    alike("quiet: 1 run in 20 s, 2 of 15 fail", 2 / 15, runs_per_second=0.05),
    alike("1 run in 5 s, 3 % errors", 0.03, runs_per_second=0.2),
    alike("50 runs/s, 3 % errors", 0.03, runs_per_second=50),
    alike("the provider fails half of all runs for 60 s", 0.01, outage=Outage(0.5, 60)),
    alike("3 % errors in clumps of 5", 0.03, clump=5),
    alike("each pod's breaker opens for 30 s once an hour", 0.01, breaker=Episodes(1, 30)),
    alike("one pod of blue fails 30 % of its runs", 0.01, sick=Sick(Who.BLUE, 0.3, 6000, -1, 0)),
    alike("one pod of the six fails half of its runs for 3 min", 0.01, sick=Sick(Who.ANY, 0.5, 180)),
    alike("one pod of green falls ill for good, and fails half", 0.01, sick=Sick(Who.GREEN, 0.5, 6000)),
    alike("retry storms: 20 s of 30 % errors, tried 3 times", 0.01, storms=Storms(12, 20, 0.3, 3)),
    alike("green's pods are 3 times slower for their first 20 s", 0.01, cold_seconds=20),
    Kind(
        "errors drift from 1 % to 7 % and back, load by half",
        wave(0.04, 0.03, 1200),
        wave(0.04, 0.03, 1200),
        load=wave(1, 0.5, 900),
    ),
    alike("heavy-tailed durations (Pareto 1.1)", 0.01, tail=1.1),
    alike("durations grow with load, green's pods get 20 % less", 0.01, busy=0.5, load_spread=0.05, green_share=0.8),
    alike("durations grow with load, which is uneven by 10 %", 0.01, busy=0.5, load_spread=0.1),
    alike("noisy neighbours: a pod takes twice as long for 60 s, 4 times an hour", 0.01, neighbour=Episodes(4, 60)),
    alike("each pod restarts once, 3 % errors", 0.03, restarts_within_seconds=700),
    alike("scraped every 15 s, one scrape in ten is missed, 3 % errors", 0.03, scrape_seconds=15, missed_scrapes=0.1),
    alike(
        "ten pods, steps of 9 %, 25 % and 50 %, 30 runs/s, 3 % errors",
        0.03,
        replicas=10,
        runs_per_second=30,
        rollout={"traffic": {"steps": [{"weight": 9}, {"weight": 25}, {"weight": 50, "holdSeconds": 0}]}},
    ),
    alike("one pod, 3 % errors", 0.03, replicas=1),
    alike("answers take 120 s, 5 % fail at once", 0.05, answer_seconds=120),
    alike("Immediate: 3 % errors", 0.03, rollout=IMMEDIATE),
    alike("Immediate: answers take 120 s, 3 % fail at once", 0.03, answer_seconds=120, rollout=IMMEDIATE),
    alike("the demo's schedule: 50 runs/s, 3 % errors", 0.03, runs_per_second=50, rollout=DEMO),
    taking("as many", Tokens()),
    taking("as many, spread by a factor of 4.5", Tokens(spread=1.5)),
    taking("as many, 1 run in 5 s", Tokens(), runs_per_second=0.2),
    taking("as many, one run in 200 takes a hundred times as many", Tokens(heavy=0.005)),
    taking("as many, in sessions of 5 alike", Tokens(session=5)),
    taking("one pod of green takes three times as many for good", Tokens(sick=3.0), sick=Sick(Who.GREEN, 0.01, 6000)),
)
"""Green is no worse by itself: every rollback is a false one."""

CLUSTERED = frozenset(
    kind.name
    for kind in NO_WORSE
    if kind.clump > 1
    or kind.breaker
    or kind.sick
    or kind.storms
    or kind.neighbour
    or kind.load_spread
    or kind.outage
    or (kind.tokens and kind.tokens.session > 1)
)
"""Kinds whose failures, or slow runs, aren't independent: twice as many releases."""

UNTOLD = (
    alike("the provider fails half of all runs for 60 s, after the switch", 0.01, outage=Outage(0.5, 60, 690, 720)),
    alike("Immediate: the provider fails half of all runs for 60 s", 0.01, outage=Outage(0.5, 60), rollout=IMMEDIATE),
    alike("the only pod of the first step falls ill, and fails half", 0.01, sick=Sick(Who.FIRST, 0.5, 6000, 10, 50)),
)
"""Green is no worse, but nothing that is measured tells so: what the judge can't know."""

WORSE = (
    worse("50 points worse", 0.51),
    worse("20 points worse", 0.21),
    worse("10 points worse", 0.11),
    worse("3 points worse, under the limit", 0.04),
    worse("5 % of the questions fail always", 0.0595),
    Kind("a slow leak: from 1 % to 30 % errors within 10 min", green=rising(0.01, 0.30, 600)),
    Kind("50 points worse from 5 min on", green=from_time(300, 0.01, 0.51)),
    Kind("50 points worse after the switch, from 700 s on", green=from_time(700, 0.01, 0.51)),
    Kind("takes 1.3 times as long", green_slowdown=constant(1.3)),
    Kind("takes 1.5 times as long", green_slowdown=constant(1.5)),
    Kind("takes twice as long", green_slowdown=constant(2.0)),
    Kind("10 % of the runs hang", green_hangs=constant(0.1)),
    Kind("a memory leak: from 40 % to 110 % of the limit within 10 min", green_memory=rising(0.4, 1.1, 600)),
    worse("50 points worse, 2 runs/s", 0.51, runs_per_second=2),
    worse("50 points worse, 1 run in 20 s", 0.51, runs_per_second=0.05),
    worse("50 points worse, one pod", 0.51, replicas=1),
    worse("answers take 120 s, 20 points more fail at once", 0.21, answer_seconds=120),
    worse("50 points worse, failures in clumps of 5", 0.51, clump=5),
    worse("Immediate, a look every second: 50 points worse", 0.51, rollout=IMMEDIATE_EVERY_SECOND, scrape_seconds=1),
    worse("Immediate, a look every second: 10 points worse", 0.11, rollout=IMMEDIATE_EVERY_SECOND, scrape_seconds=1),
    worse("the demo's schedule: 50 points worse, 50 runs/s", 0.51, runs_per_second=50, rollout=DEMO, scrape_seconds=1),
    taking("20 % more", Tokens(green=2400)),
    taking("50 % more", Tokens(green=3000)),
    taking("50 % more, 1 run/s", Tokens(green=3000), runs_per_second=1),
    taking("50 % more, spread by a factor of 4.5", Tokens(green=3000, spread=1.5)),
    taking("twice as many", Tokens(green=4000)),
    taking("twice as many, 1 run/s", Tokens(green=4000), runs_per_second=1),
)
"""Green is worse: what counts is whether, and how soon, it is rolled back."""

POINTS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0)

POWER = tuple(worse(f"{points:g} points worse than 1 %", 0.01 + points / 100) for points in POINTS)
"""How much worse it must be to be seen."""

assert all(kind.blue is HEALTHY for kind in POWER)
