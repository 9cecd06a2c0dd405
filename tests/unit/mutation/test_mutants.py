"""The mutation tool itself: what its operators change, and that a changed function is the one that runs."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from cosmic_ray.mutating import mutate_code

from tests.mutation.explained import EQUIVALENT
from tests.mutation.mutants import mutants_of
from tests.mutation.operators import OWN, operators
from tests.mutation.patching import changed_functions, patch
from tests.mutation.targets import ROOT, TARGETS
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


def test_every_target_is_a_module_with_tests() -> None:
    for target in TARGETS.values():
        assert target.path.is_file()
        assert all((ROOT / test.split("::")[0]).exists() for test in target.tests), target.tests
        assert {name for test in target.tests if "[" in test for name in [test.split("[")[1][:-1]]} <= set(ALL)


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
    assert patch(module, changed_functions(BEFORE, changed) or {})
    assert (module.small(3), box.empty) == (True, True)


def test_a_function_that_is_not_there_is_no_silent_success() -> None:
    codes = changed_functions(BEFORE, BEFORE.replace("x < LIMIT", "x <= LIMIT")) or {}
    assert not patch(ModuleType("empty"), codes)


@pytest.mark.parametrize("module", sorted({module for module, _ in EQUIVALENT}))
def test_what_is_explained_is_a_mutant(module: str) -> None:
    changes = {mutant.change for mutant in mutants_of(TARGETS[module])}
    assert {change for name, change in EQUIVALENT if name == module} <= changes
