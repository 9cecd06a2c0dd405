"""Which modules are changed, and which tests have to notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "mutants"
SOURCES = ROOT / "operator" / "agentteam_operator"

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
    "guarded-and-well-again",
    "upgrade-guarded-and-gone-back-once",
)
"""The scenarios that are played for the mutants that the unit tests let pass: between them they see every phase."""

UNIT_TESTS = ("tests/unit/core", "tests/unit/build", "tests/unit/runtime")
TESTS = (
    *UNIT_TESTS,
    *(f"tests/simulation/test_scenarios.py::test_ends_as_it_should[{name}]" for name in SIMULATED),
)
TOO_BROAD = "tests/unit/core/test_decide_is_total.py"
"""Takes longer than all others together, and asks for little: left out."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module of the operator."""

    module: str
    """Path below the operator's package."""

    @property
    def path(self) -> Path:
        """The file."""
        return SOURCES / self.module

    @property
    def name(self) -> str:
        """As it is imported."""
        return "agentteam_operator." + self.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


DECIDING = (
    "core/decide.py",
    "core/beginning.py",
    "core/difference.py",
    "core/actions.py",
    "core/checks.py",
    "core/guarding.py",
    "core/incidents.py",
    "core/serving_pods.py",
    "core/versions.py",
    "core/notices.py",
    "core/gates/checks.py",
    "core/gates/intent.py",
    "core/gates/judgement.py",
    "core/gates/pods.py",
    "core/gates/traffic.py",
    "core/entering.py",
    "core/plan/__init__.py",
    "core/plan/checks.py",
    "core/plan/notices.py",
    "core/plan/children.py",
    "core/plan/events.py",
    "core/plan/revisions.py",
    "core/view.py",
    "core/timing.py",
    "core/verdicts.py",
    "core/last_verdicts.py",
    "core/adopt.py",
    "core/held.py",
    "core/refusals.py",
    "core/history.py",
    "core/progress.py",
    "core/conditions.py",
    "core/names.py",
    "core/damage.py",
    "core/telling.py",
    "core/timeline.py",
    "core/words.py",
)
WRITING = ("apply/execute.py", "apply/writer.py", "apply/notifier.py")
JUDGING = (
    "core/evidence.py",
    "core/error_rate.py",
    "core/sequential.py",
    "core/slowness.py",
    "core/ratios.py",
    "core/gross.py",
    "core/analysis.py",
    "core/limits.py",
    "core/queries.py",
    "core/counting.py",
    "core/baselines.py",
    "core/fresh_scrapes.py",
    "core/shares.py",
    "core/sight.py",
    "core/slow_runs.py",
    "core/rounds.py",
    "core/round_starts.py",
    "core/round_evidence.py",
    "core/round_verdict.py",
    "core/guard.py",
    "core/metric_verdict.py",
    "core/averages.py",
    "core/average_evidence.py",
    "core/bounded_means.py",
    "core/counters.py",
    "core/cpu_windows.py",
    "core/histogram.py",
    "core/quantities.py",
)
TARGETS = {module: Target(module) for module in (*DECIDING, *WRITING, *JUDGING)}
