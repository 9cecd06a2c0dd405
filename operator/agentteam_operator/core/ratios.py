"""The verdicts of errorRate and slowness, from the evidence gathered so far."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.rollout import AnalysisMetric, AnalysisSettings, MetricName
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import evidence, histogram, sequential
from agentteam_operator.core.counting import Colour, Mode, finished_tally, recent_tally
from agentteam_operator.core.gross import GrossFault, gross_fault
from agentteam_operator.core.metric_verdict import MetricVerdict, compared, failing, odds, percent, points, seconds
from agentteam_operator.core.sequential import Tally

DEFAULT_MIN_ERROR_EFFECT = 0.005
DEFAULT_MIN_SLOWNESS_EFFECT = 0.05
_USUAL_QUANTILE = 0.95


def error_rate(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> MetricVerdict:
    """The verdict on failed and timed-out runs: against blue while both serve, and against `max`."""
    limit, threshold = evidence.max_error_rate(settings), evidence.log_threshold(settings)
    effect = DEFAULT_MIN_ERROR_EFFECT if metric.min_effect is None else metric.min_effect
    seen, control = finished_tally(state.green), finished_tally(state.blue)
    concurrent = mode is Mode.CONCURRENT
    against_blue = f"{points(effect)} over blue, or " if concurrent else ""
    base = MetricVerdict(
        name=MetricName.ERROR_RATE,
        verdict=Verdict.PENDING,
        value=percent(seen.rate) if seen.total else "",
        threshold=f"{against_blue}{percent(limit)}, proven with odds of {odds(threshold)}",
        samples=seen.total,
    )
    gross = gross_fault(state, blue=blue, green=green, mode=mode, limit=limit, log_threshold=threshold)
    if gross:
        return _gross_verdict(base, gross, concurrent=concurrent)
    proof = state.log_evidence.get(evidence.ERRORS_AGAINST_BLUE, 0.0) if concurrent else 0.0
    if proof > threshold and seen.rate - control.rate >= effect:
        said = f"{compared(seen, control)}: worse with odds {odds(proof)}"
        return replace(base, verdict=Verdict.FAILED, reason="WorseThanBlue", message=said)
    over = state.log_evidence.get(evidence.ERRORS_AGAINST_LIMIT, 0.0)
    if over > threshold and (not concurrent or seen.rate - control.rate >= effect):
        worst = max(seen, recent_tally(state.green.recent), key=lambda tally: tally.rate)
        said = f"green {failing(worst)}: above the limit of {percent(limit)} with odds {odds(over)}"
        return replace(base, verdict=Verdict.FAILED, reason="AboveLimit", message=said)
    return _error_rate_unproven(base, settings, state, mode, limit)


def _gross_verdict(base: MetricVerdict, gross: GrossFault, *, concurrent: bool) -> MetricVerdict:
    against = compared(gross.green, gross.blue) if concurrent else f"green {failing(gross.green)}"
    where = (
        f"on each of {gross.pods} pods: worse with odds {odds(gross.log_evidence)} even with any one of them left out"
        if gross.pods > 1
        else f"on its only pod: worse with odds {odds(gross.log_evidence)}, though it may be the pod that is sick"
    )
    return replace(
        base,
        verdict=Verdict.FAILED,
        value=percent(gross.green.rate),
        samples=gross.green.total,
        reason="WorseThanBlue" if concurrent else "AboveLimit",
        message=f"{against} in the last {gross.blocks} blocks, {where}",
    )


def _error_rate_unproven(
    base: MetricVerdict, settings: AnalysisSettings, state: AnalysisStatus, mode: Mode, limit: float
) -> MetricVerdict:
    """What to say of failures that nothing has been proven of."""
    seen, control = finished_tally(state.green), finished_tally(state.blue)
    concurrent = mode is Mode.CONCURRENT
    if evidence.blue_above(state, limit) and evidence.green_above(state, limit):
        both = compared(recent_tally(state.green.recent), recent_tally(state.blue.recent))
        said = f"both fail lately, so the fault is hardly the new revision's: {both}, limit {percent(limit)}; holding"
        return replace(base, reason="SharedFault", message=said)
    few = _too_few(base, settings, seen, control if concurrent else None)
    if few:
        return few
    if hangs(state):
        said = (
            f"{state.green.started - state.green.finished} of green's {state.green.started} runs haven't finished,"
            f" of blue's {state.blue.started} only {max(state.blue.started - state.blue.finished, 0)}: they hang"
        )
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="RunsHang", message=said)
    threshold = evidence.log_threshold(settings)
    if concurrent:
        found = sequential.smallest_difference(control, seen, threshold=threshold)
        said = f"{compared(seen, control)}: not proven worse; {_detectable(found, 'more')}"
    else:
        found = sequential.smallest_excess(seen, limit=limit, threshold=threshold)
        said = f"green {failing(seen)}: not proven above {percent(limit)}; {_detectable(found, 'above it')}"
    return replace(base, verdict=Verdict.PASSED, reason="WithinLimits", message=said)


def slowness(metric: AnalysisMetric, settings: AnalysisSettings, state: AnalysisStatus, *, mode: Mode) -> MetricVerdict:
    """The verdict on answers slower than blue's usual ones, while both serve."""
    effect = DEFAULT_MIN_SLOWNESS_EFFECT if metric.min_effect is None else metric.min_effect
    threshold = evidence.log_threshold(settings)
    base = MetricVerdict(
        name=MetricName.SLOWNESS,
        verdict=Verdict.PENDING,
        threshold=f"{points(effect)} over blue, proven with odds of {odds(threshold)}",
        samples=state.green.finished,
    )
    if mode is Mode.ONE_SAMPLE:
        said = "slowness is judged against blue at the same time, and green serves alone"
        return replace(base, verdict=Verdict.SKIPPED, reason="NoConcurrentControl", message=said)
    slow = evidence.slow_tally(state)
    if slow is None:
        said = "blue's answers give no measure: there are none, or most take over 320 s"
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    base = replace(base, value=percent(slow.green.rate), samples=slow.green.total)
    said = f"of answers slower than {seconds(slow.bound_seconds)} (blue's 90th percentile and a tenth), "
    said += compared(slow.green, slow.blue, "has")
    proof = state.log_evidence.get(evidence.SLOWNESS_AGAINST_BLUE, 0.0)
    if proof > threshold and slow.green.rate - slow.blue.rate >= effect:
        said += f": slower with odds {odds(proof)}"
        return replace(base, verdict=Verdict.FAILED, reason="SlowerThanBlue", message=said)
    few = _too_few(base, settings, slow.green, slow.blue)
    if few:
        return few
    found = sequential.smallest_difference(slow.blue, slow.green, threshold=threshold)
    said += f": not proven slower; {_detectable(found, 'more')}"
    return replace(base, verdict=Verdict.PASSED, reason="WithinLimits", message=said)


def _too_few(base: MetricVerdict, settings: AnalysisSettings, green: Tally, blue: Tally | None) -> MetricVerdict | None:
    """Inconclusive, while a colour that is needed has given fewer answers than `minSamples`."""
    wanted = settings.min_samples
    if not green.total:
        said = "green has given no answers yet: does it get traffic, and does Prometheus scrape it?"
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    for colour, tally in (("green", green), ("blue", blue)):
        if tally is not None and tally.total < wanted:
            said = f"{colour} has given {tally.total} answers, fewer than minSamples {wanted}"
            return replace(base, verdict=Verdict.INCONCLUSIVE, reason="TooFewSamples", message=said)
    return None


def _detectable(difference: float | None, relation: str) -> str:
    if difference is None:
        return "so few answers could have shown no difference at all"
    return f"{points(difference)} {relation} would have been seen"


def hangs(state: AnalysisStatus) -> bool:
    """More of green's runs are open than blue's durations and its own share of unfinished runs explain.

    By Little's law a colour that started S runs evenly over T seconds has S * W / T of them open, W being the time that
    a run takes; blue's 95th percentile stands for W. Three standard deviations (Poisson) are left to chance.
    """
    first, last = state.green.first_answer_at, state.last_block_at
    usual = histogram.quantile_seconds(histogram.unpack(state.blue.durations), _USUAL_QUANTILE)
    if first is None or last is None or usual is None or not state.green.started:
        return False
    elapsed = (last - first).total_seconds()
    in_flight = 1.0 if elapsed <= usual else usual / elapsed
    unfinished = max(0.0, 1 - state.blue.finished / state.blue.started) if state.blue.started else 0.0
    expected = min(1.0, in_flight + unfinished) * state.green.started
    return state.green.started - state.green.finished > expected + 3 * sqrt(max(expected, 1.0))
