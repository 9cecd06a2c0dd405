"""The verdict on an average or a share of runs that succeed, from the evidence gathered so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import bounded_means, evidence, histogram, ratios, sequential
from agentteam_operator.core.average_evidence import Comparison, against_limit, compare
from agentteam_operator.core.counters import Increment
from agentteam_operator.core.counting import Colour, Mode, without_each_pod
from agentteam_operator.core.metric_verdict import NO_CONTROL, MetricVerdict, odds, percent, points
from agentteam_operator.core.quantities import QUANTITIES
from agentteam_operator.core.sequential import Tally


def average(
    metric: AnalysisMetric, settings: AnalysisSettings, state: AnalysisStatus, *, green: Colour, mode: Mode
) -> MetricVerdict:
    """The verdict on an average or a share of runs: against blue while both serve, and against `max` if given."""
    threshold = evidence.log_threshold(settings)
    effect, concurrent = metric.resolved().min_effect or 0.0, mode is Mode.CONCURRENT
    held_against = _threshold_words(metric, effect, threshold, concurrent=concurrent)
    base = MetricVerdict(metric.name, Verdict.PENDING, threshold=held_against)
    if not concurrent and metric.max is None:
        said = f"{metric.name} is judged against blue at the same time, and green serves alone"
        return replace(base, verdict=Verdict.SKIPPED, reason=NO_CONTROL, message=said)
    seen = compare(state, metric)
    few = _too_few(base, settings, state, concurrent=concurrent)
    if few is not None or seen is None:
        said = "neither blue's runs nor a max say how much is usual"
        return few or replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    base = replace(base, value=seen.words(metric.name, seen.green.mean), samples=seen.green.total)
    rests = without_each_pod(state, green.pods)
    proofs = {name: proof for name, proof in state.log_evidence.items() if proof > threshold}
    worse = _worse_than_blue(base, proofs.get(metric.name), seen, rests, effect) if concurrent else None
    if worse is None or worse.verdict is not Verdict.FAILED:
        worse = _above_limit(base, proofs.get(against_limit(metric.name)), seen, rests, metric.max) or worse
    return worse or _unproven(base, state, seen, threshold, concurrent=concurrent)


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


def _worse_than_blue(
    base: MetricVerdict, proof: float | None, seen: Comparison, rests: Mapping[str, Increment], effect: float
) -> MetricVerdict | None:
    """What the comparison with blue has proven, if anything."""
    if proof is None or seen.effect(seen.green) < effect:
        return None
    said = f"{_compared(base.name, seen)}: more with odds {odds(proof)}"

    def still_worse(_: str, rest: Increment) -> bool:
        others = seen.moments(rest.quantities.get(base.name, ()))
        far = bounded_means.standard_errors_above(others, seen.blue) >= sequential.STILL_WORSE_STANDARD_ERRORS
        return far and seen.effect(others) >= effect

    sick = ratios.sick_pod(rests, still_worse)
    if sick:
        return ratios.held_for_sick_pod(base, sick, said)
    return replace(base, verdict=Verdict.FAILED, reason="WorseThanBlue", message=said)


def _above_limit(
    base: MetricVerdict, proof: float | None, seen: Comparison, rests: Mapping[str, Increment], limit: float | None
) -> MetricVerdict | None:
    """What has been proven against the limit, if anything."""
    if limit is None or proof is None or seen.green.mean * seen.clip <= limit:
        return None
    said = f"{_of_green(base.name, seen)}: above the limit of "
    said += f"{seen.words(base.name, limit / seen.clip)} with odds {odds(proof)}"
    sick = ratios.sick_pod(
        rests, lambda _, rest: seen.moments(rest.quantities.get(base.name, ())).mean * seen.clip > limit
    )
    if sick:
        return ratios.held_for_sick_pod(base, sick, said)
    return replace(base, verdict=Verdict.FAILED, reason="AboveLimit", message=said)


def _unproven(
    base: MetricVerdict, state: AnalysisStatus, seen: Comparison, threshold: float, *, concurrent: bool
) -> MetricVerdict:
    figures = _compared(base.name, seen) if concurrent else _of_green(base.name, seen)
    few = ratios.too_few_blocks(base, state, figures, threshold)
    if few:
        return few
    if not concurrent:
        said = f"{figures}: not proven above the limit"
        return replace(base, verdict=Verdict.PASSED, reason="WithinLimits", message=said)
    found = bounded_means.smallest_difference(seen.blue, seen.green, threshold=threshold)
    if found is not None and not seen.quantity.is_share:
        said = f"{percent(found / seen.blue.mean)} more would have been seen"
    else:
        said = ratios.detectable(found, "more")
    return replace(base, verdict=Verdict.PASSED, reason="WithinLimits", message=f"{figures}: not proven more; {said}")


def _compared(name: str, seen: Comparison) -> str:
    return f"{_of_green(name, seen)}, blue {seen.words(name, seen.blue.mean)} ({seen.blue.total} runs)"


def _of_green(name: str, seen: Comparison) -> str:
    verb = "stops at a bound in" if seen.quantity.is_share else "has on average about"
    if name == MetricName.COST_PER_RUN:
        verb = "costs on average about"
    return f"green {verb} {seen.words(name, seen.green.mean)} ({seen.green.total} runs)"
