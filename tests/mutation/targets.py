"""Which modules are changed, and which tests have to notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "mutants"
SOURCES = ROOT / "operator" / "agentteam_operator"

_CORE = "tests/unit/core"
_TABLE = (f"{_CORE}/test_transitions.py", _CORE)
_BUILD = ("tests/unit/build",)
_ROUNDS = (f"{_CORE}/test_rounds.py", f"{_CORE}/test_round_verdict.py")
_RUNTIME = ("tests/unit/runtime/test_reconcile.py",)
SIMULATED = (
    "upgrade-errors",
    "upgrade-auto",
    "create-superseded-in-Switching",
    "upgrade-crash-after-switch",
    "upgrade-autoscaled-load-falls",
    "upgrade-quiet-nobody-promotes",
    "upgrade-way-back-aborted",
    "upgrade-by-two-operators",
    "config-removed-in-RolledBack-and-errors",
    "create-name-conflict",
    "created-again",
    "pod-lost-while-settling-judged-rollback",
)
"""The scenarios that are played for each mutant that the unit tests let pass: between them they see every phase."""

_STORIES = tuple(f"tests/simulation/test_scenarios.py::test_ends_as_it_should[{name}]" for name in SIMULATED)

_GUARDED = tuple(
    f"tests/simulation/test_scenarios.py::test_ends_as_it_should[{name}]"
    for name in ("guarded-and-well-again", "upgrade-guarded-and-gone-back-once")
)


@dataclass(frozen=True, slots=True)
class Target:
    """A module and its tests, those that fail soonest first."""

    module: str
    """Path below the operator's package."""
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return SOURCES / self.module

    @property
    def name(self) -> str:
        """As it is imported."""
        return "agentteam_operator." + self.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _target(module: str, *tests: str) -> Target:
    return Target(module, tests)


DECIDING = (
    _target("core/decide.py", *_TABLE, *_STORIES),
    _target("core/beginning.py", *_TABLE, *_STORIES),
    _target("core/difference.py", f"{_CORE}/test_difference.py", *_TABLE, *_STORIES),
    _target("core/actions.py", f"{_CORE}/test_actions.py", *_STORIES),
    _target("core/checks.py", f"{_CORE}/test_checks.py", *_TABLE, *_STORIES),
    _target("core/guarding.py", f"{_CORE}/test_guarding.py", *_STORIES, *_GUARDED),
    _target("core/incidents.py", f"{_CORE}/test_incidents.py", *_STORIES),
    _target("core/notices.py", f"{_CORE}/test_notices.py", *_STORIES),
    _target("core/gates/checks.py", f"{_CORE}/test_checks.py", *_TABLE, *_STORIES),
    _target("core/gates/intent.py", *_TABLE, *_STORIES),
    _target("core/gates/judgement.py", *_TABLE, *_STORIES),
    _target("core/gates/pods.py", *_TABLE, *_STORIES),
    _target("core/gates/traffic.py", *_TABLE, *_STORIES),
    _target("core/entering.py", *_TABLE, *_STORIES),
    _target("core/plan/__init__.py", *_TABLE, *_BUILD, *_STORIES),
    _target("core/plan/checks.py", f"{_CORE}/test_checks.py", *_STORIES),
    _target("core/plan/notices.py", f"{_CORE}/test_notices.py", *_STORIES),
    _target("core/plan/children.py", *_BUILD, *_TABLE, *_STORIES),
    _target("core/plan/events.py", *_TABLE, *_STORIES),
    _target("core/plan/revisions.py", *_TABLE, *_STORIES),
)
WRITING = (
    _target("apply/execute.py", *_RUNTIME, "tests/unit/runtime", *_STORIES),
    _target("apply/writer.py", *_RUNTIME, "tests/unit/runtime", *_STORIES),
)
JUDGING = (
    _target("core/view.py", *_TABLE, *_BUILD, *_STORIES),
    _target("core/timing.py", *_TABLE, *_STORIES),
    _target("core/verdicts.py", f"{_CORE}/test_verdicts.py", *_TABLE, *_STORIES),
    _target("core/last_verdicts.py", f"{_CORE}/test_last_verdicts.py", *_STORIES),
    _target("core/slow_runs.py", f"{_CORE}/test_left_out.py", _CORE),
    _target("core/sequential.py", f"{_CORE}/test_sequential.py", _CORE),
    _target("core/error_rate.py", f"{_CORE}/test_analysis.py", _CORE),
    _target("core/gross.py", f"{_CORE}/test_gross.py", _CORE),
    _target("core/limits.py", f"{_CORE}/test_analysis.py", _CORE),
    _target("core/counting.py", f"{_CORE}/test_counting.py", _CORE),
    _target("core/rounds.py", *_ROUNDS, _CORE),
    _target("core/round_starts.py", *_ROUNDS, _CORE),
    _target("core/round_evidence.py", f"{_CORE}/test_round_evidence.py", *_ROUNDS, _CORE),
    _target("core/round_verdict.py", f"{_CORE}/test_round_verdict.py", *_ROUNDS, _CORE),
    _target("core/guard.py", f"{_CORE}/test_guard.py"),
    _target("core/adopt.py", *_TABLE, *_STORIES),
    _target("core/held.py", f"{_CORE}/test_held.py", *_TABLE, *_STORIES),
    _target("core/refusals.py", f"{_CORE}/test_refusals.py", *_TABLE, *_STORIES),
    _target("core/history.py", *_TABLE, *_STORIES),
)
TARGETS = {target.module: target for target in (*DECIDING, *WRITING, *JUDGING)}
