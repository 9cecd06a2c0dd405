"""A pod's raw counters, their packed form in status, and what happened between two readings of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from agentteam_operator.core import histogram
from agentteam_operator.core.sequential import NONE, Tally
from agentteam_operator.core.state import PodCounters


@dataclass(frozen=True, slots=True)
class Increment:
    """What happened since the block began."""

    started: int = 0
    finished: Tally = NONE
    """Failed ones of the finished runs."""
    durations: histogram.Counts = ()

    def __add__(self, other: Increment) -> Increment:
        """Both together."""
        return Increment(
            self.started + other.started,
            self.finished + other.finished,
            histogram.add(self.durations, other.durations),
        )

    def __sub__(self, other: Increment) -> Increment:
        """What remains without the other; never less than nothing."""
        total = max(0, self.finished.total - other.finished.total)
        remaining = histogram.add(self.durations, tuple(-count for count in other.durations))
        return Increment(
            max(0, self.started - other.started),
            Tally(min(total, max(0, self.finished.bad - other.finished.bad)), total),
            tuple(max(0, number) for number in remaining),
        )


@dataclass(frozen=True, slots=True)
class Counters:
    """Raw counters of a pod, as kept in status."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    durations: histogram.Counts = ()

    @classmethod
    def of(cls, scraped: PodCounters) -> Counters | None:
        """Those of a scrape; None if they can't be counters."""
        values = (scraped.started, scraped.succeeded, scraped.failed, *scraped.duration_buckets)
        if not all(isfinite(value) and value >= 0 for value in values):
            return None
        durations = histogram.from_cumulative(scraped.duration_buckets)
        if min(durations, default=0) < 0:
            return None
        started, succeeded, failed = map(round, values[:3])
        return cls(started, succeeded, failed, histogram.trimmed(durations))

    @classmethod
    def unpack(cls, text: str) -> Counters:
        """Those of a string made by `pack`."""
        totals, durations = text.split("|")
        started, succeeded, failed = map(int, totals.split())
        return cls(started, succeeded, failed, histogram.unpack(durations))

    def pack(self) -> str:
        """As text: started, succeeded and failed runs, then the durations by bucket: "12 10 2|0 7 5"."""
        return f"{self.started} {self.succeeded} {self.failed}|{histogram.pack(self.durations)}"

    def since(self, before: Counters) -> Increment:
        """The difference; all of it if any counter went back, for then the server has restarted from 0."""
        durations = histogram.add(self.durations, tuple(-count for count in before.durations))
        steps = (self.started - before.started, self.succeeded - before.succeeded, self.failed - before.failed)
        if min(*steps, *durations, 0) < 0:
            return self.since(Counters())
        started, succeeded, failed = steps
        return Increment(started, Tally(failed, succeeded + failed), histogram.trimmed(durations))
