"""The outbox: what is to be told, to whom, and how it is taken down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.incident_status import (
    MAX_NOTICES,
    MAX_NOTIFIERS,
    DeliveryState,
    DeliveryStatus,
    IncidentStatus,
    NoticeKind,
    NoticeStatus,
    Severity,
)
from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Decision, EmitEvent
from agentteam_operator.core.observed import Environment, JobObserved
from agentteam_operator.core.telling import Delivery, NotifierFacts, Notify

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, Situation, ago, revision_of

ALL = frozenset(NoticeKind)
MOST = ALL - {NoticeKind.ROLLOUT_COMPLETED}
NOTIFIERS = (NotifierFacts("pager", MOST, default=True), NotifierFacts("log", ALL), NotifierFacts("chat", MOST))
KNOWN = replace(ENVIRONMENT, notifiers=NOTIFIERS)

CRASHED = replace(CALM[Phase.WATCHING], green=revision_of(GREEN, 2, 1, "CrashLoopBackOff"))
OVERDUE = replace(
    CALM[Phase.WATCHING],
    rollout={"watchSeconds": 600},
    in_phase_seconds=1300,
    overdue=True,
)
SETTLED = replace(
    CALM[Phase.SETTLING],
    rollout={"settleSeconds": 1},
    in_phase_seconds=2,
    green=revision_of(GREEN),
    probe=JobObserved(finished=True, succeeded=True),
    endpoints=(GREEN,),
)
REVERTED = replace(CALM[Phase.ROLLED_BACK], target=BLUE)


def tick(
    situation: Situation,
    environment: Environment = KNOWN,
    named: tuple[str, ...] = (),
    deliveries: tuple[Delivery, ...] = (),
    **status: object,
) -> Decision:
    observed = situation.observed()
    rollout = observed.spec.rollout.model_copy(update={"notifications": named})
    return decide(
        replace(
            observed,
            live=True,
            spec=observed.spec.model_copy(update={"rollout": rollout}),
            status=observed.status.model_copy(update=status),
            deliveries=deliveries,
        ),
        environment,
        NOW,
    )


def outbox(decision: Decision) -> list[tuple[str, list[str]]]:
    """Kinds, with the notifiers that are to be told."""
    return [
        (notice.kind.value, [delivery.notifier for delivery in notice.deliveries])
        for notice in decision.status.notifications
    ]


NEWS = {
    "a rollback": (CRASHED, (), [("IncidentOpened", ["pager"])]),
    "a rollback, of a team that names its own": (CRASHED, ("log", "chat"), [("IncidentOpened", ["log", "chat"])]),
    "a person is asked": (OVERDUE, (), [("PromotionAwaited", ["pager"])]),
    "completed, which nobody wants to know": (SETTLED, (), []),
    "completed, which somebody wants to know": (SETTLED, ("log", "chat"), [("RolloutCompleted", ["log"])]),
    "reverted: nothing went out": (REVERTED, ("log",), []),
    "nothing new": (CALM[Phase.WATCHING], ("log",), []),
}


@pytest.mark.parametrize(("situation", "named", "wanted"), NEWS.values(), ids=NEWS)
def test_who_is_to_be_told_of_what(
    situation: Situation, named: tuple[str, ...], wanted: list[tuple[str, list[str]]]
) -> None:
    assert outbox(tick(situation, named=named)) == wanted


def test_without_notifiers_an_incident_is_an_event_all_the_same() -> None:
    decision = tick(CRASHED, ENVIRONMENT)
    assert outbox(decision) == [("IncidentOpened", [])]
    assert "IncidentOpened" in {action.reason for action in decision.actions if isinstance(action, EmitEvent)}


def test_what_is_pending_is_offered_at_every_tick() -> None:
    first = tick(CRASHED)
    again = tick(replace(CALM[Phase.ROLLED_BACK]), notifications=first.status.notifications)
    for decision in (first, again):
        (offer,) = [action for action in decision.actions if isinstance(action, Notify)]
        assert [notice.id for notice in offer.due] == [notice.id for notice in first.status.notifications]


def notice(number: int, state: DeliveryState = DeliveryState.DELIVERED, seconds: float = 5.0) -> NoticeStatus:
    return NoticeStatus(
        id=f"notice-{number}",
        kind=NoticeKind.PROMOTION_AWAITED,
        at=ago(seconds),
        since=ago(seconds),
        deliveries=[DeliveryStatus(notifier="pager", state=state)],
    )


def delivered(number: int, state: DeliveryState = DeliveryState.DELIVERED, message: str = "") -> Delivery:
    return Delivery(f"notice-{number}", "pager", state, 3, ago(1), message)


def test_an_outcome_is_taken_down_once() -> None:
    pending = notice(1, DeliveryState.PENDING)
    first = tick(CALM[Phase.COMPLETED], deliveries=(delivered(1),), notifications=[pending]).status
    (taken,) = first.notifications[0].deliveries
    assert (taken.state, taken.attempts, taken.at) == (DeliveryState.DELIVERED, 3, ago(1))
    other = replace(delivered(1), state=DeliveryState.GIVEN_UP)
    again = tick(CALM[Phase.COMPLETED], deliveries=(other,), notifications=first.notifications).status
    assert again.notifications == first.notifications


def test_what_was_given_up_is_told_by_an_event() -> None:
    pending = notice(1, DeliveryState.PENDING)
    gave_up = delivered(1, DeliveryState.GIVEN_UP, "given up after 3 attempts: answered 503")
    decision = tick(CALM[Phase.COMPLETED], deliveries=(gave_up,), notifications=[pending])
    said = [action.message for action in decision.actions if isinstance(action, EmitEvent)]
    assert "notifier pager was not told of PromotionAwaited: given up after 3 attempts: answered 503" in said


def test_a_notifier_that_is_no_longer_configured_is_waited_for_no_more() -> None:
    pending = notice(1, DeliveryState.PENDING)
    (left,) = tick(CALM[Phase.COMPLETED], ENVIRONMENT, notifications=[pending]).status.notifications[0].deliveries
    assert (left.state, left.message) == (DeliveryState.GIVEN_UP, "the operator has no notifier of this name")


def test_an_unknown_name_is_told_before_it_matters_and_hinders_nothing() -> None:
    decision = tick(CALM[Phase.WATCHING], named=("pager", "pigeon"))
    (condition,) = [known for known in decision.status.conditions if known.type == "NotifiersKnown"]
    assert (condition.status, condition.reason) == ("False", "UnknownNotifier")
    assert condition.message == (
        "spec.rollout.notifications names pigeon, which the operator doesn't have: it has chat, log, pager"
    )
    assert "UnknownNotifier" in {action.reason for action in decision.actions if isinstance(action, EmitEvent)}
    crashed = tick(CRASHED, named=("pigeon", "pager")).status.notifications[0]
    assert [(one.notifier, one.state) for one in crashed.deliveries] == [
        ("pigeon", DeliveryState.GIVEN_UP),
        ("pager", DeliveryState.PENDING),
    ]


def test_the_condition_is_mended_with_the_name() -> None:
    held = tick(CALM[Phase.WATCHING], named=("pigeon",)).status.conditions
    mended = tick(CALM[Phase.WATCHING], conditions=held).status.conditions
    assert [known.status for known in mended if known.type == "NotifiersKnown"] == ["True"]


def test_teams_that_name_none_have_no_such_condition() -> None:
    assert "NotifiersKnown" not in {known.type for known in tick(CALM[Phase.WATCHING]).status.conditions}


def test_the_outbox_is_bounded_and_drops_what_is_settled_first() -> None:
    old = [notice(number, seconds=700) for number in range(5)]
    waiting = [notice(number, DeliveryState.PENDING, seconds=700) for number in range(5, 12)]
    kept = tick(CRASHED, notifications=[*old, *waiting]).status.notifications
    assert [known.id for known in kept[:-1]] == [f"notice-{number}" for number in range(5, 12)]
    many = [notice(number, DeliveryState.PENDING) for number in range(MAX_NOTICES)]
    assert len(tick(CRASHED, notifications=many).status.notifications) == MAX_NOTICES


def incident() -> IncidentStatus:
    return IncidentStatus(
        id="one", title="t", severity=Severity.CRITICAL, reason="R", revision=GREEN, opened_at=ago(3000)
    )


def test_what_goes_on_is_repeated_as_it_was_told() -> None:
    first = tick(CRASHED).status
    opened = first.notifications[0]
    later = tick(CALM[Phase.ROLLED_BACK], notifications=first.notifications, last_incident=first.last_incident)
    (offer,) = [action for action in later.actions if isinstance(action, Notify)]
    assert [(known.id, known.severity, known.revision, known.reason, known.since) for known in offer.still_so] == [
        (opened.id, opened.severity, opened.revision, opened.reason, opened.since)
    ]


def test_an_incident_outlives_its_notice() -> None:
    decision = tick(CALM[Phase.ROLLED_BACK], notifications=[notice(1)], last_incident=incident())
    (offer,) = [action for action in decision.actions if isinstance(action, Notify)]
    assert [known.incident for known in offer.still_so] == ["one"]


def test_a_pause_goes_on_until_it_is_over() -> None:
    paused = tick(CALM[Phase.AWAITING_PROMOTION], notifications=[notice(1)])
    (offer,) = [action for action in paused.actions if isinstance(action, Notify)]
    assert [known.kind for known in offer.still_so] == [NoticeKind.PROMOTION_AWAITED]
    over = tick(CALM[Phase.COMPLETED], notifications=[notice(1)])
    (offer,) = [action for action in over.actions if isinstance(action, Notify)]
    assert offer.still_so == ()


def test_no_number_of_notifiers_makes_a_status_that_is_refused() -> None:
    many = tuple(NotifierFacts(f"n{number}", ALL, default=True) for number in range(MAX_NOTIFIERS + 1))
    (notice,) = tick(CRASHED, replace(ENVIRONMENT, notifiers=many)).status.notifications
    assert len(notice.deliveries) == MAX_NOTIFIERS


def test_ids_are_those_of_what_happened() -> None:
    first, again = (tick(CRASHED).status.notifications[0].id for _ in range(2))
    other = replace(CRASHED, outcomes={BLUE: Outcome.SUCCESSFUL})
    assert first == again == tick(other).status.notifications[0].id
    later = decide(replace(CRASHED.observed(), live=True), KNOWN, NOW + timedelta(seconds=1))
    assert later.status.notifications[0].id != first
