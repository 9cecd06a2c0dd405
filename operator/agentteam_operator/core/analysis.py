"""The judge: is the candidate worse than what it replaces? State and one look in, state and verdicts out.

    judge(settings, state, snapshot, blue=..., green=..., mode=..., now=...) -> Judgement

A look at Prometheus is differenced into blocks of answers (`counting.py`); each block is a bet against "green is no
worse" (`evidence.py`, with the formulas in `sequential.py`), gross faults have a fast path (`gross.py`); from the
evidence follow the verdicts of errorRate and slowness (`error_rate.py`, `slowness.py`) and of averages over runs
(`averages.py`). The other metrics have plain limits (`limits.py`), and so have the queries that a team writes
(`queries.py`). docs/judgement.md tells it to people.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import LATENCY_QUANTILES, SEQUENTIAL, AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import (
    averages,
    cpu_windows,
    error_rate,
    evidence,
    fresh_scrapes,
    limits,
    queries,
    ratios,
    sight,
    slowness,
)
from agentteam_operator.core.counting import Colour, Mode, count
from agentteam_operator.core.evidence import with_evidence
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.metric_verdict import UNREADABLE, Judgement, MetricVerdict
from agentteam_operator.core.observed import Snapshot
from agentteam_operator.core.quantities import QUANTITIES
from agentteam_operator.core.words import quantity

__all__ = [
    "DURATION_BOUNDS_SECONDS",
    "AnalysisStatus",
    "Colour",
    "Judgement",
    "MetricVerdict",
    "Mode",
    "enough",
    "judge",
    "overall",
]


def judge(
    settings: AnalysisSettings,
    state: AnalysisStatus,
    snapshot: Snapshot | None,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
    now: datetime,
) -> Judgement:
    """The verdict of every metric after a look.

    `AnalysisStatus()` begins a judgement. A snapshot that was judged already (its `at` isn't later than the last one's)
    changes no state; None stands for a Prometheus that hasn't been asked yet.
    """
    state = remembered(settings, state, snapshot, blue=blue, green=green, mode=mode, now=now)
    found = (
        _verdict(metric, settings, state, snapshot, blue=blue, green=green, mode=mode) for metric in settings.metrics
    )
    unseen = sight.unseen(settings.metrics, snapshot, blue=blue, green=green, mode=mode)
    told = (_unless_unseen(one, unseen.get(one.name, "")) for one in found)
    return Judgement(state, tuple(told), sight.any_unseen(unseen))


def remembered(
    settings: AnalysisSettings,
    state: AnalysisStatus,
    snapshot: Snapshot | None,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
    now: datetime,
) -> AnalysisStatus:
    """The judge's memory after a look, which is all that the verdicts follow from, beside the look itself."""
    if state.started_at is None:
        state = state.model_copy(update={"started_at": now, "baseline_pending": sorted(green.pods)})
    looked_at = state
    is_new = snapshot is not None and (state.last_sample_at is None or snapshot.at > state.last_sample_at)
    if snapshot is not None and is_new:
        state = _after_look(settings, state, snapshot, blue=blue, green=green, mode=mode)
        state = _after_readings(looked_at, state, settings, snapshot, blue=blue, green=green, mode=mode)
    return queries.after_look(settings, state, snapshot)


def _unless_unseen(found: MetricVerdict, whose: str) -> MetricVerdict:
    """`found`, unless it acquits by what was seen before: of now nothing is known."""
    if not whose or found.verdict is not Verdict.PASSED:
        return found
    said = f"Prometheus shows nothing of the pods of {whose} now; before, {found.message}"
    return replace(found, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)


def _after_look(
    settings: AnalysisSettings, state: AnalysisStatus, snapshot: Snapshot, *, blue: Colour, green: Colour, mode: Mode
) -> AnalysisStatus:
    """The state with the snapshot's answers counted and weighed, or its error."""
    errors = state.consecutive_errors + 1 if snapshot.error else 0
    before = state.model_copy(update={"last_sample_at": snapshot.at, "consecutive_errors": errors})
    if snapshot.error:
        return before
    judged = frozenset(metric.name for metric in settings.metrics if metric.name in QUANTITIES)
    after, block = count(
        before,
        snapshot,
        blue=blue,
        green=green,
        mode=mode,
        interval_seconds=settings.interval_seconds,
        quantities=judged,
    )
    return after if block is None else with_evidence(before, after, block, settings, mode)


def _after_readings(
    before: AnalysisStatus,
    state: AnalysisStatus,
    settings: AnalysisSettings,
    snapshot: Snapshot,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> AnalysisStatus:
    """The state with the looks over a limit counted.

    A percentile is new only with a new block of answers, processor use only with a new window, memory and queues only
    with a new scrape.
    """
    news: dict[str, bool] = {name: state.looks > before.looks for name in LATENCY_QUANTILES}  # noqa: C420 - str keys
    if not snapshot.error:
        state, scraped = fresh_scrapes.after_look(state, settings.metrics, snapshot, green.pods)
        news |= scraped
    if evidence.metric_of(settings, MetricName.CPU_UTILIZATION) and not snapshot.error:
        state, news[MetricName.CPU_UTILIZATION] = cpu_windows.after_look(state, snapshot, green.pods)
    for metric in settings.metrics:
        if metric.query is None and metric.name not in SEQUENTIAL and news.get(metric.name, True):
            reading = _reading(metric, settings, state, snapshot, blue=blue, green=green, mode=mode)
            state = limits.counted(state, metric.name, reading)
    return state


def _verdict(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    snapshot: Snapshot | None,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> MetricVerdict:
    if metric.query is not None:
        return queries.verdict(metric, settings, state, snapshot)
    if metric.name == MetricName.ERROR_RATE:
        found = error_rate.error_rate(metric, settings, state, blue=blue, green=green, mode=mode)
    elif metric.name == MetricName.SLOWNESS:
        found = slowness.slowness(metric, settings, state, blue=blue, green=green, mode=mode)
    elif metric.name in QUANTITIES:
        found = averages.average(metric, settings, state, blue=blue, green=green, mode=mode)
    else:
        found = limits.verdict(
            metric, state, _reading(metric, settings, state, snapshot, blue=blue, green=green, mode=mode)
        )
    return _unless_unread(found, settings, state, snapshot)


def _reading(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    snapshot: Snapshot | None,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> limits.Reading:
    """This look at a metric that has a limit."""
    if metric.name == MetricName.AGENTS_OFFLINE:
        return limits.agents_offline(metric, blue=blue, green=green, mode=mode)
    if snapshot is None or snapshot.error:
        return limits.Reading(None, reason="NoData", message="Prometheus has given no answer yet")
    if metric.name in LATENCY_QUANTILES:
        return limits.latency(metric, settings, state, mode)
    match metric.name:
        case MetricName.MEMORY_UTILIZATION:
            found = limits.memory_utilization(metric, snapshot, green)
        case MetricName.CPU_UTILIZATION:
            found = limits.cpu_utilization(metric, state, snapshot, green)
        case MetricName.QUEUE_DEPTH:
            found = limits.queue_depth(metric, snapshot, green)
        case _:  # refused by validation, and so no more than a rollout that was under way before
            said = f"{metric.name} is no built-in metric and has no query"
            found = limits.Reading(None, reason="UnknownMetric", message=said)
    return found


def _unless_unread(
    found: MetricVerdict, settings: AnalysisSettings, state: AnalysisStatus, snapshot: Snapshot | None
) -> MetricVerdict:
    """`found`, unless Prometheus can't be read now: what is proven or skipped stays so, the rest holds for a while."""
    stands = found.name == MetricName.AGENTS_OFFLINE or found.verdict in {Verdict.FAILED, Verdict.SKIPPED}
    if stands or not state.consecutive_errors:
        return found
    errors, most = state.consecutive_errors, settings.provider_error_limit
    why = snapshot.error if snapshot is not None and snapshot.error else "no answer"
    said = f"Prometheus failed {quantity(errors, 'time')} in a row (providerErrorLimit {most}): {why}"
    lasting = errors > most
    return replace(
        found,
        verdict=Verdict.INCONCLUSIVE if lasting else Verdict.PENDING,
        reason=UNREADABLE,
        message=said,
    )


def enough(judgement: Judgement, settings: AnalysisSettings, *, stood_in: int = 0) -> bool:
    """Whether a traffic step may advance: green has answered often enough, is seen now, and isn't held or hanging.

    `stood_in` answers to others than people count for a team that has too few of its own.
    """
    state = judgement.state
    holding = any(found.verdict in {Verdict.PENDING, Verdict.FAILED} for found in judgement.verdicts)
    return (
        max(state.green.finished, stood_in) >= settings.min_samples
        and not holding
        and not judgement.unseen
        and not state.consecutive_errors
        and not queries.failing(state)
        and not ratios.hangs(state)
    )


def overall(judgement: Judgement) -> Verdict:
    """All metrics in one verdict: the worst of them; Skipped if none could be judged."""
    found = {verdict.verdict for verdict in judgement.verdicts}
    for worst in (Verdict.FAILED, Verdict.PENDING, Verdict.INCONCLUSIVE, Verdict.PASSED):
        if worst in found:
            return worst
    return Verdict.SKIPPED
