"""What opens an incident and how bad it is, what is said of it, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.incident_status import DeliveryState, IncidentStatus, NoticeKind, Severity
from agentteam_operator.api.order_status import RollbackStatus
from agentteam_operator.api.status import AgentTeamStatus, Condition, GateStatus, Phase, Verdict
from agentteam_operator.core import incidents
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Decision, EmitEvent
from agentteam_operator.core.observed import Observed, PodObserved, RevisionObserved
from agentteam_operator.core.telling import Delivery, NotifierFacts, Notify

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, OTHER, TEAM, Situation, ago, revision_of

WATCHING, ROLLED_BACK = CALM[Phase.WATCHING], CALM[Phase.ROLLED_BACK]
COMPLETED = replace(CALM[Phase.COMPLETED], green=revision_of(GREEN))


def live(situation: Situation, **status: object) -> Observed:
    """The situation on a live read, with parts of its status replaced."""
    observed = situation.observed()
    usual = {"stable_revision": situation.active} if situation.phase is Phase.COMPLETED else {}
    return replace(observed, live=True, status=observed.status.model_copy(update=usual | status))


def tick(situation: Situation, **status: object) -> Decision:
    return decide(live(situation, **status), ENVIRONMENT, NOW)


def incident(**fields: object) -> IncidentStatus:
    """One that is open."""
    usual: dict[str, object] = {
        "id": "the-first",
        "title": "sim/chat: something",
        "severity": Severity.WARNING,
        "reason": "Because",
        "revision": GREEN,
        "opened_at": ago(30),
    }
    return IncidentStatus.model_validate(usual | fields)


def condition(kind: str, status: str, seconds: float) -> Condition:
    """A condition that has been so for some seconds."""
    return Condition(type=kind, status=status, last_transition_time=ago(seconds))


def pod(name: str, **fields: object) -> PodObserved:
    usual = PodObserved(f"{TEAM}-{name}", "", ready=False, terminating=False, created_at=ago(3600))
    return replace(usual, **fields)  # type: ignore[arg-type]


def serving(name: str, ready: int, *unready: PodObserved, message: str = "") -> RevisionObserved:
    """A revision that wants three pods."""
    revision = revision_of(name, ready)
    return replace(revision, replicas=3, pods=(*revision.pods, *unready), message=message)


WORSE = {"restarts": 3, "message": "ended with exit code 1 (Error): KeyError: 'token=abc123'"}
CRASHED = replace(WATCHING, green=replace(revision_of(GREEN, 2), pods=(*revision_of(GREEN, 2).pods, pod("x", **WORSE))))

TURNED = {
    "crashed while it was watched": (CRASHED, "CrashLoop", Severity.WARNING, GREEN),
    "the first revision crashed": (
        replace(CRASHED, phase=Phase.PREPARING, base="", active="", blue=None),
        "CrashLoop",
        Severity.CRITICAL,
        GREEN,
    ),
    "crashed while nothing of the old one is ready": (
        replace(CRASHED, blue=revision_of(BLUE, 0, 3)),
        "CrashLoop",
        Severity.CRITICAL,
        GREEN,
    ),
    "crashed while the old one is short of pods": (
        replace(CRASHED, blue=revision_of(BLUE, 1, 2)),
        "CrashLoop",
        Severity.CRITICAL,
        GREEN,
    ),
    "refused": (
        Situation(Phase.VALIDATING, selects=BLUE, foreign=frozenset({("Service", TEAM)})),
        "NameConflict",
        Severity.WARNING,
        GREEN,
    ),
    "nobody promoted it": (
        replace(CALM[Phase.AWAITING_PROMOTION], overdue=True),
        "PromotionTimeout",
        Severity.WARNING,
        GREEN,
    ),
}


@pytest.mark.parametrize(("situation", "reason", "severity", "revision"), TURNED.values(), ids=TURNED)
def test_a_rollout_that_turns_back_opens_an_incident(
    situation: Situation, reason: str, severity: Severity, revision: str
) -> None:
    decision = tick(situation)
    opened = decision.status.last_incident
    assert opened is not None
    assert (opened.reason, opened.severity, opened.revision) == (reason, severity, revision)
    assert (opened.opened_at, opened.resolved_at) == (NOW, None)
    assert [event.type for event in told(decision, "IncidentOpened")] == ["Warning"]


def told(decision: Decision, reason: str) -> list[EmitEvent]:
    return [action for action in decision.actions if isinstance(action, EmitEvent) and action.reason == reason]


WANTED_SO = {
    "the spec moved on": replace(CRASHED, target=OTHER),
    "a person said no": replace(CRASHED, annotations={"agentteam.dev/abort": GREEN}),
}


@pytest.mark.parametrize("situation", WANTED_SO.values(), ids=WANTED_SO)
def test_what_a_person_wanted_is_no_incident(situation: Situation) -> None:
    decision = tick(situation)
    assert decision.status.rollout is not None
    assert decision.status.rollout.phase is Phase.ROLLING_BACK
    assert decision.status.last_incident is None


def test_an_ordered_rollback_is_none() -> None:
    """Blue serves by a person's order, though the spec asks for green: they know."""
    observed = replace(COMPLETED, target=BLUE, active=BLUE, base="").observed()
    order = RollbackStatus(revision=BLUE, instead_of=GREEN)
    status = observed.status.model_copy(update={"rollback_to": order, "stable_revision": BLUE})
    decision = decide(replace(observed, status=status, spec_target=GREEN), ENVIRONMENT, NOW)
    assert decision.status.reason == "RolledBackByPerson"
    assert decision.status.last_incident is None


def test_what_an_older_operator_rolled_back_opens_none() -> None:
    assert tick(ROLLED_BACK).status.last_incident is None


def test_the_end_of_a_rollback_is_the_same_incident() -> None:
    first = tick(CRASHED).status
    later = NOW + timedelta(seconds=5)
    observed = replace(live(CRASHED), status=first)
    back = (
        replace(
            observed.active_service, selector={**(observed.active_service.selector), "agentteam.dev/revision": BLUE}
        )
        if observed.active_service
        else None
    )
    blue = frozenset(one.name for one in revision_of(BLUE).pods)
    service = replace(back, endpoints=blue) if back else None
    second = decide(replace(observed, active_service=service), ENVIRONMENT, later).status
    assert second.rollout is not None
    assert second.rollout.phase is Phase.ROLLED_BACK
    assert second.last_incident == first.last_incident


def test_its_evidence_is_complete_and_redacted() -> None:
    gate = GateStatus(
        name="p95LatencySeconds", verdict=Verdict.FAILED, value="94.4 %", threshold="at most 5 %", samples=36, at=NOW
    )
    observed = live(CRASHED)
    rollout = observed.status.rollout
    assert rollout is not None
    status = {"rollout": rollout.model_copy(update={"gates": [gate]})}
    green = CRASHED.green
    assert green is not None
    also = pod("y", message="ended with exit code 137 (OOMKilled)")
    opened = tick(replace(CRASHED, green=replace(green, pods=(*green.pods, also))), **status).status.last_incident
    assert opened is not None
    assert opened.title == f"sim/chat: version 2 ({GREEN}) is rolled back: CrashLoop"
    assert opened.description.splitlines() == [
        f"pod {TEAM}-x: restarted 3 times: ended with exit code 1 (Error): KeyError: 'token=[redacted]",
        "gate p95LatencySeconds: 94.4 % against at most 5 % on 36 samples",
        f"pod {TEAM}-y: ended with exit code 137 (OOMKilled)",
    ]


def test_its_id_is_made_from_what_happened() -> None:
    first, again = tick(CRASHED).status.last_incident, tick(CRASHED).status.last_incident
    later = decide(live(CRASHED), ENVIRONMENT, NOW + timedelta(seconds=1)).status.last_incident
    assert first is not None
    assert again is not None
    assert later is not None
    assert first.id == again.id != later.id


LOST = {"lost_since": ago(61)}
STEADY: Mapping[str, tuple[Situation, dict[str, object], tuple[str, Severity] | None]] = {
    "well": (COMPLETED, {}, None),
    "one pod lost a moment ago": (
        replace(COMPLETED, green=serving(GREEN, 2, pod("x", lost_since=ago(59)))), {}, None),
    "one pod lost for a minute": (
        replace(COMPLETED, green=serving(GREEN, 2, pod("x", **LOST, message="node gone"))),
        {}, ("PodsNotReady", Severity.WARNING)),
    "a pod that starts": (
        replace(COMPLETED, green=serving(GREEN, 2, pod("x", created_at=ago(100)))), {}, None),
    "a pod whose start takes too long": (
        replace(COMPLETED, green=serving(GREEN, 2, pod("x", created_at=ago(301), message="no room"))),
        {}, ("PodsNotReady", Severity.WARNING)),
    "a pod that can't even be made": (
        replace(COMPLETED, green=serving(GREEN, 2, message="FailedCreate: exceeded quota")),
        {}, ("PodsNotReady", Severity.WARNING)),
    "too few for half of the traffic": (
        replace(COMPLETED, green=serving(GREEN, 1, pod("x", **LOST, message="node gone"), pod("y", **LOST))),
        {}, ("PodsNotReady", Severity.CRITICAL)),
    "none ready for a moment": (
        replace(COMPLETED, green=serving(GREEN, 0, pod("x", lost_since=ago(14)))),
        {"conditions": [condition("Available", "False", 14)]}, None),
    "none ready": (
        replace(COMPLETED, green=serving(GREEN, 0, pod("x", lost_since=ago(15)))),
        {"conditions": [condition("Available", "False", 15)]}, ("NoReadyPods", Severity.CRITICAL)),
    "somebody edited it": (
        replace(COMPLETED, green=replace(revision_of(GREEN), edited=True)),
        {}, ("DeploymentEdited", Severity.WARNING)),
    "rolled back before, and the old one loses most of its pods": (
        replace(ROLLED_BACK, blue=serving(BLUE, 1, pod("x", **LOST), pod("y", **LOST))),
        {}, ("Because", Severity.CRITICAL)),
    "none ready while both should serve": (
        replace(WATCHING, blue=serving(BLUE, 0, pod("x")), green=serving(GREEN, 0, pod("y"))),
        {"conditions": [condition("Available", "False", 15)]}, ("NoReadyPods", Severity.CRITICAL)),
    "the new one alone while both should serve": (
        replace(WATCHING, blue=serving(BLUE, 0, pod("x"))),
        {"conditions": [condition("Available", "False", 15)]}, None),
}  # fmt: skip


@pytest.mark.parametrize(("situation", "status", "wanted"), STEADY.values(), ids=STEADY)
def test_a_team_that_is_not_well_opens_one_in_time(
    situation: Situation, status: dict[str, object], wanted: tuple[str, Severity] | None
) -> None:
    opened = tick(situation, **status).status.last_incident
    assert (opened and (opened.reason, opened.severity)) == wanted


def test_a_cache_that_says_so_is_not_enough() -> None:
    situation = replace(COMPLETED, green=serving(GREEN, 2, pod("x", **LOST)))
    seen = replace(live(situation), live=False)
    assert decide(seen, ENVIRONMENT, NOW).needs_live_read


WAITS = {
    "for a lost pod": (serving(GREEN, 2, pod("x", lost_since=ago(50))), {}, 10),
    "for a slow start": (serving(GREEN, 2, pod("x", created_at=ago(290))), {}, 10),
    "for the last pod": (
        serving(GREEN, 0, pod("x", lost_since=ago(4))),
        {"conditions": [condition("Available", "False", 5)]},
        10,
    ),
    "for calm": (
        revision_of(GREEN),
        {"last_incident": incident(), "conditions": [condition("Ready", "True", 50)]},
        10,
    ),
}


@pytest.mark.parametrize(("revision", "status", "seconds"), WAITS.values(), ids=WAITS)
def test_time_alone_brings_another_look(revision: RevisionObserved, status: dict[str, object], seconds: float) -> None:
    settings = {"drainSeconds": 0}
    decision = tick(replace(COMPLETED, green=revision, rollout=settings), **status)
    assert decision.requeue_after_seconds == seconds


OPEN: Mapping[str, tuple[Situation, IncidentStatus, bool]] = {
    "the same candidate fails again": (CRASHED, incident(opened_at=ago(0.5)), False),
    "another candidate's is open": (CRASHED, incident(revision=OTHER), True),
    "an earlier attempt's is open": (CRASHED, incident(opened_at=ago(100_000)), True),
    "a milder one is open": (
        replace(CRASHED, blue=revision_of(BLUE, 0, 3)), incident(opened_at=ago(0.5)), True),
    "no worse one while one is open": (
        replace(COMPLETED, green=serving(GREEN, 2, pod("x", **LOST))), incident(), False),
    "it gets worse": (
        replace(COMPLETED, green=serving(GREEN, 1, pod("x", **LOST, message="gone"), pod("y", **LOST))),
        incident(), True),
    "as bad as it was": (
        replace(COMPLETED, green=serving(GREEN, 1, pod("x", **LOST, message="gone"), pod("y", **LOST))),
        incident(severity=Severity.CRITICAL), False),
}  # fmt: skip


@pytest.mark.parametrize(("situation", "held", "another"), OPEN.values(), ids=OPEN)
def test_what_takes_the_place_of_an_open_one(situation: Situation, held: IncidentStatus, *, another: bool) -> None:
    decision = tick(situation, last_incident=held)
    last = decision.status.last_incident
    assert last is not None
    assert (last.id != held.id) is another
    assert last.resolved_at is None
    assert len(told(decision, "IncidentResolved")) == another
    assert len(told(decision, "IncidentOpened")) == another


OVER = {
    "healthy for a minute": (COMPLETED, 60.0, True),
    "healthy for less": (COMPLETED, 59.0, False),
    "rolled back, with all pods": (ROLLED_BACK, 60.0, False),
    "something is under way": (WATCHING, 60.0, False),
}


@pytest.mark.parametrize(("situation", "seconds", "over"), OVER.values(), ids=OVER)
def test_it_is_over_when_the_team_has_been_well_for_a_minute(
    situation: Situation, seconds: float, *, over: bool
) -> None:
    status = {"last_incident": incident(), "conditions": [condition("Ready", "True", seconds)]}
    decision = tick(situation, **status)
    last = decision.status.last_incident
    assert last is not None
    assert last.id == "the-first"
    assert last.resolved_at == (NOW if over else None)
    assert [event.type for event in told(decision, "IncidentResolved")] == (["Normal"] if over else [])


def test_a_suspended_team_is_left_alone() -> None:
    observed = live(CRASHED)
    suspended = replace(observed, spec=observed.spec.model_copy(update={"suspend": True}))
    assert decide(suspended, ENVIRONMENT, NOW).status.last_incident is None


def test_what_a_team_was_suspended_with_is_told_and_taken_down() -> None:
    """Or a new process would leave it, and Alertmanager would call an open incident resolved."""
    known = replace(ENVIRONMENT, notifiers=(NotifierFacts("pager", frozenset(NoticeKind), default=True),))
    opened = decide(live(CRASHED), known, NOW).status
    observed = live(CALM[Phase.ROLLED_BACK])
    suspended = replace(observed, status=opened, spec=observed.spec.model_copy(update={"suspend": True}))
    (offer,) = decide(suspended, known, NOW).actions
    assert isinstance(offer, Notify)
    assert [notice.kind for notice in offer.due] == [notice.kind for notice in offer.still_so]
    outcome = Delivery(offer.due[0].id, "pager", DeliveryState.DELIVERED, 1, NOW)
    after = decide(replace(suspended, deliveries=(outcome,)), known, NOW)
    assert [delivery.state for delivery in after.status.notifications[0].deliveries] == [DeliveryState.DELIVERED]
    (still,) = after.actions
    assert isinstance(still, Notify)
    assert (len(still.due), len(still.still_so)) == (0, 1)


def test_digests_tell_apart() -> None:
    made = {incidents.digest("uid"), incidents.digest("uid", "a"), incidents.digest("uid", "a", NOW)}
    assert len(made) == 3
    assert all(len(one) == 16 for one in made)


def test_a_status_of_an_older_operator_is_read() -> None:
    assert AgentTeamStatus.parse({"phase": "Healthy"}).last_incident is None
