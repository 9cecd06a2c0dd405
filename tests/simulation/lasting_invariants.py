"""What must not last."""

from __future__ import annotations

from agentteam_operator.api.incident_status import DeliveryState
from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core import names
from agentteam_operator.core.view import IN_PROGRESS
from agentteam_operator.kube import resources
from agentteam_operator.providers.notifications.ledger import RECORD_AFTER

from tests.simulation.api_server import matches
from tests.simulation.operator_process import NEVER
from tests.simulation.pods import is_ready
from tests.simulation.round_invariants import a_round_is_left_running
from tests.simulation.watched import SHARED_PHASES, intended_selectors, revision_of
from tests.simulation.world import TEAM, World

LOOK_SECONDS = 5.0
"""`intervalSeconds` of the simulated teams."""


def traffic_is_left_in_the_dark(world: World) -> bool:
    """Invariants 1 and 3: a revision that has served has ready pods, and the active Service has none."""
    selector, team = world.selector(), world.team
    if selector is None or team is None or team["spec"].get("suspend"):
        return False
    ready = [pod for pod in world.server.of_kind(resources.POD) if is_ready(pod)]
    if any(matches(selector, pod) for pod in ready):
        return False
    status, rollout = world.status, world.status.rollout
    rescuers = {entry.hash for entry in status.revisions if entry.outcome is Outcome.SUCCESSFUL}
    if rollout is not None and any(entry.phase in SHARED_PHASES for entry in rollout.transitions):
        rescuers |= {rollout.revision, *(entry.revision for entry in rollout.transitions)}  # better it than nothing
    return any(revision_of(pod) in rescuers for pod in ready)


def traffic_drifts(world: World) -> bool:
    """Invariant 4: the active Service is missing or selects something else than the stored status says."""
    team, status = world.team, world.status
    if team is None or team["spec"].get("suspend") or not status.active_revision or _may_not_be_turned(world):
        return False
    return world.selector() not in intended_selectors(world)


def a_deadline_is_not_kept(world: World) -> bool:
    """Invariant 6: the phase is left when its time is over. Judgement may want one more look first."""
    team, rollout = world.team, world.status.rollout
    if team is None or team["spec"].get("suspend") or rollout is None or rollout.phase not in IN_PROGRESS:
        return False
    return rollout.deadline is None or (world.timeline.now - rollout.deadline).total_seconds() > LOOK_SECONDS


def who_was_told_is_not_written_down(world: World) -> bool:
    """One write tells of all notifiers, and waits for the slow ones only so long."""
    team = world.team
    if team is None or team["spec"].get("suspend"):
        return False
    return any(
        delivery.state is DeliveryState.PENDING
        and world.timeline.seconds - world.heard_at.get((delivery.notifier, notice.id), NEVER) > RECORD_AFTER.seconds
        for notice in world.status.notifications
        for delivery in notice.deliveries
    )


def the_way_back_waits(world: World) -> bool:
    """Invariant 3: the old revision can answer, and all traffic isn't its own yet: the bad one goes on serving."""
    team, rollout = world.team, world.status.rollout
    if team is None or team["spec"].get("suspend") or rollout is None or rollout.phase is not Phase.ROLLING_BACK:
        return False
    if _may_not_be_turned(world):
        return False
    answering = {revision_of(pod) for pod in world.server.of_kind(resources.POD) if is_ready(pod)}
    return rollout.base_revision in answering and world.selector() != names.server_selector(TEAM, rollout.base_revision)


def _may_not_be_turned(world: World) -> bool:
    """A policy keeps the operator from the Service: then it can only say so."""
    return "Service" in world.server.refused_kinds


LASTING = {
    "the_way_back_waits": the_way_back_waits,
    "a_round_is_left_running": a_round_is_left_running,
    "who_was_told_is_not_written_down": who_was_told_is_not_written_down,
    "traffic_is_left_in_the_dark": traffic_is_left_in_the_dark,
    "traffic_drifts": traffic_drifts,
    "a_deadline_is_not_kept": a_deadline_is_not_kept,
}
