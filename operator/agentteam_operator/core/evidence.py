"""The tests that run over the blocks of answers: what each block adds to which e-process.

Every bet is chosen from the blocks before the one that it is laid on; `sequential.py` holds the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.api.metrics import SEQUENTIAL, AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core import average_evidence, histogram, sequential
from agentteam_operator.core.counters import Increment
from agentteam_operator.core.counting import Block, Mode, finished_tally, recent_blocks, recent_tally
from agentteam_operator.core.sequential import Tally

ERRORS_AGAINST_BLUE = "errorRate"
ERRORS_AGAINST_LIMIT = "errorRateLimit"
SLOWNESS_AGAINST_BLUE = "slowness"

_TESTS_OF_ERROR_RATE = 4
"""Two e-processes, and for each of them the fast path of `gross.py`."""

FULL_BLOCK_SECONDS = 5.0
SLOW_QUANTILE = 0.9
SLOW_FACTOR = 1.1
"""An answer is slow if it takes 10 % longer than 90 % of blue's answers so far."""


@dataclass(frozen=True, slots=True)
class SlowTally:
    """Both colours' slow answers, by what counts as slow now."""

    bound_seconds: float
    blue: Tally
    green: Tally


def metric_of(settings: AnalysisSettings, name: MetricName) -> AnalysisMetric | None:
    """The settings of a metric; None if it isn't judged."""
    return next((metric for metric in settings.metrics if metric.name == name), None)


def log_threshold(settings: AnalysisSettings) -> float:
    """What log E must exceed for a verdict, alpha being shared by all tests that run."""
    tests = sum(_tests_of(metric) for metric in settings.metrics)
    return sequential.log_threshold(settings.alpha, max(tests, 1))


def _tests_of(metric: AnalysisMetric) -> int:
    if metric.name == MetricName.ERROR_RATE:
        return _TESTS_OF_ERROR_RATE
    if metric.name in SEQUENTIAL:
        return 1 if metric.max is None else 2  # against blue, and against the limit where there is one
    return 0


def max_error_rate(settings: AnalysisSettings) -> float:
    """The highest error rate that is still good; the default one if errorRate isn't judged."""
    metric = metric_of(settings, MetricName.ERROR_RATE) or AnalysisMetric(name=MetricName.ERROR_RATE)
    return metric.resolved().max or 0.0


def with_evidence(
    before: AnalysisStatus, after: AnalysisStatus, block: Block, settings: AnalysisSettings, mode: Mode
) -> AnalysisStatus:
    """`after`, with what the block says added to the evidence of `before`."""
    bursts = sequential.dispersion(recent_blocks(before.green.recent))
    gains = {ERRORS_AGAINST_LIMIT: _limit_gain(before, after, block, max_error_rate(settings)) / bursts}
    if mode is Mode.CONCURRENT:
        gains[ERRORS_AGAINST_BLUE] = _error_gain(before, block) / bursts
        gains[SLOWNESS_AGAINST_BLUE] = _slowness_gain(before, block)
    gains |= average_evidence.gains(before, block, settings, concurrent=mode is Mode.CONCURRENT)
    evidence = dict(before.log_evidence)
    most = _max_log_gain(before, after, block)
    for test, gain in gains.items():
        evidence[test] = round(evidence.get(test, 0.0) + min(gain, most), 6)
    # Nothing is bet on the first block: there are no answers yet to choose the bet by.
    reachable = round(before.reachable_log_evidence + (most if before.looks else 0.0), 6)
    return after.model_copy(update={"log_evidence": evidence, "reachable_log_evidence": reachable})


def _max_log_gain(before: AnalysisStatus, after: AnalysisStatus, block: Block) -> float:
    """What this block may add at most.

    A single green pod may be the one that is sick, and none can be left out: however short the blocks are, it takes as
    long as with blocks of 5 s to condemn the revision by it.
    """
    answering = sum(increment.finished.total > 0 for increment in block.green_by_pod.values())
    if answering > 1 or before.last_block_at is None or after.last_block_at is None:
        return sequential.MAX_LOG_GAIN
    lasted_seconds = (after.last_block_at - before.last_block_at).total_seconds()
    return sequential.MAX_LOG_GAIN * min(1.0, lasted_seconds / FULL_BLOCK_SECONDS)


def _error_gain(before: AnalysisStatus, block: Block) -> float:
    return sequential.log_gain_two_sample(
        block.blue.finished,
        block.green.finished,
        blue_rate=finished_tally(before.blue).estimate,
        green_rate=finished_tally(before.green).estimate,
    )


def _limit_gain(before: AnalysisStatus, after: AnalysisStatus, block: Block, limit: float) -> float:
    """Silent while blue is above the limit itself: then the limit says nothing about the new revision.

    The bet follows green's recent blocks, so that a long healthy past doesn't blind it.
    """
    if blue_above(after, limit):
        return 0.0
    rate = max(recent_tally(before.green.recent).estimate, limit)
    return sequential.log_gain_one_sample(block.green.finished, rate=rate, limit=limit)


def blue_above(state: AnalysisStatus, limit: float) -> bool:
    """Blue's recent answers fail more often than the limit allows."""
    return recent_tally(state.blue.recent).rate > limit


def green_above(state: AnalysisStatus, limit: float) -> bool:
    """Green's recent answers fail more often than the limit allows."""
    return recent_tally(state.green.recent).rate > limit


def _slowness_gain(before: AnalysisStatus, block: Block) -> float:
    past = slow_tally(before)
    if past is None:
        return 0.0
    return sequential.log_gain_two_sample(
        _slow(block.blue.durations, past.bound_seconds),
        _slow(block.green.durations, past.bound_seconds),
        blue_rate=past.blue.estimate,
        green_rate=past.green.estimate,
    )


def slow_tally(state: AnalysisStatus) -> SlowTally | None:
    """How many answers of either colour are slow; None while blue has none to measure by, or none that end in time."""
    usual = histogram.quantile_seconds(_durations(state.blue), SLOW_QUANTILE)
    if usual is None or isinf(usual):
        return None
    bound = histogram.first_bound_at_or_above(usual * SLOW_FACTOR)
    if isinf(bound):
        return None
    return SlowTally(bound, _slow(_durations(state.blue), bound), _slow(_durations(state.green), bound))


def _durations(counts: ColourCounts) -> histogram.Counts:
    return histogram.unpack(counts.durations)


def still_slow_without(state: AnalysisStatus, rest: Increment, *, min_effect: float) -> bool:
    """Whether the runs that remain with one of green's pods left out are slower than blue's, too."""
    slow = slow_tally(state)
    return slow is not None and _still_worse(_slow(rest.durations, slow.bound_seconds), slow.blue, min_effect)


def still_failing_without(state: AnalysisStatus, pod: str, rest: Increment, *, min_effect: float) -> bool:
    """Whether the runs that remain with one of green's pods left out fail more often than blue's, too.

    Lately as well: two pods that were sick one after the other are no bad revision.
    """
    lately = sequential.standard_errors_above(_recent_without(state, pod), recent_tally(state.blue.recent))
    worse = _still_worse(rest.finished, finished_tally(state.blue), min_effect)
    return worse and lately >= sequential.LATELY_WORSE_STANDARD_ERRORS


def _recent_without(state: AnalysisStatus, pod: str) -> Tally:
    others = (recent_tally(packed) for name, packed in state.recent_by_pod.items() if name != pod)
    return sum(others, sequential.NONE)


def still_above_without(state: AnalysisStatus, pod: str, *, limit: float) -> bool:
    """Whether green's other pods lately fail more often than the limit allows, too."""
    return _recent_without(state, pod).rate > limit


def _still_worse(rest: Tally, blue: Tally, min_effect: float) -> bool:
    far = sequential.standard_errors_above(rest, blue) >= sequential.STILL_WORSE_STANDARD_ERRORS
    return far and rest.rate - blue.rate >= min_effect


def _slow(durations: histogram.Counts, bound_seconds: float) -> Tally:
    return Tally(histogram.slower_than(durations, bound_seconds), sum(durations))
