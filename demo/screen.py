"""The terminal: a scrolling timeline over a live panel, or plain lines where there is no terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .load import LoadCounts
from .timeline import FAILURE, SUCCESS, Entry, Json, Names, gate_text, phase, rollout

_STYLES = {SUCCESS: "bold green", FAILURE: "bold red"}
_MARKS = {"Passed": ("✔", "green"), "Failed": ("✘", "red"), "Inconclusive": ("?", "yellow"), "Skipped": ("-", "dim")}
_PLAIN_LOAD_SECONDS = 5.0
_PLAIN_WIDTH = 160
_SECONDS_WIDTH = 6
_SUBJECT_WIDTH = 19
"""The longest gate's name with its mark."""


class Screen:
    """All that the demo says."""

    def __init__(self, console: Console | None = None) -> None:
        """To standard output, unless another console is given; plain lines when that is no terminal."""
        plain = console or Console()
        self._console = plain if plain.is_terminal else Console(file=plain.file, width=_PLAIN_WIDTH)
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._team: Json = {}
        self._load = LoadCounts()
        self._act_started = self._load_shown_at = time.monotonic()

    def title(self, text: str) -> None:
        """The first line."""
        self._console.print(Panel(Text(text, justify="center"), style="bold"))

    def act(self, text: str) -> None:
        """A new part of the story; the timeline's clock starts again."""
        self._act_started = time.monotonic()
        self._console.print()
        self._console.print(Rule(Text(text, style="bold cyan"), align="left", style="cyan"))

    def say(self, text: str, style: str = "") -> None:
        """A line for people."""
        self._console.print(Text(text, style=style))

    def command(self, text: str) -> None:
        """A command as one would type it."""
        self._console.print(Text("$ ", style="dim").append(text, style="bold"))

    @contextmanager
    def working(self, command: str) -> Iterator[Callable[[str], None]]:
        """Take a running command's lines: show the latest with the time or, without a terminal, each of them."""
        self.command(command)
        if not self._console.is_terminal:
            yield lambda line: self._console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
            return
        started, latest, spinner = time.monotonic(), "", Spinner("dots")

        def show(line: str) -> None:
            nonlocal latest
            latest = line

        def line() -> Table:
            row = Table.grid(padding=(0, 1), expand=True)
            row.width = self._live_width
            row.add_column(width=1)
            row.add_column(justify="right", width=_SECONDS_WIDTH, style="dim")
            row.add_column(ratio=1, overflow="ellipsis", no_wrap=True, style="dim")
            row.add_row(spinner, f"{time.monotonic() - started:.0f} s", Text(latest))
            return row

        with Live(get_renderable=line, console=self._console, refresh_per_second=8, transient=True):
            yield show

    def tail(self, lines: Sequence[str]) -> None:
        """The last words of a program that failed."""
        if self._console.is_terminal:
            for line in lines:
                self._console.print(Text(f"  {line}", style="dim"), soft_wrap=True)

    def entry(self, entry: Entry) -> None:
        """A line of the timeline, with its time since the act began."""
        elapsed = time.monotonic() - self._act_started
        row = Table.grid(padding=(0, 1))
        row.add_column(justify="right", width=9, style="dim")
        row.add_column(width=_SUBJECT_WIDTH, style=_STYLES.get(entry.mood, "bold"))
        row.add_column(overflow="fold")
        row.add_row(f"{elapsed:+.1f} s", entry.subject, Text(entry.text))
        self._console.print(row)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Keep the panel at the bottom of the terminal up to date."""
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._panel, console=self._console, refresh_per_second=4, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def show_team(self, team: Json) -> None:
        """The team's latest state, for the panel."""
        self._team = team

    def show_load(self, load: LoadCounts) -> None:
        """The load's latest counts; without a terminal, a line now and then."""
        self._load = load
        with self._lock:
            due = time.monotonic() - self._load_shown_at >= _PLAIN_LOAD_SECONDS
            if self._live is not None or not due:
                return
            self._load_shown_at = time.monotonic()
        self.entry(Entry("load", load.text(Names.of(self._team))))

    def table(self, title: str, rows: list[tuple[str, str]]) -> None:
        """Facts in two columns."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for row in rows:
            grid.add_row(*row)
        self._console.print(Panel(grid, title=title, title_align="left", expand=False))

    @property
    def _live_width(self) -> int:
        """Columns of what is drawn over: short of the edge, else a typed ^C would begin a line and leave one behind."""
        return self._console.width - len("^C")

    def _panel(self) -> Panel:
        team, latest, names = self._team, rollout(self._team), Names.of(self._team)
        status = team.get("status", {})
        # A ratio makes the second column take what is left: else a long text would squeeze the first.
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(style="bold", width=_SUBJECT_WIDTH, overflow="ellipsis", no_wrap=True)
        grid.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        active, candidate = status.get("activeRevision", ""), status.get("candidateRevision", "")
        grid.add_row("active", f"{names.full(active)}, {status['ready']} pods ready" if active else "none yet")
        share = f"{names.full(candidate)}, {latest.get('weight', 0)} % of the traffic"
        grid.add_row("candidate", share if candidate else "none")
        for gate in latest.get("gates", []):
            mark, style = _MARKS.get(gate["verdict"], ("…", "dim"))
            grid.add_row(Text(f"{mark} {gate['name']}", style=style), gate_text(gate))
        grid.add_row("load", self._load.text(names))
        name = team.get("metadata", {}).get("name", "")
        version = team.get("spec", {}).get("version", "")
        return Panel(
            Group(grid),
            title=f"{name} {version} · {phase(team) or 'Pending'}",
            title_align="left",
            width=self._live_width,
        )
