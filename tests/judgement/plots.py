"""The plots of docs/judgement.md as SVG: the same figures give the same files, to the byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tests.judgement.document import ROOT
from tests.judgement.peers import PEERS

FOLDER = ROOT / "docs" / "img" / "judgement"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "judgement",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}
PRODUCT = "this product"
COLOURS = dict(zip((PRODUCT, *PEERS), ("#0b6e4f", "#d1495b", "#edae49", "#30638e"), strict=True))
MARKERS = dict(zip((PRODUCT, *PEERS), ("o", "s", "^", "D"), strict=True))

Result = Mapping[str, Any]
Line = Mapping[str, Any]


def draw_all(figures: Result, folder: Path = FOLDER) -> None:
    """Draw every plot into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        with mpl.rc_context(STYLE):
            figure = draw(figures)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def _power_lines(figures: Result) -> dict[str, list[Line]]:
    peers = figures["peers"]["power"]
    return {PRODUCT: list(figures["power"])} | {rule: [line["rules"][rule] for line in peers] for rule in PEERS}


def _points_axis(axes: Axes, points: Sequence[float]) -> None:
    axes.set_xticks(range(len(points)), [f"{point:g}" for point in points])
    axes.set_xlabel("points worse than blue's 1 % errors")


def _power(figures: Result) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for apart, (name, lines) in enumerate(_power_lines(figures).items()):
        shares = [line["rolledBack"] / line["releases"] for line in lines]
        errors = [
            [share - line["low"] for share, line in zip(shares, lines, strict=True)],
            [line["high"] - share for share, line in zip(shares, lines, strict=True)],
        ]
        axes.errorbar(
            [place + 0.08 * (apart - 1.5) for place in range(len(shares))],  # or the intervals hide each other
            shares,
            yerr=errors,
            label=name,
            color=COLOURS[name],
            marker=MARKERS[name],
            markersize=4,
            elinewidth=0.8,
            capsize=2,
        )
    _points_axis(axes, figures["points"])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
    axes.set_ylabel("rolled back, with 95 % intervals")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc="lower right")
    return figure


def _time(figures: Result) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, lines in _power_lines(figures).items():
        # A median over the few that were found by chance would say nothing.
        found = [
            (at, line["medianSeconds"]) for at, line in enumerate(lines) if 2 * line["rolledBack"] >= line["releases"]
        ]
        axes.plot(*zip(*found, strict=True), label=name, color=COLOURS[name], marker=MARKERS[name], markersize=4)
    _points_axis(axes, figures["points"])
    axes.set_yscale("log")
    axes.set_yticks([10, 20, 60, 120, 300, 660], ["10 s", "20 s", "1 min", "2 min", "5 min", "11 min"])
    axes.minorticks_off()
    axes.set_xlim(-0.5, len(figures["points"]) - 0.5)
    axes.set_ylabel("median time to the rollback")
    axes.legend(loc="lower left")
    return figure


def _false(figures: Result) -> Figure:
    product = {line["name"]: line for line in figures["noWorse"]}
    kinds = figures["peers"]["noWorse"][::-1]
    figure = Figure(figsize=(8, 0.32 * len(kinds) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate((PRODUCT, *PEERS)):
        lines = [product[kind["name"]] if name == PRODUCT else kind["rules"][name] for kind in kinds]
        shares = [100 * line["rolledBack"] / line["releases"] for line in lines]
        places = [place + 0.24 - 0.16 * row for place in range(len(kinds))]
        axes.scatter(shares, places, color=COLOURS[name], marker=MARKERS[name], s=16, label=name, zorder=3)
        ends = [(100 * line["low"], 100 * line["high"]) for line in lines]
        axes.hlines(places, *zip(*ends, strict=True), color=COLOURS[name], linewidth=0.8)
    axes.set_yticks(range(len(kinds)), [kind["name"] for kind in kinds])
    axes.set_xscale("symlog", linthresh=0.5, linscale=0.6)
    axes.set_xticks([0, 0.5, 2, 10, 30, 100], ["0 %", "0.5 %", "2 %", "10 %", "30 %", "100 %"])
    axes.minorticks_off()
    axes.axvline(0.5, color="black", linewidth=0.8, linestyle="--")
    axes.set_xlim(-0.05, 130)
    axes.set_ylim(-0.6, len(kinds) - 0.4)
    figure.supxlabel("rolled back though no worse, with 95 % intervals (linear below 0.5 %)", fontsize=9)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _type_one(figures: Result) -> Figure:
    bare = figures["bare"]
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    forms = list(bare["nulls"][0]["exceeded"])
    every = figure.subplots(1, len(forms), sharey=True)
    for axes, form in zip(every, forms, strict=True):
        axes.plot(bare["alphas"], bare["alphas"], color="black", linestyle="--", linewidth=0.8, label="promised")
        for null, colour in zip(bare["nulls"], mpl.color_sequences["tab10"], strict=False):
            counts = null["exceeded"][form]
            seen = [(alpha, count / bare["releases"]) for alpha, count in zip(bare["alphas"], counts, strict=True)]
            drawn = [(alpha, share) for alpha, share in seen if share]
            axes.plot(*zip(*drawn, strict=True), color=colour, linewidth=1.2, label=null["name"])
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        axes.minorticks_off()
        axes.set_title(form, fontsize=9)
        axes.set_xlabel("alpha")
    every[0].set_ylabel("share that ever exceeds 1/alpha : 1")
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


PLOTS: Mapping[str, Callable[[Result], Figure]] = {
    "power": _power,
    "time-to-rollback": _time,
    "false-rollbacks": _false,
    "type-one-error": _type_one,
}
