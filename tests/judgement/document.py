"""The figures of docs/judgement.md, made from docs/benchmarks/judgement.json, each between two marks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.judgement import scores
from tests.judgement.peers import PEERS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "judgement.md"
RESULT = ROOT / "docs" / "benchmarks" / "judgement.json"

_SHOWN_ALPHAS = (0.05, 0.001, 0.0002)

Result = Mapping[str, Any]
Line = Mapping[str, Any]


def begin(part: str) -> str:
    """The mark before a part."""
    return f"<!-- {part}: made by make judgement from docs/benchmarks/judgement.json, not by hand -->"


def end(part: str) -> str:
    """The mark after a part."""
    return f"<!-- end of {part} -->"


def result() -> Result:
    """The figures of the last run."""
    found: Result = json.loads(RESULT.read_text(encoding="utf-8"))
    return found


def with_figures(text: str, figures: Result) -> str:
    """A document with every part brought up to date.

    Raises:
        ValueError: if a mark is missing.
    """
    for part, made in PARTS.items():
        before, first, rest = text.partition(begin(part))
        _, last, after = rest.partition(end(part))
        if not first or not last:
            raise ValueError(f"the document needs both marks, in this order: {begin(part)} and {end(part)}")
        text = f"{before}{first}\n{made(figures)}\n{last}{after}"
    return text


def bring_up_to_date() -> None:
    """Write the figures into the document."""
    DOCUMENT.write_text(with_figures(DOCUMENT.read_text(encoding="utf-8"), result()), encoding="utf-8")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(share: float) -> str:
    """A share in percent, in two digits: "0.37 %"."""
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def _interval(line: Line) -> str:
    return f"{percent(line['low'])} to {percent(line['high'])}"


def _count(line: Line) -> str:
    return f"{line['rolledBack']:,} of {line['releases']:,}"


def _times(line: Line) -> str:
    return f"{line['medianSeconds']} s, {line['p95Seconds']} s" if line["rolledBack"] else ""


def _no_worse(figures: Result) -> str:
    return _table(
        ("no worse", "rolled back", "95 % interval", "a person was asked"),
        ((line["name"], _count(line), _interval(line), _some(line["asked"])) for line in figures["noWorse"]),
    )


def _some(count: int) -> str:
    return f"{count:,}" if count else ""


def _worse(figures: Result) -> str:
    rows = (
        (line["name"], _count(line), _times(line), _some(line["asked"]), _some(line["unnoticed"]))
        for line in figures["worse"]
    )
    return _table(("worse", "rolled back", "after: median, 95th percentile", "a person was asked", "neither"), rows)


def _untold(figures: Result) -> str:
    rows = ((line["name"], _count(line), _times(line)) for line in figures["untold"])
    return _table(("no worse, but nothing tells", "rolled back", "after: median, 95th percentile"), rows)


def _summary(figures: Result) -> str:
    lines, clustered = figures["noWorse"], set(figures["clustered"])
    said = []
    for words, chosen in (
        ("failures come independently", [line for line in lines if line["name"] not in clustered]),
        ("failures or slow runs come in clusters", [line for line in lines if line["name"] in clustered]),
    ):
        count, of = (sum(line[key] for line in chosen) for key in ("rolledBack", "releases"))
        taken = " to ".join(map(percent, scores.interval(count, of)))
        said.append(f"{count:,} of {of:,} releases of the {len(chosen)} kinds whose {words} (together: {taken})")
    worst = max(lines, key=lambda line: (line["rolledBack"] / line["releases"], line["high"]))
    which = "worst" if worst["rolledBack"] else "least certain"
    return (
        f'Rolled back though no worse: {said[0]}, and {said[1]}. The {which} kind is "{worst["name"]}", '
        f"with {_count(worst)} ({percent(worst['rolledBack'] / worst['releases'])}; {_interval(worst)}). "
        "The ranges are 95 % intervals."
    )


def _against_peers(key: str) -> Callable[[Result], str]:
    def made(figures: Result) -> str:
        product = {line["name"]: line for line in figures[key]}
        rows = []
        for line in figures["peers"][key]:
            cells = [product[line["name"]], *(line["rules"][rule] for rule in PEERS)]
            rows.append((line["name"], *(_share(cell, timed=key == "worse") for cell in cells)))
        head = "no worse, rolled back" if key == "noWorse" else "worse, rolled back, after (median)"
        return _table((head, "this product", *PEERS), rows)

    return made


def _share(line: Line, *, timed: bool) -> str:
    said = percent(line["rolledBack"] / line["releases"])
    return f"{said}, {line['medianSeconds']} s" if timed and line["rolledBack"] else said


def _bare(figures: Result) -> str:
    bare = figures["bare"]
    shown = [bare["alphas"].index(alpha) for alpha in _SHOWN_ALPHAS]
    rows = []
    for null in bare["nulls"]:
        for form, counts in null["exceeded"].items():
            rows.append((null["name"], form, *(percent(counts[index] / bare["releases"]) for index in shown)))
    promised = (f"over {1 / alpha:,.0f} : 1 (at most {percent(alpha)})" for alpha in _SHOWN_ALPHAS)
    return _table((f"{bare['releases']:,} releases each", "the test", *promised), rows)


PARTS: Mapping[str, Callable[[Result], str]] = {
    "the summary": _summary,
    "revisions that are no worse": _no_worse,
    "revisions that are worse": _worse,
    "what can't be told": _untold,
    "the bare test": _bare,
    "no worse, by other rules": _against_peers("noWorse"),
    "worse, by other rules": _against_peers("worse"),
}
