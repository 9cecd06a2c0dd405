"""The verdict on an average or a share of runs that succeed, from the evidence gathered so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import average_evidence, bounded_means, evidence, histogram, ratios, sequential
from agentteam_operator.core.average_evidence import Scale, against_limit
from agentteam_operator.core.bounded_means import Moments
from agentteam_operator.core.counters import Increment
from agentteam_operator.core.counting import Colour, Mode
from agentteam_operator.core.metric_verdict import NO_CONTROL, MetricVerdict, odds, percent, points
from agentteam_operator.core.quantities import QUANTITIES
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.shares import green_whole


@dataclass(frozen=True, slots=True)
class _Case:
    """What a verdict is found from, once both colours have enough runs."""

    base: MetricVerdict
    settings: AnalysisSettings
    state: AnalysisStatus
    blue: Colour
    green: Colour
    scale: Scale
    seen: Moments
    """Of green's runs."""

    @property
    def threshold(self) -> float:
        return evidence.log_threshold(self.settings)


def average(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> MetricVerdict:
    """The verdict on an average or a share of runs: against blue while both serve, and against `max` if given."""
    effect, concurrent = metric.resolved().min_effect or 0.0, mode is Mode.CONCURRENT
    held_against = _threshold_words(metric, effect, evidence.log_threshold(settings), concurrent=concurrent)
    base = MetricVerdict(metric.name, Verdict.PENDING, threshold=held_against)
    if not concurrent and metric.max is None:
        said = f"{metric.name} is judged against blue at the same time, and green serves alone"
        return replace(base, verdict=Verdict.SKIPPED, reason=NO_CONTROL, message=said)
    scale = average_evidence.scale(state, metric)
    few = _too_few(base, settings, state, concurrent=concurrent)
    if few is not None or scale is None:
        said = "neither blue's runs nor a max say how much is usual"
        return few or replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    seen = scale.moments(green_whole(state))
    base = replace(base, value=scale.words(seen.mean), samples=seen.total)
    case = _Case(base, settings, state, blue, green, scale, seen)
    worse = _worse_than_blue(case, effect) if concurrent else None
    if worse is None or worse.verdict is not Verdict.FAILED:
        worse = _above_limit(case, metric.max) or worse
    return worse or _unproven(case, concurrent=concurrent)


def _threshold_words(metric: AnalysisMetric, effect: float, threshold: float, *, concurrent: bool) -> str:
    is_share = QUANTITIES[metric.name].is_share
    parts = [f"{points(effect) if is_share else percent(effect)} over blue"] if concurrent else []
    if metric.max is not None:
        parts.append(percent(metric.max) if is_share else f"{metric.max:,.6g}")
    return f"{', or '.join(parts)}, proven with odds of {odds(threshold)}"


def _too_few(
    base: MetricVerdict, settings: AnalysisSettings, state: AnalysisStatus, *, concurrent: bool
) -> MetricVerdict | None:
    """Inconclusive, while a colour that is needed has too few runs that succeeded, or its pods don't count them."""
    blue, green = (sum(histogram.unpack(one.quantities.get(base.name, ""))) for one in (state.blue, state.green))
    for colour, runs, total in (("green", state.green, green), ("blue", state.blue, blue)):
        needed = colour == "green" or concurrent
        if needed and not total and runs.finished - runs.failed >= settings.min_samples:
            series = QUANTITIES[base.name].series
            said = f"{colour}'s pods have no {series}: is their agent image older than the metric?"
            return replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    return ratios.too_few(base, settings, state, Tally(0, green), Tally(0, blue) if concurrent else None)


def _worse_than_blue(case: _Case, effect: float) -> MetricVerdict | None:
    """What the comparison with blue has proven, if anything."""
    test, scale = case.base.name, case.scale
    proof = case.state.log_evidence.get(test, 0.0)
    if proof <= case.threshold or scale.effect(case.seen) < effect:
        return None

    def still_worse(_: str, rest: Increment) -> bool:
        others = scale.moments(rest)
        far = bounded_means.standard_errors_above(others, scale.blue) >= sequential.STILL_WORSE_STANDARD_ERRORS
        return far and scale.effect(others) >= effect

    sick = ratios.sick_pod(case.state, case.green, test, alpha=case.settings.alpha, still_worse=still_worse)
    return _condemned(case, f"{_compared(case)}: more with odds {odds(proof)}", "WorseThanBlue", sick)


def _above_limit(case: _Case, limit: float | None) -> MetricVerdict | None:
    """What has been proven against the limit, if anything."""
    test, scale = against_limit(case.base.name), case.scale
    proof = case.state.log_evidence.get(test, 0.0)
    if limit is None or proof <= case.threshold or case.seen.mean * scale.clip <= limit:
        return None
    share = limit / scale.clip
    sick = ratios.sick_pod(
        case.state,
        case.green,
        test,
        alpha=case.settings.alpha,
        still_worse=lambda _, rest: scale.moments(rest).mean > share,
    )
    said = f"{_of_green(case)}: above the limit of {scale.words(share)} with odds {odds(proof)}"
    return _condemned(case, said, "AboveLimit", sick)


def _condemned(case: _Case, said: str, reason: str, sick: str) -> MetricVerdict:
    """What is made of proof: nothing is condemned by one pod, be it the only one or the one that is sick."""
    if ratios.is_only_pod(case.state, case.blue, case.green):
        return ratios.left_to_next_step(case.base, said, how="sick")
    if sick:
        return ratios.held_for_sick_pod(case.base, sick, said)
    return replace(case.base, verdict=Verdict.FAILED, reason=reason, message=said)


def _unproven(case: _Case, *, concurrent: bool) -> MetricVerdict:
    figures = _compared(case) if concurrent else _of_green(case)
    few = ratios.too_few_blocks(case.base, case.state, figures, case.threshold)
    if few:
        return few
    if not concurrent:
        said = f"{figures}: not proven above the limit"
        return replace(case.base, verdict=Verdict.PASSED, reason="WithinLimits", message=said)
    found = bounded_means.smallest_difference(case.scale.blue, case.seen, threshold=case.threshold)
    return ratios.passed(case.base, f"{figures}: not proven more", _told(case, found), "more")


def _told(case: _Case, difference: float | None) -> str:
    """A difference for people: points of a share, or a share of blue's average."""
    if difference is None:
        return ""
    return points(difference) if case.scale.quantity.is_share else percent(difference / case.scale.blue.mean)


def _compared(case: _Case) -> str:
    return f"{_of_green(case)}, blue {case.scale.words(case.scale.blue.mean)} ({case.scale.blue.total} runs)"


def _of_green(case: _Case) -> str:
    verb = "stops at a bound in" if case.scale.quantity.is_share else "has on average about"
    if case.base.name == MetricName.COST_PER_RUN:
        verb = "costs on average about"
    return f"green {verb} {case.scale.words(case.seen.mean)} ({case.seen.total} runs)"
