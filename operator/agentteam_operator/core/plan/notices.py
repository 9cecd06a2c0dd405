"""Telling people: Events of incidents and of notices that nobody could be told, and the notifiers' work."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.incident_status import DeliveryState, NoticeKind, NoticeStatus
from agentteam_operator.core import notices
from agentteam_operator.core.decision import Action, EmitEvent
from agentteam_operator.core.incidents import digest
from agentteam_operator.core.plan.events import EVENT_MEMORY
from agentteam_operator.core.telling import Notify
from agentteam_operator.core.view import View

_INCIDENTS = frozenset({NoticeKind.INCIDENT_OPENED, NoticeKind.INCIDENT_RESOLVED})


def actions(view: View) -> Iterator[Action]:
    """What the stored outbox calls for: Events, each told once, and what the notifiers are to take up."""
    for notice in view.status.notifications:
        yield from _events(view, notice)
    yield from _unknown_notifiers(view)
    yield from for_notifiers(view)


def for_notifiers(view: View) -> Iterator[Action]:
    """What the notifiers are to take up, and what goes on: also of a team that is suspended since."""
    if view.status.notifications:  # also with nothing due: what isn't so any more is to end, too
        due = tuple(notice for notice in view.status.notifications if pending(notice))
        yield Notify(due, tuple(notices.still_so(view)))


def pending(notice: NoticeStatus) -> list[str]:
    """Names of the notifiers that are still to be told."""
    return [delivery.notifier for delivery in notice.deliveries if delivery.state is DeliveryState.PENDING]


def _events(view: View, notice: NoticeStatus) -> Iterator[Action]:
    uid = view.observed.team.uid
    if notice.kind in _INCIDENTS and view.now - notice.at <= EVENT_MEMORY:
        opened = notice.kind is NoticeKind.INCIDENT_OPENED
        yield EmitEvent(
            key=f"{uid}/{notice.kind}/{notice.incident}",
            type="Warning" if opened else "Normal",
            reason=notice.kind.value,
            message=f"{notice.title}: {notice.message}"[:1024],
            at=notice.at,
        )
    for delivery in notice.deliveries:
        given_up = delivery.state is DeliveryState.GIVEN_UP and delivery.message != notices.UNKNOWN
        if given_up and delivery.at is not None and view.now - delivery.at <= EVENT_MEMORY:
            yield EmitEvent(
                key=f"{uid}/NotificationFailed/{notice.id}/{delivery.notifier}",
                type="Warning",
                reason="NotificationFailed",
                message=f"notifier {delivery.notifier} was not told of {notice.kind}: {delivery.message}"[:1024],
                at=delivery.at,
            )


def _unknown_notifiers(view: View) -> Iterator[Action]:
    """Told when it is new, so that a typo isn't found at the first incident."""
    for held in view.status.conditions:
        is_new = view.now - held.last_transition_time <= EVENT_MEMORY
        if held.type == "NotifiersKnown" and held.status == "False" and is_new:
            yield EmitEvent(
                key=f"{view.observed.team.uid}/{held.reason}/{digest(held.message)}",
                type="Warning",
                reason=held.reason,
                message=held.message,
                at=held.last_transition_time,
            )
