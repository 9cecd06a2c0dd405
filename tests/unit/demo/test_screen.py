from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from demo.screen import Screen

METRICS = ("errorRate", "slowness", "p95LatencySeconds", "memoryUtilization", "agentsOffline")
LONG = "a message that is much longer than a terminal is wide " * 4
TEAM: dict[str, Any] = {
    "metadata": {"name": "support-team"},
    "spec": {"version": "1.2.0"},
    "status": {
        "activeRevision": "0123456789",
        "candidateRevision": "77ab01c2d3",
        "ready": "3/3",
        "revisions": [{"hash": "77ab01c2d3", "version": "1.2.0"}, {"hash": "0123456789", "version": "1.1.0"}],
        "rollout": {
            "revision": "77ab01c2d3",
            "phase": "Watching",
            "weight": 50,
            "gates": [{"name": name, "verdict": "Passed", "message": LONG} for name in METRICS],
        },
    },
}


def _terminal(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, height=24, force_terminal=True, color_system=None)


def _lines(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return Text.from_ansi(console.file.getvalue()).plain.splitlines()


@pytest.mark.parametrize("width", [65, 80, 120])
def test_each_row_of_the_panel_is_one_whole_line(width: int) -> None:
    console = _terminal(width)
    screen = Screen(console)
    screen.show_team(TEAM)
    with screen.live():
        pass
    rows = [line for line in _lines(console) if line.startswith("│")]
    assert [row[2:].partition("  ")[0] for row in rows] == [
        "active",
        "candidate",
        *(f"✔ {name}" for name in METRICS),
        "load",
    ]
    assert {len(row) for row in rows} == {width - len("^C")}  # where a terminal echoes an interrupt


def test_a_long_line_of_a_program_at_work_is_cut() -> None:
    console = _terminal(80)
    with Screen(console).working("make something") as show:
        show(LONG)
    shown = [line for line in _lines(console) if "a message" in line]
    assert shown
    assert all(len(line) <= 80 and line.rstrip().endswith("…") for line in shown)


def test_without_a_terminal_lines_are_plain() -> None:
    console = Console(file=io.StringIO())
    with Screen(console).working("make something") as show:
        show("a line")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "$ make something\n  a line\n"
