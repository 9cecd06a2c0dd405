"""Metrics that a team wrote a query for: each is asked by itself, and counts, fails and errs by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import isfinite

from agentteam_operator.api.analysis_status import AnalysisStatus, QueryStatus
from agentteam_operator.api.metrics import AnalysisMetric
from agentteam_operator.api.promql import InvalidQueryError, Query, parse_query
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import limits
from agentteam_operator.core.limits import Reading
from agentteam_operator.core.metric_verdict import UNREADABLE, MetricVerdict
from agentteam_operator.core.observed import QueryReading, Snapshot
from agentteam_operator.core.words import quantity

NOT_ASKED = "NotAsked"
"""Reason of what this process has no answer to yet."""

PREFIX = "custom/"
"""In front of the metric's name in the list of gates, so that none can take the place of another gate."""


def gate_name(metric: AnalysisMetric) -> str:
    """The name of a metric's gate in the status."""
    return f"{PREFIX}{metric.name}" if metric.query else metric.name


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
    found = replace(found, name=gate_name(metric))
    errors = state.queries.get(metric.name, QueryStatus()).consecutive_errors
    if not errors or answer is None or found.verdict is Verdict.FAILED:
        return found
    lasting = errors > settings.provider_error_limit
    said = f"the query failed {quantity(errors, 'time')} in a row (providerErrorLimit {settings.provider_error_limit})"
    why = answer.error or "no answer"
    return replace(
        found,
        verdict=Verdict.INCONCLUSIVE if lasting else Verdict.PENDING,
        reason=UNREADABLE,
        message=f"{said}: {why}",
    )


def unasked(settings: AnalysisSettings, snapshot: Snapshot | None) -> bool:
    """Some query hasn't been answered, nor failed, since this process began to ask."""
    return any(_answer(metric, snapshot) is None and _may_be_asked(metric) for metric in settings.metrics)


def _may_be_asked(metric: AnalysisMetric) -> bool:
    try:
        parse_query(metric.query or "")
    except InvalidQueryError:
        return False
    return True


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
    try:
        query = parse_query(metric.query or "")
    except InvalidQueryError as error:
        return replace(base, reason="InvalidQuery", message=f"the query {error}")
    if answer is None:
        return replace(base, reason=NOT_ASKED, message="the query hasn't been answered yet")
    reason, said = _too_early(settings, state, query, answer)
    if reason:
        return replace(base, reason=reason, message=said)
    if answer.value is None or not isfinite(answer.value):
        said = answer.problem or answer.error or f"the query gives {answer.value}"
        return replace(base, reason="NoData", message=said)
    value = answer.value
    outside = (metric.max is not None and value > metric.max) or (metric.min is not None and value < metric.min)
    said = f"the query gives {value:g}, {base.threshold} is allowed"
    return replace(base, over=outside, value=f"{value:g}", message=said)


def _too_early(
    settings: AnalysisSettings, state: AnalysisStatus, query: Query, answer: QueryReading
) -> tuple[str, str]:
    """Why green can't be measured yet, in a word and in words: before its first runs every rate is 0."""
    green, wanted = state.green, settings.min_samples
    if green.finished < wanted:
        said = f"green has given {quantity(green.finished, 'answer')}, fewer than minSamples {wanted}"
        return "TooFewSamples", said
    begun = green.first_answer_at
    if begun is not None and answer.at - begun < timedelta(seconds=query.range_seconds):
        said = f"green has not run for the {query.range_seconds:g} s yet that the query looks back over"
        return "WarmingUp", said
    return "", ""


def _threshold(metric: AnalysisMetric) -> str:
    parts = [f"at least {metric.min:g}"] if metric.min is not None else []
    parts += [f"at most {metric.max:g}"] if metric.max is not None else []
    return " and ".join(parts)
