"""The mutation tool itself: what its operators change, and that a changed function is the one that runs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from cosmic_ray.mutating import mutate_code

from tests.mutation import report
from tests.mutation.explained import EXPLAINED, Explained
from tests.mutation.mutants import Change, mutants_of
from tests.mutation.operators import OWN, operators
from tests.mutation.patching import can_patch, changed_functions, changed_values, patch, set_values
from tests.mutation.session import Session
from tests.mutation.targets import ROOT, SIMULATED, TARGETS, TESTS, Target
from tests.mutation.trials import Outcome, Verdict
from tests.simulation.scenarios import ALL

BEFORE = """
from functools import cached_property
LIMIT = 3
def small(x):
    return x < LIMIT
class Box:
    @cached_property
    def full(self):
        return any(one for one in [1, 2])
    @property
    def empty(self):
        return not self.full
    @classmethod
    def make(cls):
        return cls()
"""


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        pytest.param(one, example.pre_mutation_code, example.post_mutation_code, id=f"{one.__name__}-{number}")
        for one in OWN
        for number, example in enumerate(one.examples())
    ],
)
def test_an_operator_does_to_its_examples_what_they_say(operator: type, before: str, after: str) -> None:
    assert mutate_code(before, operator(), 0) == after


def test_the_names_of_chosen_operators_are_known() -> None:
    assert {"AddNot", "NumberReplacer", "ReplaceComparisonOperator_Lt_LtE", "DropElement"} <= operators().keys()


def test_every_target_is_a_module_and_every_test_is_there() -> None:
    assert all(target.path.is_file() for target in TARGETS.values())
    assert all((ROOT / test.split("::")[0]).exists() for test in TESTS)
    assert set(SIMULATED) <= set(ALL)


NESTED = """
LIMITS = {
    1: 2,
}
class Box:
    def full(self, x):
        if (
            x
            and self.y
        ):
            return 1
        return 1
    def empty(self):
        return 1
"""


@pytest.fixture
def nested(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Target:
    monkeypatch.setattr("tests.mutation.targets.SOURCES", tmp_path)
    for module in ("mutants", "session"):
        monkeypatch.setattr(f"tests.mutation.{module}.FOLDER", tmp_path)
    (tmp_path / "nested.py").write_text(NESTED, encoding="utf-8")
    return Target("nested.py")


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (Change("", "1: 2,", "1: 3,"), {2, 3, 4}),
        (Change("Box.full", "and self.y", ""), {7, 8, 9, 10}),
        (Change("Box.full", "return 1", "return None"), {11}),
        (Change("Box.full", "return 1", "return None", 2), {12}),
        (Change("Box.empty", "return 1", "return None"), {14}),
    ],
    ids=["table", "condition-over-lines", "first-of-two", "second-of-two", "other-method"],
)
def test_a_mutant_is_known_by_its_function_and_lines_and_is_reached_by_its_statement(
    nested: Target, change: Change, lines: set[int]
) -> None:
    found = {mutant.change: mutant for mutant in mutants_of(nested)}
    assert found[change].lines == lines
    assert found[change].source != NESTED
    compile(found[change].source, "mutant", "exec")


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("x < LIMIT", "x <= LIMIT", {"small"}),
        ("any(one", "all(one", {"Box.full"}),
        ("return not self", "return self", {"Box.empty"}),
        ("return cls()", "return None", {"Box.make"}),
        ("LIMIT = 3", "LIMIT = 4", None),
        ("    @property\n", "", None),
    ],
    ids=["function", "cached-property", "property", "class-method", "constant", "decorator"],
)
def test_what_is_more_than_a_function_is_told_apart(old: str, new: str, changed: set[str] | None) -> None:
    found = changed_functions(BEFORE, BEFORE.replace(old, new))
    assert (None if found is None else set(found)) == changed


def test_a_patched_function_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mutated")
    monkeypatch.setitem(sys.modules, "mutated", module)
    exec(compile(BEFORE, "mutant", "exec"), vars(module))  # noqa: S102 - a module for this test
    box = module.Box.make()
    assert (module.small(3), box.empty) == (False, False)
    changed = BEFORE.replace("x < LIMIT", "x <= LIMIT").replace("return not self", "return self")
    patch(module, changed_functions(BEFORE, changed) or {})
    assert (module.small(3), box.empty) == (True, True)


def test_a_function_that_is_not_there_is_no_silent_success() -> None:
    codes = changed_functions(BEFORE, BEFORE.replace("x < LIMIT", "x <= LIMIT")) or {}
    assert not can_patch(ModuleType("empty"), codes)
    with pytest.raises(KeyError):
        patch(ModuleType("empty"), codes)


@pytest.mark.parametrize(
    ("outcome", "explained", "mistakes"),
    [
        (Outcome.SURVIVED, False, 1),
        (Outcome.SURVIVED, True, 0),
        (Outcome.KILLED, False, 0),
        (Outcome.KILLED, True, 1),
        (Outcome.REFUSED, True, 1),
    ],
    ids=["unexplained", "explained", "killed", "explained-but-a-test-notices", "explained-but-mypy-notices"],
)
def test_what_is_left_is_told(
    nested: Target,
    monkeypatch: pytest.MonkeyPatch,
    *,
    outcome: Outcome,
    explained: bool,
    mistakes: int,
) -> None:
    session = Session.of(nested)
    mutant = session.mutants[0]
    session.verdicts[str(mutant.change)] = Verdict(outcome)
    why = {Explained("nested.py", mutant.change): "no matter"} if explained else {}
    monkeypatch.setattr(report, "EXPLAINED", why)
    assert report.tell([session]) == mistakes


VALUES = """
LIMIT = 3
TABLE = (LIMIT, 4)
OTHER = 5
def small(x):
    return x < LIMIT
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("LIMIT = 3", "LIMIT = 9", {"LIMIT", "TABLE"}),
        ("OTHER = 5", "OTHER = 9", {"OTHER"}),
        ("x < LIMIT", "x <= LIMIT", None),
        ("def small(x)", "def small(x=1)", None),
    ],
    ids=["with-what-is-made-of-it", "alone", "function", "default"],
)
def test_what_a_changed_value_changes(old: str, new: str, changed: set[str] | None) -> None:
    assert changed_values(VALUES, VALUES.replace(old, new)) == changed


def test_a_default_that_is_made_of_a_changed_value_is_more_than_a_value() -> None:
    text = VALUES + "def large(x=LIMIT):\n    return x\n"
    assert changed_values(text, text.replace("LIMIT = 3", "LIMIT = 9")) is None


def test_a_changed_value_is_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    module, importer = ModuleType("mutated"), ModuleType("importer")
    monkeypatch.setitem(sys.modules, "mutated", module)
    monkeypatch.setitem(sys.modules, "importer", importer)
    exec(compile(VALUES, "mutant", "exec"), vars(module))  # noqa: S102 - a module for this test
    importer.TABLE = module.TABLE  # type: ignore[attr-defined]
    set_values(module, VALUES.replace("LIMIT = 3", "LIMIT = 9"), frozenset({"LIMIT", "TABLE"}))
    assert (module.small(8), module.TABLE, importer.TABLE) == (True, (9, 4), (9, 4))


@pytest.mark.parametrize("module", sorted({explained.module for explained in EXPLAINED}))
def test_what_is_explained_is_a_mutant(module: str) -> None:
    """When its lines change, an explanation holds no longer: mend it or take it out of explained.toml."""
    changes = {mutant.change for mutant in mutants_of(TARGETS[module])}
    assert not {explained.change for explained in EXPLAINED if explained.module == module} - changes
