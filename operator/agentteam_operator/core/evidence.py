"""The tests that run over the blocks of answers: what each block adds to which e-process.

Every bet is chosen from the blocks before the one that it is laid on; `sequential.py` holds the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import SEQUENTIAL, AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core import average_evidence, sequential, slow_runs
from agentteam_operator.core.average_evidence import Scale
from agentteam_operator.core.counters import Increment, Side
from agentteam_operator.core.counting import (
    Block,
    Mode,
    finished_tally,
    recent_blocks,
    recent_tally,
)
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.shares import MOST_GONE_PODS, gone, green_whole, without_each_pod, without_pods
from agentteam_operator.core.slow_runs import SlowTally

ERRORS_AGAINST_BLUE = "errorRate"
ERRORS_AGAINST_LIMIT = "errorRateLimit"
SLOWNESS_AGAINST_BLUE = "slowness"

LEAST_LOG_EVIDENCE = -1e6
"""What is kept at the least, so that it can be stored with any pod left out, too. Going on from there rather than from
less adds e^-1,000,000 to what E may be expected to be, which is nothing."""

_TESTS_OF_ERROR_RATE = 4
"""Two e-processes, and for each of them the fast path of `gross.py`."""

FULL_BLOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Table:
    """What all bets on a block have in common, known before it but for blue's being over the limit."""

    concurrent: bool
    most: float
    """What the block may add at most."""
    blue_rate: float
    bursts: float
    """How much more green's recent blocks vary than chance would have it."""
    slow: SlowTally | None
    slow_bursts: float
    """The same of slow runs, in the recent blocks of each of green's pods: one that is slow by itself counts less."""
    limit: float
    green_rate: float
    """What green's answers are bet to fail at, above the limit."""
    silent: bool
    """Whether the limit says nothing, since blue is above it itself."""
    scales: tuple[Scale, ...]
    """The averages that are judged, each by what blue's runs usually have."""


def metric_of(settings: AnalysisSettings, name: MetricName) -> AnalysisMetric | None:
    """The settings of a metric; None if it isn't judged."""
    return next((metric for metric in settings.metrics if metric.name == name), None)


def log_threshold(settings: AnalysisSettings) -> float:
    """What log E must exceed for a verdict, alpha being shared by all tests that run."""
    return sequential.log_threshold(settings.alpha, tests_of(settings))


def tests_of(settings: AnalysisSettings) -> int:
    """How many tests of the metrics share alpha."""
    return max(sum(_tests_of(metric) for metric in settings.metrics), 1)


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
    most = _max_log_gain(before, after, block)
    table = _table(before, after, settings, mode, most)
    evidence = _added(before.log_evidence, _gains(table, block.blue, Side(green_whole(before), block.green)), most)
    without = {}
    for pod, past in without_pods(before, [*after.recent_by_pod, *_remembered(before, after)]).items():
        share = block.green_by_pod.get(pod, Increment())
        others = Side(past, block.green - share)
        without[pod] = pack_evidence(_added(_evidence_without(before, pod), _gains(table, block.blue, others), most))
    # Nothing is bet on the first block: there are no answers yet to choose the bet by.
    reachable = round(before.reachable_log_evidence + (most if before.looks else 0.0), 6)
    return after.model_copy(
        update={
            "log_evidence": evidence,
            "log_evidence_without": without,
            "reachable_log_evidence": reachable,
            "slow_by_pod": slow_runs.by_pod(after, block, table.slow),
        }
    )


def _remembered(before: AnalysisStatus, after: AnalysisStatus) -> list[str]:
    """Green's pods that are gone, those that say the most against green if there are too many, by their names."""

    def says(pod: str) -> float:
        without = _evidence_without(before, pod)
        return max((value - without.get(test, 0.0) for test, value in before.log_evidence.items()), default=0.0)

    pods = sorted(gone(before, after.recent_by_pod))
    return sorted(sorted(pods, key=says, reverse=True)[:MOST_GONE_PODS])


def _table(before: AnalysisStatus, after: AnalysisStatus, settings: AnalysisSettings, mode: Mode, most: float) -> Table:
    limit = max_error_rate(settings)
    return Table(
        concurrent=mode is Mode.CONCURRENT,
        most=most,
        blue_rate=finished_tally(before.blue).estimate,
        bursts=sequential.dispersion(recent_blocks(before.green.recent)),
        slow=slow_runs.slow_tally(before) if mode is Mode.CONCURRENT else None,
        slow_bursts=slow_runs.bursts(before),
        limit=limit,
        green_rate=max(recent_tally(before.green.recent).estimate, limit),
        silent=blue_above(after, limit),
        scales=average_evidence.scales(before, settings),
    )


def _gains(table: Table, blue: Increment, green: Side) -> dict[str, float]:
    """What a block adds to each test that runs, unclipped."""
    gains = {ERRORS_AGAINST_LIMIT: _limit_gain(table, green) / table.bursts}
    if table.concurrent:
        gains[ERRORS_AGAINST_BLUE] = _error_gain(table, blue, green) / table.bursts
        # Clipped first: two pods that are slow at once say more than a block may, and would be discounted for nothing.
        gains[SLOWNESS_AGAINST_BLUE] = min(_slowness_gain(table, blue, green), table.most) / table.slow_bursts
    return gains | average_evidence.gains(table.scales, blue, green, concurrent=table.concurrent)


def _added(evidence: Mapping[str, float], gains: Mapping[str, float], most: float) -> dict[str, float]:
    sums = {test: evidence.get(test, 0.0) + min(gain, most) for test, gain in gains.items()}
    return {**evidence, **{test: round(max(value, LEAST_LOG_EVIDENCE), 6) for test, value in sums.items()}}


def pack_evidence(evidence: Mapping[str, float]) -> str:
    """Evidence by test as text: "errorRate=7.1 slowness=-0.2"."""
    return " ".join(f"{test}={value:.3f}" for test, value in sorted(evidence.items()))


def _evidence_without(state: AnalysisStatus, pod: str) -> dict[str, float]:
    """The evidence with a pod left out, by test; of one that is new, all of the evidence, for it has no part in it."""
    packed = state.log_evidence_without.get(pod)
    if packed is None:
        return dict(state.log_evidence)
    return {test: float(value) for test, _, value in (word.partition("=") for word in packed.split())}


def rests(state: AnalysisStatus, green_pods: frozenset[str], test: str) -> dict[str, Increment]:
    """Green's runs with each pod's left out, by that pod; first the one without which the evidence is the weakest."""
    found = without_each_pod(state, green_pods)
    return {pod: found[pod] for pod in sorted(found, key=lambda pod: (_evidence_without(state, pod).get(test, 0), pod))}


def proven_without(state: AnalysisStatus, pod: str, test: str, *, alpha: float) -> bool:
    """Whether the evidence with a pod left out is odds of 1/alpha : 1.

    An e-process of the other pods' runs alone, so that a revision with one sick pod is condemned by each test with a
    probability of at most alpha, however often it is looked at.
    """
    return _evidence_without(state, pod).get(test, 0.0) > sequential.log_threshold(alpha, 1)


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


def _error_gain(table: Table, blue: Increment, green: Side) -> float:
    return sequential.log_gain_two_sample(
        blue.finished,
        green.now.finished,
        blue_rate=table.blue_rate,
        green_rate=green.past.finished.estimate,
    )


def _limit_gain(table: Table, green: Side) -> float:
    """Silent while blue is above the limit itself: then the limit says nothing about the new revision.

    The bet follows green's recent blocks, so that a long healthy past doesn't blind it. It is the same whichever pod is
    left out: of few pods and few blocks there are too few answers to choose one by.
    """
    if table.silent:
        return 0.0
    return sequential.log_gain_one_sample(green.now.finished, rate=table.green_rate, limit=table.limit)


def blue_above(state: AnalysisStatus, limit: float) -> bool:
    """Blue's recent answers fail more often than the limit allows."""
    return recent_tally(state.blue.recent).rate > limit


def green_above(state: AnalysisStatus, limit: float) -> bool:
    """Green's recent answers fail more often than the limit allows."""
    return recent_tally(state.green.recent).rate > limit


def _slowness_gain(table: Table, blue: Increment, green: Side) -> float:
    slow = table.slow
    if slow is None:
        return 0.0
    return sequential.log_gain_two_sample(
        slow_runs.tally(blue.durations, slow.bound_seconds),
        slow_runs.tally(green.now.durations, slow.bound_seconds),
        blue_rate=slow.blue.estimate,
        green_rate=slow_runs.tally(green.past.durations, slow.bound_seconds).estimate,
    )


def still_failing_without(state: AnalysisStatus, pod: str, rest: Increment, *, min_effect: float) -> bool:
    """Whether the runs that remain with one of green's pods left out fail more often than blue's, too.

    Lately as well: two pods that were sick one after the other are no bad revision.
    """
    lately = sequential.standard_errors_above(_recent_without(state, pod), recent_tally(state.blue.recent))
    worse = sequential.clearly_worse(rest.finished, finished_tally(state.blue), min_effect=min_effect)
    return worse and lately >= sequential.LATELY_WORSE_STANDARD_ERRORS


def _recent_without(state: AnalysisStatus, pod: str) -> Tally:
    others = (recent_tally(packed) for name, packed in state.recent_by_pod.items() if name != pod)
    return sum(others, sequential.NONE)


def still_above_without(state: AnalysisStatus, pod: str, *, limit: float) -> bool:
    """Whether green's other pods lately fail more often than the limit allows, too."""
    return _recent_without(state, pod).rate > limit
