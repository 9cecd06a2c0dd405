"""What the load generator counted. Everything here is plain data, as it's written to JSON lines."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

QUANTILES = (0.5, 0.9, 0.99, 1.0)
MAX_FAILURES_KEPT = 200
MAX_REASONS = 20
_REASON_CHARACTERS = 60
_SHOWN = 3
UNKNOWN_REVISION = "unknown"


class Connection(StrEnum):
    """How a request reaches the server."""

    NEW = "new"
    KEEP_ALIVE = "keep-alive"


class Result(StrEnum):
    """How a request ended for the one who sent it."""

    OK = "ok"
    BAD = "bad"
    """Answered, but not with what was asked for: an HTTP error, or a body that holds no answer."""
    LOST = "lost"
    """No whole answer: refused, reset, timed out or cut off."""


@dataclass(slots=True)
class Counts:
    """Requests by how they ended."""

    ok: int = 0
    bad: int = 0
    lost: int = 0

    @property
    def total(self) -> int:
        """All that ended."""
        return self.ok + self.bad + self.lost

    def add(self, result: Result) -> None:
        """Count one."""
        setattr(self, result.value, getattr(self, result.value) + 1)


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that wasn't answered well."""

    at: float
    """Unix seconds when it was meant to be sent."""
    seconds: float
    """From then until it was known to have failed."""
    result: str
    connection: str
    revision: str
    reason: str


@dataclass(slots=True)
class RevisionCounts:
    """What one revision answered, and when (Unix seconds)."""

    counts: Counts = field(default_factory=Counts)
    first_at: float = 0.0
    last_at: float = 0.0
    first_bad_at: float | None = None
    last_bad_at: float | None = None


@dataclass(slots=True)
class Span:
    """When something happened first and last, in Unix seconds."""

    first_at: float
    last_at: float

    @property
    def seconds(self) -> float:
        """From the first to the last."""
        return self.last_at - self.first_at


@dataclass(slots=True)
class ReasonCounts:
    """How often something went wrong in one way, and when it was first and last noticed (Unix seconds)."""

    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


@dataclass(slots=True)
class LoadReport:
    """The summary. Latencies are seconds from the moment that a request was meant to be sent."""

    started_at: float = 0.0
    """Unix seconds."""
    elapsed_seconds: float = 0.0
    rate_per_second: float = 0.0
    sent: int = 0
    counts: Counts = field(default_factory=Counts)
    by_connection: dict[str, Counts] = field(default_factory=lambda: {kind.value: Counts() for kind in Connection})
    by_revision: dict[str, RevisionCounts] = field(default_factory=dict)
    connections_opened: int = 0
    latency_seconds: dict[str, float] = field(default_factory=dict)
    """Of good answers, by quantile, such as ``p99``."""
    send_lag_seconds: dict[str, float] = field(default_factory=dict)
    """How late requests were really sent: the generator's own share of the latency."""
    first_bad_at: float | None = None
    last_bad_at: float | None = None
    bad_by_connection: dict[str, Span] = field(default_factory=dict)
    """From the first bad answer to the last, by kind of connection; none without a bad answer."""
    bad_answers: list[Failure] = field(default_factory=list)
    """The first bad answers; the counts tell how many there were."""
    lost_requests: list[Failure] = field(default_factory=list)
    """The first lost requests."""
    by_reason: dict[str, ReasonCounts] = field(default_factory=dict)
    """All that went wrong, by the first words of its reason; at most MAX_REASONS of them."""
    cpu_seconds: float = 0.0
    """What the generator itself cost."""

    def note_bad(self, connection: str, ended_at: float) -> None:
        """Widen the time in which bad answers came to one that was known at ``ended_at`` (Unix seconds)."""
        self.first_bad_at = self.first_bad_at or ended_at
        self.last_bad_at = ended_at
        self.bad_by_connection.setdefault(connection, Span(ended_at, ended_at)).last_at = ended_at

    def note(self, failure: Failure) -> None:
        """Keep one failure, if it's among the first."""
        kept = self.bad_answers if failure.result == Result.BAD else self.lost_requests
        if len(kept) < MAX_FAILURES_KEPT:
            kept.append(failure)
        words, noticed_at = f"{failure.result}: {failure.reason[:_REASON_CHARACTERS]}", failure.at + failure.seconds
        if words in self.by_reason or len(self.by_reason) < MAX_REASONS:
            one = self.by_reason.setdefault(words, ReasonCounts(first_at=noticed_at))
            one.count += 1
            one.last_at = noticed_at

    @property
    def lost_share_bound(self) -> float:
        """Upper end of the 95 % confidence interval of the share of lost requests.

        Exact for none lost, by the rule of three (3/N; Hanley and Lippman-Hand, JAMA 1983); with some lost, Wald's
        upper end, which is close enough where it only tells how bad things are.
        """
        total = self.counts.total
        if not total:
            return 1.0
        share = self.counts.lost / total
        return min(1.0, 3 / total if not self.counts.lost else share + 1.96 * (share * (1 - share) / total) ** 0.5)

    def document(self) -> dict[str, Any]:
        """The report as JSON writes it."""
        return asdict(self) | {"lost_share_bound": self.lost_share_bound}

    @classmethod
    def parse(cls, document: dict[str, Any]) -> LoadReport:
        """The report that ``document()`` wrote."""
        values = {key: value for key, value in document.items() if key != "lost_share_bound"}
        values["counts"] = Counts(**values["counts"])
        values["by_connection"] = {kind: Counts(**counts) for kind, counts in values["by_connection"].items()}
        values["by_revision"] = {
            revision: RevisionCounts(**(counts | {"counts": Counts(**counts["counts"])}))
            for revision, counts in values["by_revision"].items()
        }
        values["bad_by_connection"] = {kind: Span(**span) for kind, span in values["bad_by_connection"].items()}
        for kind in ("bad_answers", "lost_requests"):
            values[kind] = [Failure(**failure) for failure in values[kind]]
        values["by_reason"] = {reason: ReasonCounts(**one) for reason, one in values["by_reason"].items()}
        return cls(**values)

    def text(self) -> str:
        """The report for people."""
        kinds = ", ".join(f"{counts.total} {kind}" for kind, counts in self.by_connection.items())
        bound = f"(at most {100 * self.lost_share_bound:.3g} % lost, with 95 % confidence)"
        lines = [
            f"{self.sent} requests in {self.elapsed_seconds:.1f} s at {self.rate_per_second:g}/s: {kinds}",
            f"{self.connections_opened} connections opened",
            f"{self.counts.ok} ok, {self.counts.bad} bad answers, {self.counts.lost} lost {bound}",
            "latency " + _quantile_text(self.latency_seconds) + "; sent late " + _quantile_text(self.send_lag_seconds),
            f"the load itself cost {self.cpu_seconds:.1f} CPU seconds",
        ]
        lines += [
            f"revision {revision}: {one.counts.ok} ok, {one.counts.bad} bad, {one.counts.lost} lost, from"
            f" {one.first_at - self.started_at:.1f} s to {one.last_at - self.started_at:.1f} s after the start"
            for revision, one in self.by_revision.items()
        ]
        lines += [
            f"{one.count} x {reason}, noticed from {one.first_at - self.started_at:.1f} s"
            f" to {one.last_at - self.started_at:.1f} s after the start"
            for reason, one in self.by_reason.items()
        ]
        lines += [
            f"{one.result} after {one.seconds:.2f} s, {one.connection}, revision {one.revision}: {one.reason}"
            for one in [*self.lost_requests[:_SHOWN], *self.bad_answers[:_SHOWN]]
        ]
        return "\n".join(lines)


def quantiles(values: list[float]) -> dict[str, float]:
    """Quantiles by nearest rank, in the values' own unit; none of no values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {f"p{100 * q:g}": ordered[max(0, math.ceil(q * len(ordered)) - 1)] for q in QUANTILES}


def _quantile_text(by_quantile: dict[str, float]) -> str:
    return " ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in by_quantile.items()) or "unknown"
