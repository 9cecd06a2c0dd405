"""Mutants that no test can tell from the code, and why: by module and changed lines."""

from __future__ import annotations

_HAS_ROLLOUT = "the gate is asked in phases of a rollout: the guard is there for the types"
_CAPPED = "the longest pause is reached at the fifth attempt: the exponent's bound only keeps numbers small"
_RETRY = "return min(LONGEST_HEALTH_RETRY_SECONDS, HEALTH_RETRY_SECONDS * 2.0 ** min(attempt - 1, "

EQUIVALENT: dict[tuple[str, str], str] = {
    ("core/gates/pods.py", f"{_RETRY}10)) => {_RETRY}11))"): _CAPPED,
    ("core/gates/pods.py", f"{_RETRY}10)) => {_RETRY}9))"): _CAPPED,
    (
        "core/gates/pods.py",
        "old = len(view.blue.ready_pods) if view.blue else 0 => old = len(view.blue.ready_pods) if view.blue else -1",
    ): "held against a count of pods, -1 is as few as none",
    (
        "core/gates/pods.py",
        (
            "if not view.overdue or not said or old <= _ready_count(view): => "
            "if not view.overdue or old <= _ready_count(view):"
        ),
    ): "the new revision wants at least as many pods as the old one has: with none missing it has no fewer",
    (
        "core/gates/pods.py",
        (
            "if found is None or view.rollout is None or not view.rollout.gates_skipped: => "
            "if found is None or not view.rollout.gates_skipped:"
        ),
    ): _HAS_ROLLOUT,
    (
        "core/gates/pods.py",
        (
            "if view.rollout is None or view.has_base or view.superseded or view.rollout.reason in _FINAL: => "
            "if view.has_base or view.superseded or view.rollout.reason in _FINAL:"
        ),
    ): _HAS_ROLLOUT,
    (
        "core/refusals.py",
        "if rollout is None or rollout.phase_started_at >= view.now: => if rollout.phase_started_at >= view.now:",
    ): _HAS_ROLLOUT,
}
