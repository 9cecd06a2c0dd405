"""Whether a look at Prometheus shows those whom it is to judge: silence must not pass for an acquittal.

A Prometheus that has lost its targets answers as quickly as ever, with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentteam_operator.api.metrics import SEQUENTIAL, AnalysisMetric, MetricName
from agentteam_operator.core.counters import Counters
from agentteam_operator.core.counting import Colour, Mode
from agentteam_operator.core.observed import Snapshot


def unseen(
    metrics: Iterable[AnalysisMetric], snapshot: Snapshot | None, *, blue: Colour, green: Colour, mode: Mode
) -> dict[str, str]:
    """Whose runs each metric is judged by though the look shows none of its pods ("green", say), by metric; else empty.

    Blue is looked for where it serves and is what green is held against. What couldn't be read at all isn't told here.
    """
    if snapshot is None or snapshot.error:
        return {}
    return {metric.name: _unseen(metric, snapshot, blue=blue, green=green, mode=mode) for metric in metrics}


def any_unseen(by_metric: Mapping[str, str]) -> str:
    """The most that any metric misses."""
    return max(by_metric.values(), key=len, default="")


def _unseen(metric: AnalysisMetric, snapshot: Snapshot, *, blue: Colour, green: Colour, mode: Mode) -> str:
    if (
        metric.name == MetricName.AGENTS_OFFLINE or metric.query is not None
    ):  # told by the cluster, or by its own answer
        return ""
    wanted = {"green": green.pods}
    if mode is Mode.CONCURRENT and blue.serves and _is_against_blue(metric):
        wanted["blue"] = blue.pods
    return " and ".join(name for name, pods in wanted.items() if not _shown(snapshot, pods))


def _is_against_blue(metric: AnalysisMetric) -> bool:
    return metric.name in SEQUENTIAL or metric.max_increase_percent is not None


def _shown(snapshot: Snapshot, pods: frozenset[str]) -> bool:
    return any(Counters.of(snapshot.pods[name]) is not None for name in pods & snapshot.pods.keys())
