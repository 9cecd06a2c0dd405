"""Play scenarios, disturbed and undisturbed, and compare how they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agentteam_operator.api.metrics import MetricName
from agentteam_operator.api.status import AgentTeamStatus, Phase, RolloutStatus
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.faults import OF_NEWS, OF_READS, OF_TELLING, OF_WRITES, Fault, Plan, Strike
from tests.simulation.pods import is_ready
from tests.simulation.run import Run
from tests.simulation.scenarios import ALL
from tests.simulation.world import TEAM, Record, World


@dataclass(frozen=True, slots=True)
class Played:
    """How a plan went."""

    plan: Plan
    record: Record
    first_call: int
    """Number of the first request that the story itself is about."""
    first_news: int
    first_telling: int
    end: dict[str, Any]
    entered: tuple[tuple[Phase, datetime], ...]
    """The transitions that were stored, by phase and moment."""
    problem: str = ""


_MEASURED = frozenset({"MetricsFound"})
"""Conditions that hang on whether there was a look at the metrics before a rollout was broken off."""


def end_state(world: World) -> dict[str, Any]:
    """What is compared: everything that is there, but for times, identities and measured values."""
    objects = {
        f"{kind} {name}": {key: item[key] for key in ("spec", "data") if key in item}
        for (kind, name), item in world.server.objects.items()
        if kind not in {"Event", "Pod", "EndpointSlice", names.KIND}
    }
    pods = [
        (pod["metadata"]["labels"].get(names.LABEL_REVISION, ""), is_ready(pod))
        for pod in world.server.of_kind(resources.POD)
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
        "conditions": sorted(
            (entry.type, entry.status, entry.reason) for entry in status.conditions if entry.type not in _MEASURED
        ),
        "revisions": [
            (entry.hash, entry.version, entry.outcome, entry.reason, entry.image) for entry in status.revisions
        ],
        "incident": _incident(status),
        "rollout": rollout and (rollout.phase, rollout.revision, rollout.base_revision, rollout.reason, rollout.weight),
        "gates": rollout and _gates(rollout),
        "timeline": rollout and _timeline(rollout),
    }


def _incident(status: AgentTeamStatus) -> tuple[object, ...] | None:
    held = status.last_incident
    return (held.severity, held.reason, held.revision, held.resolved_at is None) if held else None


def _timeline(rollout: RolloutStatus) -> list[tuple[str, str]]:
    """Every step of a good rollout. How far a bad one gets until it is found out is a matter of seconds: its end."""
    entries = [(entry.phase.value, entry.reason) for entry in rollout.transitions]
    return entries if rollout.phase is Phase.COMPLETED else entries[-2:]


def _gates(rollout: RolloutStatus) -> list[tuple[str, str]]:
    """All verdicts of a good rollout. What the metrics had said by the time that a bad one was found out may differ."""
    found = sorted((gate.name, gate.verdict.value) for gate in rollout.gates)
    metrics = set() if rollout.phase is Phase.COMPLETED else set(MetricName)
    return [(name, verdict) for name, verdict in found if name not in metrics]


# --- plans ---


def singles(undisturbed: Played) -> Iterator[Plan]:
    """Every fault at every request and every piece of news of the story, and whenever somebody is told."""
    name = undisturbed.plan.scenario
    spared = ALL[name].spared
    for call in undisturbed.record.calls[undisturbed.first_call :]:
        for fault in OF_WRITES if call.is_write else OF_READS:
            if fault not in spared:
                yield Plan(name, (Strike(call.number, fault),))
    for number in range(undisturbed.first_news, len(undisturbed.record.news)):
        for fault in OF_NEWS:
            yield Plan(name, (Strike(number, fault),))
    for number in range(undisturbed.first_telling, len(undisturbed.record.tellings)):
        for fault in OF_TELLING:
            yield Plan(name, (Strike(number, fault),))


def crash_pairs(undisturbed: Played, within: int) -> Iterator[Plan]:
    """A crash after each write, and another one before one of the first requests after the restart.

    Nothing is left of the first process by then, so that the second crash meets a recovery half done.
    """
    for call in undisturbed.record.calls[undisturbed.first_call :]:
        strikable = call.is_write and Fault.CRASH_AFTER not in ALL[undisturbed.plan.scenario].spared
        for later in range(call.number + 1, call.number + 1 + within) if strikable else ():
            strikes = Strike(call.number, Fault.CRASH_AFTER), Strike(later, Fault.CRASH_BEFORE)
            yield Plan(undisturbed.plan.scenario, strikes)


def difference(wanted: object, found: object, path: str = "") -> Iterator[str]:
    """Where two end states differ, for people."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            yield from difference(wanted.get(key), found.get(key), f"{path}.{key}")
    elif wanted != found:
        yield f"{path.lstrip('.')}: {found!r} instead of {wanted!r}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The undisturbed run, with a copy of it before each step at which there is something to disturb."""

    played: Played
    checkpoints: tuple[Run, ...]

    def before(self, strike: Strike) -> Run:
        """The last copy before a strike's place."""
        return next(run for run in reversed(self.checkpoints) if run.place(strike.family) <= strike.at)


async def baseline(name: str) -> Baseline:
    """Play a scenario without any fault."""
    run = Run(ALL[name], Plan(name))
    checkpoints: list[Run] = []
    await run.play(checkpoints.append)
    return Baseline(_played(run), tuple(checkpoints))


async def play(plan: Plan) -> Played:
    """Play a plan from the beginning."""
    run = Run(ALL[plan.scenario], plan)
    await run.play()
    return _played(run)


async def disturb(undisturbed: Baseline, plan: Plan) -> Played:
    """Play a plan from the last moment before its first strike, and hold its end against the undisturbed one's."""
    run = undisturbed.before(min(plan.strikes)).copy(plan)
    await run.play()
    found = _played(run)
    if found.problem or found.end == undisturbed.played.end:
        return found
    may_differ = tuple(f"{path}: " for path in ALL[plan.scenario].may_differ)
    words = [said for said in difference(undisturbed.played.end, found.end) if not said.startswith(may_differ)]
    return replace(found, problem=f"another end: {'; '.join(words[:8])}") if words else found


def _played(run: Run) -> Played:
    end, entered = end_state(run.world), tuple(run.invariants.named)
    return Played(run.plan, run.world.record, *run.first, end, entered, run.problem)
