"""What went wrong under load, and when, told against the rollout's own steps. Pure: tested without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tests.load.report import UNKNOWN_REVISION, Failure, LoadReport

from .timeline import Json, Names, rollout

SHOWN = 10


def failure_lines(report: LoadReport, team: Json, tolerated: str = "") -> list[str]:
    """A line for each of the first ``SHOWN`` lost requests and bad answers, and one for the rest, with all reasons.

    Args:
        report: what the load counted.
        team: the AgentTeam after the rollout.
        tolerated: a revision whose bad answers are no news.
    """
    steps, names = list(_steps(team)), Names.of(team)
    bad = [failure for failure in report.bad_answers if failure.revision != tolerated]
    count = report.counts.lost + sum(
        one.counts.bad for revision, one in report.by_revision.items() if revision != tolerated
    )
    lines = [_line(failure, steps, names) for failure in [*report.lost_requests, *bad][:SHOWN]]
    if count == len(lines):
        return lines
    reasons = [f"{one.count} x {reason}" for reason, one in report.by_reason.items()]
    return [*lines, f"and {count - len(lines)} more", *(f"in all, {said}" for said in reasons)]


def _steps(team: Json) -> Iterator[tuple[float, str]]:
    """Each step's Unix seconds and name, by the operator's clock."""
    for one in rollout(team).get("transitions", []):
        yield datetime.fromisoformat(one["at"]).timestamp(), f"{one['phase']} ({one['reason']})"


def _line(failure: Failure, steps: list[tuple[float, str]], names: Names) -> str:
    revision = "" if failure.revision == UNKNOWN_REVISION else f", by {names.short(failure.revision)}"
    ended = f"{failure.result} after {failure.seconds:.2f} s"
    return f"{failure.reason}: sent {_when(failure.at, steps)}, {ended} on a {failure.connection} connection{revision}"


def _when(at: float, steps: list[tuple[float, str]]) -> str:
    """Relative to the latest step before it."""
    before = [(time, name) for time, name in steps if time <= at]
    if before:
        time, name = before[-1]
        return f"{at - time:.1f} s after {name}"
    return f"{steps[0][0] - at:.1f} s before the rollout" if steps else "with no rollout under way"
