"""The document says of each setting and kind of connection how long a bad version was felt, at worst and mostly."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tests.e2e.bad_version_report import Felt, Run, document


def run(new: Felt, kept: Felt, *, lost: int = 0) -> dict[str, Any]:
    one = Run(
        setting="immediate",
        felt={"new": new, "keep-alive": kept},
        way_back={"verdict": new.seconds - 0.5, "traffic turned back": new.seconds, "pods told to end": new.seconds},
        looks=2,
        verdict="green fails 50.0 %",
        lost=lost,
        latency_seconds={"p50": 0.01},
        load_average=1.5,
    )
    return asdict(one)


RESULT = {
    "versions": {"operator": "0.1.0"},
    "host": {"processors": 2, "linux": "6.1"},
    "load": {"requests_per_second": 60.0, "replicas": 3, "bad": "scripted-fail-50"},
    "note": "Nothing else ran on it.",
    "runs": {
        "immediate": [
            run(Felt(2.5, 40, 900), Felt(0.0, 0, 900)),
            run(Felt(2.1, 30, 900), Felt(1.0, 6, 900)),
            run(Felt(3.5, 80, 900), Felt(2.0, 9, 900), lost=1),
        ]
    },
}


def test_rows_have_the_median_and_the_worst() -> None:
    lines = document(RESULT).splitlines()
    assert "| `mode: Immediate` | a new one for each request | 3 | 2.5 s | 3.5 s | 40, 80 | 1 |" in lines
    assert "| `mode: Immediate` | kept | 3 | 1.0 s | 2.0 s | 6, 9 | 1 |" in lines
    assert "| `mode: Immediate` | 2 | 2.00 | 2.50 | 2.50 |" in lines


def test_what_was_not_measured_is_no_row() -> None:
    assert not [line for line in document(RESULT).splitlines() if line.startswith("| `mode: Gradual`")]


def test_the_conditions_are_told() -> None:
    text = document(RESULT)
    assert "3 replicas under 60 requests/s" in text
    assert "2 processors, Linux 6.1" in text
    assert "Nothing else ran on it." in text
