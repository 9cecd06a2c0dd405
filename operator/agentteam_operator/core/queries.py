"""Metrics that a team wrote a query for: each is asked by itself, and counts, fails and errs by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from agentteam_operator.api.analysis_status import AnalysisStatus, QueryStatus
from agentteam_operator.api.metrics import AnalysisMetric
from agentteam_operator.api.promql import InvalidQueryError, parse_query
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import limits
from agentteam_operator.core.limits import Reading
from agentteam_operator.core.metric_verdict import UNREADABLE, MetricVerdict
from agentteam_operator.core.state import QueryReading, Snapshot
from agentteam_operator.core.words import quantity

PREFIX = "custom/"
"""In front of the metric's name in the list of gates, so that none can take the place of another gate."""


def after_look(settings: AnalysisSettings, state: AnalysisStatus, snapshot: Snapshot | None) -> AnalysisStatus:
    """The state with the answers counted that haven't been before."""
    known = {metric.name: state.queries.get(metric.name, QueryStatus()) for metric in settings.metrics if metric.query}
    for metric in settings.metrics:
        answer = _answer(metric, snapshot)
        before = known.get(metric.name)
        if answer is None or before is None or (before.at is not None and answer.at <= before.at):
            continue
        errors = before.consecutive_errors + 1 if answer.error else 0
        known[metric.name] = QueryStatus(at=answer.at, consecutive_errors=errors)
        state = limits.counted(state, metric.name, _reading(metric, settings, state, answer))
    return state.model_copy(update={"queries": known})


def verdict(
    metric: AnalysisMetric, settings: AnalysisSettings, state: AnalysisStatus, snapshot: Snapshot | None
) -> MetricVerdict:
    """What the answers so far amount to."""
    answer = _answer(metric, snapshot)
    found = limits.verdict(metric, state, _reading(metric, settings, state, answer))
    found = replace(found, name=PREFIX + metric.name)
    errors = state.queries.get(metric.name, QueryStatus()).consecutive_errors
    if not errors or found.verdict is Verdict.FAILED:
        return found
    lasting = errors > settings.provider_error_limit
    said = f"the query failed {quantity(errors, 'time')} in a row (providerErrorLimit {settings.provider_error_limit})"
    why = answer.error if answer and answer.error else "no answer"
    return replace(
        found,
        verdict=Verdict.INCONCLUSIVE if lasting else Verdict.PENDING,
        reason=UNREADABLE,
        message=f"{said}: {why}"[:1024],
    )


def failing(state: AnalysisStatus) -> bool:
    """Some query isn't answered now."""
    return any(known.consecutive_errors for known in state.queries.values())


def _answer(metric: AnalysisMetric, snapshot: Snapshot | None) -> QueryReading | None:
    return snapshot.queries.get(metric.name) if metric.query and snapshot is not None else None


def _reading(
    metric: AnalysisMetric, settings: AnalysisSettings, state: AnalysisStatus, answer: QueryReading | None
) -> Reading:
    """One answer, held against the limits; nothing to measure until green has run long enough to be measured."""
    base = Reading(None, threshold=_threshold(metric), samples=state.green.finished, beyond="outside")
    reason, said = _too_early(metric, settings, state, answer)
    if reason:
        return replace(base, reason=reason, message=said)
    if answer is None or answer.value is None:
        said = answer.problem if answer and answer.problem else "the query hasn't been answered yet"
        return replace(base, reason="NoData", message=said)
    value = answer.value
    outside = (metric.max is not None and value > metric.max) or (metric.min is not None and value < metric.min)
    said = f"the query gives {value:g}, {base.threshold} is allowed"
    return replace(base, over=outside, value=f"{value:g}", message=said)


def _too_early(
    metric: AnalysisMetric, settings: AnalysisSettings, state: AnalysisStatus, answer: QueryReading | None
) -> tuple[str, str]:
    """Why green can't be measured yet, in a word and in words: before its first runs every rate is 0."""
    green, wanted = state.green, settings.min_samples
    if green.finished < wanted:
        said = f"green has given {quantity(green.finished, 'answer')}, fewer than minSamples {wanted}"
        return "TooFewSamples", said
    try:
        range_seconds = parse_query(metric.query or "").range_seconds
    except InvalidQueryError as error:
        return "InvalidQuery", f"the query {error}"
    begun, at = green.first_answer_at, answer.at if answer else state.last_sample_at
    if begun is not None and at is not None and at - begun < timedelta(seconds=range_seconds):
        said = f"green has not run for the {range_seconds:g} s yet that the query looks back over"
        return "WarmingUp", said
    return "", ""


def _threshold(metric: AnalysisMetric) -> str:
    parts = [f"at least {metric.min:g}"] if metric.min is not None else []
    parts += [f"at most {metric.max:g}"] if metric.max is not None else []
    return " and ".join(parts)
