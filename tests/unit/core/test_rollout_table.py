from __future__ import annotations

from pathlib import Path

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.decide import TRANSITIONS

from scripts.rollout_table import BEGIN, END, markdown, with_table

DOCUMENT = Path("docs/rollout.md")


def test_the_document_holds_the_table_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_table(text) == text, "run .venv/bin/python scripts/rollout_table.py"


def test_the_document_speaks_of_every_phase() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[0]
    assert [phase.value for phase in Phase if f"| {phase.value} |" not in text] == []


def test_every_rule_has_its_line_and_its_words() -> None:
    lines = markdown().splitlines()[2:]
    assert len(lines) == sum(len(rules) for rules in TRANSITIONS.values())
    assert all(all(cell.strip() for cell in line.strip("|").split("|")[1:]) for line in lines)


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"], ids=["empty", "no-end", "no-begin", "crossed"])
def test_a_document_without_its_marks_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="needs both marks"):
        with_table(text)
