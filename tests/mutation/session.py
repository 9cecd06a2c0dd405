"""Try mutants side by side, and remember what became of them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.mutation import reached
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.patching import changed_functions
from tests.mutation.targets import FOLDER, Target
from tests.mutation.trials import Outcome, Trial, Verdict, next_to_end
from tests.mutation.warm import SLOWER_AT_MOST, Collected, play_imported

SAVED_EVERY = 20


@dataclass(slots=True)
class Session:
    """One module's mutants and their verdicts, by change; kept in a file that is about this text of the module."""

    target: Target
    mutants: list[Mutant]
    digest: str
    """Of the module's text, which may change while the mutants are tried."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, target: Target) -> Session:
        """A module's mutants, and what is known of them."""
        digest = hashlib.sha256(target.path.read_bytes()).hexdigest()[:12]
        session = cls(target, mutants_of(target), digest)
        session.read()
        return session

    def read(self) -> None:
        """Take over what another process has found."""
        if self._file.exists():
            known = json.loads(self._file.read_text(encoding="utf-8"))
            changes = {str(mutant.change) for mutant in self.mutants}
            self.verdicts = {
                change: Verdict(**{**said, "outcome": Outcome(said["outcome"])})
                for change, said in known.items()
                if change in changes
            }

    def forget(self) -> None:
        """Begin afresh."""
        self._file.unlink(missing_ok=True)
        self.verdicts = {}

    @property
    def _file(self) -> Path:
        return FOLDER / f"{self.target.name}-{self.digest}.json"

    def note(self, mutant: Mutant, verdict: Verdict) -> None:
        """Remember a verdict."""
        self.verdicts[str(mutant.change)] = verdict
        if len(self.verdicts) % SAVED_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Keep the verdicts."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        known = {change: asdict(verdict) for change, verdict in self.verdicts.items()}
        self._file.write_text(json.dumps(known, indent=1), encoding="utf-8")

    @property
    def untried(self) -> list[Mutant]:
        """Those that no test has seen yet."""
        return [mutant for mutant in self.mutants if str(mutant.change) not in self.verdicts]

    @property
    def to_import(self) -> list[Mutant]:
        """Those that couldn't be tried in place; and tables and constants of which others may have made something."""
        values = [one for one in self.survivors if changed_functions(one.original, one.source) is None]
        return self.untried + values

    @property
    def survivors(self) -> list[Mutant]:
        """Those that no test noticed."""
        return [mutant for mutant in self.mutants if self._outcome(mutant) is Outcome.SURVIVED]

    @property
    def killed(self) -> list[Mutant]:
        """Those that a test noticed."""
        return [mutant for mutant in self.mutants if self._outcome(mutant) in {Outcome.KILLED, Outcome.ENDLESS}]

    @property
    def refused(self) -> list[Mutant]:
        """Those that mypy noticed."""
        return [mutant for mutant in self.mutants if self._outcome(mutant) is Outcome.REFUSED]

    def _outcome(self, mutant: Mutant) -> Outcome | None:
        verdict = self.verdicts.get(str(mutant.change))
        return verdict.outcome if verdict else None


@dataclass(slots=True)
class Bench:
    """Where mutants are tried, so many at a time."""

    processes: int
    until: float
    """Moment of the monotonic clock after which none is begun."""
    simulated: bool = True
    """Scenarios of the simulation are played, too."""

    def try_in_place(self, work: Sequence[tuple[Session, Sequence[Mutant]]]) -> None:
        """Try those that change functions, tables and constants: the tests stay imported.

        Raises:
            NotTestedError: the tests can't say anything.
        """

        def run(collected: Collected) -> None:
            for session, mutants in work:
                self._try_module(collected, session, mutants)

        Collected(run, self.simulated).collect_and_run()

    def _try_module(self, collected: Collected, session: Session, mutants: Sequence[Mutant]) -> None:
        changes = {mutant: change for mutant in mutants if (change := collected.change(mutant))}
        print(f"{session.target.module}: {len(changes)} of {len(session.mutants)} mutants", flush=True)

        def told(mutant: Mutant, verdict: Verdict) -> None:
            if collected.is_an_artefact(mutant, verdict):
                return
            collected.killers[session.target.module, verdict.by] += 1
            session.note(mutant, verdict)

        try:
            self._side_by_side(list(changes), lambda mutant: collected.trial(mutant, changes[mutant]), told)
        finally:
            session.save()

    def try_imported(self, session: Session, mutants: Sequence[Mutant], first: Sequence[str]) -> None:
        """Try those that change a class or a default: everything is imported anew for each.

        Raises:
            NotTestedError: the tests can't say anything.
        """
        target = session.target
        print(f"{target.module}: {len(mutants)} of {len(session.mutants)} mutants, imported anew", flush=True)
        limit_seconds = 10 + SLOWER_AT_MOST * sum(reach.seconds for reach in reached.known().values())
        try:
            self._side_by_side(
                mutants,
                lambda mutant: Trial.begin(lambda: play_imported(target, mutant.source, first), limit_seconds),
                session.note,
            )
        finally:
            session.save()

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
