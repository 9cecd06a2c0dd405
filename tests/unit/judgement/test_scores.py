from __future__ import annotations

import pytest

from tests.judgement import scores


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        pytest.param(0, 1000, 0.0, 0.003682, id="none: one minus the thousandth root of 0.025"),
        pytest.param(1000, 1000, 0.996318, 1.0, id="all: the mirror image"),
        pytest.param(5, 10, 0.187086, 0.812914, id="half of ten"),
    ],
)
def test_interval_is_exact(count: int, of: int, low: float, high: float) -> None:
    assert scores.interval(count, of) == pytest.approx((low, high), abs=1e-6)


def test_a_kind_tells_what_became_of_its_releases() -> None:
    ends = [
        {"rolled_back": True, "seconds": 30.0, "asked": "", "reason": "WorseThanBlue"},
        {"rolled_back": True, "seconds": 50.0, "asked": "Inconclusive", "reason": "AboveLimit"},
        {"rolled_back": False, "seconds": 790.0, "asked": "Inconclusive", "reason": "Settled"},
        {"rolled_back": False, "seconds": 790.0, "asked": "", "reason": "Settled"},
    ]
    found = scores.of_product("kind", ends)
    assert (found["rolledBack"], found["releases"], found["asked"], found["unnoticed"]) == (2, 4, 2, 1)
    assert (found["medianSeconds"], found["p95Seconds"]) == (40, 50)
    assert found["reasons"] == {"AboveLimit": 1, "WorseThanBlue": 1}


def test_nobody_rolled_back_has_no_times() -> None:
    assert "medianSeconds" not in scores.rate([], 10)
