"""What the guard's finding makes of a team: its status, its incident, and the way back; and who is watched at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from agentteam_operator.api.guard_status import GuardReason, GuardStatus
from agentteam_operator.api.incident_status import IncidentStatus, NoticeKind, Severity
from agentteam_operator.api.metrics import AnalysisMetric
from agentteam_operator.api.order_status import Orderer, RollbackStatus
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, RevisionStatus, TeamPhase
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Decision
from agentteam_operator.core.guard import GuardFinding, Guarding, GuardSettings, Health
from agentteam_operator.core.observed import Observed
from agentteam_operator.core.sequential import Tally

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, OTHER, Situation, ago, revision_of

SPARE = replace(revision_of(BLUE, 0), replicas=0)
COMPLETED = replace(CALM[Phase.COMPLETED], green=revision_of(GREEN), blue=SPARE, outcomes={
    GREEN: Outcome.SUCCESSFUL, BLUE: Outcome.SUCCESSFUL,
})  # fmt: skip
ROLLED_BACK = CALM[Phase.ROLLED_BACK]
GO_BACK = {"guard": {"onDegraded": "Rollback"}}
OFF = {"guard": {"enabled": False}}

WORSE = GuardFinding(GREEN, Health.WORSE, ago(900), Tally(300, 1000), usual=0.01, limit=0.05, proven=True)
UNPROVEN = replace(WORSE, proven=False)
GROSS = replace(WORSE, seen=Tally(600, 1000))
SICK = replace(UNPROVEN, health=Health.SICK_POD, pod="chat-x")
WELL = GuardFinding(GREEN, Health.WELL)

FOUND = GuardStatus(
    revision=GREEN,
    reason=GuardReason.WORSE_THAN_BEFORE,
    at=ago(600),
    since=ago(1500),
    failed=300,
    finished=1000,
    usual_rate=0.01,
    message="as found",
)
INCIDENT = IncidentStatus(
    id="of-the-guard",
    title="sim/chat: fails",
    severity=Severity.WARNING,
    reason="WorseThanBefore",
    revision=GREEN,
    opened_at=ago(600),
)


def seen(situation: Situation, finding: GuardFinding | None = None, **status: Any) -> Observed:  # noqa: ANN401
    observed = situation.observed()
    return replace(
        observed,
        guard=finding,
        status=observed.status.model_copy(update={"stable_revision": situation.active} | status),
    )


def tick(situation: Situation, finding: GuardFinding | None = None, **status: Any) -> Decision:  # noqa: ANN401
    return decide(seen(situation, finding, **status), ENVIRONMENT, NOW)


def settings(**fields: object) -> GuardSettings:
    usual: dict[str, Any] = {"max_rate": 0.05, "min_effect": 0.005, "min_runs": 20}
    return GuardSettings(**usual | fields)


# --- who is watched --------------------------------------------------------------------------------------------------

WATCHED: Mapping[str, tuple[Situation, Guarding | None]] = {
    "what was rolled out": (COMPLETED, Guarding(GREEN, settings())),
    "what serves after a rollback": (ROLLED_BACK, Guarding(BLUE, settings())),
    "nobody while a candidate is watched": (CALM[Phase.WATCHING], None),
    "nobody while it settles": (CALM[Phase.SETTLING], None),
    "nobody where nothing serves": (CALM[Phase.FAILED], None),
    "nobody before the first rollout": (CALM[None], None),
    "nobody where it is switched off": (replace(COMPLETED, rollout=OFF), None),
    "by the team's own limits": (
        replace(COMPLETED, rollout={"analysis": {
            "minSamples": 50,
            "metrics": [{"name": "errorRate", "max": 0.2, "minEffect": 0.1}],
        }}),
        Guarding(GREEN, settings(max_rate=0.2, min_effect=0.1, min_runs=50)),
    ),
    "by the default ones where the error rate isn't judged": (
        replace(COMPLETED, rollout={"analysis": {"metrics": [{"name": "slowness"}]}}),
        Guarding(GREEN, settings()),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("situation", "guarding"), WATCHED.values(), ids=WATCHED)
def test_who_is_watched(situation: Situation, guarding: Guarding | None) -> None:
    assert tick(situation).guarding == guarding


def test_a_suspended_team_is_not_watched() -> None:
    observed = seen(COMPLETED)
    assert decide(replace(observed, spec=_suspended(observed.spec)), ENVIRONMENT, NOW).guarding is None


def test_what_a_suspended_team_had_found_stands() -> None:
    observed = seen(COMPLETED, WELL, guard=FOUND)
    found = decide(replace(observed, spec=_suspended(observed.spec)), ENVIRONMENT, NOW).status
    assert (found.phase, found.guard) == (TeamPhase.SUSPENDED, FOUND)


def _suspended(spec: AgentTeamSpec) -> AgentTeamSpec:
    return spec.model_copy(update={"suspend": True})


def test_without_a_prometheus_nobody_is_watched() -> None:
    unmeasured = replace(ENVIRONMENT, metrics_configured=False)
    assert decide(seen(COMPLETED), unmeasured, NOW).guarding is None


def test_a_new_process_is_told_what_was_found() -> None:
    guarding = tick(COMPLETED, guard=FOUND).guarding
    assert guarding is not None
    assert guarding.alarm is not None
    assert (guarding.alarm.health, guarding.alarm.since, guarding.alarm.seen) == (
        Health.WORSE,
        FOUND.since,
        Tally(300, 1000),
    )


def test_the_default_metric_is_what_the_guard_takes_for_one() -> None:
    assert AnalysisMetric(name="errorRate").resolved().max == settings().max_rate


# --- what a finding makes --------------------------------------------------------------------------------------------


def test_a_team_that_is_well_is_left_as_it_is() -> None:
    assert tick(COMPLETED, WELL).status == tick(COMPLETED).status


def test_a_finding_is_the_teams_one_line_and_its_incident() -> None:
    decision = tick(COMPLETED, WORSE)
    status = decision.status
    assert (status.phase, status.reason) == (TeamPhase.DEGRADED, "WorseThanBefore")
    assert status.message == (
        f"{GREEN} fails 30.0 % (300 of 1000) since 11:45 UTC, usually 1.0 %, above the limit of 5.0 %: look at the "
        f"model's endpoint, whose outage looks the same; to go back, annotate agentteam.dev/rollback={BLUE}"
    )
    incident = status.last_incident
    assert incident is not None
    assert (incident.severity, incident.reason, incident.revision) == (Severity.WARNING, "WorseThanBefore", GREEN)
    assert incident.title == f"sim/chat: version 2 ({GREEN}) serves, and fails more than before: WorseThanBefore"
    assert status.rollback_to is None
    ready = {held.type: held.status for held in status.conditions}
    assert (ready["Ready"], ready["Stalled"], ready["Reconciling"]) == ("False", "False", "False")


SAID: Mapping[str, tuple[Situation, GuardFinding, Severity, str]] = {
    "half of it fails": (COMPLETED, GROSS, Severity.CRITICAL, "600 of 1000"),
    "one pod": (COMPLETED, SICK, Severity.WARNING, "hardly without pod chat-x: look at that pod, or delete it"),
    "the old revision, after a rollback": (
        ROLLED_BACK,
        replace(WORSE, revision=BLUE),
        Severity.WARNING,
        f"{BLUE} fails 30.0 %",
    ),
    "the spec asks for something else": (
        replace(ROLLED_BACK, rollout=GO_BACK),
        replace(WORSE, revision=BLUE),
        Severity.WARNING,
        f"the operator doesn't go back, for {BLUE} isn't what the spec asks for",
    ),
    "to go back it must be proven without any pod": (
        replace(COMPLETED, rollout=GO_BACK),
        UNPROVEN,
        Severity.WARNING,
        f"the operator goes back to {BLUE} once the others prove it with any one pod left out",
    ),
    "it goes back": (
        replace(COMPLETED, rollout=GO_BACK),
        WORSE,
        Severity.WARNING,
        f"the operator goes back to {BLUE}",
    ),
    "there is none to go back to": (
        replace(COMPLETED, rollout=GO_BACK, blue=None),
        WORSE,
        Severity.WARNING,
        "there is no other revision to go back to",
    ),
}


@pytest.mark.parametrize(("situation", "finding", "severity", "words"), SAID.values(), ids=SAID)
def test_what_is_said(situation: Situation, finding: GuardFinding, severity: Severity, words: str) -> None:
    status = tick(situation, finding).status
    assert status.phase is TeamPhase.DEGRADED
    assert words in status.message
    assert status.last_incident is not None
    assert (status.last_incident.severity, status.last_incident.resolved_at) == (severity, None)
    assert words in status.last_incident.description


def test_what_was_wrong_anyhow_is_said_after_it() -> None:
    status = tick(ROLLED_BACK, replace(WORSE, revision=BLUE)).status
    assert status.reason == "Because"
    assert status.message.startswith(f"{BLUE} fails 30.0 %")
    assert f"; version 2 ({GREEN}) was rolled back, version 1 ({BLUE}) serves" in status.message


def test_the_same_finding_once_more_changes_nothing() -> None:
    first = tick(COMPLETED, WORSE).status
    again = decide(
        replace(COMPLETED.observed(), status=first, guard=replace(WORSE, seen=Tally(900, 3000))), ENVIRONMENT, NOW
    )
    assert again.status == first


def test_that_it_is_more_than_one_pod_is_another_incident() -> None:
    first = tick(COMPLETED, SICK).status
    later = NOW.replace(minute=5)
    second = decide(replace(COMPLETED.observed(), status=first, guard=WORSE), ENVIRONMENT, later).status
    assert first.last_incident is not None
    assert second.last_incident is not None
    assert (first.last_incident.reason, second.last_incident.reason) == ("SickPod", "WorseThanBefore")
    kinds = [notice.kind for notice in second.notifications]
    assert kinds == [NoticeKind.INCIDENT_OPENED, NoticeKind.INCIDENT_RESOLVED, NoticeKind.INCIDENT_OPENED]


NO_NEWS: Mapping[str, GuardFinding | None] = {
    "nobody watches it": None,
    "of another revision": GuardFinding(BLUE, Health.WELL),
}


@pytest.mark.parametrize("finding", NO_NEWS.values(), ids=NO_NEWS)
def test_what_was_found_stands_without_news(finding: GuardFinding | None) -> None:
    status = tick(COMPLETED, finding, guard=FOUND, last_incident=INCIDENT).status
    assert (status.guard, status.phase) == (FOUND, TeamPhase.DEGRADED)
    assert status.last_incident == INCIDENT


OVER: Mapping[str, tuple[Situation, GuardFinding | None, str]] = {
    "it is well again": (COMPLETED, WELL, "Serving: "),
    "after a rollback that a person wanted": (
        replace(ROLLED_BACK, reason="Aborted"),
        replace(WELL, revision=BLUE),
        "Aborted: ",
    ),
    "switched off": (replace(COMPLETED, rollout=OFF), WORSE, "GuardDisabled: spec.rollout.guard.enabled is false"),
    "another revision serves": (
        replace(COMPLETED, target=BLUE, active=BLUE, selects=BLUE, blue=revision_of(BLUE)),
        None,
        "Serving: ",
    ),
}


@pytest.mark.parametrize(("situation", "finding", "words"), OVER.values(), ids=OVER)
def test_when_its_incident_is_over(situation: Situation, finding: GuardFinding | None, words: str) -> None:
    about = FOUND.model_copy(update={"revision": finding.revision if finding else GREEN})
    status = tick(situation, finding, guard=about, last_incident=INCIDENT).status
    assert status.guard is None
    assert status.last_incident is not None
    assert status.last_incident.resolved_at == NOW
    assert status.notifications[-1].message.startswith(words)


def test_during_a_rollout_nothing_of_it_changes() -> None:
    for finding in (WELL, WORSE, None):
        status = tick(CALM[Phase.WATCHING], finding, guard=FOUND, last_incident=INCIDENT).status
        assert (status.guard, status.last_incident) == (FOUND, INCIDENT)


def test_a_rollout_that_begins_in_the_same_tick_goes_first() -> None:
    status = tick(replace(COMPLETED, target=OTHER, rollout=GO_BACK), WORSE).status
    assert (status.guard, status.rollback_to) == (None, None)
    assert status.rollout is not None
    assert status.rollout.revision == OTHER


# --- the way back ----------------------------------------------------------------------------------------------------

KEPT = replace(COMPLETED, rollout=GO_BACK)


def history(**left: datetime) -> list[RevisionStatus]:
    """Green, and blue before it; when the guard left them."""
    return [
        RevisionStatus(hash=name, created_at=ago(3600), outcome=Outcome.SUCCESSFUL, left_at=left.get(name))
        for name in (GREEN, BLUE)
    ]


def test_it_orders_to_go_back_and_remembers_it() -> None:
    decision = tick(KEPT, WORSE)
    order = decision.status.rollback_to
    assert order is not None
    assert (order.revision, order.instead_of, order.by) == (BLUE, GREEN, Orderer.GUARD)
    assert "fails 30.0 %" in order.because
    assert {entry.hash: entry.left_at for entry in decision.status.revisions} == {GREEN: NOW, BLUE: None}


def test_the_order_goes_out_as_a_persons_would() -> None:
    first = tick(KEPT, WORSE).status
    observed = replace(KEPT, target=BLUE).observed()
    began = decide(replace(observed, status=first, spec_target=GREEN), ENVIRONMENT, NOW).status
    assert began.rollout is not None
    assert (began.rollout.revision, began.rollout.gates_skipped) == (BLUE, True)
    assert began.rollout.transitions[0].reason == "RollbackOrdered"
    assert began.rollout.transitions[0].message.startswith(f"the guard goes back to {BLUE}: {GREEN} fails 30.0 %")


STAYS: Mapping[str, tuple[Situation, GuardFinding, Mapping[str, Any]]] = {
    "only to be told of it": (COMPLETED, WORSE, {}),
    "it hangs on one pod": (KEPT, SICK, {}),
    "not proven without each pod": (KEPT, UNPROVEN, {}),
    "it did so before": (KEPT, WORSE, {"revisions": history(**{GREEN: ago(60)})}),
    "the other was left, too": (KEPT, WORSE, {"revisions": history(**{BLUE: ago(60)})}),
    "a person ordered what serves": (
        replace(KEPT, target=GREEN),
        WORSE,
        {"rollback_to": RollbackStatus(revision=GREEN, instead_of=GREEN)},
    ),
    "nothing is kept": (replace(KEPT, blue=None), WORSE, {}),
    "what is kept was edited": (replace(KEPT, blue=replace(SPARE, edited=True)), WORSE, {}),
    "what is kept never passed": (replace(KEPT, outcomes={GREEN: Outcome.SUCCESSFUL, BLUE: Outcome.FAILED}), WORSE, {}),
    "its settings can't be read": (replace(KEPT, unread=frozenset({"rollout"})), WORSE, {}),
}


@pytest.mark.parametrize(("situation", "finding", "status"), STAYS.values(), ids=STAYS)
def test_when_it_stays(situation: Situation, finding: GuardFinding, status: Mapping[str, Any]) -> None:
    after = tick(situation, finding, **status).status
    assert after.guard is not None
    assert after.rollback_to == status.get("rollback_to")
    assert after.revisions == status.get("revisions", situation.status().revisions)


def gone_back() -> AgentTeamStatus:
    """Blue serves, by the guard's order."""
    order = RollbackStatus(revision=BLUE, instead_of=GREEN, by=Orderer.GUARD, because=f"{GREEN} fails 30.0 %")
    here = replace(COMPLETED, active=BLUE, base="").status()
    return here.model_copy(
        update={
            "stable_revision": BLUE,
            "rollback_to": order,
            "last_incident": INCIDENT,
            "revisions": history(**{GREEN: ago(60)}),
        }
    )


BACK = replace(COMPLETED, active=BLUE, target=BLUE, base="", selects=BLUE, blue=revision_of(BLUE), rollout=GO_BACK)


def test_while_it_went_back_the_incident_stays_open() -> None:
    status = decide(replace(BACK.observed(), status=gone_back(), spec_target=GREEN), ENVIRONMENT, NOW).status
    assert (status.phase, status.reason) == (TeamPhase.DEGRADED, "RolledBackByGuard")
    assert status.message == (
        f"version 1 ({BLUE}) serves, to which the guard went back: {GREEN} fails 30.0 %;"
        f" apply another spec, or retry {GREEN}"
    )
    assert status.last_incident == INCIDENT


def test_where_it_went_back_to_it_only_tells() -> None:
    found = replace(WORSE, revision=BLUE)
    status = decide(
        replace(BACK.observed(), status=gone_back(), spec_target=GREEN, guard=found), ENVIRONMENT, NOW
    ).status
    assert status.rollback_to == gone_back().rollback_to
    assert status.last_incident is not None
    assert (status.last_incident.revision, status.last_incident.resolved_at) == (BLUE, None)
    assert f"the operator doesn't go back, for {BLUE} serves by order already" in status.message


def test_a_person_may_want_it_all_the_same() -> None:
    said = replace(BACK, annotations={"agentteam.dev/retry": GREEN})
    status = decide(replace(said.observed(), status=gone_back(), spec_target=GREEN), ENVIRONMENT, NOW).status
    assert status.rollback_to is None
    assert [entry.left_at for entry in status.revisions if entry.hash == GREEN] == [ago(60)], "it is left once"


# --- what is said of the way back, at each look anew -----------------------------------------------------------------

NO_LONGER = replace(
    ROLLED_BACK,
    target=GREEN,
    reason="ReadyTimeout",
    gates_skipped=True,
    outcomes={BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL},
)
"""Green was to serve again in blue's place, by order, and its pods didn't start."""


def ordered(by: Orderer) -> dict[str, Any]:
    return {"rollback_to": RollbackStatus(revision=GREEN, instead_of=BLUE, by=by)}


def of_blue(finding: GuardFinding) -> GuardFinding:
    return replace(finding, revision=BLUE)


def ruled(situation: Situation, finding: GuardFinding | None, **status: Any) -> AgentTeamStatus:  # noqa: ANN401
    """The status after a look at a team whose spec asks for what serves, whatever is ordered."""
    observed = replace(seen(situation, finding, **status), spec_target=situation.active)
    return decide(observed, ENVIRONMENT, NOW).status


FAILED_BACK = f"going back to {GREEN} failed: ReadyTimeout; version 1 ({GREEN}) was rolled back, version 2 ({BLUE})"
LOOK = "look at the model's endpoint, whose outage looks the same"

ADVICE: Mapping[str, tuple[Situation, GuardFinding | None, Mapping[str, Any], str]] = {
    "the guard's way back failed": (
        replace(NO_LONGER, rollout=GO_BACK), of_blue(WORSE), ordered(Orderer.GUARD), FAILED_BACK),
    "a person's way back failed": (NO_LONGER, None, ordered(Orderer.PERSON), FAILED_BACK),
    "it is to be proven still": (
        KEPT, None, {}, f"the operator goes back to {BLUE} once the others prove it with any one pod left out"),
    "it was to go back, and is to tell only": (
        COMPLETED, None, {},
        f"{LOOK}; to go back, annotate agentteam.dev/rollback={BLUE}"),
    "what it could go back to is gone": (
        replace(KEPT, blue=None), None, {}, "there is no other revision to go back to"),
    "its settings can't be read": (
        replace(KEPT, unread=frozenset({"rollout"})), WORSE, {},
        "the operator doesn't go back, for a part of spec.rollout can't be read"),
}  # fmt: skip


@pytest.mark.parametrize(("situation", "finding", "orders", "words"), ADVICE.values(), ids=ADVICE)
def test_what_is_advised_follows_what_became_of_it(
    situation: Situation, finding: GuardFinding | None, orders: Mapping[str, Any], words: str
) -> None:
    """What was measured stands as it was found; what to do about it is said of now."""
    found = FOUND.model_copy(update={"revision": situation.active})
    status = ruled(situation, finding, guard=found, last_incident=INCIDENT, **orders)
    assert status.guard == found
    assert f"as found: {words}" in status.message
    assert status.rollback_to == orders.get("rollback_to")


def test_how_to_try_a_way_back_again_is_said_once_and_works() -> None:
    tried = replace(NO_LONGER, rollout=GO_BACK)
    held = {"guard": FOUND.model_copy(update={"revision": BLUE}), **ordered(Orderer.GUARD)}
    before = ruled(tried, of_blue(WORSE), **held)
    word, value = "agentteam.dev/retry", f"{GREEN}/{ago(1).timestamp():.0f}"
    assert before.message.count("annotate") == 1
    assert before.message.endswith(f"Change the spec, or try it again: annotate {word}={value}")
    after = ruled(replace(tried, annotations={word: value}), of_blue(WORSE), **held)
    assert [(answer.action, answer.accepted) for answer in after.actions] == [("retry", True)]
    assert after.rollout is not None
    assert (after.rollout.revision, after.rollout.phase) == (GREEN, Phase.PREPARING)


def test_the_status_keeps_what_was_measured_alone() -> None:
    held = tick(COMPLETED, WORSE).status.guard
    assert held is not None
    assert held.message == (
        f"{GREEN} fails 30.0 % (300 of 1000) since 11:45 UTC, usually 1.0 %, above the limit of 5.0 %"
    )
