"""Whatever Prometheus shows, the judge answers, and what it remembers can be stored and read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

from agentteam_operator.api.metrics import LATENCY_QUANTILES, AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import MAX_GATES
from agentteam_operator.core.analysis import DURATION_BOUNDS_SECONDS, Mode
from agentteam_operator.core.observed import CpuCounters, PodCounters, QueryReading, Snapshot
from agentteam_operator.core.quantities import QUANTITIES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.judging import Judging, colour, counters

PODS = ("blue-1", "green-1", "green-2")
LIMITED = (*LATENCY_QUANTILES, MetricName.QUEUE_DEPTH, MetricName.MAX_TURN_HIT_RATE, MetricName.TOKENS_PER_RUN)
SETTINGS = AnalysisSettings(
    min_samples=5,
    metrics=(
        *(AnalysisMetric(name=name, max=0.5 if name in LIMITED else None) for name in MetricName),
        AnalysisMetric(name="refunds", query="app_refunds", min=0, max=9),
        AnalysisMetric(name="bad", query="app_refunds offset 5m", max=9),
        AnalysisMetric(name="nobody-knows-this"),
    ),
)

COUNTS = st.integers(0, 200).map(float)
HUGE = (1e12, 1e15, 1e17, 1.8e19, 1e60, 1.7e308)
ODD = st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 5e-324, 1e-9, *HUGE])
NUMBERS = st.one_of(COUNTS, COUNTS, COUNTS, ODD)


def cumulative(size: int) -> st.SearchStrategy[tuple[float, ...]]:
    steps = st.lists(st.integers(0, 9), min_size=size, max_size=size)
    good = steps.map(lambda found: tuple(map(float, accumulate(found))))
    return st.one_of(good, good, st.sampled_from([(odd,) * size for odd in (float("nan"), *HUGE)]))


SCRAPES = st.builds(
    PodCounters,
    started=NUMBERS,
    succeeded=NUMBERS,
    failed=NUMBERS,
    duration_buckets=cumulative(len(DURATION_BOUNDS_SECONDS)),
    memory_bytes=st.none() | NUMBERS,
    memory_limit_bytes=st.none() | NUMBERS,
    quantities=st.fixed_dictionaries(
        {}, optional={name: cumulative(len(quantity.bounds)) for name, quantity in QUANTITIES.items()}
    ),
    cpu=st.none() | st.builds(CpuCounters, NUMBERS, NUMBERS, st.none() | NUMBERS),
    queued_runs=st.none() | NUMBERS,
)
BUSY = replace(counters(9), cpu=CpuCounters(2.0**40, 2.0**40, 5e-324))
Look = tuple[dict[str, PodCounters], str, dict[str, tuple[float | None, str, str]], Mode, int]
ANSWERS = st.one_of(
    st.tuples(NUMBERS, st.just(""), st.just("")),
    st.sampled_from([(None, "several", ""), (None, "", "down")]),
)
LOOKS = st.tuples(
    st.dictionaries(st.sampled_from(PODS), SCRAPES),
    st.sampled_from(["", "", "", "refused"]),
    st.dictionaries(st.sampled_from(["refunds", "bad", "removed"]), ANSWERS),
    st.sampled_from([Mode.CONCURRENT, Mode.CONCURRENT, Mode.ONE_SAMPLE]),
    st.integers(1, 100),
)


def looks_at(*pods: dict[str, PodCounters]) -> list[Look]:
    """One look after another, five seconds apart, while both colours serve."""
    return [(found, "", {}, Mode.CONCURRENT, 5) for found in pods]


def alike(scraped: PodCounters) -> dict[str, PodCounters]:
    """Blue has some runs more at each look, and green's pods have this."""
    return {"blue-1": counters(10), "green-1": scraped, "green-2": scraped}


def growing(count: int, scraped: PodCounters) -> list[dict[str, PodCounters]]:
    return [{**alike(scraped), "blue-1": counters(10 * number)} for number in range(1, count + 1)]


# What once stopped a judgement: which examples are generated depends on what else was imported.
@example(looks_at(*growing(3, counters(2**52))))
@example(looks_at(*growing(3, replace(counters(9), started=1e17))))
@example(looks_at(*growing(3, replace(counters(9), cpu=CpuCounters(1e60, 1e60, 1.0)))))
@example(looks_at({"green-1": replace(counters(9), cpu=CpuCounters(0.0, 0.0, 5e-324))}, *growing(3, BUSY)))
@example(looks_at(*growing(4, counters(9, 1)), alike(counters(2**39, 1)) | {"blue-1": counters(90)}))
@settings(max_examples=60, deadline=None)
@given(st.lists(LOOKS, min_size=1, max_size=12))
def test_the_judge_is_total(looks: list[Look]) -> None:
    judging = Judging(SETTINGS, blue=colour(PODS[:1], made_seconds_ago=3600), green=colour(PODS[1:]))
    for pods, error, answers, mode, seconds in looks:
        judging.mode = mode
        judging.at += timedelta(seconds=seconds)
        readings = {name: QueryReading(judging.at, *parts) for name, parts in answers.items()}
        judgement = judging.again(Snapshot(judging.at, pods, error, readings))
        assert len(judgement.verdicts) == len(SETTINGS.metrics) <= MAX_GATES
        assert all(found.reason and found.message for found in judgement.verdicts)
        assert all(len(found.name) <= 64 and len(found.threshold) <= 128 for found in judgement.verdicts)
        assert all(len(text) < 1024 for text in judgement.state.counters.values())
