"""The whole exploration: every scenario, every single fault, and pairs of crashes; in parallel, and in parts.

A part is some plans of one scenario. What came of a part is kept under build/exploration, by the text of the product
and of the simulation, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from tests.simulation.coverage import Fired, noted
from tests.simulation.explorer import Played, baseline, crash_pairs, disturb, play, singles
from tests.simulation.faults import Plan
from tests.simulation.scenarios import EXPLORED

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "exploration"
_SOURCES = ("operator/agentteam_operator", "tests/simulation")

PLANS_IN_A_PART = 120
PAIRS_WITHIN = 2
"""A second crash before one of so many requests after the restart, in every scenario …"""
MORE_PAIRS_WITHIN = 6
"""… and in those that `make test` explores, too."""
UNDISTURBED = "undisturbed"


@dataclass(frozen=True, slots=True)
class Part:
    """So many plans of one scenario, beginning with one."""

    scenario: str
    first: int
    every: int
    """Only each so-many-eth plan: 1 for all."""

    @property
    def id(self) -> str:
        """By which its result is found again."""
        return f"{self.scenario}/{self.first}/{self.every}"


@dataclass(slots=True)
class Found:
    """What came of a part."""

    part: str
    plans: Counter[str] = field(default_factory=Counter)
    """Number of plans by kind of fault."""
    violations: dict[str, str] = field(default_factory=dict)
    """What was wrong, by plan."""
    ways: list[str] = field(default_factory=list)
    """The rules that fired in any of its plans."""
    undisturbed_ways: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0


def plans_of(undisturbed: Played) -> Iterator[Plan]:
    """All plans of a scenario: the single faults, then the pairs of crashes."""
    explored = undisturbed.plan.scenario in {scenario.name for scenario in EXPLORED}
    yield from singles(undisturbed)
    yield from crash_pairs(undisturbed, MORE_PAIRS_WITHIN if explored else PAIRS_WITHIN)


def kind_of(plan: Plan) -> str:
    """What disturbs it."""
    return "/".join(strike.fault.value for strike in plan.strikes) or UNDISTURBED


def play_part(part: Part) -> Found:
    """Play a part's plans; in a process of its own."""
    gc.disable()  # runs leave circles behind, which are collected between the plans
    started = time.process_time()
    with noted() as fired:
        found = asyncio.run(_play_part(part, fired))
    gc.collect()
    found.cpu_seconds = time.process_time() - started
    return found


async def _play_part(part: Part, fired: Fired) -> Found:
    found = Found(part.id)
    undisturbed = await baseline(part.scenario)
    if part.first == 0:
        _note(found, undisturbed.played, fired)
        found.undisturbed_ways = found.ways
    if undisturbed.played.problem:
        return found
    plans = islice(plans_of(undisturbed.played), part.first, part.first + PLANS_IN_A_PART * part.every, part.every)
    for number, plan in enumerate(plans):
        _note(found, await disturb(undisturbed, plan), fired)
        if number % 20 == 0:
            gc.collect()
    return found


def _note(found: Found, played: Played, fired: Fired) -> None:
    found.plans[kind_of(played.plan)] += 1
    if played.problem:
        found.violations[str(played.plan)] = played.problem
    found.ways = sorted({*found.ways, *map(str, fired.of(played.entered))})


@dataclass(slots=True)
class Exploration:
    """All parts, and what is known of them."""

    scenarios: Sequence[str]
    every: int = 1
    found: dict[str, Found] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """Number of plans by scenario."""

    _file: Path = FOLDER

    def __post_init__(self) -> None:
        """Read what an earlier run has left."""
        self._file = FOLDER / f"{_digest()}.jsonl"
        for line in self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else ():
            known = json.loads(line)
            self.found[known["part"]] = Found(**{**known, "plans": Counter(known["plans"])})

    def parts(self) -> list[Part]:
        """All of them."""
        return [
            Part(name, first, self.every)
            for name in self.scenarios
            for first in range(0, max(1, self.sizes[name]), PLANS_IN_A_PART * self.every)
        ]

    def run(self, processes: int, until: float, told: Callable[[Found, int], None]) -> bool:
        """Play what is left; False if the time was over before all was played.

        Args:
            processes: how many at a time.
            until: moment of the monotonic clock after which no part is begun.
            told: gets each part's result, and how many parts are left.
        """
        with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
            for name, size in zip(self.scenarios, pool.map(size_of, self.scenarios), strict=True):
                self.sizes[name] = size
            left = [part for part in self.parts() if part.id not in self.found]
            waiting = iter(left)
            running: set[Future[Found]] = set()
            count = len(left)
            while True:
                more = (part for part in waiting if time.monotonic() < until)
                running |= {pool.submit(play_part, part) for part in islice(more, processes + 1 - len(running))}
                if not running:
                    return count == 0
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    count -= 1
                    self._keep(future.result())
                    told(future.result(), count)

    def _keep(self, found: Found) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.found[found.part] = found
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**asdict(replace(found, plans=Counter())), "plans": found.plans}) + "\n")

    def results(self) -> dict[str, list[Found]]:
        """What is known of these parts, by scenario."""
        known: dict[str, list[Found]] = {name: [] for name in self.scenarios}
        for part in self.parts():
            if part.id in self.found:
                known[part.scenario].append(self.found[part.id])
        return known


def _digest() -> str:
    """Of all that a result depends on."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in _SOURCES for path in (ROOT / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def size_of(scenario: str) -> int:
    """How many plans a scenario has."""
    return asyncio.run(_size_of(scenario))


async def _size_of(scenario: str) -> int:
    return sum(1 for _ in plans_of(await play(Plan(scenario))))
