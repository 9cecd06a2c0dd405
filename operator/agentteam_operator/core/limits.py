"""The metrics that are held against a limit, look by look: plain thresholds, without a promise on false alarms.

One bad look is no verdict: only more than `failureLimit` in a row are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import LATENCY_QUANTILES, AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import cpu_windows, histogram
from agentteam_operator.core.counting import Colour, Mode
from agentteam_operator.core.metric_verdict import NO_CONTROL, MetricVerdict, percent, seconds
from agentteam_operator.core.observed import PodCounters, Snapshot
from agentteam_operator.core.words import quantity


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one metric. `over` is None when there was nothing to measure; then `verdict` says how that counts."""

    over: bool | None
    value: str = ""
    threshold: str = ""
    samples: int = 0
    reason: str = "WithinLimits"
    message: str = ""
    verdict: Verdict = Verdict.INCONCLUSIVE
    beyond: str = "over"
    """Where a bad value lies: over the limit, or outside it where there are two."""


def counted(state: AnalysisStatus, name: str, reading: Reading) -> AnalysisStatus:
    """The state after a look: bad looks in a row go on counting, a good one ends them, no data changes nothing."""
    if reading.over is None:
        return state
    count = state.failures.get(name, 0) + 1 if reading.over else 0
    return state.model_copy(update={"failures": {**state.failures, str(name): count}})


def verdict(metric: AnalysisMetric, state: AnalysisStatus, reading: Reading) -> MetricVerdict:
    """What the looks so far amount to."""
    tolerated = metric.resolved().failure_limit or 0
    failures = state.failures.get(metric.name, 0)
    base = MetricVerdict(
        name=metric.name,
        verdict=reading.verdict,
        value=reading.value,
        threshold=reading.threshold,
        samples=reading.samples,
        reason=reading.reason,
        message=reading.message,
    )
    said = f"{reading.message}; {reading.beyond} the limit at"
    if failures > tolerated:
        said += f" {quantity(failures, 'look')} in a row"
        reason = "AboveLimit" if reading.beyond == "over" else "OutsideLimits"
        return replace(base, verdict=Verdict.FAILED, reason=reason, message=said)
    if failures:
        said += f" {failures} of at most {quantity(tolerated, 'look')} in a row"
        return replace(base, verdict=Verdict.PENDING, reason=f"{reading.beyond.capitalize()}Once", message=said)
    return base if reading.over is None else replace(base, verdict=Verdict.PASSED)


def agents_offline(metric: AnalysisMetric, *, blue: Colour, green: Colour, mode: Mode) -> Reading:
    """Agents of green's pods that are wanted but not ready, as the cluster says; blue's share of them excuses green."""
    most = metric.resolved().max or 0.0
    offline = green.offline_agents
    said = f"{quantity(offline, 'agent')} offline, at most {most:g} are allowed"
    found = Reading(offline > most, str(offline), f"{most:g}", len(green.pods), message=said)
    alike = mode is Mode.CONCURRENT and _share_offline(blue) >= _share_offline(green)
    if not found.over or not alike:
        return found
    said += f", but blue's pods lack {blue.offline_agents} too: hardly green's doing; holding"
    return replace(found, over=None, reason="SharedFault", message=said, verdict=Verdict.PENDING)


def _share_offline(colour: Colour) -> float:
    return colour.offline_agents / max(len(colour.pods), 1)


def cpu_utilization(metric: AnalysisMetric, state: AnalysisStatus, snapshot: Snapshot, green: Colour) -> Reading:
    """The busiest of green's pods, as a share of its container's limit, over its last whole window."""
    most = metric.resolved().max or 0.0
    used = {pod: share for pod, text in state.cpu.items() if (share := cpu_windows.last_share(text)) is not None}
    if not used:
        shown = [pod.cpu for name, pod in snapshot.pods.items() if name in green.pods and pod.cpu is not None]
        if shown and not any(cpu.limit_cores for cpu in shown):
            said = "green's containers have no processor limit: set spec.resources.limits.cpu to have this judged"
            return Reading(None, reason="NoCpuLimit", message=said, verdict=Verdict.SKIPPED)
        said = f"nothing is known yet of the last {cpu_windows.WINDOW_SECONDS:g} s of green's pods"
        return Reading(None, reason="NoData", message=said)
    busiest = max(sorted(used), key=lambda name: used[name])
    said = f"pod {busiest} used {percent(used[busiest])} of its processor limit"
    said += f" in {cpu_windows.WINDOW_SECONDS:g} s, at most {percent(most)} are allowed"
    return Reading(used[busiest] > most, percent(used[busiest]), percent(most), len(used), message=said)


def memory_utilization(metric: AnalysisMetric, snapshot: Snapshot, green: Colour) -> Reading:
    """The fullest of green's pods, as a share of its container's memory limit."""
    most = metric.resolved().max or 0.0
    pods = {name: snapshot.pods[name] for name in sorted(green.pods & snapshot.pods.keys())}
    used = memory_shares(snapshot, green.pods)
    if not used:
        if any(_is_amount(pod.memory_bytes) and not pod.memory_limit_bytes for pod in pods.values()):
            said = "green's containers have no memory limit: set spec.resources.limits.memory to have this judged"
            return Reading(None, reason="NoMemoryLimit", message=said, verdict=Verdict.SKIPPED)
        return Reading(None, reason="NoData", message="Prometheus has no memory usage of green's pods")
    fullest = max(used, key=lambda name: used[name])
    said = f"pod {fullest} uses {percent(used[fullest])} of its memory limit, at most {percent(most)} are allowed"
    return Reading(used[fullest] > most, percent(used[fullest]), percent(most), len(used), message=said)


def memory_shares(snapshot: Snapshot, pods: frozenset[str]) -> dict[str, float]:
    """The share of its memory limit that each of the pods uses, where both are known."""
    shares = {name: _memory_share(snapshot.pods[name]) for name in sorted(pods & snapshot.pods.keys())}
    return {name: share for name, share in shares.items() if share is not None}


def _memory_share(pod: PodCounters) -> float | None:
    used, limit = pod.memory_bytes, pod.memory_limit_bytes
    if used is None or not limit or not _is_amount(used) or not _is_amount(limit):
        return None
    return used / limit


def _is_amount(value: float | None) -> bool:
    return value is not None and isfinite(value) and value >= 0


def queue_depth(metric: AnalysisMetric, snapshot: Snapshot, green: Colour) -> Reading:
    """The longest of green's pods' queues."""
    most = metric.max or 0.0
    lengths = queues(snapshot, green.pods)
    if not lengths:
        return Reading(None, reason="NoData", message="Prometheus has no queue lengths of green's pods")
    longest = max(lengths, key=lambda name: lengths[name])
    said = f"pod {longest} has {quantity(round(lengths[longest]), 'run')} waiting, at most {most:g} may"
    return Reading(lengths[longest] > most, f"{lengths[longest]:g}", f"{most:g}", len(lengths), message=said)


def queues(snapshot: Snapshot, pods: frozenset[str]) -> dict[str, float]:
    """How many runs wait on each of the pods, where that is known."""
    found = {name: snapshot.pods[name].queued_runs for name in sorted(pods & snapshot.pods.keys())}
    return {name: queued for name, queued in found.items() if queued is not None and _is_amount(queued)}


def latency(metric: AnalysisMetric, settings: AnalysisSettings, state: AnalysisStatus, mode: Mode) -> Reading:
    """A percentile of all of green's runs so far, against `max`, and against blue's of the same time."""
    quantile = LATENCY_QUANTILES[MetricName(metric.name)]
    green, blue = histogram.unpack(state.green.durations), histogram.unpack(state.blue.durations)
    bounds: dict[str, float] = {} if metric.max is None else {"max": metric.max}
    few = [("green", sum(green))]
    if metric.max_increase_percent is not None and mode is Mode.CONCURRENT:
        few.append(("blue", sum(blue)))
        control = histogram.quantile_seconds(blue, quantile)
        if control is not None:
            bounds["blue"] = control * (1 + metric.max_increase_percent / 100)
    for colour, answers in few:
        if answers < settings.min_samples:
            said = f"{colour} has given {quantity(answers, 'answer')}, fewer than minSamples {settings.min_samples}"
            return Reading(None, samples=sum(green), reason="TooFewSamples" if answers else "NoData", message=said)
    if not bounds:
        said = "maxIncreasePercent is held against blue at the same time, and green serves alone"
        return Reading(None, reason=NO_CONTROL, message=said, verdict=Verdict.SKIPPED)
    value = histogram.quantile_seconds(green, quantile) or 0.0
    tightest = min(bounds, key=lambda name: bounds[name])
    allowed = bounds[tightest]
    said = f"green's {percentile(quantile)} is {seconds(value)}, at most {seconds(allowed)} are allowed"
    if tightest == "blue":
        said += f" (blue's {seconds(allowed / (1 + (metric.max_increase_percent or 0) / 100))}"
        said += f" and {metric.max_increase_percent:g} %)"
    return Reading(value > allowed, seconds(value), seconds(allowed), sum(green), message=said)


def percentile(quantile: float) -> str:
    """A quantile as people call it: "95th percentile", "median"."""
    return "median" if quantile == 0.5 else f"{100 * quantile:g}th percentile"  # noqa: PLR2004
