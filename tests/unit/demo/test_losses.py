from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from demo.losses import SHOWN, failure_lines
from tests.load.report import UNKNOWN_REVISION, Failure, LoadReport, ReasonCounts, RevisionCounts

BEGAN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC).timestamp()
GREEN = "77ab01c2d3"
TEAM: dict[str, Any] = {
    "metadata": {"generation": 2},
    "status": {
        "revisions": [{"hash": GREEN, "version": "1.1.0"}],
        "rollout": {
            "revision": GREEN,
            "transitions": [
                {"phase": "Preparing", "reason": "Valid", "at": "2026-01-01T12:00:00.000000Z"},
                {"phase": "Switching", "reason": "ReadyToSwitch", "at": "2026-01-01T12:00:30.500000Z"},
            ],
        },
    },
}


def _failure(after_seconds: float, revision: str = UNKNOWN_REVISION, seconds: float = 0.02) -> Failure:
    return Failure(BEGAN + after_seconds, seconds, "lost", "new", revision, "connection refused")


def _report(lost: list[Failure], bad: list[Failure] | None = None, lost_count: int | None = None) -> LoadReport:
    report = LoadReport(lost_requests=lost, bad_answers=bad or [])
    report.counts.lost = len(lost) if lost_count is None else lost_count
    for failure in bad or []:
        report.by_revision.setdefault(failure.revision, RevisionCounts()).counts.bad += 1
    return report


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(
            _failure(30.9),
            "connection refused: sent 0.4 s after Switching (ReadyToSwitch), lost after 0.02 s on a new connection",
            id="after-the-switch",
        ),
        pytest.param(
            _failure(29.0, GREEN, 30.0),
            "connection refused: sent 29.0 s after Preparing (Valid), lost after 30.00 s on a new connection, by 1.1.0",
            id="sent-before-the-switch-and-noticed-after-it",
        ),
        pytest.param(
            _failure(-1.5),
            "connection refused: sent 1.5 s before the rollout, lost after 0.02 s on a new connection",
            id="before-the-change",
        ),
    ],
)
def test_a_loss_tells_its_reason_and_its_time(failure: Failure, expected: str) -> None:
    assert failure_lines(_report([failure]), TEAM) == [expected]


def test_a_team_without_a_rollout_has_losses_all_the_same() -> None:
    (line,) = failure_lines(_report([_failure(0)]), {"metadata": {}})
    assert line.startswith("connection refused: sent with no rollout under way")


def test_many_losses_are_counted_by_reason() -> None:
    report = _report([_failure(index) for index in range(50)], lost_count=500)
    report.by_reason["lost: connection refused"] = ReasonCounts(500, BEGAN, BEGAN + 50)
    lines = failure_lines(report, TEAM)
    assert len(lines) == SHOWN + 2
    assert lines[-2:] == [f"and {500 - SHOWN} more", "in all, 500 x lost: connection refused"]


def test_only_the_bad_version_may_answer_badly() -> None:
    report = _report([], [_failure(1, GREEN), _failure(2, "0123456789")])
    assert len(failure_lines(report, TEAM)) == 2
    (line,) = failure_lines(report, TEAM, tolerated=GREEN)
    assert line.endswith("by 0123456789")
