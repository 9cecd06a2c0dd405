"""Which lines of the changed modules each test reaches: no other test can notice that a line has changed.

It is looked up once, by playing all tests under a trace, and kept under build/mutants; when tests change, only the
changed files are played again.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from tests.mutation.targets import FOLDER, ROOT, SOURCES, TARGETS

_FILE = FOLDER / "reached.json"
_SHARED = ("tests/conftest.py", "tests/unit/core", "tests/unit/build", "tests/unit/runtime")
"""Where tests have things in common, in files that aren't tests."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one test does when nothing is changed."""

    of: str
    """Digest of the test's file and of what it plays: the targets that it reaches, and all else that may matter."""
    seconds: float
    """Of computing, traced: two or three times as many as without."""
    lines: Mapping[str, frozenset[int]]
    """By the module's path below the operator's package."""


def known() -> dict[str, Reach]:
    """What the last run found, by test."""
    if not _FILE.exists():
        return {}
    return {
        node: Reach(said["of"], said["seconds"], {module: frozenset(lines) for module, lines in said["lines"].items()})
        for node, said in json.loads(_FILE.read_text(encoding="utf-8")).items()
    }


def keep(tests: Mapping[str, Reach]) -> None:
    """For the next run."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = {
        node: {"of": one.of, "seconds": one.seconds, "lines": {name: sorted(at) for name, at in one.lines.items()}}
        for node, one in tests.items()
    }
    _FILE.write_text(json.dumps(text), encoding="utf-8")


def trace(nodes: Sequence[str], play: Callable[[str], bool]) -> dict[str, Reach]:
    """Play tests, and note what they reach; those that fail are left out."""
    modules = {str(target.path): name for name, target in TARGETS.items()}
    found: dict[str, Reach] = {}
    for node in nodes:
        lines: dict[str, set[int]] = {}
        tracer = _tracer(modules, lines)
        begun = time.process_time()
        threading.settrace(tracer)
        sys.settrace(tracer)
        passed = play(node)
        sys.settrace(None)
        threading.settrace(None)
        if passed:
            at = {module: frozenset(numbers) for module, numbers in lines.items()}
            found[node] = Reach(_digest(node, at), time.process_time() - begun, at)
    return found


def _tracer(modules: Mapping[str, str], lines: dict[str, set[int]]) -> Callable[[FrameType, str, Any], Any]:
    def begun(frame: FrameType, event: str, argument: object) -> Callable[[FrameType, str, Any], Any] | None:
        del event, argument
        module = modules.get(frame.f_code.co_filename)
        if module is None:
            return None
        reached = lines.setdefault(module, set())

        def at(frame: FrameType, event: str, argument: object) -> Callable[[FrameType, str, Any], Any]:
            del argument
            if event == "line":
                reached.add(frame.f_lineno)
            return at

        return at

    return begun


def is_known(node: str, reach: Reach) -> bool:
    """What was found of a test is so still: neither it nor anything that it plays has changed."""
    return reach.of == _digest(node, reach.lines)


def _digest(node: str, modules: Iterable[str]) -> str:
    path = ROOT / node.split("::", maxsplit=1)[0]
    reached = tuple(TARGETS[module].path for module in sorted(modules) if module in TARGETS)
    return _of_files((path,)) + _of_files(reached) + _shared()


@cache
def _shared() -> str:
    helpers = [path for path in _files(_SHARED) if not path.name.startswith("test_")]
    targets = {target.path for target in TARGETS.values()}
    product = [path for path in _files([str(SOURCES.relative_to(ROOT))]) if path not in targets]
    return _of_files((*product, *helpers, *_files(["tests/simulation"])))


def _files(places: Iterable[str]) -> list[Path]:
    return [
        path for place in places for path in sorted([ROOT / place, *(ROOT / place).rglob("*.py")]) if path.is_file()
    ]


@cache
def _of_files(paths: tuple[Path, ...]) -> str:
    text = hashlib.sha256()
    for path in paths:
        text.update(path.read_bytes())
    return text.hexdigest()[:12]
