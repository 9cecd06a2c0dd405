"""Ask mypy about the mutants that the tests let pass: what doesn't fit the types never gets past `make check`.

A guard against None that only tells mypy what the code around it knows already is such a line. mypy's daemon looks at a
copy of the operator's sources under build/mutants, in which one module at a time is changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from types import TracebackType
from typing import Self

from tests.mutation.mutants import Mutant
from tests.mutation.targets import FOLDER, ROOT, SOURCES
from tests.mutation.trials import NotTestedError, Outcome, Verdict

_COPY = FOLDER / "typed"


class Types:
    """mypy, started once. Use it as a context manager."""

    def __enter__(self) -> Self:
        """Copy the sources and look at them unchanged.

        Raises:
            NotTestedError: mypy has something to say of them as they are.
        """
        shutil.rmtree(_COPY, ignore_errors=True)
        shutil.copytree(SOURCES, _COPY / SOURCES.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", _COPY)
        if said := self._mypy("run", "--", "operator"):
            raise NotTestedError(f"mypy refuses the sources without a mutant: {said}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End mypy."""
        self._mypy("stop")
        shutil.rmtree(_COPY)

    def verdict(self, mutant: Mutant) -> Verdict | None:
        """That mypy refuses a mutant; None if it doesn't.

        Raises:
            NotTestedError: mypy itself fails.
        """
        path = _COPY / mutant.target.path.relative_to(ROOT)
        path.write_text(mutant.source, encoding="utf-8")
        said = self._mypy("recheck")
        path.write_text(mutant.original, encoding="utf-8")
        return Verdict(Outcome.REFUSED, said) if said else None

    @staticmethod
    def _mypy(*arguments: str) -> str:
        """The first thing that it complains of in the sources, if any.

        Raises:
            NotTestedError: it fails itself.
        """
        command = [sys.executable, "-m", "mypy.dmypy", "--status-file", str(FOLDER / "dmypy.json"), *arguments]
        done = subprocess.run(command, cwd=_COPY, check=False, capture_output=True, text=True)
        found = [line for line in done.stdout.splitlines() if ": error: " in line]
        if done.returncode and not found:
            raise NotTestedError(f"mypy itself fails: {done.stdout or done.stderr}")
        return found[0] if found else ""
