"""What came of it, for people and for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.mutation.explained import EXPLAINED, Explained
from tests.mutation.mutants import Mutant
from tests.mutation.session import Session

_HEAD = """# Mutation testing

A small wrong change at a time is made to the code that decides, judges and writes: a comparison, a number, an operand
of a condition, a rule of the transition table, a statement. Then the tests that reach the changed lines are played, and
mypy is asked, as `make check` asks it, about what they let pass: a guard against None that nobody but mypy needs is no
test's business. A mutant that gets past both is a test that is missing, unless the change makes no difference that
matters; those are listed below, with the reason (`tests/mutation/explained.toml`).

Run it again with `make mutants`, or for some modules with `make mutants MUTANTS="core/view.py apply/writer.py"`. What
is known of an unchanged module is taken over, so a run that was stopped goes on; `python -m tests.mutation --afresh`
forgets it. A module that has changed since it was run counts as not tried (`mutation.json` has the beginning of the
SHA-256 of each module's text). Where survivors stand without a reason, nobody has gone through them yet.

An explanation holds for the very lines that it quotes: when they change, a unit test fails until the explanation is
mended or taken out. A mutant that is explained but that a test notices all the same is told as a mistake, too.
"""


def reason(mutant: Mutant) -> str | None:
    """Why no test can notice it; None if one should."""
    return EXPLAINED.get(Explained(mutant.target.module, mutant.change))


def tell(sessions: Iterable[Session]) -> int:
    """Print what is left; 1 if there is anything unexplained, or explained and wrong."""
    mistakes = 0
    for session in sessions:
        print(_row(session))
        for mutant in session.survivors:
            if reason(mutant) is None:
                mistakes += 1
                print(f"  {mutant.target.module}:{mutant.line} {mutant.operator}: {mutant.change}")
        for mutant in session.killed + session.refused:
            if reason(mutant) is not None:
                mistakes += 1
                by = session.verdicts[str(mutant.change)].by
                print(f"  {mutant.target.module}:{mutant.line} is explained, but {by} notices: {mutant.change}")
    print(f"{mistakes} survivors that nothing explains, or explanations that are wrong")
    return 1 if mistakes else 0


def _figures(session: Session) -> dict[str, int]:
    return {
        "mutants": len(session.mutants),
        "killed": len(session.killed),
        "refused": len(session.refused),
        "explained": sum(reason(mutant) is not None for mutant in session.survivors),
        "survived": sum(reason(mutant) is None for mutant in session.survivors),
        "untried": len(session.untried),
    }


def _row(session: Session) -> str:
    figures = _figures(session)
    return f"| {session.target.module} | " + " | ".join(str(number) for number in figures.values()) + " |"


def write(sessions: list[Session], folder: Path) -> None:
    """Write mutation.md and mutation.json."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {session.target.module: _figures(session) for session in sessions}
    made_with = {"cosmic-ray": version("cosmic-ray"), "Python": platform.python_version(), "cores": os.cpu_count()}
    texts = {session.target.module: session.digest for session in sessions}
    document = {
        "made_with": made_with,
        "modules": {name: {"text": texts[name], **row} for name, row in figures.items()},
    }
    (folder / "mutation.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    sums = [sum(row[name] for row in figures.values()) for name in next(iter(figures.values()))]
    lines = [
        _HEAD,
        f"Made by `make mutants` with cosmic-ray {made_with['cosmic-ray']} on Python {made_with['Python']}.\n",
        "| module | mutants | killed by a test | refused by mypy | survived, explained | survived | untried |",
        "|---|---|---|---|---|---|---|",
        *(_row(session) for session in sessions),
        "| all | " + " | ".join(str(number) for number in sums) + " |",
        "\n## Survivors and why they are none\n",
        *_explanations(sessions),
    ]
    (folder / "mutation.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _explanations(sessions: Iterable[Session]) -> Iterable[str]:
    """By module and reason."""
    for session in sessions:
        reasons: dict[str, list[Mutant]] = {}
        for mutant in session.mutants:
            if (why := reason(mutant)) is not None:
                reasons.setdefault(why, []).append(mutant)
        if reasons:
            yield f"### {session.target.module}\n"
        for why, mutants in reasons.items():
            yield f"{why[0].upper()}{why[1:]}:\n"
            yield from (f"- {_in_code(mutant)}" for mutant in mutants)
            yield ""


def _in_code(mutant: Mutant) -> str:
    change = mutant.change
    number = f" (no. {change.number})" if change.number > 1 else ""
    where = f"`{change.function}`: " if change.function else ""
    return (
        f"{where}`{change.before}` → `{change.after}`{number}"
        if change.after
        else f"{where}`{change.before}` → nothing"
    )
