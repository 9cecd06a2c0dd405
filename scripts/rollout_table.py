"""Bring the table of docs/rollout.md up to date with the code.

It is made from the rules and their gates' own words; a test tells when it is stale.
"""

# ruff: noqa: INP001 - a script, in no package
from __future__ import annotations

from pathlib import Path

from agentteam_operator.api.status import Phase
from agentteam_operator.core.decide import TRANSITIONS, Rule

DOCUMENT = Path(__file__).parent.parent / "docs" / "rollout.md"

BEGIN = "<!-- the table below is made by scripts/rollout_table.py: change core/decide.py, not this text -->"
END = "<!-- end of the table -->"


def markdown() -> str:
    """`TRANSITIONS` as a Markdown table with a line for each rule, in the order in which they are tried."""
    lines = ["| In phase | when | go to |", "|---|---|---|"]
    for phase, rules in TRANSITIONS.items():
        shown = phase.value if phase else "(no rollout yet)"
        for rule in rules:
            lines.append(f"| {shown} | {_words(rule)} | {_target(phase, rule)} |")
            shown = ""
    return "\n".join(lines)


def with_table(text: str) -> str:
    """A document with the table between its two marks brought up to date.

    Raises:
        ValueError: if a mark is missing.
    """
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the document needs both marks, in this order: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


def _words(rule: Rule) -> str:
    """The first paragraph of the gate's docstring, in one line and without its full stop."""
    paragraph = (rule.gate.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split()).rstrip(".").replace("|", "\\|")


def _target(phase: Phase | None, rule: Rule) -> str:
    if rule.to is phase is Phase.SHIFTING:
        return "the next step"
    if rule.to is phase is Phase.SWITCHING:
        return "the switch is committed"
    if rule.to is phase:
        return f"{rule.to.value} again"
    return rule.to.value


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
