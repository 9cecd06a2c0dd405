"""Looks at Prometheus made by hand, to feed the judge with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import DURATION_BOUNDS_SECONDS, Colour, Judgement, MetricVerdict, Mode
from agentteam_operator.core.observed import PodCounters, Snapshot

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BLUE = ("blue-1", "blue-2", "blue-3")
GREEN = ("green-1", "green-2", "green-3")


def colour(pods: tuple[str, ...], *, made_seconds_ago: float = 0.0, offline_agents: int = 0) -> Colour:
    made_at = NOW - timedelta(seconds=made_seconds_ago)
    return Colour(frozenset(pods), dict.fromkeys(pods, made_at), offline_agents)


def counters(
    good: int = 0, bad: int = 0, *, hanging: int = 0, seconds: float = 1.0, memory: tuple[float, float] | None = None
) -> PodCounters:
    """Counters of a pod whose runs all took `seconds`; `memory` is (used, limit)."""
    bucket = next(index for index, bound in enumerate(DURATION_BOUNDS_SECONDS) if seconds <= bound)
    buckets = [0.0] * len(DURATION_BOUNDS_SECONDS)
    buckets[bucket] = good + bad
    used, limit = memory or (1.0, 10.0)
    return PodCounters(good + bad + hanging, good, bad, tuple(accumulate(buckets)), used, limit)


def plus(one: PodCounters, other: PodCounters) -> PodCounters:
    """Both pods' runs; the memory of the second."""
    return replace(
        other,
        started=one.started + other.started,
        succeeded=one.succeeded + other.succeeded,
        failed=one.failed + other.failed,
        duration_buckets=tuple(a + b for a, b in zip(one.duration_buckets, other.duration_buckets, strict=True)),
    )


@dataclass
class Judging:
    """A judgement under way: feed it with looks, one interval apart."""

    settings: AnalysisSettings = field(default_factory=AnalysisSettings)
    mode: Mode = Mode.CONCURRENT
    blue: Colour = field(default_factory=lambda: colour(BLUE, made_seconds_ago=3600))
    green: Colour = field(default_factory=lambda: colour(GREEN))
    state: AnalysisStatus = field(default_factory=lambda: AnalysisStatus(started_at=NOW))
    """Begun before green's pods were made, unless a test says otherwise: then all of their runs count."""
    at: datetime = NOW
    totals: dict[str, PodCounters] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.totals = dict.fromkeys(sorted(self.blue.pods | self.green.pods), counters())

    def look(self, added: dict[str, PodCounters] | None = None, *, missing: frozenset[str] = frozenset()) -> Judgement:
        """One interval later, these runs have been added to the pods' counters."""
        for pod, more in (added or {}).items():
            self.totals[pod] = plus(self.totals[pod], more)
        return self.judge({pod: total for pod, total in self.totals.items() if pod not in missing})

    def judge(self, pods: dict[str, PodCounters], error: str = "") -> Judgement:
        """One interval later, Prometheus has these counters."""
        self.at += timedelta(seconds=self.settings.interval_seconds)
        return self.again(Snapshot(self.at, pods, error))

    def again(self, snapshot: Snapshot | None) -> Judgement:
        judgement = analysis.judge(
            self.settings, self.state, snapshot, blue=self.blue, green=self.green, mode=self.mode, now=self.at
        )
        # What a restart of the operator would leave of it.
        self.state = AnalysisStatus.parse(judgement.state.to_document())
        assert self.state == judgement.state
        return judgement

    def looks(self, count: int, blue: PodCounters, green: PodCounters) -> Judgement:
        """So many looks, at each of which every pod has had these runs more; stops when green is condemned."""
        for _ in range(count):
            added = {pod: blue if pod in self.blue.pods else green for pod in self.totals}
            judgement = self.look(added)
            if analysis.overall(judgement) == "Failed":
                break
        return judgement


def of(judgement: Judgement, metric: str = "errorRate") -> MetricVerdict:
    """What one metric says."""
    return next(verdict for verdict in judgement.verdicts if verdict.name == metric)
