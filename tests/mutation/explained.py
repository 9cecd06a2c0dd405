"""Mutants that no test can tell from the code, and why: by module and changed lines."""

from __future__ import annotations

EQUIVALENT: dict[tuple[str, str], str] = {}
