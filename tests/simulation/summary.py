"""What an exploration found, for people and for machines: docs/benchmarks/fault-exploration.md and .json."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.simulation.coverage import every_way
from tests.simulation.exploration import MORE_PAIRS_WITHIN, PAIRS_WITHIN, Exploration, Found
from tests.simulation.faults import Fault
from tests.simulation.scenarios import EXPLORED
from tests.simulation.tried import UNREACHED

_MEANINGS = {
    "undisturbed": "the scenario itself",
    Fault.CRASH_BEFORE: "the operator dies before the request",
    Fault.CRASH_AFTER: "the request is carried out, the operator dies before it sees the answer",
    Fault.STALE_START: "the same, and the next process lists from an API server that lags",
    Fault.LOST_ANSWER: "the request is carried out, the answer gets lost",
    Fault.CONFLICT: "409",
    Fault.THROTTLED: "429",
    Fault.SERVER_ERROR: "500",
    Fault.STALE_READ: "lists are answered as of some seconds ago",
    Fault.WATCH_STALLS: "the watch of a kind is silent for a while",
    Fault.NEWS_LOST: "one piece of news never arrives",
    "crash-after/crash-before": "a crash after a write, and another one soon after the restart",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures."""

    found: Mapping[str, list[Found]]
    """The parts by scenario."""
    whole: bool
    """All parts were played."""
    every: int

    @classmethod
    def of(cls, exploration: Exploration, *, whole: bool) -> Summary:
        """What came of an exploration."""
        return cls(exploration.results(), whole, exploration.every)

    @property
    def parts(self) -> list[Found]:
        """All of them."""
        return [part for parts in self.found.values() for part in parts]

    @property
    def plans(self) -> Counter[str]:
        """Number of plans by kind of fault."""
        return sum((part.plans for part in self.parts), Counter())

    @property
    def violations(self) -> dict[str, str]:
        """What was wrong, by plan."""
        return {plan: words for part in self.parts for plan, words in part.violations.items()}

    def ways(self, *, undisturbed: bool) -> set[str]:
        """Rules that fired."""
        return {way for part in self.parts for way in (part.undisturbed_ways if undisturbed else part.ways)}

    @property
    def cpu_seconds(self) -> float:
        """Computing time of all parts."""
        return sum(part.cpu_seconds for part in self.parts)

    @property
    def never_fired(self) -> list[str]:
        """Rules that no plan used, disturbed or not."""
        return sorted({str(way) for way in every_way()} - self.ways(undisturbed=False))

    def document(self) -> dict[str, object]:
        """For machines."""
        plans = self.plans
        return {
            "made_with": {
                "python": platform.python_version(),
                "pydantic": version("pydantic"),
                "cores": os.cpu_count(),
            },
            "whole": self.whole,
            "every": self.every,
            "scenarios": len(self.found),
            "plans": plans.total(),
            "plans_by_fault": dict(plans),
            "violations": self.violations,
            "rules": len(every_way()),
            "rules_fired_undisturbed": len(self.ways(undisturbed=True)),
            "rules_never_fired": self.never_fired,
            "rules_by_scenario": {
                name: sorted({way for part in parts for way in part.undisturbed_ways})
                for name, parts in self.found.items()
            },
            "cpu_seconds": round(self.cpu_seconds),
        }

    def lines(self) -> list[str]:
        """For people, as Markdown."""
        plans, every = self.plans, every_way()
        selection = ("all" if self.every == 1 else f"one in {self.every}") + ("" if self.whole else ", not finished")
        fired = len(every) - len(self.never_fired)
        return [
            f"{len(self.found)} scenarios, {plans.total()} plans ({selection}), {len(self.violations)} violations.",
            "",
            "| fault | plans | what happens |",
            "|---|---|---|",
            *(f"| {kind} | {plans[kind]} | {words} |" for kind, words in _MEANINGS.items() if plans[kind]),
            "",
            f"Of {len(every)} rules {len(self.ways(undisturbed=True))} fire without any fault, and {fired} in all.",
            *(f"- never: {way}: {UNREACHED.get(way, 'and nothing says why')}" for way in self.never_fired),
            *(f"- violation: `{plan}`: {words}" for plan, words in self.violations.items()),
        ]

    def write(self, folder: Path) -> None:
        """Leave both in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        document = json.dumps(self.document(), indent=2)
        (folder / "fault-exploration.json").write_text(document + "\n", encoding="utf-8")
        speed = self.plans.total() / self.cpu_seconds if self.cpu_seconds else 0
        explored = ", ".join(scenario.name for scenario in EXPLORED)
        head = (
            "# The fault exploration\n\n"
            "The operator's own observer, decisions and writer run over a simulated API server. A plan is a scenario\n"
            "with a fault at one request or at one piece of news. It must end as the undisturbed scenario does, keep\n"
            "every invariant of [rollout.md](../rollout.md) on the way, and then write nothing more."
        )
        selection = (
            "Single faults are played at every request and every piece of news. Pairs of crashes are one behind a\n"
            f"write and one before one of the {PAIRS_WITHIN} first requests after the restart; before one of the\n"
            f"{MORE_PAIRS_WITHIN} first in {explored}."
        )
        made = (
            f"Made by `make explore` with Python {platform.python_version()} in {self.cpu_seconds / 60:.0f} minutes of "
            f"computing time, {speed:.0f} plans a second on one of {os.cpu_count()} cores. "
            "`python -m tests.simulation replay PLAN` tells any plan as a story."
        )
        text = "\n".join([head, "", *self.lines(), "", selection, "", made])
        (folder / "fault-exploration.md").write_text(text + "\n", encoding="utf-8")
