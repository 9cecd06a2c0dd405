"""What the sequential verdicts share: too few answers, one sick pod, a suspicion, runs that hang."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import evidence, gross, histogram, sequential
from agentteam_operator.core.counters import Increment
from agentteam_operator.core.counting import Colour, recent_tally
from agentteam_operator.core.metric_verdict import MetricVerdict, odds, points
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.shares import without_each_pod
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


def passed(base: MetricVerdict, said: str, detectable: str, relation: str) -> MetricVerdict:
    """Nothing was proven, on enough answers. `detectable` is what they could have shown ("2.6 points"), if anything."""
    could = f"{detectable} {relation}" if detectable else ""
    seen = f"{could} would have been seen" if could else "so few answers could have shown no difference at all"
    return replace(base, verdict=Verdict.PASSED, reason="WithinLimits", message=f"{said}; {seen}", detectable=could)


def in_points(difference: float | None) -> str:
    """A difference of shares for people, if there is one: "2.6 points"."""
    return "" if difference is None else points(difference)


def sick_pod(
    state: AnalysisStatus,
    green: Colour,
    test: str,
    *,
    alpha: float,
    still_worse: Callable[[str, Increment], bool],
) -> str:
    """The first pod without which green isn't proven worse: it is sick, not the revision. Empty if there is none.

    `still_worse` is asked of each pod, and of green's runs without that pod's, once their evidence alone suffices.
    """
    rests = evidence.rests(state, green.pods, test)
    return next(
        (
            pod
            for pod, rest in rests.items()
            if not (evidence.proven_without(state, pod, test, alpha=alpha) and still_worse(pod, rest))
        ),
        "",
    )


def is_only_pod(state: AnalysisStatus, blue: Colour, green: Colour) -> bool:
    """One pod of green has answered, beside several of blue: whether it is ill by itself, nobody can say."""
    return len(blue.pods) > 1 and not without_each_pod(state, green.pods)


def left_to_next_step(base: MetricVerdict, said: str, *, how: str) -> MetricVerdict:
    """No verdict, and no hold: what was answered was answered, and more pods tell more. `how` is green: "slow"."""
    said += f", on green's only pod, which may be {how} by itself: that is left to a step with more pods"
    return replace(base, verdict=Verdict.INCONCLUSIVE, reason="OnlyPod", message=said)


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
