"""A pod's raw counters, their packed form in status, and what happened between two readings of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import isfinite

from agentteam_operator.core import histogram
from agentteam_operator.core.observed import PodCounters
from agentteam_operator.core.sequential import NONE, Tally

MOST = float(2**40)
"""No pod has counted more runs, or been up for more seconds: that is 35 years at 1,000 a second. What says so is no
counter, and of what doesn't, the sums over all pods can be stored as they are."""


@dataclass(frozen=True, slots=True)
class Increment:
    """What happened since the block began."""

    started: int = 0
    finished: Tally = NONE
    """Failed ones of the finished runs."""
    durations: histogram.Counts = ()
    quantities: Mapping[str, histogram.Counts] = field(default_factory=dict)
    """Runs that succeeded by bucket, of each metric of `quantities.py` that is judged."""

    def __add__(self, other: Increment) -> Increment:
        """Both together."""
        return Increment(
            self.started + other.started,
            self.finished + other.finished,
            histogram.add(self.durations, other.durations),
            _joined(self.quantities, other.quantities, histogram.add),
        )

    def __sub__(self, other: Increment) -> Increment:
        """What remains without the other; never less than nothing."""
        total = max(0, self.finished.total - other.finished.total)
        return Increment(
            max(0, self.started - other.started),
            Tally(min(total, max(0, self.finished.bad - other.finished.bad)), total),
            _remaining(self.durations, other.durations),
            _joined(self.quantities, other.quantities, _remaining),
        )


@dataclass(frozen=True, slots=True)
class Side:
    """Green's runs, or those of some of its pods."""

    past: Increment
    """Before the block."""
    now: Increment
    """In the block."""


def _joined(
    one: Mapping[str, histogram.Counts],
    other: Mapping[str, histogram.Counts],
    join: Callable[[histogram.Counts, histogram.Counts], histogram.Counts],
) -> dict[str, histogram.Counts]:
    return {name: join(one.get(name, ()), other.get(name, ())) for name in sorted(one.keys() | other.keys())}


def _remaining(counts: histogram.Counts, without: histogram.Counts) -> histogram.Counts:
    return tuple(max(0, number) for number in _difference(counts, without))


def _difference(counts: histogram.Counts, before: histogram.Counts) -> histogram.Counts:
    return histogram.add(counts, tuple(-count for count in before))


@dataclass(frozen=True, slots=True)
class Counters:
    """Raw counters of a pod, as kept in status."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    durations: histogram.Counts = ()
    quantities: Mapping[str, histogram.Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, scraped: PodCounters, judged: Collection[str] = ()) -> Counters | None:
        """Those of a scrape, of quantities only those that are judged; None if they can't be counters."""
        values = (scraped.started, scraped.succeeded, scraped.failed)
        durations = _counts(scraped.duration_buckets)
        if durations is None or not _are_counts(values):
            return None
        quantities = {name: _counts(scraped.quantities[name]) for name in sorted(scraped.quantities.keys() & judged)}
        started, succeeded, failed = map(round, values)
        whole = {name: counts for name, counts in quantities.items() if counts is not None}
        return cls(started, succeeded, failed, durations, whole)

    @classmethod
    def unpack(cls, text: str) -> Counters:
        """Those of a string made by `pack`."""
        totals, durations, *quantities = text.split("|")
        started, succeeded, failed = map(int, totals.split())
        named = {name: histogram.unpack(counts) for name, _, counts in (part.partition(" ") for part in quantities)}
        return cls(started, succeeded, failed, histogram.unpack(durations), named)

    def pack(self) -> str:
        """As text: started, succeeded and failed runs, the durations by bucket, then each quantity by its own.

        Such as "12 10 2|0 7 5|turnsPerRun 4 6".
        """
        totals = f"{self.started} {self.succeeded} {self.failed}"
        quantities = (f"{name} {histogram.pack(counts)}".rstrip() for name, counts in self.quantities.items())
        return "|".join((totals, histogram.pack(self.durations), *quantities))

    def same_runs(self, other: Counters) -> bool:
        """Whether nothing was counted between the two."""
        return (self.started, self.succeeded, self.failed) == (other.started, other.succeeded, other.failed)

    def since(self, before: Counters) -> Increment:
        """The difference; all of it if any counter went back, for then the server has restarted from 0.

        A quantity that wasn't read before begins now, unless nothing had been counted before at all.
        """
        durations = _difference(self.durations, before.durations)
        quantities = {
            name: _difference(counts, before.quantities.get(name, counts if before.started else ()))
            for name, counts in self.quantities.items()
        }
        steps = (self.started - before.started, self.succeeded - before.succeeded, self.failed - before.failed)
        if min(*steps, *durations, *(count for counts in quantities.values() for count in counts), 0) < 0:
            return self.since(Counters())
        started, succeeded, failed = steps
        trimmed = {name: histogram.trimmed(counts) for name, counts in quantities.items()}
        return Increment(started, Tally(failed, succeeded + failed), histogram.trimmed(durations), trimmed)


def _are_counts(values: Collection[float]) -> bool:
    return all(map(isfinite, values)) and min(values, default=0) >= 0 and max(values, default=0) <= MOST


def is_plausible(value: float) -> bool:
    """Whether a pod's counter can stand at this."""
    return _are_counts((value,))


def _counts(cumulative: tuple[float, ...]) -> histogram.Counts | None:
    """Plain counts from cumulative ones; None if they can't be counts."""
    if not _are_counts(cumulative):
        return None
    counts = histogram.from_cumulative(cumulative)
    return histogram.trimmed(counts) if min(counts, default=0) >= 0 else None
