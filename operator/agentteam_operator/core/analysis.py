"""The judge: is the candidate worse than what it replaces? State and one look in, state and verdicts out.

    judge(settings, state, snapshot, blue=..., green=..., mode=..., now=...) -> Judgement

A look at Prometheus is differenced into blocks of answers (`counting.py`); each block is a bet against "green is no
worse" (`evidence.py`, with the formulas in `sequential.py`), gross faults have a fast path (`gross.py`); from the
evidence follow the verdicts of errorRate and slowness (`error_rate.py`, `slowness.py`). The other metrics
have plain limits (`limits.py`). docs/judgement.md tells it to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.rollout import AnalysisMetric, AnalysisSettings, MetricName
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import error_rate, limits, ratios, slowness
from agentteam_operator.core.counting import Colour, Mode, count
from agentteam_operator.core.evidence import with_evidence
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.metric_verdict import UNREADABLE, Judgement, MetricVerdict
from agentteam_operator.core.state import Snapshot
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
    if state.started_at is None:
        # Green's pods were made for this rollout: all that they have counted belongs to it, the first failure too.
        state = state.model_copy(update={"started_at": min(green.created_at.values(), default=now)})
    looked_at = state
    is_new = snapshot is not None and (state.last_sample_at is None or snapshot.at > state.last_sample_at)
    if snapshot is not None and is_new:
        state = _after_look(settings, state, snapshot, blue=blue, green=green, mode=mode)
    readings = _readings(settings, state, snapshot, green, mode)
    if is_new:
        state = _after_readings(looked_at, state, readings)
    verdicts = []
    for metric in settings.metrics:
        if metric.name is MetricName.ERROR_RATE:
            found = error_rate.error_rate(metric, settings, state, blue=blue, green=green, mode=mode)
        elif metric.name is MetricName.SLOWNESS:
            found = slowness.slowness(metric, settings, state, green=green, mode=mode)
        else:
            found = limits.verdict(metric, state, readings[metric.name])
        verdicts.append(_unless_unread(found, settings, state, snapshot))
    return Judgement(state, tuple(verdicts))


def _after_look(
    settings: AnalysisSettings, state: AnalysisStatus, snapshot: Snapshot, *, blue: Colour, green: Colour, mode: Mode
) -> AnalysisStatus:
    """The state with the snapshot's answers counted and weighed, or its error."""
    errors = state.consecutive_errors + 1 if snapshot.error else 0
    before = state.model_copy(update={"last_sample_at": snapshot.at, "consecutive_errors": errors})
    if snapshot.error:
        return before
    interval = settings.interval_seconds
    after, block = count(before, snapshot, blue=blue, green=green, mode=mode, interval_seconds=interval)
    return after if block is None else with_evidence(before, after, block, settings, mode)


def _after_readings(
    before: AnalysisStatus, state: AnalysisStatus, readings: Mapping[MetricName, limits.Reading]
) -> AnalysisStatus:
    """The state with the looks over a limit counted; a percentile is new only with a new block of answers."""
    for name, reading in readings.items():
        if name is not MetricName.P95_LATENCY_SECONDS or state.looks > before.looks:
            state = limits.counted(state, name, reading)
    return state


def _readings(
    settings: AnalysisSettings, state: AnalysisStatus, snapshot: Snapshot | None, green: Colour, mode: Mode
) -> Mapping[MetricName, limits.Reading]:
    """This look at each metric that has a limit."""
    return {
        metric.name: _reading(metric, settings, state, snapshot, green=green, mode=mode)
        for metric in settings.metrics
        if metric.name not in {MetricName.ERROR_RATE, MetricName.SLOWNESS}
    }


def _reading(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    snapshot: Snapshot | None,
    *,
    green: Colour,
    mode: Mode,
) -> limits.Reading:
    if metric.name is MetricName.AGENTS_OFFLINE:
        return limits.agents_offline(metric, green)
    if snapshot is None or snapshot.error:
        return limits.Reading(None, reason="NoData", message="Prometheus has given no answer yet")
    if metric.name is MetricName.MEMORY_UTILIZATION:
        return limits.memory_utilization(metric, snapshot, green)
    return limits.p95_latency(metric, settings, state, mode)


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
        message=said[:1024],
    )


def enough(judgement: Judgement, settings: AnalysisSettings) -> bool:
    """Whether a traffic step may advance: green has answered often enough, nothing holds, and its runs don't hang."""
    state = judgement.state
    holding = any(found.verdict in {Verdict.PENDING, Verdict.FAILED} for found in judgement.verdicts)
    return (
        state.green.finished >= settings.min_samples
        and not holding
        and not state.consecutive_errors
        and not ratios.hangs(state)
    )


def overall(judgement: Judgement) -> Verdict:
    """All metrics in one verdict: the worst of them; Skipped if none could be judged."""
    found = {verdict.verdict for verdict in judgement.verdicts}
    for worst in (Verdict.FAILED, Verdict.PENDING, Verdict.INCONCLUSIVE, Verdict.PASSED):
        if worst in found:
            return worst
    return Verdict.SKIPPED
