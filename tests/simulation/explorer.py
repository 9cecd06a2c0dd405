"""Play scenarios, disturbed and undisturbed, and compare how they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.kube import resources
from tests.simulation.controllers import is_ready
from tests.simulation.faults import OF_NEWS, OF_READS, OF_WRITES, Plan, Strike
from tests.simulation.invariants import Invariants, a_deleted_team_leaves_nothing, every_transition_is_told_once
from tests.simulation.operator_process import RESYNC_SECONDS
from tests.simulation.scenario import ENDS, End, Scenario, make_world
from tests.simulation.scenarios import ALL
from tests.simulation.specs import revision
from tests.simulation.world import TEAM, Record, Violation, World

QUIET_SECONDS = 60.0
"""For drains, terminations and autoscalers after the last transition."""

FIRST_ROLLOUT_SECONDS = 120.0

VERSIONS = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Played:
    """How a plan went."""

    plan: Plan
    record: Record
    first_call: int
    """Number of the first request that the story itself is about."""
    first_news: int
    end: dict[str, Any]
    problem: str = ""


async def play(plan: Plan, scenario: Scenario | None = None) -> Played:
    """One plan from beginning to end; what is wrong with it is in `problem`."""
    story = scenario or ALL[plan.scenario]
    world, invariants = make_world(story, plan)
    first = (0, 0)
    problem = ""
    try:
        if story.first is not None:
            await _prepare(world, story)
            first = (len(world.record.calls), len(world.record.news))
        await _tell(world, story)
        await _check_end(world, invariants, story)
    except Violation as violation:
        problem = str(violation)
    return Played(plan, world.record, *first, end_state(world), problem)


async def _prepare(world: World, story: Scenario) -> None:
    """Version 1 serves before the story begins."""
    world.apply_team(dict(story.first or {}))
    if not await world.run(lambda w: w.phase is Phase.COMPLETED, seconds=FIRST_ROLLOUT_SECONDS):
        raise Violation(f"the first rollout did not complete: {world.phase}, {world.status.message}")
    await world.run(seconds=QUIET_SECONDS)


async def _tell(world: World, story: Scenario) -> None:
    steps = list(story.steps)

    def act(world: World) -> None:
        while steps and steps[0].when(world):
            steps.pop(0).do(world)

    deadline = story.seconds + RESYNC_SECONDS
    if not await world.run(lambda w: not steps and _over(w), seconds=deadline, act=act):
        raise Violation(f"no end after {deadline:g} s: {world.phase}, {world.status.message}, {len(steps)} steps left")
    await world.run(seconds=QUIET_SECONDS + RESYNC_SECONDS)


def _over(world: World) -> bool:
    """The team is gone, or its rollout has ended and is about what the spec asks for now."""
    if world.team is None:
        return True
    status = world.status
    seen = status.observed_generation == world.team["metadata"]["generation"]
    return seen and world.phase in ENDS


async def _check_end(world: World, invariants: Invariants, story: Scenario) -> None:
    """It ended as the scenario says, everything was told once, and nothing more is written."""
    _matches_end(world, story.end)
    every_transition_is_told_once(invariants)
    a_deleted_team_leaves_nothing(invariants)
    writes = world.record.writes
    for process in world.operators:
        process.resync_at = world.timeline.seconds
    await world.run(seconds=2 * RESYNC_SECONDS)
    if world.record.writes != writes:
        raise Violation(f"zero_writes_when_steady: {world.record.writes - writes} writes")


def _matches_end(world: World, end: End | None) -> None:
    if end is None:
        if world.team is not None:
            raise Violation("the team is still there")
        return
    status = world.status
    outcomes = {entry.hash: entry.outcome for entry in status.revisions}
    reason = status.rollout.reason if status.rollout else ""
    found = {
        "phase": world.phase,
        "active": status.active_revision,
        "reason": reason if end.reason else "",
        "outcomes": outcomes,
        "sizes": {name: size for name, size in sizes(world).items() if size},
    }
    wanted = {
        "phase": end.phase,
        "active": revision(end.active) if end.active else "",
        "reason": end.reason,
        "outcomes": {revision(version): outcome for version, outcome in end.outcomes.items()},
        "sizes": {version: size for version, size in end.sizes.items() if size},
    }
    wrong = [f"{key} is {found[key]}, not {wanted[key]}" for key in wanted if found[key] != wanted[key]]
    if wrong:
        raise Violation("the end: " + "; ".join(wrong))


def sizes(world: World) -> dict[str, int]:
    """Replicas by version."""
    found = {version: world.deployment(revision(version)) for version in VERSIONS}
    return {version: item["spec"]["replicas"] for version, item in found.items() if item}


def end_state(world: World) -> dict[str, Any]:
    """What is compared: everything that is there, but for times, identities and measured values."""
    objects = {
        f"{kind} {name}": {key: item[key] for key in ("spec", "data") if key in item}
        for (kind, name), item in world.server.objects.items()
        if kind not in {"Event", "Pod", "EndpointSlice", names.KIND}
    }
    pods = [
        (pod["metadata"]["labels"][names.LABEL_REVISION], is_ready(pod)) for pod in world.server.of_kind(resources.POD)
    ]
    endpoints = world.server.objects.get(("EndpointSlice", TEAM), {}).get("endpoints", [])
    return {"objects": objects, "pods": sorted(pods), "endpoints": len(endpoints), "status": _status(world)}


def _status(world: World) -> dict[str, Any]:
    status = world.status
    rollout = status.rollout
    return {
        "team": (status.phase, status.reason, status.active_revision, status.stable_revision, status.selector),
        "candidate": status.candidate_revision,
        "ready": status.ready,
        "conditions": sorted((entry.type, entry.status, entry.reason) for entry in status.conditions),
        "revisions": [(entry.hash, entry.version, entry.outcome, entry.reason, entry.image) for entry in status.revisions],
        "rollout": rollout and (rollout.phase, rollout.revision, rollout.base_revision, rollout.reason, rollout.weight),
        "gates": rollout and sorted((gate.name, gate.verdict) for gate in rollout.gates),
        "timeline": rollout and [(entry.phase, entry.reason) for entry in rollout.transitions],
    }


# --- plans -------------------------------------------------------------------------------------------------------------


def singles(undisturbed: Played) -> Iterator[Plan]:
    """Every fault at every request and every piece of news of the story."""
    name = undisturbed.plan.scenario
    for call in undisturbed.record.calls[undisturbed.first_call :]:
        for fault in OF_WRITES if call.is_write else OF_READS:
            yield Plan(name, (Strike(call.number, fault),))
    for number in range(undisturbed.first_news, len(undisturbed.record.news)):
        for fault in OF_NEWS:
            yield Plan(name, (Strike(number, fault),))


def difference(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where two end states differ, for people."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            yield from difference(wanted.get(key), found.get(key), f"{path}.{key}")
    elif wanted != found:
        yield f"{path.lstrip('.')}: {found!r} instead of {wanted!r}"


@cache
def _undisturbed() -> dict[str, Played]:
    return {}


async def undisturbed(name: str) -> Played:
    """The scenario without any fault, played once."""
    known = _undisturbed()
    if name not in known:
        known[name] = await play(Plan(name))
    return known[name]


async def judge(plan: Plan) -> Played:
    """Play a disturbed plan and hold its end against the undisturbed one's."""
    wanted = await undisturbed(plan.scenario)
    found = await play(plan)
    if found.problem or found.end == wanted.end:
        return found
    words = "; ".join(list(difference(wanted.end, found.end))[:8])
    return Played(plan, found.record, found.first_call, found.first_news, found.end, f"another end: {words}")
