"""Play the tests against a mutant, in a fork of a process that has collected them already.

A new interpreter would take seconds for each mutant, nearly all of it for imports. A fork takes some milliseconds: it
puts the changed function, table or constant into the imported module and plays the collected tests that reach it, those
first that have killed other mutants of the module, then the short ones. Where something else changes (a class, a
decorator), a second kind of process is forked, which has imported only what no mutant changes, and imports the changed
module from memory. No file is written.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import pytest

from tests.mutation import reached
from tests.mutation.mutants import Mutant
from tests.mutation.patching import (
    Mutated,
    can_patch,
    changed_functions,
    changed_values,
    patch,
    runs_at_import,
    set_values,
)
from tests.mutation.targets import TARGETS, TESTS, TOO_BROAD, UNIT_TESTS, Target
from tests.mutation.trials import UNUSED, NotTestedError, Outcome, Trial, Verdict, next_to_end

_BEFOREHAND = (
    "aiohttp",
    "hypothesis.strategies",
    "prometheus_client",
    "pydantic",
    "structlog",
    "yaml",
    "kubernetes.config",
    "agentteam_operator.api.validation",
    "agentteam_operator.api.status",
)
"""Nothing of it depends on a target."""
_OPTIONS = (
    "-x",
    "-qq",
    f"--deselect={TOO_BROAD}",
    "--no-summary",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
TRACE_SECONDS = 1800.0
"""Of computing, for all tests without a mutant."""
SLOWER_AT_MOST = 3.0
"""How many times as long as without it, traced, a test of a mutant may compute."""
LEAST_LIMIT_SECONDS = 2.0


class _FirstFailure:
    """Notes which test failed first."""

    def __init__(self) -> None:
        self.node = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.node:
            self.node = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.node:
            self.node = f"{report.nodeid} (when imported)"

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        """No dots."""
        return report.outcome, "", ""


@dataclass(frozen=True, slots=True)
class _InOrder:
    """Puts the tests first that are likeliest to fail."""

    nodes: Mapping[str, int]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.nodes.get(item.nodeid, len(self.nodes)))


def prepare() -> None:
    """Import what no mutant changes. To be called before anything else of the product is imported."""
    sys.dont_write_bytecode = True
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    for name in _BEFOREHAND:
        importlib.import_module(name)


@cache
def _mentioning(name: str) -> frozenset[str]:
    """The targets that read a constant, of whichever module."""
    return frozenset(module for module, target in TARGETS.items() if name in target.path.read_text(encoding="utf-8"))


def play_imported(target: Target, source: str, nodes: Sequence[str]) -> str:
    """In a fork: import everything with the module changed, and play; the first test that failed.

    `nodes` are the tests to play first.
    """
    loader, first = Mutated(target, source), _FirstFailure()
    order = _InOrder({node: number for number, node in enumerate(nodes)})
    sys.meta_path.insert(0, loader)
    code = pytest.main([*_OPTIONS, *TESTS], plugins=[first, order])
    if not loader.was_used:
        return UNUSED
    return first.node or ("" if code == pytest.ExitCode.OK else f"(exit code {int(code)})")


@dataclass(slots=True)
class Collected:
    """A pytest session that hands its tests over to forks instead of playing them."""

    run: Callable[[Collected], None]
    """What to do once the tests are collected."""
    simulated: bool = True
    """Scenarios of the simulation are among the tests."""
    reach: dict[str, reached.Reach] = field(default_factory=dict)
    """What each test reaches."""
    killers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many mutants of a module a test has killed."""
    first: _FirstFailure = field(default_factory=_FirstFailure)
    items: dict[str, pytest.Item] = field(default_factory=dict)
    _harmless: dict[tuple[str, frozenset[str], str], bool] = field(default_factory=dict)

    def collect_and_run(self) -> None:
        """Collect the tests, see what they reach, and call `run`.

        Raises:
            NotTestedError: they can't be collected.
        """
        code = pytest.main([*_OPTIONS, *(TESTS if self.simulated else UNIT_TESTS)], plugins=[self, self.first])
        if code != pytest.ExitCode.OK:
            raise NotTestedError(f"the tests can't be collected: {self.first.node or int(code)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own."""
        if not session.testsfailed:
            self.items = {item.nodeid: item for item in session.items}
            with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                self._look_up_reach()
                gc.freeze()  # or each fork would copy what it never changes
                self.run(self)
        return True

    def _look_up_reach(self) -> None:
        """What the tests reach, from the last run as far as it is still so.

        Raises:
            NotTestedError: tests fail without a mutant.
        """
        known = reached.known()
        self.reach = {node: known[node] for node in self.items if node in known and reached.is_known(node, known[node])}
        stale = [node for node in self.items if node not in self.reach]
        if stale:
            print(f"playing {len(stale)} tests without a mutant", flush=True)
            trial = Trial.begin(lambda: self._trace(stale, known), TRACE_SECONDS)
            verdict = next(next_to_end([trial])).end()
            if verdict.outcome is not Outcome.SURVIVED:
                raise NotTestedError(f"tests fail without a mutant: {verdict.by or verdict.outcome}")
            self.reach = {node: reach for node, reach in reached.known().items() if node in self.items}

    def _trace(self, nodes: Sequence[str], known: Mapping[str, reached.Reach]) -> str:
        def play(node: str) -> bool:
            for target in TARGETS.values():
                for value in vars(sys.modules.get(target.name, object)).values():
                    if hasattr(value, "cache_clear"):
                        value.cache_clear()
            return not self._play([self.items[node]])

        found = reached.trace(nodes, play)
        reached.keep({**known, **self.reach, **found})
        return next((node for node in nodes if node not in found), "")

    def change(self, mutant: Mutant) -> Callable[[], None] | None:
        """What puts a mutant into the imported module; None if it can't be done but by importing it anew."""
        module, before = sys.modules.get(mutant.target.name), mutant.original
        if module is None:
            raise NotTestedError(f"no test imports {mutant.target.module}")
        codes = changed_functions(before, mutant.source)
        if codes is not None:
            reached_later = self.tests_of(mutant) or not runs_at_import(mutant.original, codes)
            return (lambda: patch(module, codes)) if can_patch(module, codes) and reached_later else None
        names = changed_values(before, mutant.source)
        return (lambda: set_values(module, mutant.source, names)) if names else None

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that reach what a mutant changes, those that are likeliest to fail first, then the shortest."""
        module = mutant.target.module
        names = changed_values(mutant.original, mutant.source) or ()
        modules = {module, *(name for one in names for name in _mentioning(one))}
        nodes = [
            node
            for node, reach in self.reach.items()
            if (modules & reach.lines.keys() if names else reach.lines.get(module, frozenset()) & mutant.lines)
        ]
        return sorted(nodes, key=lambda node: (-self.killers[module, node], self.reach[node].seconds))

    def trial(self, mutant: Mutant, change: Callable[[], None]) -> Trial:
        """A fork that plays the tests that reach a mutant."""
        return self._forked(change, self.tests_of(mutant))

    def is_an_artefact(self, mutant: Mutant, verdict: Verdict) -> bool:
        """The test that failed fails as well when the changed table or constant is made anew as it is."""
        before = mutant.original
        if changed_functions(before, mutant.source) is not None or verdict.by not in self.items:
            return False
        names = changed_values(before, mutant.source) or frozenset()
        key = (mutant.target.name, names, verdict.by)
        if key not in self._harmless:
            module = sys.modules[mutant.target.name]
            trial = self._forked(lambda: set_values(module, before, names), [verdict.by])
            self._harmless[key] = next(next_to_end([trial])).end().outcome is Outcome.SURVIVED
        return not self._harmless[key]

    def _forked(self, change: Callable[[], None], nodes: Sequence[str]) -> Trial:
        def play() -> str:
            try:
                change()
            except Exception as error:  # noqa: BLE001 - what can't be imported is noticed by everybody
                return f"(the change itself fails: {error!r})"
            return self._play([self.items[node] for node in nodes])

        limits = [LEAST_LIMIT_SECONDS + SLOWER_AT_MOST * self.reach[node].seconds for node in nodes]
        return Trial.begin(play, 10 + sum(limits))

    def _play(self, items: Sequence[pytest.Item]) -> str:
        for number, item in enumerate(items, 1):
            after = items[number] if number < len(items) else None
            if item.nodeid in self.reach:
                seconds = LEAST_LIMIT_SECONDS + SLOWER_AT_MOST * self.reach[item.nodeid].seconds
                signal.setitimer(signal.ITIMER_PROF, seconds)  # ends the fork
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.first.node:
                return self.first.node
        return ""
