"""The verdict of errorRate, from the evidence gathered so far."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import evidence, sequential
from agentteam_operator.core.counting import (
    RECENT_BLOCKS_OF_POD,
    Colour,
    Mode,
    finished_tally,
    recent_blocks,
    recent_tally,
)
from agentteam_operator.core.gross import MARGIN, GrossFault, gross_fault
from agentteam_operator.core.metric_verdict import MetricVerdict, compared, failing, odds, percent, points
from agentteam_operator.core.ratios import (
    hangs,
    held_for_sick_pod,
    held_on_suspicion,
    in_points,
    passed,
    sick_pod,
    suspicious,
    too_few,
    too_few_blocks,
)


def error_rate(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> MetricVerdict:
    """The verdict on failed, timed-out and rejected runs: against blue while both serve, and against `max`."""
    limit, threshold = evidence.max_error_rate(settings), evidence.log_threshold(settings)
    effect = metric.resolved().min_effect or 0.0
    seen = finished_tally(state.green)
    concurrent = mode is Mode.CONCURRENT
    against_blue = f"{points(effect)} over blue, or " if concurrent else ""
    base = MetricVerdict(
        name=MetricName.ERROR_RATE,
        verdict=Verdict.PENDING,
        value=percent(seen.rate) if seen.total else "",
        threshold=f"{against_blue}{percent(limit)}, proven with odds of {odds(threshold)}",
        samples=seen.total,
    )
    if seen.total < settings.min_samples:
        return _unproven(base, settings, state, mode, limit)
    gross = gross_fault(state, blue=blue, green=green, mode=mode, limit=limit, log_threshold=threshold)
    if gross:
        return _gross_verdict(base, gross, limit=None if concurrent else limit)
    proven = None
    if concurrent:
        proven = _worse_than_blue(base, state, green, effect=effect, threshold=threshold, alpha=settings.alpha)
    if proven is None or proven.verdict is not Verdict.FAILED:
        least = effect if concurrent else None
        above = _above_limit(
            base, state, green, min_effect=least, limit=limit, threshold=threshold, alpha=settings.alpha
        )
        proven = above or proven
    return proven or _unproven(base, settings, state, mode, limit)


def _worse_than_blue(
    base: MetricVerdict,
    state: AnalysisStatus,
    green: Colour,
    *,
    effect: float,
    threshold: float,
    alpha: float,
) -> MetricVerdict | None:
    """What the comparison with blue has proven, if anything."""
    seen, control, test = finished_tally(state.green), finished_tally(state.blue), evidence.ERRORS_AGAINST_BLUE
    proof = state.log_evidence.get(test, 0.0)
    if proof <= threshold or seen.rate - control.rate < effect:
        return None
    said = f"{compared(seen, control)}: worse with odds {odds(proof)}"
    sick = sick_pod(
        state,
        green,
        test,
        alpha=alpha,
        still_worse=lambda pod, rest: evidence.still_failing_without(state, pod, rest, min_effect=effect),
    )
    if sick:
        lately = recent_tally(state.recent_by_pod.get(sick, "")).rate
        return held_for_sick_pod(base, sick, said) if lately - control.rate >= effect else None
    return replace(base, verdict=Verdict.FAILED, reason="WorseThanBlue", message=said)


def _above_limit(
    base: MetricVerdict,
    state: AnalysisStatus,
    green: Colour,
    *,
    min_effect: float | None,
    limit: float,
    threshold: float,
    alpha: float,
) -> MetricVerdict | None:
    """What has been proven against the limit, if anything; `min_effect` over blue is asked for while blue serves."""
    seen, control, test = finished_tally(state.green), finished_tally(state.blue), evidence.ERRORS_AGAINST_LIMIT
    proof = state.log_evidence.get(test, 0.0)
    if proof <= threshold or (min_effect is not None and seen.rate - control.rate < min_effect):
        return None
    worst = max(seen, recent_tally(state.green.recent), key=lambda tally: tally.rate)
    said = f"green {failing(worst)}: above the limit of {percent(limit)} with odds {odds(proof)}"
    sick = sick_pod(
        state,
        green,
        test,
        alpha=alpha,
        still_worse=lambda pod, _: evidence.still_above_without(state, pod, limit=limit),
    )
    if sick:
        lately = recent_tally(state.recent_by_pod.get(sick, "")).rate
        return held_for_sick_pod(base, sick, said) if lately > limit else None
    return replace(base, verdict=Verdict.FAILED, reason="AboveLimit", message=said)


def _gross_verdict(base: MetricVerdict, gross: GrossFault, *, limit: float | None) -> MetricVerdict:
    """What the fast path found: against blue, or against a limit."""
    against = compared(gross.green, gross.blue) if limit is None else f"green {failing(gross.green)}"
    than = "worse" if limit is None else f"above the limit of {percent(limit)}"
    lately, found = f"in the last {gross.blocks} blocks", f"{than} with odds {odds(gross.log_evidence)}"
    if gross.never_well:
        where = f"on its only pod, ever since its first answer {gross.blocks} blocks ago: {found}"
    elif gross.pods > 1:
        where = f"{lately}, on each of {gross.pods} pods: {found} even with any one of them left out"
    else:
        where = f"{lately}, on its only pod: {found}, though it may be the pod that is sick"
    return replace(
        base,
        verdict=Verdict.FAILED,
        value=percent(gross.green.rate),
        samples=gross.green.total,
        reason="WorseThanBlue" if limit is None else "AboveLimit",
        message=f"{against} {where}",
    )


def _unproven(
    base: MetricVerdict, settings: AnalysisSettings, state: AnalysisStatus, mode: Mode, limit: float
) -> MetricVerdict:
    """What to say of failures that nothing has been proven of."""
    seen, control = finished_tally(state.green), finished_tally(state.blue)
    concurrent = mode is Mode.CONCURRENT
    if evidence.blue_above(state, limit) and evidence.green_above(state, limit):
        both = compared(recent_tally(state.green.recent), recent_tally(state.blue.recent))
        said = f"both fail lately, so the fault is hardly the new revision's: {both}, limit {percent(limit)}; holding"
        return replace(base, reason="SharedFault", message=said)
    few = too_few(base, settings, state, seen, control if concurrent else None)
    if few:
        return few
    if concurrent and suspicious(seen, control) and _still_far_above_blue(state):
        proof = state.log_evidence.get(evidence.ERRORS_AGAINST_BLUE, 0.0)
        return held_on_suspicion(base, state, compared(seen, control), worse="worse", log_evidence=proof)
    if hangs(state):
        open_of_green = state.green.started - state.green.finished
        open_of_blue = max(state.blue.started - state.blue.finished, 0)
        said = (
            f"{open_of_green} of green's {state.green.started} runs haven't ended in an answer,"
            f" of blue's {state.blue.started} only {open_of_blue}: they hang"
        )
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="RunsHang", message=said)
    return _within_limits(base, state, evidence.log_threshold(settings), limit, concurrent=concurrent)


def _within_limits(
    base: MetricVerdict, state: AnalysisStatus, threshold: float, limit: float, *, concurrent: bool
) -> MetricVerdict:
    """Passed, unless the looks were so few that nothing could have been proven."""
    seen, control = finished_tally(state.green), finished_tally(state.blue)
    figures = compared(seen, control) if concurrent else f"green {failing(seen)}"
    few = too_few_blocks(base, state, figures, threshold)
    if few:
        return few
    if concurrent:
        found = sequential.smallest_difference(control, seen, threshold=threshold)
        return passed(base, f"{figures}: not proven worse", in_points(found), "more")
    found = sequential.smallest_excess(seen, limit=limit, threshold=threshold)
    return passed(base, f"{figures}: not proven above {percent(limit)}", in_points(found), "above it")


def _still_far_above_blue(state: AnalysisStatus) -> bool:
    """Green's last blocks, as many as are kept of a pod, are far worse than blue's, too."""
    green, blue = (
        sum(recent_blocks(colour.recent)[-RECENT_BLOCKS_OF_POD:], sequential.NONE)
        for colour in (state.green, state.blue)
    )
    return green.rate > blue.rate + MARGIN
