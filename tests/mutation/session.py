"""Try mutants side by side, and remember what became of them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.patching import changed_functions
from tests.mutation.targets import FOLDER, Target
from tests.mutation.warm import Collected, NotTestedError, Outcome, Trial, Verdict, next_to_end, play_imported

FIRST_LIMIT_SECONDS = 600.0
SLOWER_AT_MOST = 3.0
"""How many times as long as without it the tests of a mutant may compute."""
LEAST_LIMIT_SECONDS = 10.0


@dataclass(slots=True)
class Session:
    """One module's mutants and their verdicts, by change; kept in a file that is about this text of the module."""

    target: Target
    mutants: list[Mutant]
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, target: Target, *, afresh: bool = False) -> Session:
        """What is known of a module's mutants."""
        session = cls(target, list(mutants_of(target)))
        if session._file.exists() and not afresh:
            known = json.loads(session._file.read_text(encoding="utf-8"))
            changes = {mutant.change for mutant in session.mutants}
            session.verdicts = {
                change: Verdict(**{**said, "outcome": Outcome(said["outcome"])})
                for change, said in known.items()
                if change in changes
            }
        return session

    @property
    def _file(self) -> Path:
        digest = hashlib.sha256(self.target.path.read_bytes()).hexdigest()[:12]
        return FOLDER / f"{self.target.name}-{digest}.json"

    def save(self) -> None:
        """Keep the verdicts."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        known = {change: asdict(verdict) for change, verdict in self.verdicts.items()}
        self._file.write_text(json.dumps(known, indent=1), encoding="utf-8")

    def to_try(self) -> list[Mutant]:
        """Those not tried yet, then those that survived."""
        untried = [mutant for mutant in self.mutants if mutant.change not in self.verdicts]
        return untried + self.survivors

    @property
    def survivors(self) -> list[Mutant]:
        """Those that no test noticed."""
        said = self.verdicts
        return [one for one in self.mutants if one.change in said and said[one.change].outcome is Outcome.SURVIVED]


@dataclass(slots=True)
class Bench:
    """Where the mutants of one module are tried. For one module in a process: the tests stay imported."""

    target: Target
    processes: int
    until: float
    """Moment of the monotonic clock after which none is begun."""
    told: Callable[[Mutant, Verdict], None]

    def try_functions(self, mutants: Sequence[Mutant]) -> None:
        """Try those that change functions alone. For the tests stay imported, a process does it for one module.

        Raises:
            NotTestedError: the tests can't say anything.
        """
        source = self.target.path.read_text(encoding="utf-8")
        changed = {mutant: changed_functions(source, mutant.source()) for mutant in mutants}

        def run(collected: Collected) -> None:
            limit_seconds = self._limit_seconds(collected.note_calls(FIRST_LIMIT_SECONDS))

            def told(mutant: Mutant, verdict: Verdict) -> None:
                collected.killers[verdict.by] += 1
                self.told(mutant, verdict)

            self._side_by_side(
                [mutant for mutant in mutants if changed[mutant] is not None],
                lambda mutant: collected.trial(changed[mutant] or {}, limit_seconds),
                told,
            )

        Collected(self.target, run).collect_and_run()

    def try_others(self, mutants: Sequence[Mutant]) -> None:
        """Try those that change a table, a constant or a class: everything is imported anew for each.

        Raises:
            NotTestedError: the tests can't say anything.
        """
        source = self.target.path.read_text(encoding="utf-8")
        others = [mutant for mutant in mutants if changed_functions(source, mutant.source()) is None]
        if others:
            unchanged = self._imported(source, FIRST_LIMIT_SECONDS)
            limit_seconds = self._limit_seconds(next(next_to_end([unchanged])).end())
            self._side_by_side(others, lambda mutant: self._imported(mutant.source(), limit_seconds), self.told)

    def _limit_seconds(self, verdict: Verdict) -> float:
        """By how long the tests take without a mutant."""
        if verdict.outcome is not Outcome.SURVIVED:
            raise NotTestedError(
                f"the tests of {self.target.module} fail without a mutant: {verdict.by or verdict.outcome}"
            )
        return LEAST_LIMIT_SECONDS + SLOWER_AT_MOST * verdict.seconds

    def _imported(self, source: str, limit_seconds: float) -> Trial:
        return Trial.begin(lambda: play_imported(self.target, source), limit_seconds)

    def _side_by_side(
        self, mutants: Sequence[Mutant], begin: Callable[[Mutant], Trial], told: Callable[[Mutant, Verdict], None]
    ) -> None:
        """So many at a time."""
        waiting = iter(mutants)
        running: dict[Trial, Mutant] = {}
        while True:
            while len(running) < self.processes and time.monotonic() < self.until and (mutant := next(waiting, None)):
                running[begin(mutant)] = mutant
            if not running:
                return
            for trial, verdict in _ended(running):
                told(running.pop(trial), verdict)


def _ended(running: Collection[Trial]) -> Iterator[tuple[Trial, Verdict]]:
    for trial in list(next_to_end(list(running))):
        yield trial, trial.end()
