"""The verdict of slowness, from the evidence gathered so far."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import evidence, sequential, slow_runs
from agentteam_operator.core.counting import Colour, Mode
from agentteam_operator.core.metric_verdict import NO_CONTROL, MetricVerdict, compared, odds, percent, points, seconds
from agentteam_operator.core.ratios import (
    held_for_sick_pod,
    held_on_suspicion,
    in_points,
    is_only_pod,
    left_to_next_step,
    passed,
    sick_pod,
    suspicious,
    too_few,
    too_few_blocks,
)
from agentteam_operator.core.shares import without_each_pod


def slowness(
    metric: AnalysisMetric,
    settings: AnalysisSettings,
    state: AnalysisStatus,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
) -> MetricVerdict:
    """The verdict on answers slower than blue's usual ones, while both serve."""
    effect = metric.resolved().min_effect or 0.0
    threshold = evidence.log_threshold(settings)
    base = MetricVerdict(
        name=MetricName.SLOWNESS,
        verdict=Verdict.PENDING,
        threshold=f"{points(effect)} over blue, proven with odds of {odds(threshold)}",
        samples=state.green.finished,
    )
    if mode is Mode.ONE_SAMPLE:
        said = "slowness is judged against blue at the same time, and green serves alone"
        return replace(base, verdict=Verdict.SKIPPED, reason=NO_CONTROL, message=said)
    slow = slow_runs.slow_tally(state)
    if slow is None:
        said = "blue's answers give no measure: there are none, or most take over 320 s"
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    base = replace(base, value=percent(slow.green.rate), samples=slow.green.total)
    said = f"of answers slower than {seconds(slow.bound_seconds)} (blue's 90th percentile and a tenth), "
    said += compared(slow.green, slow.blue, "has")
    proof = state.log_evidence.get(evidence.SLOWNESS_AGAINST_BLUE, 0.0)
    enough = slow.green.total >= settings.min_samples
    if enough and proof > threshold and slow.green.rate - slow.blue.rate >= effect:
        said += f": slower with odds {odds(proof)}"
        if is_only_pod(state, blue, green):
            return left_to_next_step(base, said, how="slow")
        return _proven(base, state, green, said, alpha=settings.alpha, min_effect=effect)
    return too_few(base, settings, state, slow.green, slow.blue) or _unproven(
        base, state, slow, said, threshold, blue=blue, green=green
    )


def _proven(
    base: MetricVerdict, state: AnalysisStatus, green: Colour, said: str, *, alpha: float, min_effect: float
) -> MetricVerdict:
    """The verdict on slowness that all of green's runs prove: a failure if they do so without any one pod's, too."""
    sick = sick_pod(
        state,
        green,
        evidence.SLOWNESS_AGAINST_BLUE,
        alpha=alpha,
        still_worse=lambda pod, rest: slow_runs.still_slow_without(state, pod, rest, min_effect=min_effect),
    )
    if sick:
        return held_for_sick_pod(base, sick, said)
    return replace(base, verdict=Verdict.FAILED, reason="SlowerThanBlue", message=said)


def _unproven(
    base: MetricVerdict,
    state: AnalysisStatus,
    slow: slow_runs.SlowTally,
    said: str,
    threshold: float,
    *,
    blue: Colour,
    green: Colour,
) -> MetricVerdict:
    """What to say of slowness that isn't proven, on enough answers; `said` are the figures."""
    proof = state.log_evidence.get(evidence.SLOWNESS_AGAINST_BLUE, 0.0)
    # It soon falls below 0 once green's answers are quick, and hardly rises while one pod is slow by itself.
    lasts = proof >= 0 or suspicious(slow_runs.lately(state), slow.blue)
    if suspicious(slow.green, slow.blue) and lasts:
        if is_only_pod(state, blue, green):
            said += f": slower so far, but not proven yet (odds {odds(proof)})"
            return left_to_next_step(base, said, how="slow")
        if sick := _slow_by_itself(state, slow, green):
            return held_for_sick_pod(base, sick, f"{said}: slower so far")
        return held_on_suspicion(base, state, said, worse="slower", log_evidence=proof)
    few = too_few_blocks(base, state, said, threshold)
    if few:
        return few
    found = sequential.smallest_difference(slow.blue, slow.green, threshold=threshold)
    return passed(base, f"{said}: not proven slower", in_points(found), "more")


def _slow_by_itself(state: AnalysisStatus, slow: slow_runs.SlowTally, green: Colour) -> str:
    """The first pod without which green isn't even under suspicion. Empty if there is none."""
    rests = without_each_pod(state, green.pods)
    others = {pod: slow_runs.tally(rest.durations, slow.bound_seconds) for pod, rest in rests.items()}
    return next((pod for pod, rest in others.items() if not suspicious(rest, slow.blue)), "")
