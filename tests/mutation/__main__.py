"""Change the code that decides and writes, a little at a time, and see whether the tests notice."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.mutation import report
from tests.mutation.mutants import Mutant
from tests.mutation.session import Bench, Session
from tests.mutation.targets import TARGETS
from tests.mutation.typed import Types
from tests.mutation.warm import prepare

Work = list[tuple[Session, list[Mutant]]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as core/view.py; all without")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e6, help="stop then, and go on in the next run")
    parser.add_argument("--unit", action="store_true", help="without the simulation, which takes most of the time")
    parser.add_argument("--afresh", action="store_true", help="forget what is known of these modules")
    parser.add_argument("--survivors", action="store_true", help="only tell what has survived")
    parser.add_argument("--out", type=Path, help="folder for mutation.md and mutation.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - TARGETS.keys():
        parser.error(f"no target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    sessions = [Session.of(TARGETS[name]) for name in arguments.modules or TARGETS]
    for session in sessions if arguments.afresh else ():
        session.forget()
    until = time.monotonic() + 60 * arguments.minutes
    bench = Bench(arguments.processes, until, simulated=not arguments.unit)
    if not arguments.survivors:
        _in_a_process_of_its_own(partial(bench.try_in_place, [(one, _to_try(one)) for one in sessions]), sessions)
        _ask_mypy(sessions, until)
        for session in sessions:
            likely = [node for node, _ in Counter(one.by for one in session.verdicts.values()).most_common() if node]
            left = [mutant for mutant in session.to_import if report.reason(mutant) is None]
            if left and time.monotonic() < until:
                _in_a_process_of_its_own(partial(bench.try_imported, session, left, likely), [session])
    if arguments.out:
        report.write([Session.of(target) for target in TARGETS.values()], arguments.out)
    return report.tell(sessions)


def _to_try(session: Session) -> Sequence[Mutant]:
    """Those not tried yet, then those that survived, for tests may have been added; not those that can't be noticed."""
    return session.untried + [mutant for mutant in session.survivors if report.reason(mutant) is None]


def _ask_mypy(sessions: Sequence[Session], until: float) -> None:
    """About what the tests let pass, and what takes long to try."""
    left = [
        (one, mutant) for one in sessions for mutant in one.survivors + one.untried if report.reason(mutant) is None
    ]
    if not left or time.monotonic() >= until:
        return
    print(f"asking mypy about {len(left)} mutants", flush=True)
    with Types() as types:
        for session, mutant in left:
            if time.monotonic() < until and (verdict := types.verdict(mutant)):
                session.note(mutant, verdict)
                session.save()


def _in_a_process_of_its_own(work: Callable[[], None], sessions: Sequence[Session]) -> None:
    """What has been imported for one kind of trial is what another may change."""

    def run() -> None:
        prepare()
        work()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join()
    for session in sessions:
        session.read()
    if child.exitcode:
        sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
