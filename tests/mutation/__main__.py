"""Change the code that decides and writes, a little at a time, and see whether the tests notice."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.mutation import report
from tests.mutation.mutants import Mutant
from tests.mutation.session import Bench, Session
from tests.mutation.targets import TARGETS, Target
from tests.mutation.warm import Outcome, Verdict, prepare

SAVED_EVERY = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as core/view.py; all without")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e6, help="stop then, and go on in the next run")
    parser.add_argument("--afresh", action="store_true", help="forget what is known")
    parser.add_argument("--survivors", action="store_true", help="only tell what has survived")
    parser.add_argument("--out", type=Path, help="folder for mutation.md and mutation.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - TARGETS.keys():
        parser.error(f"no target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    targets = [TARGETS[name] for name in arguments.modules or TARGETS]
    until = time.monotonic() + 60 * arguments.minutes
    for how in () if arguments.survivors else (Bench.try_functions, Bench.try_others):
        for target in targets:
            # Each in a process of its own, for what the tests of one have imported is what the next may change.
            work = partial(_try, target, how, arguments.processes, until, afresh=arguments.afresh)
            child = multiprocessing.get_context("fork").Process(target=work)
            child.start()
            child.join()
            if child.exitcode:
                return 2
    sessions = [Session.of(target) for target in targets]
    if arguments.out:
        report.write(sessions, arguments.out)
    return report.tell(sessions)


def _try(
    target: Target, how: Callable[[Bench, Sequence[Mutant]], None], processes: int, until: float, *, afresh: bool
) -> None:
    session = Session.of(target, afresh=afresh and how is Bench.try_functions)
    mutants = [mutant for mutant in session.to_try() if report.reason(mutant) is None]
    if not mutants or time.monotonic() >= until:
        return
    print(f"{target.module}: {len(mutants)} of {len(session.mutants)} mutants left", flush=True)
    prepare()
    try:
        how(Bench(target, processes, until, partial(_note, session)), mutants)
    finally:
        session.save()


def _note(session: Session, mutant: Mutant, verdict: Verdict) -> None:
    session.verdicts[mutant.change] = verdict
    if verdict.outcome is Outcome.SURVIVED:
        print(f"  {mutant.target.module}:{mutant.line} {mutant.operator}: {mutant.change}", flush=True)
    if len(session.verdicts) % SAVED_EVERY == 0:
        session.save()


if __name__ == "__main__":
    sys.exit(main())
