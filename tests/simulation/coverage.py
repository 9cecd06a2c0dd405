"""Which rules of the transition table a run has used: a rule that no scenario uses is a rule that nobody has tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from unittest import mock

from agentteam_operator.api.status import Phase
from agentteam_operator.core import decide as table
from agentteam_operator.core.decide import Gate, Rule
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.view import View

NONE = "-"
"""The phase of a team that has no rollout yet."""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One row of the table: in a phase, by a rule, to a phase."""

    phase: str
    rule: str
    to: str

    def __str__(self) -> str:
        return f"{self.phase} --{self.rule}--> {self.to}"


def every_way() -> frozenset[Way]:
    """All rows of the table."""
    return frozenset(way(phase, rule) for phase, rules in table.TRANSITIONS.items() for rule in rules)


def way(phase: Phase | None, rule: Rule) -> Way:
    """The row of a rule."""
    return Way(phase.value if phase else NONE, _name(rule.gate), rule.to.value)


def _name(gate: Gate) -> str:
    """The gate's module and name, as the table writes it."""
    found = gate.gate if isinstance(gate, _Noted) else gate
    return f"{found.__module__.rpartition('.')[2]}.{found.__name__}"


@dataclass(eq=False, slots=True)
class _Noted:
    """A gate that says when it found something. It counts as the gate itself wherever that is looked for."""

    gate: Gate
    fired: Fired

    def __call__(self, view: View) -> Finding | None:
        found = self.gate(view)
        if found is not None:
            self.fired.last = self.gate
        return found

    def __hash__(self) -> int:
        return hash(self.gate)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self.gate


@dataclass(slots=True)
class Fired:
    """The rules that fired, by the phase entered and the moment: as the status tells its transitions."""

    ways: dict[tuple[Phase, datetime], set[Way]] = field(default_factory=dict)
    """One moment may see a phase entered twice: Switching, and the commit of the switch in it."""
    last: Gate | None = None

    def of(self, transitions: Iterable[tuple[Phase, datetime]]) -> frozenset[Way]:
        """The ways behind transitions that were stored. What was decided and never stored is none."""
        return frozenset(found for one in transitions for found in self.ways.get(one, ()))


@contextmanager
def noted() -> Iterator[Fired]:
    """Note which rules fire, from now on."""
    fired = Fired()
    rules: Mapping[Phase | None, tuple[Rule, ...]] = {
        phase: tuple(replace(rule, gate=_Noted(rule.gate, fired)) for rule in rules)
        for phase, rules in table.TRANSITIONS.items()
    }
    enter = table._enter

    def noting(view: View, to: Phase, found: Finding) -> View:
        if fired.last is not None:
            fired.ways.setdefault((to, view.now), set()).add(way(view.phase, Rule(fired.last, to)))
        return enter(view, to, found)

    with mock.patch.object(table, "TRANSITIONS", rules), mock.patch.object(table, "_enter", noting):
        yield fired
