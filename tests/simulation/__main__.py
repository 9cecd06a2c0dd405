"""Play plans from the command line, with a readable trace."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.simulation.explorer import Played, baseline, crash_pairs, disturb, play, singles
from tests.simulation.faults import Plan
from tests.simulation.scenarios import ALL, EXPLORED
from tests.simulation.world import trace


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--list", action="store_true", help="all scenarios, and how they end")
    choice.add_argument("--plan", metavar="ID", help="one plan, such as create/r5:crash-after, with its trace")
    choice.add_argument("--scenario", metavar="NAME", help="all single faults of one scenario")
    choice.add_argument("--all", action="store_true", help="all single faults of every scenario")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="add a second crash within N requests")
    parser.add_argument("--news", action="store_true", help="with --plan: tell what the watch tells, too")
    arguments = parser.parse_args()
    if arguments.plan:
        return asyncio.run(_one(Plan.parse(arguments.plan), news=arguments.news))
    if arguments.list:
        return asyncio.run(_list())
    names = list(ALL) if arguments.all else [arguments.scenario]
    return asyncio.run(_explore(names, arguments.pairs))


async def _one(plan: Plan, *, news: bool) -> int:
    played = await play(plan)
    lines = trace(played.record).splitlines()
    print("\n".join(line for line in lines if news or " news of " not in line or "***" in line))
    if plan.strikes and not played.problem:
        played = await disturb(await baseline(plan.scenario), plan)
    print(played.problem or "as it should be")
    return 1 if played.problem else 0


async def _list() -> int:
    failed = 0
    for name in ALL:
        played = await play(Plan(name))
        failed += bool(played.problem)
        calls = len(played.record.calls) - played.first_call
        mark = "explored" if name in {scenario.name for scenario in EXPLORED} else ""
        print(f"{name:45} {calls:4} requests {len(list(singles(played))):5} plans {mark:9} {played.problem}")
    return 1 if failed else 0


async def _explore(names: list[str], pairs: int) -> int:
    failures: list[Played] = []
    for name in names:
        started, count = time.monotonic(), 0
        undisturbed = await baseline(name)
        for plan in (*singles(undisturbed.played), *crash_pairs(undisturbed.played, pairs)):
            played = await disturb(undisturbed, plan)
            count += 1
            if played.problem:
                failures.append(played)
                print(f"{plan}: {played.problem}")
        print(f"{name}: {count} plans in {time.monotonic() - started:.1f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
