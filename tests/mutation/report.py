"""What came of it, for people and for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.mutation.explained import EQUIVALENT
from tests.mutation.mutants import Mutant
from tests.mutation.session import Session
from tests.mutation.warm import Outcome

_HEAD = """# Mutation testing

A small wrong change at a time is made to the code that decides and writes: a comparison, a number, an operand of a
condition, a rule of the transition table, a statement. Then its tests are played. A mutant that they let pass is a test
that is missing, unless the change makes no difference; those are listed below, with the reason.
"""


def reason(mutant: Mutant) -> str | None:
    """Why no test can notice it; None if one should."""
    return EQUIVALENT.get((mutant.target.module, mutant.change))


def tell(sessions: Iterable[Session]) -> int:
    """Print what is left; 1 if there is anything unexplained."""
    unexplained = 0
    for session in sessions:
        left = [mutant for mutant in session.survivors if reason(mutant) is None]
        unexplained += len(left)
        print(_row(session))
        for mutant in left:
            print(f"  {mutant.target.module}:{mutant.line} {mutant.operator}: {mutant.change}")
    print(f"{unexplained} survivors that nothing explains")
    return 1 if unexplained else 0


def _figures(session: Session) -> dict[str, int]:
    outcomes = [verdict.outcome for verdict in session.verdicts.values()]
    explained = sum(reason(mutant) is not None for mutant in session.mutants)
    survived = sum(reason(mutant) is None for mutant in session.survivors)
    return {
        "mutants": len(session.mutants),
        "killed": outcomes.count(Outcome.KILLED) + outcomes.count(Outcome.ENDLESS),
        "equivalent": explained,
        "survived": survived,
        "untried": sum(one.change not in session.verdicts and reason(one) is None for one in session.mutants),
    }


def _row(session: Session) -> str:
    figures = _figures(session)
    return f"| {session.target.module} | " + " | ".join(str(number) for number in figures.values()) + " |"


def write(sessions: list[Session], folder: Path) -> None:
    """Write mutation.md and mutation.json."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {session.target.module: _figures(session) for session in sessions}
    made_with = {"cosmic-ray": version("cosmic-ray"), "Python": platform.python_version(), "cores": os.cpu_count()}
    document = {"made_with": made_with, "modules": figures}
    (folder / "mutation.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    lines = [
        _HEAD,
        f"Made by `make mutants` with cosmic-ray {made_with['cosmic-ray']} on Python {made_with['Python']}.\n",
        "| module | mutants | killed | equivalent | survived | not tried |",
        "|---|---|---|---|---|---|",
        *(_row(session) for session in sessions),
        "\n## Equivalent mutants\n",
        "| module | change | why nothing can notice it |",
        "|---|---|---|",
        *(
            f"| {module} | `{change.replace('|', chr(92) + '|')}` | {why} |"
            for (module, change), why in EQUIVALENT.items()
        ),
    ]
    (folder / "mutation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
