"""Drive `decide` for a long time, with other examples in each run."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import TeamMachine
from tests.simulation.coverage import every_way, noted

EXAMPLES = 100
STEPS_IN_AN_EXAMPLE = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.machine", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    started, share = time.monotonic(), arguments.steps // arguments.processes
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("fork")) as pool:
        played = list(pool.map(play, [share] * arguments.processes))
    steps, ways = sum(count for count, _, _ in played), {way for _, found, _ in played for way in found}
    failures = [words for _, _, words in played if words]
    seconds = time.monotonic() - started
    print(f"{steps} steps in {seconds:.0f} s, {steps / seconds:.0f} a second; {len(ways)} of {len(every_way())} rules")
    print("\n".join(failures))
    return 1 if failures else 0


def play(steps: int) -> tuple[int, set[str], str]:
    """Walk so many steps: how many were done, the rules that fired, and what was wrong."""
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS_IN_AN_EXAMPLE,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    words, ways = "", set[str]()
    while TeamMachine.steps < steps and not words:
        with noted() as fired:
            try:
                run_state_machine_as_test(TeamMachine, settings=chosen)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told with the steps that lead to it
                words = "\n".join([repr(error), *getattr(error, "__notes__", [])])
        ways |= {str(way) for found in fired.ways.values() for way in found}
    return TeamMachine.steps, ways, words


if __name__ == "__main__":
    sys.exit(main())
