from __future__ import annotations

from typing import Any

import pytest

from demo.timeline import FAILURE, NEUTRAL, SUCCESS, Entry, Names, entries, has_ended

GREEN = "77ab01c2d3"


def _team(**rollout: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "metadata": {"generation": 2},
        "status": {
            "observedGeneration": 2,
            "revisions": [{"hash": GREEN, "version": "1.1.0"}],
            "rollout": {"revision": GREEN, "startedAt": "t0"} | rollout,
        },
    }


def _transition(phase: str, at: str, message: str = "") -> dict[str, str]:
    return {"phase": phase, "at": at, "reason": "Why", "message": message}


PREPARING = _transition("Preparing", "t1", "3 pods wanted")
SHIFTING = _transition("Shifting", "t2", "25 %")
ROLLING_BACK = _transition("RollingBack", "t3", "errorRate failed")
GATE = {"name": "errorRate", "verdict": "Pending", "at": "t1"}
FAILED_GATE = GATE | {
    "verdict": "Failed",
    "value": "48.1 %",
    "threshold": "at most 5 %",
    "samples": 312,
    "message": "green is worse",
}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            None, _team(transitions=[PREPARING]), [Entry("Preparing", "Why: 3 pods wanted", NEUTRAL)], id="first-sight"
        ),
        pytest.param(_team(transitions=[PREPARING]), _team(transitions=[PREPARING]), [], id="nothing-new"),
        pytest.param(
            _team(transitions=[PREPARING]),
            _team(transitions=[PREPARING, SHIFTING], weight=25),
            [Entry("Shifting", "Why: 25 %", NEUTRAL), Entry("traffic", f"0 % → 25 % on 1.1.0 ({GREEN})", NEUTRAL)],
            id="a-phase-and-its-weight",
        ),
        pytest.param(
            _team(weight=25),
            _team(weight=50),
            [Entry("traffic", "25 % → 50 % on 1.1.0", NEUTRAL)],
            id="the-hash-is-told-once",
        ),
        pytest.param(
            _team(gates=[GATE]),
            _team(gates=[FAILED_GATE], transitions=[ROLLING_BACK]),
            [
                Entry("RollingBack", "Why: errorRate failed", FAILURE),
                Entry("errorRate", "Failed: green is worse", FAILURE),
            ],
            id="a-gate-fails",
        ),
        pytest.param(
            _team(gates=[GATE]),
            _team(gates=[FAILED_GATE], transitions=[ROLLING_BACK | {"message": "errorRate: green is worse"}]),
            [Entry("RollingBack", "Why: errorRate: green is worse", FAILURE)],
            id="what-a-step-quotes-is-said-once",
        ),
        pytest.param(
            _team(gates=[GATE]),
            _team(gates=[FAILED_GATE | {"message": ""}]),
            [Entry("errorRate", "Failed: 48.1 % (at most 5 %, 312 samples)", FAILURE)],
            id="a-gate-without-words-shows-its-figures",
        ),
        pytest.param(_team(gates=[]), _team(gates=[GATE]), [], id="a-gate-without-a-verdict-is-no-news"),
        pytest.param(
            _team(gates=[GATE]),
            _team(gates=[GATE | {"verdict": "Passed"}]),
            [Entry("errorRate", "Passed", SUCCESS)],
            id="a-gate-passes",
        ),
        pytest.param(
            _team(gates=[FAILED_GATE]) | {"status": {"rollout": {"revision": "0123456789", "startedAt": "t9"}}},
            _team(gates=[GATE], transitions=[PREPARING]),
            [Entry("Preparing", "Why: 3 pods wanted", NEUTRAL)],
            id="another-rollout-starts-afresh",
        ),
    ],
)
def test_entries_tell_what_changed(before: dict[str, Any] | None, after: dict[str, Any], expected: list[Entry]) -> None:
    assert entries(before, after) == expected


@pytest.mark.parametrize(
    ("phase", "observed_generation", "revision_before", "ended"),
    [
        pytest.param("Completed", 2, "0123456789", True, id="completed"),
        pytest.param("RolledBack", 2, "0123456789", True, id="rolled-back"),
        pytest.param("Watching", 2, "0123456789", False, id="under-way"),
        pytest.param("Completed", 1, "0123456789", False, id="spec-not-seen-yet"),
        pytest.param("Completed", 2, GREEN, False, id="the-one-before"),
    ],
)
def test_a_rollout_has_ended(phase: str, observed_generation: int, revision_before: str, *, ended: bool) -> None:
    team = _team(phase=phase)
    team["status"]["observedGeneration"] = observed_generation
    assert has_ended(team, revision_before) is ended


@pytest.mark.parametrize(
    ("version_by_hash", "full", "short"),
    [
        pytest.param({GREEN: "1.1.0", "0123456789": "1.0.0"}, f"1.1.0 ({GREEN})", "1.1.0", id="a-version-each"),
        pytest.param({GREEN: "1.1.0", "0123456789": "1.1.0"}, f"1.1.0 ({GREEN})", f"1.1.0 ({GREEN})", id="shared"),
        pytest.param({GREEN: "", "0123456789": ""}, GREEN, GREEN, id="no-version"),
        pytest.param({}, GREEN, GREEN, id="not-in-the-history"),
    ],
)
def test_a_revision_is_named_by_its_version(version_by_hash: dict[str, str], full: str, short: str) -> None:
    names = Names(version_by_hash)
    assert (names.full(GREEN), names.short(GREEN)) == (full, short)
