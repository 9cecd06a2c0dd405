"""Which Events a tick tells, of what, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from agentteam_operator.api.incident_status import DeliveryState, DeliveryStatus, NoticeKind, NoticeStatus
from agentteam_operator.api.order_status import ActionName, ActionStatus
from agentteam_operator.api.status import Condition, Phase, Transition
from agentteam_operator.core import notices
from agentteam_operator.core.decision import EmitEvent
from agentteam_operator.core.plan import events
from agentteam_operator.core.plan import notices as plan_notices
from agentteam_operator.core.telling import Notify

from tests.unit.core.edges import seen
from tests.unit.core.situations import CALM, GREEN, NOW, OTHER, ago

MEMORY_SECONDS = 600
JUST = ago(MEMORY_SECONDS)
TOO_LATE = NOW - timedelta(seconds=MEMORY_SECONDS, milliseconds=1)
LONG = "x" * 2000


def told(**status: Any) -> list[EmitEvent]:  # noqa: ANN401 - fields of the status
    """Events of notices, deliveries and notifiers."""
    view = seen(Phase.WATCHING, team_status=status)
    return [action for action in plan_notices.actions(view) if isinstance(action, EmitEvent)]


def notice(kind: NoticeKind = NoticeKind.INCIDENT_OPENED, at: datetime = NOW, **fields: Any) -> NoticeStatus:  # noqa: ANN401
    return NoticeStatus(id="n1", kind=kind, at=at, since=at, incident="i1", title="Down", message="no pod", **fields)


def given_up(**fields: Any) -> DeliveryStatus:  # noqa: ANN401
    """Of one notifier, unless the fields say otherwise."""
    said = {"notifier": "pager", "state": DeliveryState.GIVEN_UP, "at": NOW, "message": "answered 500", **fields}
    return DeliveryStatus.model_validate(said)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (notice(), [("Warning", "IncidentOpened", "Down: no pod")]),
        (notice(NoticeKind.INCIDENT_RESOLVED), [("Normal", "IncidentResolved", "Down: no pod")]),
        (notice(NoticeKind.PROMOTION_AWAITED), []),
        (notice(at=JUST), [("Warning", "IncidentOpened", "Down: no pod")]),
        (notice(at=TOO_LATE), []),
        (notice(NoticeKind.PROMOTION_AWAITED, at=TOO_LATE), []),
        (
            notice(NoticeKind.PROMOTION_AWAITED, deliveries=[given_up()]),
            [("Warning", "NotificationFailed", "notifier pager was not told of PromotionAwaited: answered 500")],
        ),
        (
            notice(NoticeKind.PROMOTION_AWAITED, deliveries=[given_up(at=JUST)]),
            [("Warning", "NotificationFailed", "notifier pager was not told of PromotionAwaited: answered 500")],
        ),
        (notice(NoticeKind.PROMOTION_AWAITED, deliveries=[given_up(at=TOO_LATE)]), []),
        (notice(NoticeKind.PROMOTION_AWAITED, deliveries=[given_up(at=None)]), []),
        (notice(NoticeKind.PROMOTION_AWAITED, deliveries=[given_up(state=DeliveryState.DELIVERED)]), []),
        (notice(NoticeKind.PROMOTION_AWAITED, deliveries=[given_up(message=notices.UNKNOWN)]), []),
    ],
    ids=[
        "opened",
        "resolved",
        "a-wish-is-no-incident",
        "just-in-time",
        "too-late",
        "a-wish-too-late",
        "not-told",
        "not-told-just-in-time",
        "not-told-too-late",
        "not-told-and-nobody-knows-when",
        "told",
        "an-unknown-notifier-is-told-of-elsewhere",
    ],
)
def test_what_is_told_of_a_notice(given: NoticeStatus, expected: list[tuple[str, str, str]]) -> None:
    assert [(event.type, event.reason, event.message) for event in told(notifications=[given])] == expected


def test_an_events_message_fits_into_an_event() -> None:
    opened = notice().model_copy(
        update={"message": LONG, "deliveries": [given_up().model_copy(update={"message": LONG})]}
    )
    assert [len(event.message) <= 1024 for event in told(notifications=[opened])] == [True, True]


def test_two_deliveries_of_a_notice_are_told_apart() -> None:
    both = [given_up(), given_up(notifier="chat")]
    keys = {event.key for event in told(notifications=[notice(NoticeKind.PROMOTION_AWAITED, deliveries=both)])}
    assert keys == {f"uid-team/NotificationFailed/n1/{name}" for name in ("pager", "chat")}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ["NotifiersUnknown"]),
        ({"last_transition_time": JUST}, ["NotifiersUnknown"]),
        ({"last_transition_time": TOO_LATE}, []),
        ({"status": "True"}, []),
        ({"type": "Ready"}, []),
    ],
    ids=["new", "just-in-time", "known-for-long", "all-known", "another-condition"],
)
def test_an_unknown_notifier_is_told_of_when_it_is_new(fields: dict[str, Any], said: list[str]) -> None:
    condition = Condition(
        type="NotifiersKnown", status="False", reason="NotifiersUnknown", message="pgaer", last_transition_time=NOW
    )
    assert [event.reason for event in told(conditions=[condition.model_copy(update=fields)])] == said


def test_notifiers_are_given_what_is_due_alone() -> None:
    due = notice(deliveries=[DeliveryStatus(notifier="pager")])
    done = notice(deliveries=[DeliveryStatus(notifier="pager", state=DeliveryState.DELIVERED, at=NOW)])
    view = seen(Phase.WATCHING, team_status={"notifications": [due, done]})
    [notify] = [action for action in plan_notices.actions(view) if isinstance(action, Notify)]
    assert notify.due == (due,)
    assert not [one for one in plan_notices.actions(seen(Phase.WATCHING)) if isinstance(one, Notify)]


def steps(*entries: Transition, earlier: tuple[Transition, ...] = (), **status: Any) -> list[EmitEvent]:  # noqa: ANN401
    """Events of a rollout's timeline, and of a person's words."""
    timeline = {"transitions": list(entries), "earlier": list(earlier)}
    view = seen(Phase.WATCHING, rollout_status=timeline, team_status=status)
    return [action for action in events.recent(view) if isinstance(action, EmitEvent)]


@pytest.mark.parametrize(
    ("phase", "reason", "kind"),
    [
        (Phase.SHIFTING, "Healthy", "Normal"),
        (Phase.ROLLING_BACK, "ErrorRate", "Warning"),
        (Phase.ROLLED_BACK, "ErrorRate", "Warning"),
        (Phase.FAILED, "InvalidSpec", "Warning"),
        (Phase.AWAITING_PROMOTION, "Paused", "Warning"),
        (Phase.ROLLING_BACK, "Superseded", "Normal"),
    ],
)
def test_a_step_is_an_event(phase: Phase, reason: str, kind: str) -> None:
    [event] = steps(Transition(phase=phase, at=NOW, reason=reason, message="as said"))
    assert (event.type, event.reason, event.message) == (kind, phase.value, f"revision {GREEN}: {reason}: as said")
    assert event.key == f"uid-team/{GREEN}/{phase}/{NOW.timestamp():.3f}"
    assert event.at == NOW


def test_steps_of_a_rollout_that_gave_way_are_told_as_its_own() -> None:
    before = Transition(phase=Phase.SHIFTING, at=ago(2), revision=OTHER)
    kept = Transition(phase=Phase.ROLLING_BACK, at=ago(1), revision=OTHER)
    own = Transition(phase=Phase.PREPARING, at=NOW)
    assert [event.key.split("/")[1] for event in steps(kept, own, earlier=(before,))] == [OTHER, OTHER, GREEN]


@pytest.mark.parametrize(("at", "events_told"), [(JUST, 1), (TOO_LATE, 0)])
def test_a_step_is_told_for_a_time(at: datetime, events_told: int) -> None:
    assert len(steps(Transition(phase=Phase.SHIFTING, at=at))) == events_told
    word = ActionStatus(action=ActionName.PAUSE, value="a/1", at=at, accepted=True)
    assert len(steps(actions=[word])) == events_told


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        (True, ("Normal", "ActionAccepted", "pause a/1 is done: as said")),
        (False, ("Warning", "ActionRefused", "pause a/1 is refused: as said")),
    ],
)
def test_a_persons_word_is_answered(*, accepted: bool, said: tuple[str, str, str]) -> None:
    word = ActionStatus(action=ActionName.PAUSE, value="a/1", at=NOW, accepted=accepted, message="as said")
    [event] = steps(actions=[word])
    assert (event.type, event.reason, event.message) == said
    assert event.key == f"uid-team/action/pause/a/1/{NOW.timestamp():.3f}"


def test_the_message_of_a_step_and_of_an_answer_fits_into_an_event() -> None:
    step = Transition(phase=Phase.SHIFTING, at=NOW).model_copy(update={"message": LONG})
    word = ActionStatus(action=ActionName.PAUSE, value="a/1", at=NOW, accepted=True).model_copy(
        update={"message": LONG}
    )
    assert [len(event.message) <= 1024 for event in steps(step, actions=[word])] == [True, True]


def test_an_old_answer_keeps_no_new_one_back() -> None:
    old = ActionStatus(action=ActionName.PROMOTE, value="a", at=TOO_LATE, accepted=True)
    new = ActionStatus(action=ActionName.PAUSE, value="a", at=NOW, accepted=True)
    assert [event.message.split()[0] for event in steps(actions=[old, new])] == ["pause"]


@pytest.mark.parametrize(
    ("phase", "messages", "told_messages"),
    [
        (Phase.HEALTH_CHECKING, ("401", "401", "404"), ["401", "404"]),
        (Phase.ROLLING_BACK, ("401", "401"), ["401"]),
        (Phase.FAILED, ("401", "401"), ["401"]),
        (Phase.SHIFTING, ("25 %", "25 %"), ["25 %", "25 %"]),
    ],
    ids=["health", "on-the-way-back", "failed", "a-step-of-traffic-is-news-each-time"],
)
def test_what_is_tried_again_and_ends_as_before_is_told_once(
    phase: Phase, messages: tuple[str, ...], told_messages: list[str]
) -> None:
    entries = [
        Transition(phase=phase, at=ago(60 - number), reason="Because", message=message)
        for number, message in enumerate(messages)
    ]
    assert [event.message.rpartition(": ")[2] for event in steps(*entries)] == told_messages


def test_a_team_that_was_never_rolled_out_has_nothing_to_tell() -> None:
    assert list(events.recent(replace(CALM[None]).view())) == []
