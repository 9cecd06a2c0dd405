"""Bring the table of docs/rollout.md up to date with the code."""

# ruff: noqa: INP001 - a script, in no package
from __future__ import annotations

from pathlib import Path

from agentteam_operator.core.table import with_table

DOCUMENT = Path(__file__).parent.parent / "docs" / "rollout.md"

if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
