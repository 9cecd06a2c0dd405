"""One run of a scenario, from the first spec to the proof of silence. It can be copied at any step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from enum import IntEnum, auto
from functools import cache
from typing import Self
from unittest import mock

import yaml
from agentteam_operator.api.status import Phase

from tests.simulation.end_invariants import (
    a_deleted_team_leaves_nothing,
    every_notifier_is_told,
    every_transition_is_told_once,
)
from tests.simulation.faults import Plan
from tests.simulation.invariants import Invariants
from tests.simulation.operator_process import RESYNC_SECONDS
from tests.simulation.scenario import ENDS, End, Scenario
from tests.simulation.specs import VERSIONS, revision
from tests.simulation.world import Violation, World

QUIET_SECONDS = 60.0
"""For drains, terminations and autoscalers after the last transition."""

FIRST_ROLLOUT_SECONDS = 120.0


class Stage(IntEnum):
    """Where a run stands."""

    PREPARING = auto()
    """The first spec is rolled out, undisturbed."""
    WAITING = auto()
    """Until all is quiet."""
    TELLING = auto()
    """The story itself."""
    ENDING = auto()
    """Until all is quiet, and what was missed is found by a resync."""
    STEADY = auto()
    """Nothing may be written any more."""
    OVER = auto()


class Run:
    """A scenario being played. What is wrong with it is in `problem`."""

    def __init__(self, story: Scenario, plan: Plan) -> None:
        self.story = story
        self.plan = plan
        self.world = World(
            plan=plan,
            behaviours=story.behaviours,
            environment=story.environment,
            runs_per_second=story.runs_per_second,
            operators=story.operators,
            deaf=story.deaf,
        )
        self.invariants = Invariants(self.world).watch()
        self.problem = ""
        self.first = (0, 0, 0)
        """Number of the first request, piece of news and telling that the story itself is about."""
        self.began_at = 0.0
        """When the story itself begins, in seconds."""
        self._steps_done = 0
        self._writes = 0
        if story.first is None:
            self._enter(Stage.TELLING)
        else:
            self.world.apply_team(dict(story.first))
            self._enter(Stage.PREPARING)

    def copy(self, plan: Plan) -> Self:
        """The same run at this moment, with another plan from now on. What never changes is shared."""
        shared = [self.story, plan, *self.world.unchanging(), *self.invariants.statuses]
        twin = copy.deepcopy(self, {id(item): item for item in shared})
        twin.plan = twin.world.plan = plan
        return twin

    def place(self, family: str) -> int:
        """Number of the next request, piece of news or telling."""
        record = self.world.record
        return {"r": len(record.calls), "n": len(record.news), "t": len(record.tellings)}[family]

    async def play(self, keep: Callable[[Run], None] | None = None) -> None:
        """Play on to the end. `keep` gets a copy of the run before each step at which there is something to disturb."""
        try:
            with mock.patch.object(yaml, "safe_load", _remembered_yaml):
                while self.stage is not Stage.OVER:
                    before = self.copy(self.plan) if keep and self.stage >= Stage.TELLING else None
                    await self._step()
                    if keep and before and (self._places() != before._places()):
                        keep(before)
        except Violation as violation:
            self.problem = str(violation)

    def _places(self) -> tuple[int, int, int]:
        return self.place("r"), self.place("n"), self.place("t")

    async def _step(self) -> None:
        if self.stage is Stage.TELLING:
            self._act()
        if self._is_done():
            self._enter(Stage(self.stage + 1))
        elif not await self.world.step(self.stage_ends_at):
            self._time_is_over()

    def _act(self) -> None:
        steps = self.story.steps
        while self._steps_done < len(steps) and steps[self._steps_done].when(self.world):
            steps[self._steps_done].do(self.world)
            self._steps_done += 1

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.stage_ends_at = (
            self.world.timeline.seconds
            + {
                Stage.PREPARING: FIRST_ROLLOUT_SECONDS,
                Stage.WAITING: QUIET_SECONDS,
                Stage.TELLING: self.story.seconds + RESYNC_SECONDS,
                Stage.ENDING: QUIET_SECONDS + RESYNC_SECONDS,
                Stage.STEADY: 2 * RESYNC_SECONDS,
                Stage.OVER: 0.0,
            }[stage]
        )
        if stage is Stage.TELLING:
            self.first, self.began_at = self._places(), self.world.timeline.seconds
        if stage is Stage.STEADY:
            self._check_end()

    def _is_done(self) -> bool:
        if self.stage is Stage.PREPARING:
            return self.world.phase is Phase.COMPLETED
        return self.stage is Stage.TELLING and self._steps_done == len(self.story.steps) and _is_over(self.world)

    def _time_is_over(self) -> None:
        if self.stage in {Stage.PREPARING, Stage.TELLING}:
            left = len(self.story.steps) - self._steps_done
            said = f"phase {self.world.phase}, {self.world.status.message}, {left} steps left"
            raise Violation(f"no end in stage {self.stage.name}: {said}")
        if self.stage is Stage.STEADY and self.world.record.writes != self._writes:
            raise Violation(f"zero_writes_when_steady: {self.world.record.writes - self._writes} writes")
        self._enter(Stage(self.stage + 1))

    def _check_end(self) -> None:
        """It ended as the scenario says, and everything was told once."""
        for words in _wrong_ends(self.world, self.story.end):
            raise Violation(words)
        every_transition_is_told_once(self.invariants)
        every_notifier_is_told(self.invariants)
        a_deleted_team_leaves_nothing(self.invariants)
        self._writes = self.world.record.writes
        for process in self.world.operators:
            process.resync_at = self.world.timeline.seconds


_load_yaml = yaml.safe_load


@cache
def _remembered_yaml(text: str) -> object:
    """Parsing takes most of the time of a run, and it is always the same few documents."""
    return _load_yaml(text)


def _is_over(world: World) -> bool:
    """The team is gone, or its rollout has ended and is about what the spec asks for now."""
    if world.team is None:
        return True
    seen = world.status.observed_generation == world.team["metadata"]["generation"]
    return seen and world.phase in ENDS


def _wrong_ends(world: World, end: End | None) -> Iterator[str]:
    if end is None:
        if world.team is not None:
            yield "the team is still there"
        return
    status = world.status
    found = {
        "phase": world.phase,
        "active": status.active_revision,
        "reason": status.rollout.reason if status.rollout and end.reason else "",
        "outcomes": {entry.hash: entry.outcome for entry in status.revisions},
        "sizes": {version: size for version, size in sizes(world).items() if size},
    }
    wanted = {
        "phase": end.phase,
        "active": revision(end.active) if end.active else "",
        "reason": end.reason,
        "outcomes": {revision(version): outcome for version, outcome in end.outcomes.items()},
        "sizes": dict(end.sizes),
    }
    wrong = [f"{key} is {found[key]}, not {wanted[key]}" for key in wanted if found[key] != wanted[key]]
    if wrong:
        yield "the end: " + "; ".join(wrong)


def sizes(world: World) -> dict[str, int]:
    """Replicas by version."""
    found = {version: world.deployment(revision(version)) for version in VERSIONS}
    return {version: item["spec"]["replicas"] for version, item in found.items() if item}
