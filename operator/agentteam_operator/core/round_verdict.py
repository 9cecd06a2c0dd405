"""The verdict of the repeated golden conversations, and how it stands in for runs that a quiet team doesn't have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import LATENCY_QUANTILES, SEQUENTIAL
from agentteam_operator.api.rollout import AnalysisSettings, RolloutSettings
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import evidence, names, rounds, sequential
from agentteam_operator.core.counting import recent_blocks
from agentteam_operator.core.metric_verdict import Judgement, MetricVerdict, compared, odds, percent, points
from agentteam_operator.core.round_evidence import tallies, without
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.view import View
from agentteam_operator.core.words import quantity

MIN_EFFECT = 0.05
"""The least difference of the shares of failed samples that is worth a rollback, once it is proven."""

LEAST_TOLERATED = 0.05
"""A share of failed samples that is always tolerated, since agents don't answer alike twice; `minPassRate` may tolerate
more."""

LATELY_ROUNDS = 4

STOOD_IN = "QuietTeam"
"""Reason of a metric over runs that there are too few of, where the repeated conversations spoke instead."""

ENOUGH_RUNS = "EnoughRuns"
"""Reason of rounds that aren't needed any more, since the team's own runs speak."""

_TOO_FEW = frozenset({"TooFewSamples", "TooFewBlocks"})
_NONE_AT_ALL = "NoData"


def metrics_settings(settings: RolloutSettings) -> AnalysisSettings:
    """How the metrics are judged: where conversations are repeated, they leave those one share of alpha.

    It is one test more beside the metrics' own; each has the same share (Bonferroni), fixed before anything is seen.
    """
    analysis = settings.analysis
    if not rounds.conversations(settings):
        return analysis
    tests = evidence.tests_of(analysis)
    return analysis.model_copy(update={"alpha": analysis.alpha * tests / (tests + 1)})


def log_threshold(settings: RolloutSettings) -> float:
    """What the rounds' log E must exceed."""
    return sequential.log_threshold(settings.analysis.alpha, evidence.tests_of(settings.analysis) + 1)


def alone(view: View) -> Judgement | None:
    """The rounds' verdict where there are no metrics to judge by; None while there is nothing to say."""
    verdict = None if view.committed else rounds_verdict(view)
    return Judgement(AnalysisStatus(), (verdict,)) if verdict else None


def weighed(view: View, found: Judgement) -> Judgement:
    """The judgement with the rounds' verdict in it, while both revisions serve.

    What they prove counts always. That they prove nothing counts where real runs are too few: then, and only then, they
    acquit in the place of the metrics over runs.
    """
    verdict = None if view.committed else rounds_verdict(view)
    if verdict is None:
        return found
    short = frozenset(metric.name for metric in found.verdicts if _is_short(view, found, metric))
    if verdict.verdict is Verdict.PASSED and short:
        metrics = tuple(_stood_in(metric) if metric.name in short else metric for metric in found.verdicts)
        return replace(found, verdicts=(*metrics, verdict))
    if verdict.verdict is not Verdict.FAILED and not short:
        said = f"the team's own runs are enough to judge by; {verdict.message}"
        verdict = replace(verdict, verdict=Verdict.SKIPPED, reason=ENOUGH_RUNS, message=said)
    return replace(found, verdicts=(*found.verdicts, verdict))


def lacks_runs(view: View, found: Judgement) -> bool:
    """Some metric over runs can't be judged, since the team has too few, though Prometheus counts them."""
    return any(metric.reason == STOOD_IN or _is_short(view, found, metric) for metric in found.verdicts)


def stands_in(view: View) -> int:
    """Samples of the candidate that count in place of its runs, where Prometheus would know of its runs."""
    return rounds.state_of(view).pairs if rounds.wanted(view) and _is_scraped(view) else 0


def still_to_come(view: View) -> bool:
    """Rounds may yet bring the verdict that is missing, until the phase's deadline: a person isn't asked before."""
    if view.overdue or view.phase not in rounds.PHASES or view.judgement is None:
        return False
    said = {one.verdict for one in view.judgement.verdicts if one.name == names.GATE_ROUNDS}
    if not said <= {Verdict.INCONCLUSIVE, Verdict.PENDING} or not lacks_runs(view, view.judgement):
        return False
    return rounds.is_running(view) or rounds.may_go_on(view)


def _is_short(view: View, found: Judgement, metric: MetricVerdict) -> bool:
    if metric.verdict is not Verdict.INCONCLUSIVE or not _is_scraped(view):
        return False
    if metric.reason in _TOO_FEW:
        return True
    over_runs = metric.name in {*SEQUENTIAL, *LATENCY_QUANTILES}
    fewest = min(found.state.green.finished, found.state.blue.finished)
    return metric.reason == _NONE_AT_ALL and over_runs and fewest < view.settings.analysis.min_samples


def _is_scraped(view: View) -> bool:
    """Prometheus has the counters of each of the candidate's ready pods, so that runs it doesn't have weren't made."""
    snapshot, green = view.observed.snapshot, view.green
    if snapshot is None or snapshot.error or green is None or not green.ready_pods:
        return False
    return all(pod.name in snapshot.pods for pod in green.ready_pods)


def _stood_in(metric: MetricVerdict) -> MetricVerdict:
    said = f"{metric.message}; its golden conversations were repeated instead, see {names.GATE_ROUNDS}"
    return replace(metric, verdict=Verdict.SKIPPED, reason=STOOD_IN, message=said)


# --- the verdict ---


def rounds_verdict(view: View) -> MetricVerdict | None:
    """What the rounds so far say of the candidate; None while there is nothing to say."""
    state, settings = rounds.state_of(view), view.settings
    if not rounds.wanted(view) or not (state.pairs or state.failed_in_row or rounds.stopped(view)[0]):
        return None
    threshold = log_threshold(settings)
    _, green = tallies(state)
    base = MetricVerdict(
        name=names.GATE_ROUNDS,
        verdict=Verdict.INCONCLUSIVE,
        value=f"{percent(green.rate)} fail" if green.total else "",
        threshold=f"{points(MIN_EFFECT)} over blue, proven with odds of {odds(threshold)}",
        samples=state.pairs,
    )
    verdicts = (_worse(base, view, state, threshold), _tolerated(base, view, state), _few(base, view, state, threshold))
    found = next((verdict for verdict in verdicts if verdict), None) or _passed(base, state)
    cap = settings.max_synthetic_cost or 0.0
    return replace(found, message=f"{found.message} (cost {rounds.money(state.spent)} of {rounds.money(cap)})")


def _worse(base: MetricVerdict, view: View, state: RoundsStatus, threshold: float) -> MetricVerdict | None:
    """What has been proven, if anything. No revision is condemned by fewer samples than minSamples."""
    blue, green = tallies(state)
    proven = state.log_evidence > threshold and green.rate - blue.rate >= MIN_EFFECT
    if not proven or state.pairs < view.settings.analysis.min_samples:
        return None
    said = f"{_seen(state)}: worse with odds {odds(state.log_evidence)}"
    if len(state.pods) == 1:
        said += ", though on its only pod, which may be sick by itself"
        return replace(base, verdict=Verdict.FAILED, reason="WorseThanBlue", message=said)
    sick = next(_sick(view, state), None)
    if sick is None:
        return replace(base, verdict=Verdict.FAILED, reason="WorseThanBlue", message=said)
    there = {pod.ip: pod.name for pod in view.green.pods} if view.green else {}
    if sick not in there:
        return None
    said += f", but not clearly so without pod {there[sick]}, which may be sick by itself; holding"
    return replace(base, verdict=Verdict.PENDING, reason="SickPod", message=said)


def _sick(view: View, state: RoundsStatus) -> Iterator[str]:
    """Addresses of pods without which nothing is proven of the others, as for errorRate."""
    alone = sequential.log_threshold(view.settings.analysis.alpha, 1)
    for address in state.pods:
        blue, green, proof = without(state, address)
        far = sequential.standard_errors_above(green, blue) >= sequential.STILL_WORSE_STANDARD_ERRORS
        if proof <= alone or not far or green.rate - blue.rate < MIN_EFFECT:
            yield address


def _tolerated(base: MetricVerdict, view: View, state: RoundsStatus) -> MetricVerdict | None:
    """More failures than the conversations tolerate acquit nobody, whoever's they are."""
    blue, green = tallies(state)
    limit = _limit(view.settings)
    green_lately, blue_lately = _lately(state.recent_green), _lately(state.recent_blue)
    if min(green_lately.rate, blue_lately.rate) > limit:
        both = compared(green_lately, blue_lately)
        said = f"both fail lately, so the fault is hardly the new revision's: {both}, {percent(limit)} are tolerated"
        return replace(base, verdict=Verdict.PENDING, reason="SharedFault", message=f"{said}; holding")
    if green.rate > limit >= blue.rate:
        said = f"{_seen(state)}: not proven worse, but more than the {percent(limit)} that are tolerated; holding"
        return replace(base, verdict=Verdict.PENDING, reason="AboveLimit", message=said)
    return None


def _lately(packed: str) -> Tally:
    return sum(recent_blocks(packed)[-LATELY_ROUNDS:], Tally())


def _limit(settings: RolloutSettings) -> float:
    wanted = rounds.conversations(settings)
    samples = sum(conversation.samples for conversation in wanted)
    tolerated = sum(conversation.tolerated * conversation.samples for conversation in wanted)
    return max(tolerated / samples, LEAST_TOLERATED)


def _few(base: MetricVerdict, view: View, state: RoundsStatus, threshold: float) -> MetricVerdict | None:
    """Too little to acquit by: of so few samples, or rounds, not even a fault in each would have been proven."""
    wanted = view.settings.analysis.min_samples
    if state.pairs < wanted:
        reason = "TooFewSamples"
        said = (
            f"{quantity(state.pairs, 'pair')} of samples in {quantity(state.counted, 'round')}, fewer than minSamples"
        )
        said += f" {wanted}"
    elif state.reachable_log_evidence < threshold:
        reason = "TooFewBlocks"
        most = odds(state.reachable_log_evidence)
        said = f"{_seen(state)}: so few rounds could have proven nothing (odds of {most} at the most)"
    else:
        return None
    why, words = rounds.stopped(view)
    return replace(base, reason=why or reason, message=f"{said}; no other begins: {words}" if why else said)


def _passed(base: MetricVerdict, state: RoundsStatus) -> MetricVerdict:
    most = odds(state.reachable_log_evidence)
    said = f"{_seen(state)}: not proven worse; had all of green's failed, odds of {most} would have proven it"
    return replace(base, verdict=Verdict.PASSED, reason="WithinLimits", message=said)


def _seen(state: RoundsStatus) -> str:
    blue, green = tallies(state)
    return f"in {quantity(state.counted, 'round')} of golden conversations {compared(green, blue)}"
