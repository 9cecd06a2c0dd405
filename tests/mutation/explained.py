"""Mutants that no test can tell from the code, or need not, and why: what explained.toml says.

They are known by module, function and changed lines. When the lines change, the explanation is no mutant's any more,
and a unit test fails.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Change

FILE = Path(__file__).with_name("explained.toml")


@dataclass(frozen=True, slots=True)
class Explained:
    """One mutant, wherever in its function the lines are."""

    module: str
    change: Change


def _explained() -> Iterator[tuple[Explained, str]]:
    for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["explained"]:
        for change in entry["changes"]:
            yield Explained(entry["module"], Change(entry["function"], *change)), entry["why"]


def _once() -> Mapping[Explained, str]:
    found: dict[Explained, str] = {}
    for explained, why in _explained():
        if explained in found:
            raise ValueError(f"explained twice: {explained}")
        found[explained] = why
    return found


EXPLAINED: Mapping[Explained, str] = _once()
"""Why nothing can notice a mutant."""
