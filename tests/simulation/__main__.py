"""Explore what faults do to rollouts, and replay a plan for people."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from agentteam_operator.core import decide as table
from rich.console import Console

from tests.simulation import replay
from tests.simulation.coverage import noted, way
from tests.simulation.exploration import Exploration, Found
from tests.simulation.explorer import play, singles
from tests.simulation.faults import Plan
from tests.simulation.scenarios import ALL, EXPLORED
from tests.simulation.summary import Summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    explore = commands.add_parser("explore", help="every fault at every place of every scenario")
    explore.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all without")
    explore.add_argument("--processes", type=int, default=2)
    explore.add_argument("--minutes", type=float, default=1e6, help="stop then; the next run goes on where it was")
    explore.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth plan")
    explore.add_argument("--out", type=Path, help="folder for fault-exploration.md and .json")
    one = commands.add_parser("replay", help="one plan as a story")
    one.add_argument("plan", metavar="PLAN", help="such as upgrade-by-steps/r30:crash-after, or a scenario's name")
    one.add_argument("--news", action="store_true", help="with what the watch tells")
    one.add_argument("--everything", action="store_true", help="with the first rollout, too")
    commands.add_parser("list", help="all scenarios, and how they end")
    commands.add_parser("ways", help="which scenario tries each rule of the transition table")
    arguments = parser.parse_args()
    if arguments.command == "replay":
        told = replay.tell(Plan.parse(arguments.plan), Console(), news=arguments.news, everything=arguments.everything)
        return 1 if asyncio.run(told) else 0
    if arguments.command == "list":
        return asyncio.run(_list())
    if arguments.command == "ways":
        return asyncio.run(_ways())
    if unknown := set(arguments.scenarios) - ALL.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return _explore(arguments)


def _explore(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    exploration = Exploration(arguments.scenarios or tuple(ALL), arguments.every)

    def told(found: Found, left: int) -> None:
        for plan, words in found.violations.items():
            print(f"{plan}: {words}")
        minutes = (time.monotonic() - started) / 60
        print(f"{minutes:5.1f} min, {left:4} parts left: {found.part}, {found.plans.total()} plans", flush=True)

    whole = exploration.run(arguments.processes, started + 60 * arguments.minutes, told)
    summary = Summary.of(exploration, whole=whole)
    print("\n".join(summary.lines()))
    if arguments.out:
        summary.write(arguments.out)
    return 1 if summary.violations else 0


async def _list() -> int:
    failed = 0
    for name in ALL:
        played = await play(Plan(name))
        failed += bool(played.problem)
        calls = len(played.record.calls) - played.first_call
        mark = "explored" if name in {scenario.name for scenario in EXPLORED} else ""
        print(f"{name:48} {calls:4} requests {len(list(singles(played))):5} plans {mark:9} {played.problem}")
    return 1 if failed else 0


async def _ways() -> int:
    """The lines of `tried.TRIED`."""
    first: dict[str, str] = {}
    for name in ALL:
        with noted() as fired:
            played = await play(Plan(name))
            for found in fired.of(played.entered):
                first.setdefault(str(found), name)
    every = [str(way(phase, rule)) for phase, rules in table.TRANSITIONS.items() for rule in rules]
    for one in every:
        print(f'    "{one}": "{first.get(one, "?")}",')
    return 0 if first.keys() >= set(every) else 1


if __name__ == "__main__":
    sys.exit(main())
