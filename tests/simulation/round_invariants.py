"""What must hold of the golden conversations that are repeated during the watch, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.core import names, rounds
from agentteam_operator.kube import resources

from tests.simulation.past import JsonObject
from tests.simulation.world import World


def wrong_rounds(before: AgentTeamStatus | None, now: AgentTeamStatus) -> Iterator[str]:
    """What is wrong with the rounds from one status to the next of the same rollout."""
    held, found = _rounds(before), _rounds(now)
    if found is None:
        return
    if not found.counted <= found.ended <= found.begun <= found.ended + 1:
        yield f"{found.counted} counted, {found.ended} ended, {found.begun} begun"
    if held is None or before is None or _rollout(before) != _rollout(now):
        return
    if found.counted > held.counted + 1 or found.ended > held.ended + 1 or found.begun > held.begun + 1:
        yield f"more than one round at once: {held} became {found}"
    if found.counted > held.counted and found.ended == held.ended:
        yield f"round {found.ended} was counted twice"
    if found.spent < held.spent or (found.spent > held.spent and found.ended == held.ended):
        yield f"spent {held.spent}, then {found.spent}"


def dear_rounds(world: World) -> str:
    """The cap is kept, as long as each round costs what the one before did."""
    team, found = world.team, _rounds(world.status)
    cap = team["spec"]["rollout"].get("maxSyntheticCost") if team else None
    over = found is not None and cap is not None and found.spent > cap
    return f"spent {found.spent} of {cap}" if over and found else ""


def several_rounds_run(world: World) -> str:
    """One Job at a time."""
    running = [job["metadata"]["name"] for job in _running(world)]
    return f"{running} run at once" if len(running) > 1 else ""


def a_round_is_left_running(world: World) -> bool:
    """A round's Job goes when nobody waits for it any more."""
    return bool(list(_running(world))) and world.phase not in rounds.PHASES


def _running(world: World) -> Iterator[JsonObject]:
    for job in world.server.of_kind(resources.JOB):
        is_round = job["metadata"]["annotations"][names.ANNOTATION_CHECK] == names.CHECK_ROUND
        if is_round and not job.get("status") and "deletionTimestamp" not in job["metadata"]:
            yield job


def _rounds(status: AgentTeamStatus | None) -> RoundsStatus | None:
    return status.rollout.rounds if status and status.rollout else None


def _rollout(status: AgentTeamStatus) -> tuple[object, ...]:
    return (status.rollout.revision, status.rollout.started_at) if status.rollout else ()
