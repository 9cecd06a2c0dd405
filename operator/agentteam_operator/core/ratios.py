"""What the verdicts of errorRate and slowness share: too few answers, one sick pod, a suspicion, runs that hang."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import gross, histogram, sequential
from agentteam_operator.core.counters import Increment
from agentteam_operator.core.counting import recent_tally
from agentteam_operator.core.metric_verdict import MetricVerdict, odds, points
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.words import quantity

_USUAL_QUANTILE = 0.95

_SUSPICIOUS_STANDARD_ERRORS = 4.0
"""So far off is chance once in 30,000 looks, if failures come independently: too little to condemn, enough to wait."""


def too_few(
    base: MetricVerdict, settings: AnalysisSettings, state: AnalysisStatus, green: Tally, blue: Tally | None
) -> MetricVerdict | None:
    """Inconclusive, while a colour that is needed has given fewer answers than `minSamples`."""
    wanted = settings.min_samples
    if not green.total and state.warming_since:
        said = "green's pods haven't served for as long as blue's runs take: so far only their quickest can have ended"
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="WarmingUp", message=said)
    if not green.total:
        said = "green has given no answers yet: does it get traffic, and does Prometheus scrape it?"
        return replace(base, verdict=Verdict.INCONCLUSIVE, reason="NoData", message=said)
    for colour, tally in (("green", green), ("blue", blue)):
        if tally is not None and tally.total < wanted:
            said = f"{colour} has given {tally.total} answers, fewer than minSamples {wanted}"
            return replace(base, verdict=Verdict.INCONCLUSIVE, reason="TooFewSamples", message=said)
    return None


def detectable(difference: float | None, relation: str) -> str:
    """What so many answers could have shown: "2.6 points more would have been seen"."""
    if difference is None:
        return "so few answers could have shown no difference at all"
    return f"{points(difference)} {relation} would have been seen"


def sick_pod(rests: Mapping[str, Increment], still_worse: Callable[[str, Increment], bool]) -> str:
    """The first pod without which green is no worse: it is sick, not the revision. Empty if there is none."""
    return next((pod for pod, rest in rests.items() if not still_worse(pod, rest)), "")


def held_for_sick_pod(base: MetricVerdict, pod: str, what: str) -> MetricVerdict:
    """On hold, while the evidence against green comes from one of its pods."""
    said = f"{what}, but not clearly so without pod {pod}, which may be sick by itself; holding"
    return replace(base, verdict=Verdict.PENDING, reason="SickPod", message=said)


def too_few_blocks(base: MetricVerdict, state: AnalysisStatus, said: str, threshold: float) -> MetricVerdict | None:
    """Inconclusive, while not even a fault in every answer could have been proven: silence acquits nobody then."""
    reachable = state.reachable_log_evidence
    if reachable >= threshold:
        return None
    looks = quantity(state.looks, "block")
    said += (
        f": in {looks} of answers nothing could be proven (odds of {odds(reachable)} at the most); "
        "make watchSeconds longer or analysis.intervalSeconds shorter"
    )
    return replace(base, verdict=Verdict.INCONCLUSIVE, reason="TooFewBlocks", message=said)


def suspicious(green: Tally, blue: Tally) -> bool:
    """Green looks so much worse that going on would be blind, proven or not."""
    apart = sequential.standard_errors_above(green, blue) >= _SUSPICIOUS_STANDARD_ERRORS
    return apart and green.rate > blue.rate + gross.MARGIN


def held_on_suspicion(
    base: MetricVerdict, state: AnalysisStatus, what: str, *, worse: str, log_evidence: float
) -> MetricVerdict:
    """On hold, until it is proven or over: `what` was seen, and it is `worse` ("worse", "slower")."""
    answering = sum(recent_tally(packed).total > 0 for packed in state.recent_by_pod.values())
    why = "it may be a burst" if answering > 1 else "its only pod may be sick by itself"
    said = f"{what}: {worse} so far, but not proven yet (odds {odds(max(log_evidence, 0.0))}), for {why}; holding"
    return replace(base, verdict=Verdict.PENDING, reason="Suspicious", message=said)


def hangs(state: AnalysisStatus) -> bool:
    """More of green's runs are open than blue's durations and its own share of unfinished runs explain.

    By Little's law a colour that started S runs evenly over T seconds has S * W / T of them open, W being the time that
    a run takes; blue's 95th percentile stands for W, or green's own where blue has answered nothing (at a switch
    without steps). Twice that is allowed, since green's share of the traffic grows from step to step, and three
    standard deviations (Poisson) are left to chance.
    """
    first, last = state.green.first_answer_at, state.last_block_at
    durations = histogram.unpack(state.blue.durations) or histogram.unpack(state.green.durations)
    usual = histogram.quantile_seconds(durations, _USUAL_QUANTILE)
    if first is None or last is None or usual is None or not state.green.started:
        return False
    elapsed = (last - first).total_seconds()
    in_flight = 1.0 if elapsed <= 2 * usual else 2 * usual / elapsed
    unfinished = max(0.0, 1 - state.blue.finished / state.blue.started) if state.blue.started else 0.0
    expected = min(1.0, in_flight + unfinished) * state.green.started
    return state.green.started - state.green.finished > expected + 3 * sqrt(max(expected, 1.0))
