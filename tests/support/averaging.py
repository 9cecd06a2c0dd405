"""A judgement of one average, fed with runs made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

from agentteam_operator.api.metrics import AnalysisMetric
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Judgement
from agentteam_operator.core.observed import PodCounters
from agentteam_operator.core.quantities import QUANTITIES

from tests.support.judging import BLUE, GREEN, Judging, counters

Runs = Mapping[float, int]
"""So many runs by what each took."""


@dataclass
class Averaging:
    """A judgement of one quantity, fed with runs."""

    metric: AnalysisMetric
    settings: AnalysisSettings = field(init=False)
    judging: Judging = field(init=False)
    counted: dict[str, tuple[float, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.settings = AnalysisSettings(metrics=(self.metric,))
        self.judging = Judging(self.settings)
        self.counted = dict.fromkeys((*BLUE, *GREEN), (0.0,) * len(self.bounds))

    @property
    def bounds(self) -> tuple[float, ...]:
        return QUANTITIES[self.metric.name].bounds

    def look(self, runs: Mapping[str, Runs], *, silent: tuple[str, ...] = ()) -> Judgement:
        """One interval later; the pods in `silent` don't export the quantity."""
        added = {}
        for pod, taken in runs.items():
            added[pod] = counters(sum(taken.values()))
            buckets = [0.0] * len(self.bounds)
            for value, count in taken.items():
                buckets[next(index for index, bound in enumerate(self.bounds) if value <= bound)] += count
            news = accumulate(buckets)
            self.counted[pod] = tuple(a + b for a, b in zip(self.counted[pod], news, strict=True))
        judging = self.judging
        for pod, more in added.items():
            judging.totals[pod] = _plus(judging.totals[pod], more)
        return judging.judge({pod: self.shown(pod, silent) for pod in judging.totals})

    def shown(self, pod: str, silent: tuple[str, ...]) -> PodCounters:
        quantities = {} if pod in silent else {self.metric.name: self.counted[pod]}
        return replace(self.judging.totals[pod], quantities=quantities)

    def looks(self, count: int, blue: Runs, green: Runs) -> Judgement:
        for _ in range(count):
            judgement = self.look({**dict.fromkeys(BLUE, blue), **dict.fromkeys(GREEN, green)})
            if analysis.overall(judgement) is Verdict.FAILED:
                break
        return judgement


def _plus(one: PodCounters, other: PodCounters) -> PodCounters:
    return replace(
        one,
        started=one.started + other.started,
        succeeded=one.succeeded + other.succeeded,
        duration_buckets=tuple(a + b for a, b in zip(one.duration_buckets, other.duration_buckets, strict=True)),
    )
