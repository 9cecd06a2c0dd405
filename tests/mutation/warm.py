"""Play the tests against a mutant, in a fork of a process that has collected them already.

A new interpreter would take two seconds for each mutant, nearly all of it for imports. A fork takes some milliseconds:
it puts the changed function into the imported module and plays the collected tests, those first that have killed other
mutants. Where more than a function changes (a table, a constant, a class), a second kind of process is forked, which
has imported only what no mutant changes, and imports the changed module from memory. No file is written.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import NoReturn

import pytest

from tests.mutation.patching import Mutated, patch
from tests.mutation.targets import FOLDER, Target

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
_MEMORY_BYTES = 4 * 1024**3
_TOO_BROAD = "tests/unit/core/test_decide_is_total.py"
"""Takes longer than all others together, and asks for little."""
_OPTIONS = (
    "-x",
    "-qq",
    f"--deselect={_TOO_BROAD}",
    "--no-summary",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    """A test failed."""
    ENDLESS = "endless"
    """The tests took many times as long as without it: killed, too."""
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said of one mutant."""

    outcome: Outcome
    by: str = ""
    """The first test that failed."""
    seconds: float = 0.0
    """Of computing."""


class NotTestedError(Exception):
    """The tests can't say anything: they fail without a mutant, or never import its module."""


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
class Trial:
    """One fork at work. `answer` is readable when it has ended."""

    process: int
    answer: int

    @classmethod
    def begin(cls, play: Callable[[], str], limit_seconds: float) -> Trial:
        """Fork, and play in the fork; what `play` returns is the first test that failed.

        The limit is one of computing time: how busy the machine is says nothing of a mutant.
        """
        answer, tell = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(answer)
            _tell_and_end(play, tell, round(limit_seconds))
        os.close(tell)
        return cls(process, answer)

    def end(self) -> Verdict:
        """Its verdict, once it has ended.

        Raises:
            NotTestedError: the tests never imported the module.
        """
        text = os.read(self.answer, 65536)
        _, status, used = os.wait4(self.process, 0)
        os.close(self.answer)
        seconds = used.ru_utime + used.ru_stime
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}:
            return Verdict(Outcome.ENDLESS, seconds=seconds)
        by = json.loads(text) if text else "(the interpreter ended)"
        if by == _UNUSED:
            raise NotTestedError("the tests don't import the module")
        return Verdict(Outcome.KILLED if by else Outcome.SURVIVED, by, seconds)


_UNUSED = "(the module is not imported)"


def next_to_end(trials: Sequence[Trial]) -> Iterator[Trial]:
    """Wait until one of them has ended."""
    readable, _, _ = select.select([trial.answer for trial in trials], [], [])
    yield from (trial for trial in trials if trial.answer in readable)


def _tell_and_end(play: Callable[[], str], tell: int, limit_seconds: int) -> NoReturn:
    """In the fork: never returns."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (limit_seconds, limit_seconds + 1))
    try:
        said = play()
    except BaseException as error:  # noqa: BLE001 - nothing of a fork may go on as the process it was forked from
        said = repr(error)
    os.write(tell, json.dumps(said).encode())
    os._exit(0)


def prepare() -> None:
    """Import what no mutant changes. To be called before anything else of the product is imported."""
    sys.dont_write_bytecode = True
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    for name in _BEFOREHAND:
        importlib.import_module(name)


def play_imported(target: Target, source: str) -> str:
    """In a fork: import everything with the module changed, and play; the first test that failed."""
    loader, first = Mutated(target, source), _FirstFailure()
    sys.meta_path.insert(0, loader)
    code = pytest.main([*_OPTIONS, *target.tests], plugins=[first])
    if not loader.was_used:
        return _UNUSED
    return first.node or ("" if code == pytest.ExitCode.OK else f"(exit code {int(code)})")


@dataclass(slots=True)
class Collected:
    """A pytest session that hands its tests over to forks instead of playing them."""

    target: Target
    run: Callable[[Collected], None]
    """What to do once the tests are collected."""
    killers: Counter[str] = field(default_factory=Counter)
    first: _FirstFailure = field(default_factory=_FirstFailure)
    items: list[pytest.Item] = field(default_factory=list)
    callers: dict[str, frozenset[str]] = field(default_factory=dict)
    """The tests that call a function of the module, by its qualified name."""

    def collect_and_run(self) -> None:
        """Collect the tests, and call `run`.

        Raises:
            NotTestedError: they can't be collected.
        """
        code = pytest.main([*_OPTIONS, *self.target.tests], plugins=[self, self.first])
        if code != pytest.ExitCode.OK:
            raise NotTestedError(
                f"the tests of {self.target.module} can't be collected: {self.first.node or int(code)}"
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own."""
        if not session.testsfailed:
            self.items = list(session.items)
            with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                self.run(self)
        return True

    def note_calls(self, limit_seconds: float) -> Verdict:
        """Play everything once, unchanged, and note which tests call which functions of the module."""
        calls: dict[str, list[str]] = {}
        file = str(self.target.path)

        def play() -> str:
            for item in self.items:
                called: set[str] = set()
                sys.setprofile(partial(_note_call, file, called))
                failed = self._play([item])
                sys.setprofile(None)
                if failed:
                    return failed
                for name in called:
                    calls.setdefault(name, []).append(item.nodeid)
            self._calls_file.write_text(json.dumps(calls), encoding="utf-8")
            return ""

        trial = Trial.begin(play, limit_seconds)
        verdict = next(next_to_end([trial])).end()
        if verdict.outcome is Outcome.SURVIVED:
            known = json.loads(self._calls_file.read_text(encoding="utf-8"))
            self.callers = {name: frozenset(nodes) for name, nodes in known.items()}
        return verdict

    @property
    def _calls_file(self) -> Path:
        return FOLDER / f"{self.target.name}-calls.json"

    def trial(self, codes: Mapping[str, CodeType], limit_seconds: float) -> Trial:
        """A fork that plays the tests that call some functions, with these changed.

        Raises:
            NotTestedError: no test imported the module.
        """
        module = sys.modules.get(self.target.name)
        if module is None:
            raise NotTestedError(f"no test of {self.target.module} imports it")
        callers = frozenset().union(*(self.callers.get(name, frozenset()) for name in codes))
        items = [item for item in self.items if item.nodeid in callers]
        items.sort(key=lambda item: -self.killers[item.nodeid])

        def play() -> str:
            if not patch(module, codes):
                return "(the changed function can't be called)"
            return self._play(items)

        return Trial.begin(play, limit_seconds)

    def _play(self, items: Sequence[pytest.Item]) -> str:
        for item, after in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.first.node:
                return self.first.node
        return ""


def _note_call(file: str, called: set[str], frame: FrameType, event: str, _: object) -> None:
    if event == "call" and frame.f_code.co_filename == file:
        called.add(frame.f_code.co_qualname.split(".<locals>")[0])
