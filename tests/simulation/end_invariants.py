"""What must hold when all is over."""

from __future__ import annotations

from agentteam_operator.api.incident_status import DeliveryState
from agentteam_operator.api.status import Phase
from agentteam_operator.kube import resources

from tests.simulation.watched import Watched, broken


def every_transition_is_told_once(watch: Watched) -> None:
    """Invariant 7: one Event for each transition, none lost, none repeated."""
    told = {
        item["metadata"]["name"] for item in watch.world.server.of_kind(resources.EVENT) if item["reason"] in set(Phase)
    }
    extra = told - watch.told
    missing = watch.told - told - watch.forgotten if watch.world.team else set()  # nobody hears of a team that is gone
    if missing or extra:
        raise broken("every_transition_is_told_once", f"{len(missing)} not told, {len(extra)} told of nothing")


def every_notifier_is_told(watch: Watched) -> None:
    """Invariant 7, of notifiers: each that can hear is told all that is stored for it, and nothing else."""
    heard = set(watch.world.heard)
    missing = {(notifier, notice) for notifier, notice in watch.to_tell - heard if notifier not in watch.world.deaf}
    if (missing and watch.world.team) or heard - watch.to_tell:
        raise broken("every_notifier_is_told", f"{len(missing)} not told, {len(heard - watch.to_tell)} told of nothing")
    if not watch.world.struck and len(watch.world.operators) == 1 and len(heard) != len(watch.world.heard):
        raise broken("every_notifier_is_told", "somebody is told twice, though nothing was in the way")
    pending = [
        delivery.notifier
        for notice in watch.world.status.notifications
        for delivery in notice.deliveries
        if delivery.state is DeliveryState.PENDING and delivery.notifier not in watch.world.deaf
    ]
    if pending and watch.world.team:
        raise broken("every_notifier_is_told", f"it isn't written down that {pending} were")


def a_deleted_team_leaves_nothing(watch: Watched) -> None:
    """Invariant 9: all that it made is gone."""
    left = [key for key in watch.world.server.objects if key[0] != "Event"]
    if watch.world.team is None and left:
        raise broken("a_deleted_team_leaves_nothing", str(left))
