from __future__ import annotations

import json

import pytest

from tests.load.report import Counts, Failure, LoadReport, ReasonCounts, Result, RevisionCounts, quantiles


@pytest.mark.parametrize(
    ("lost", "total", "bound"),
    [
        pytest.param(0, 0, 1.0, id="nothing-sent-tells-nothing"),
        pytest.param(0, 5000, 3 / 5000, id="rule-of-three"),
        pytest.param(0, 2, 1.0, id="never-more-than-all"),
        pytest.param(50, 5000, 0.01276, id="some-lost"),
    ],
)
def test_bound_of_the_lost_share(lost: int, total: int, bound: float) -> None:
    report = LoadReport(counts=Counts(ok=total - lost, lost=lost))
    assert report.lost_share_bound == pytest.approx(bound, rel=1e-3)


def test_quantiles_are_by_nearest_rank() -> None:
    assert quantiles([float(value) for value in range(1, 101)]) == {"p50": 50, "p90": 90, "p99": 99, "p100": 100}
    assert quantiles([7.0]) == {"p50": 7, "p90": 7, "p99": 7, "p100": 7}
    assert quantiles([]) == {}


def test_report_survives_json() -> None:
    report = LoadReport(sent=2, counts=Counts(ok=1, bad=1), latency_seconds={"p50": 0.1})
    report.note_bad("new", 5.0)
    report.note_bad("keep-alive", 6.0)
    report.note_bad("new", 7.0)
    assert (report.first_bad_at, report.last_bad_at) == (5.0, 7.0)
    assert {kind: span.seconds for kind, span in report.bad_by_connection.items()} == {"new": 2.0, "keep-alive": 0.0}
    report.by_revision["abc"] = RevisionCounts(counts=Counts(bad=1), first_at=1.0, last_at=5.0, first_bad_at=5.0)
    report.note(Failure(4.0, 1.0, Result.BAD.value, "new", "abc", "HTTP 502"))
    report.note(Failure(6.0, 1.0, Result.BAD.value, "new", "abc", "HTTP 502"))
    assert report.by_reason == {"bad: HTTP 502": ReasonCounts(2, 5.0, 7.0)}
    assert LoadReport.parse(json.loads(json.dumps(report.document()))) == report


def test_text_names_lost_and_its_bound() -> None:
    text = LoadReport(sent=5000, counts=Counts(ok=4990, bad=10)).text()
    assert "4990 ok, 10 bad answers, 0 lost (at most 0.06 % lost, with 95 % confidence)" in text
