"""Play everything, write docs/benchmarks/judgement.json, and bring docs/judgement.md and its plots up to date."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import inf
from typing import Any

from tests.judgement import catalogue, document, eprocess, plots, runner, scores
from tests.judgement.kinds import Kind

PRODUCT, PEERS = "product", "peers"

RELEASES = {"independent": 200, "clustered": 800, "worse": 50, "power": 50, "peers": 50}
"""Of each kind."""
BARE_RELEASES = 100_000
FIRST_SEED = 200_000
"""The judge's bars were set by seeds below this."""


def main() -> None:
    arguments = _arguments()
    if not arguments.draw:
        if arguments.only:
            _show(arguments)
            return
        result = _measured(arguments)
        document.RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    document.bring_up_to_date()
    plots.draw_all(document.result())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.judgement", description=__doc__)
    parser.add_argument("--draw", action="store_true", help="play nothing: make text and plots from the JSON")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first release of each kind")
    parser.add_argument("--scale", type=float, default=1.0, help="a factor on all numbers of releases")
    parser.add_argument(
        "--minutes", type=float, default=inf, help="begin nothing after; a later run goes on from there"
    )
    parser.add_argument("--only", metavar="WORDS", help="the kinds whose names hold these words, printed")
    parser.add_argument("--releases", type=int, default=20, help="with --only: how many of each kind")
    return parser.parse_args()


def _show(arguments: argparse.Namespace) -> None:
    everything = (*catalogue.NO_WORSE, *catalogue.UNTOLD, *catalogue.WORSE, *catalogue.POWER)
    kinds = [kind for kind in everything if arguments.only in kind.name]
    wanted = [batch for kind in kinds for batch in runner.batches(kind, PRODUCT, arguments.seed, arguments.releases)]
    runner.run(wanted, arguments.processes, runner.said)
    for kind in kinds:
        ends = runner.ends_of(kind, PRODUCT, arguments.seed, arguments.releases)
        print(json.dumps(scores.of_product(kind.name, ends)))
        for number, end in enumerate(ends):
            if end["rolled_back"]:
                print(f"  seed {arguments.seed + number}: {end['seconds']:.0f} s {end['reason']}: {end['message']}")


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    seed, processes = arguments.seed, arguments.processes
    numbers = {sort: max(1, round(releases * arguments.scale)) for sort, releases in RELEASES.items()}
    by_name = {kind.name: numbers["worse"] for kind in (*catalogue.UNTOLD, *catalogue.WORSE)}
    by_name |= {kind.name: numbers["power"] for kind in catalogue.POWER}
    for kind in catalogue.NO_WORSE:
        by_name[kind.name] = numbers["clustered" if kind.name in catalogue.CLUSTERED else "independent"]
    compared = [kind for kind in (*catalogue.NO_WORSE, *catalogue.WORSE) if kind.on_default_schedule]
    everything = (*catalogue.NO_WORSE, *catalogue.UNTOLD, *catalogue.WORSE, *catalogue.POWER)
    sizes = [(kind, PEERS, numbers["peers"]) for kind in (*compared, *catalogue.POWER)]
    sizes += [(kind, PRODUCT, by_name[kind.name]) for kind in everything]
    # The same share of every kind's releases first: whenever it ends, all have some.
    due = [
        ((batch.first_seed - seed) / size, batch)
        for kind, judge, size in sizes
        for batch in runner.batches(kind, judge, seed, size)
    ]
    wanted = [batch for _, batch in sorted(due, key=lambda pair: pair[0])]
    runner.run(wanted, processes, runner.said, arguments.minutes)
    without = {batch.kind.name for _, batch in due if batch.first_seed == seed and not batch.path.exists()}
    if without:
        raise SystemExit(f"nothing is written, for no release was played of {', '.join(sorted(without))}: run it again")

    def of_product(kinds: Iterable[Kind]) -> list[dict[str, Any]]:
        found = ((kind.name, runner.ends_of(kind, PRODUCT, seed, by_name[kind.name])) for kind in kinds)
        return [scores.of_product(name, ends) for name, ends in found]

    def of_peers(kinds: Iterable[Kind]) -> list[dict[str, Any]]:
        return [scores.of_peers(kind.name, runner.ends_of(kind, PEERS, seed, numbers["peers"])) for kind in kinds]

    return {
        "firstSeed": seed,
        "clustered": sorted(catalogue.CLUSTERED),
        "noWorse": of_product(catalogue.NO_WORSE),
        "untold": of_product(catalogue.UNTOLD),
        "worse": of_product(catalogue.WORSE),
        "points": list(catalogue.POINTS),
        "power": of_product(catalogue.POWER),
        "peers": {
            "noWorse": of_peers(kind for kind in compared if kind in catalogue.NO_WORSE),
            "worse": of_peers(kind for kind in compared if kind in catalogue.WORSE),
            "power": of_peers(catalogue.POWER),
        },
        "bare": _bare(seed, processes, max(1, round(BARE_RELEASES * arguments.scale))),
    }


def _bare(seed: int, processes: int, releases: int) -> dict[str, Any]:
    """The bare test, each null in a process of its own."""
    with ProcessPoolExecutor(processes) as pool:
        count = partial(eprocess.exceeded, releases=releases, seed=seed)
        found: Sequence[Any] = list(pool.map(count, eprocess.NULLS))
    nulls = zip(eprocess.NULLS, found, strict=True)
    return {
        "releases": releases,
        "alphas": list(eprocess.ALPHAS),
        "nulls": [{"name": null.name, "exceeded": counts} for null, counts in nulls],
    }


if __name__ == "__main__":
    main()
