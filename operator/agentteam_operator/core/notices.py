"""The outbox: who is to be told of what, and who has been.

A notice enters `status.notifications` in the same write as the step that it tells of; only what is stored is sent. Its
id is made from the team and the step, so that it is the same in every attempt and after every restart. The outcome of
its deliveries comes back from the dispatcher (`Observed.deliveries`) and is written here, and so is told once more
only by who died between sending and writing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agentteam_operator.api.incident_status import (
    MAX_NOTICES,
    MAX_NOTIFIERS,
    DeliveryState,
    DeliveryStatus,
    IncidentStatus,
    NoticeKind,
    NoticeStatus,
)
from agentteam_operator.api.status import Phase
from agentteam_operator.core import incidents
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.telling import Delivery, NotifierFacts
from agentteam_operator.core.versions import named, version_of
from agentteam_operator.core.view import View

KEPT = timedelta(minutes=10)
"""How long a notice stays in the outbox once it is settled: as long as its Events are offered again."""

UNKNOWN = "the operator has no notifier of this name"

_NO_ROLLOUT = frozenset({"Reverted", "Adopted"})
"""Reasons for Completed where nothing went out."""


def update(view: View) -> View:
    """The view with incidents brought up to date, outcomes taken down, and what is new put into the outbox."""
    view = with_outcomes(incidents.update(view))
    news = list(_news(view))
    if not news:
        return view
    settled = [notice for notice in view.status.notifications if _is_settled(notice) and view.now - notice.at > KEPT]
    kept = [notice for notice in view.status.notifications if notice not in settled]
    update = {"notifications": [*kept, *news][-MAX_NOTICES:]}
    return view.with_status(view.status.model_copy(update=update))


def still_so(view: View) -> Iterator[NoticeStatus]:
    """What was told and goes on: to be repeated to whoever forgets, as Alertmanager does."""
    incident = view.status.last_incident
    if incident is not None and incident.resolved_at is None:
        yield _addressed(view, _opening(view, incident))
    if view.phase is Phase.AWAITING_PROMOTION:
        yield _addressed(view, _pause(view))


def condition(view: View) -> dict[str, tuple[str, Finding]]:
    """Whether the operator knows the notifiers that the spec names; not for teams that never named any."""
    wanted = view.settings.notifications
    if not wanted and not any(held.type == "NotifiersKnown" for held in view.status.conditions):
        return {}
    known = sorted(facts.name for facts in view.environment.notifiers)
    unknown = [name for name in wanted if name not in known]
    if not unknown:
        return {"NotifiersKnown": ("True", Finding("Known", "the operator knows every notifier that the spec names"))}
    there = f"it has {', '.join(known)}" if known else "it has none"
    said = f"spec.rollout.notifications names {', '.join(unknown)}, which the operator doesn't have: {there}"
    return {"NotifiersKnown": ("False", Finding("UnknownNotifier", said))}


# --- what is new -----------------------------------------------------------------------------------------------------


def _news(view: View) -> Iterator[NoticeStatus]:
    """What came about in this tick, in the order in which people want to hear of it."""
    before, after = view.observed.status.last_incident, view.status.last_incident
    if before is not None and before.resolved_at is None and after is not None and after != before:
        yield _addressed(view, _resolution(view, before, incidents.ending(view, before)))
    if after is not None and after.resolved_at is None and (before is None or before.id != after.id):
        yield _addressed(view, _opening(view, after))
    rollout = view.rollout
    if rollout is None or rollout.phase_started_at != view.now:
        return
    if rollout.phase is Phase.AWAITING_PROMOTION:
        notices = [_pause(view)]
    elif rollout.phase is Phase.COMPLETED and rollout.reason not in _NO_ROLLOUT:
        notices = [_completion(view)]
    else:
        notices = []
    yield from (notice for notice in (_addressed(view, notice) for notice in notices) if notice.deliveries)


def _opening(view: View, incident: IncidentStatus) -> NoticeStatus:
    return NoticeStatus(
        id=incidents.digest(view.observed.team.uid, NoticeKind.INCIDENT_OPENED, incident.id),
        kind=NoticeKind.INCIDENT_OPENED,
        at=incident.opened_at,
        since=incident.opened_at,
        incident=incident.id,
        severity=incident.severity,
        revision=incident.revision,
        version=version_of(view, incident.revision),
        reason=incident.reason,
        title=incident.title,
        message=incident.description[:1024],
    )


def _resolution(view: View, incident: IncidentStatus, how: str) -> NoticeStatus:
    update = {
        "id": incidents.digest(view.observed.team.uid, NoticeKind.INCIDENT_RESOLVED, incident.id),
        "kind": NoticeKind.INCIDENT_RESOLVED,
        "at": view.now,
        "message": how[:1024],
    }
    return _opening(view, incident).model_copy(update=update)


def _pause(view: View) -> NoticeStatus:
    return _of_rollout(view, NoticeKind.PROMOTION_AWAITED, "waits for a person to promote it")


def _completion(view: View) -> NoticeStatus:
    return _of_rollout(view, NoticeKind.ROLLOUT_COMPLETED, "is out")


def _of_rollout(view: View, kind: NoticeKind, said: str) -> NoticeStatus:
    """What there is to tell of the phase that the rollout is in."""
    team, rollout = view.observed.team, view.rollout
    if rollout is None:
        raise AssertionError(f"{kind} of no rollout")
    return NoticeStatus(
        id=incidents.digest(team.uid, kind, rollout.revision, rollout.phase_started_at),
        kind=kind,
        at=rollout.phase_started_at,
        since=rollout.phase_started_at,
        revision=rollout.revision,
        version=version_of(view, rollout.revision),
        reason=rollout.reason,
        title=f"{team.namespace}/{team.name}: {named(view, rollout.revision)} {said}"[:256],
        message=rollout.message,
    )


# --- to whom ---------------------------------------------------------------------------------------------------------


def _addressed(view: View, notice: NoticeStatus) -> NoticeStatus:
    """The notice with a delivery for each notifier that wants to hear of such things."""
    known = {facts.name: facts for facts in view.environment.notifiers}
    wanted = view.settings.notifications or tuple(name for name, facts in known.items() if facts.default)
    deliveries = [_delivery(name, known.get(name), notice, view) for name in wanted]
    # A status with more would be refused, and the step that it tells of with it.
    return notice.model_copy(update={"deliveries": [delivery for delivery in deliveries if delivery][:MAX_NOTIFIERS]})


def _delivery(name: str, facts: NotifierFacts | None, notice: NoticeStatus, view: View) -> DeliveryStatus | None:
    if facts is None:
        return DeliveryStatus(notifier=name, state=DeliveryState.GIVEN_UP, at=view.now, message=UNKNOWN)
    return DeliveryStatus(notifier=name) if notice.kind in facts.events else None


# --- how it went -----------------------------------------------------------------------------------------------------


def with_outcomes(view: View) -> View:
    """Take down how deliveries ended; those to a notifier that the operator no longer has end here."""
    outcomes = {(outcome.notice, outcome.notifier): outcome for outcome in view.observed.deliveries}
    known = {facts.name for facts in view.environment.notifiers}
    notices = [
        notice.model_copy(
            update={
                "deliveries": [
                    _settled(view, delivery, outcomes.get((notice.id, delivery.notifier)), known=known)
                    for delivery in notice.deliveries
                ]
            }
        )
        for notice in view.status.notifications
    ]
    return view.with_status(view.status.model_copy(update={"notifications": notices}))


def _settled(view: View, delivery: DeliveryStatus, outcome: Delivery | None, *, known: set[str]) -> DeliveryStatus:
    if delivery.state is not DeliveryState.PENDING:
        return delivery
    if outcome is not None:
        return DeliveryStatus(
            notifier=delivery.notifier,
            state=outcome.state,
            attempts=outcome.attempts,
            at=outcome.at,
            message=outcome.message[:256],
        )
    if delivery.notifier not in known:
        return delivery.model_copy(update={"state": DeliveryState.GIVEN_UP, "at": view.now, "message": UNKNOWN})
    return delivery


def _is_settled(notice: NoticeStatus) -> bool:
    return all(delivery.state is not DeliveryState.PENDING for delivery in notice.deliveries)
