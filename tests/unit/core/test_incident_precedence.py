"""A team has one incident at a time: the guard's never hides a worse one, nor leaves a rolled-back team without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.guard_status import GuardReason
from agentteam_operator.api.incident_status import IncidentStatus, NoticeKind, Severity
from agentteam_operator.api.status import AgentTeamStatus, Phase, TeamPhase
from agentteam_operator.core.decide import decide
from agentteam_operator.core.guard import GuardFinding, Health
from agentteam_operator.core.sequential import Tally

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, Situation, ago, revision_of

ROLLED_BACK = replace(CALM[Phase.ROLLED_BACK], reason="WorseThanBlue", endpoints=(BLUE,), green=None)
ABORTED = replace(ROLLED_BACK, reason="Aborted")
COMPLETED = replace(CALM[Phase.COMPLETED], green=revision_of(GREEN))
SHORT = replace(COMPLETED, green=replace(revision_of(GREEN, 1, 2), message="FailedCreate: quota"))
"""One pod of three is ready, and the others can't even be made."""

WELL, ILL, GROSS = None, Tally(100, 1000), Tally(600, 1000)


def after(situation: Situation, held: IncidentStatus | None, *seen: Tally | None) -> AgentTeamStatus:
    """The status after looks a minute apart, each with what the guard then found of what serves."""
    observed = situation.observed()
    status = observed.status.model_copy(update={"stable_revision": situation.active, "last_incident": held})
    for minute, runs in enumerate(seen):
        finding = GuardFinding(situation.active, Health.WELL)
        if runs is not None:
            finding = GuardFinding(situation.active, Health.WORSE, NOW, runs, 0.01, 0.05, proven=True)
        now = NOW + timedelta(minutes=minute)
        status = decide(replace(observed, status=status, guard=finding), ENVIRONMENT, now).status
    return status


def incident(reason: str, severity: Severity, revision: str = GREEN) -> IncidentStatus:
    return IncidentStatus(id="held", severity=severity, reason=reason, revision=revision, opened_at=ago(300))


OF_ROLLBACK = incident("WorseThanBlue", Severity.WARNING)
LOST = incident("EndpointsLost", Severity.CRITICAL)
MISSING = incident("PodsNotReady", Severity.CRITICAL)
MISSING_ONE = incident("PodsNotReady", Severity.WARNING)
SICK = incident(GuardReason.SICK_POD, Severity.CRITICAL)

OPEN: Mapping[str, tuple[Situation, IncidentStatus, Tally, tuple[str, Severity]]] = {
    "a critical rollback stays": (ROLLED_BACK, LOST, ILL, ("EndpointsLost", Severity.CRITICAL)),
    "a critical rollback stays, as bad as the guard's": (
        ROLLED_BACK, LOST, GROSS, ("EndpointsLost", Severity.CRITICAL)),
    "a rollback stays": (ROLLED_BACK, OF_ROLLBACK, ILL, ("WorseThanBlue", Severity.WARNING)),
    "what is worse than the rollback is told": (
        ROLLED_BACK, OF_ROLLBACK, GROSS, ("WorseThanBefore", Severity.CRITICAL)),
    "what an older operator rolled back has none": (
        ROLLED_BACK, OF_ROLLBACK.model_copy(update={"resolved_at": ago(1)}), ILL,
        ("WorseThanBefore", Severity.WARNING)),
    "most pods are missing": (SHORT, MISSING, ILL, ("PodsNotReady", Severity.CRITICAL)),
    "most pods are missing since now": (SHORT, MISSING_ONE, ILL, ("PodsNotReady", Severity.CRITICAL)),
    "a pod was missing": (COMPLETED, MISSING_ONE, ILL, ("WorseThanBefore", Severity.WARNING)),
    "a sick pod was half of it": (COMPLETED, SICK, ILL, ("SickPod", Severity.CRITICAL)),
    "a sick pod was half of it, and all of them are": (
        COMPLETED, SICK, GROSS, ("WorseThanBefore", Severity.CRITICAL)),
}  # fmt: skip


@pytest.mark.parametrize("looks", [1, 3])
@pytest.mark.parametrize(("situation", "held", "seen", "wanted"), OPEN.values(), ids=OPEN)
def test_which_is_open_when_the_guard_finds_something(
    situation: Situation, held: IncidentStatus, seen: Tally, wanted: tuple[str, Severity], looks: int
) -> None:
    status = after(situation, held, *[seen] * looks)
    last = status.last_incident
    assert last is not None
    assert (last.reason, last.severity, last.resolved_at) == (*wanted, None)
    assert (last.id == "held") is (wanted == (held.reason, held.severity) and held.resolved_at is None)
    assert status.phase is TeamPhase.DEGRADED
    assert f"{situation.active} fails" in status.message, "it is said in any case"


def test_of_two_faults_at_once_the_worse_is_told() -> None:
    last = after(SHORT, None, ILL).last_incident
    assert last is not None
    assert (last.reason, last.severity) == ("PodsNotReady", Severity.CRITICAL)


ENDS: Mapping[str, tuple[Situation, IncidentStatus | None, Tally, tuple[str, bool]]] = {
    "the rollback's goes on": (ROLLED_BACK, OF_ROLLBACK, ILL, ("WorseThanBlue", True)),
    "the rollback's opens again after a worse one": (ROLLED_BACK, OF_ROLLBACK, GROSS, ("WorseThanBlue", True)),
    "the rollback's opens where there was none": (ROLLED_BACK, None, ILL, ("WorseThanBlue", True)),
    "a person took it back, and knows": (ABORTED, None, ILL, ("WorseThanBefore", False)),
    "what the spec asks for serves": (COMPLETED, None, ILL, ("WorseThanBefore", False)),
}


@pytest.mark.parametrize("looks", [1, 3])
@pytest.mark.parametrize(("situation", "held", "seen", "wanted"), ENDS.values(), ids=ENDS)
def test_what_is_open_once_the_guard_finds_it_well_again(
    situation: Situation, held: IncidentStatus | None, seen: Tally, wanted: tuple[str, bool], looks: int
) -> None:
    last = after(situation, held, seen, *[WELL] * looks).last_incident
    assert last is not None
    assert (last.reason, last.resolved_at is None) == wanted


def test_each_is_told_as_it_opens_and_ends() -> None:
    status = after(ROLLED_BACK, OF_ROLLBACK, GROSS, WELL, WELL)
    told = [(notice.kind, notice.reason) for notice in status.notifications]
    assert told == [
        (NoticeKind.INCIDENT_RESOLVED, "WorseThanBlue"),
        (NoticeKind.INCIDENT_OPENED, "WorseThanBefore"),
        (NoticeKind.INCIDENT_RESOLVED, "WorseThanBefore"),
        (NoticeKind.INCIDENT_OPENED, "WorseThanBlue"),
    ]
    assert len({notice.incident for notice in status.notifications}) == 3, "each has an id of its own"
    given_way, _, well, again = status.notifications
    assert given_way.message.startswith("in its place: ")
    assert well.message.startswith("WorseThanBlue: "), "what is left"
    assert again.title == f"sim/chat: version 2 ({GREEN}) is rolled back: WorseThanBlue"
