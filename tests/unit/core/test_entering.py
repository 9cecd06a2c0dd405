"""What entering a phase writes into the status: the candidate, what is active, the history, and how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import (
    AgentTeamStatus,
    GateStatus,
    Outcome,
    Phase,
    RolloutStatus,
    Transition,
    Verdict,
)
from agentteam_operator.core.entering import EFFECTS
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import BLUE, GREEN, NOW, OTHER, SPEC, ago

BOTH = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.FAILED}


def entered(phase: Phase, source: Phase | None, view: View | None = None, **parts: Any) -> AgentTeamStatus:  # noqa: ANN401
    """The status after a phase was entered from another one."""
    return EFFECTS[phase](view or seen(phase, **parts), source).status


def rollout_of(status: AgentTeamStatus) -> RolloutStatus:
    assert status.rollout is not None
    return status.rollout


def test_the_candidate_becomes_the_newest_entry_of_the_history() -> None:
    status = entered(Phase.PREPARING, Phase.VALIDATING, outcomes={BLUE: Outcome.SUCCESSFUL})
    newest, old = status.revisions
    assert status.candidate_revision == newest.hash == GREEN
    assert (newest.created_at, newest.version, newest.outcome) == (NOW, "2", Outcome.PENDING)
    assert (old.hash, old.outcome) == (BLUE, Outcome.SUCCESSFUL)


@pytest.mark.parametrize(
    ("outcome", "parts", "expected"),
    [
        (Outcome.SUCCESSFUL, {"gates_skipped": True}, Outcome.SUCCESSFUL),
        (Outcome.FAILED, {}, Outcome.PENDING),
        (Outcome.SUCCESSFUL, {}, Outcome.PENDING),
        (None, {"gates_skipped": True}, Outcome.PENDING),
    ],
    ids=["on-the-way-back", "failed-before", "passed-before-and-tried-again", "forgotten"],
)
def test_what_the_history_says_of_a_candidate_that_was_there_before(
    outcome: Outcome | None, parts: dict[str, Any], expected: Outcome
) -> None:
    known = {GREEN: outcome} if outcome else {}
    newest = entered(
        Phase.PREPARING, Phase.VALIDATING, outcomes={BLUE: Outcome.SUCCESSFUL, **known}, **parts
    ).revisions[0]
    assert (newest.hash, newest.outcome) == (GREEN, expected)
    assert newest.created_at == (ago(3600) if outcome else NOW), "when it was made first"


@pytest.mark.parametrize(
    ("own", "made", "image"),
    [("own:2", True, "agent:1"), ("own:2", False, "own:2"), ("", False, "agent:1")],
    ids=["of-its-Deployment", "of-the-spec", "of-the-operator"],
)
def test_the_history_names_the_image(own: str, *, made: bool, image: str) -> None:
    view = seen(Phase.PREPARING) if made else seen(Phase.PREPARING, green=None)
    view = replace(view, spec=AgentTeamSpec.parse({**SPEC, **({"image": own} if own else {})}))
    assert entered(Phase.PREPARING, Phase.VALIDATING, view).revisions[0].image == image


def test_a_short_history_keeps_what_serves() -> None:
    """The candidate that is gone back to, its base, and what is active meanwhile; none of the others."""
    known = dict.fromkeys((OTHER, "d" * 10, BLUE, GREEN), Outcome.SUCCESSFUL)
    view = seen(
        Phase.PREPARING,
        outcomes=known,
        rollout={"revisionHistoryLimit": 0},
        active=OTHER,
        gates_skipped=True,
    )
    kept = entered(Phase.PREPARING, Phase.VALIDATING, view).revisions
    assert [entry.hash for entry in kept] == [GREEN, OTHER, BLUE]


@pytest.mark.parametrize(
    ("phase", "source", "attempt"),
    [
        (Phase.TESTING, Phase.PREPARING, 1),
        (Phase.TESTING, Phase.TESTING, 2),
        (Phase.TESTING, Phase.AWAITING_PROMOTION, 2),
        (Phase.HEALTH_CHECKING, Phase.TESTING, 1),
        (Phase.HEALTH_CHECKING, Phase.HEALTH_CHECKING, 2),
        (Phase.HEALTH_CHECKING, Phase.FAILED, 2),
        (Phase.SETTLING, Phase.SWITCHING, 2),
    ],
)
def test_what_was_checked_before_is_checked_in_another_attempt(phase: Phase, source: Phase, attempt: int) -> None:
    assert rollout_of(entered(phase, source)).attempt == attempt


@pytest.mark.parametrize(("source", "active"), [(Phase.WATCHING, BLUE), (Phase.SWITCHING, GREEN)])
def test_only_the_second_entry_commits_the_switch(source: Phase, active: str) -> None:
    assert entered(Phase.SWITCHING, source).active_revision == active


def test_a_candidate_that_completes_is_stable() -> None:
    status = entered(Phase.COMPLETED, Phase.SETTLING, team_status={"candidate_revision": GREEN}, reason="Settled")
    assert (status.stable_revision, status.candidate_revision) == (GREEN, "")
    assert rollout_of(status).base_revision == BLUE
    outcomes = {entry.hash: (entry.outcome, entry.reason) for entry in status.revisions}
    assert outcomes == {GREEN: (Outcome.SUCCESSFUL, "Settled"), BLUE: (Outcome.SUCCESSFUL, "")}


@pytest.mark.parametrize("source", [Phase.ROLLED_BACK, Phase.FAILED])
def test_after_a_reverted_spec_the_rollout_is_that_of_what_serves(source: Phase) -> None:
    told = [
        Transition(phase=Phase.SHIFTING, at=ago(60)),
        Transition(phase=Phase.ROLLED_BACK, at=ago(30), revision=OTHER),
        Transition(phase=Phase.COMPLETED, at=NOW),
    ]
    gate = GateStatus(name="errorRate", verdict=Verdict.FAILED, at=NOW)
    said = {"transitions": told, "gates": [gate]}
    status = entered(Phase.COMPLETED, source, active=BLUE, outcomes=BOTH, rollout_status=said)
    rollout = rollout_of(status)
    assert (rollout.revision, rollout.base_revision, rollout.gates) == (BLUE, "", [])
    assert [entry.revision for entry in rollout.transitions] == [GREEN, OTHER, ""]
    assert status.stable_revision == BLUE
    assert {entry.hash: entry.outcome for entry in status.revisions} == BOTH, "nothing new is said of either"


@pytest.mark.parametrize(
    ("phase", "source", "parts", "candidate", "outcome"),
    [
        (Phase.ROLLED_BACK, Phase.ROLLING_BACK, {}, "", Outcome.FAILED),
        (Phase.ROLLED_BACK, Phase.ROLLING_BACK, {"reason": "Superseded"}, "", Outcome.CANCELLED),
        (Phase.ROLLED_BACK, Phase.ROLLING_BACK, {"reason": "Aborted", "gates_skipped": True}, "", Outcome.PENDING),
        (Phase.ROLLED_BACK, Phase.ROLLING_BACK, {"reason": "ErrorRate", "gates_skipped": True}, "", Outcome.FAILED),
        (Phase.FAILED, Phase.ROLLING_BACK, {}, GREEN, Outcome.FAILED),
        (Phase.FAILED, Phase.VALIDATING, {}, "", Outcome.PENDING),
    ],
    ids=[
        "rolled-back",
        "superseded",
        "aborted-on-the-way-back",
        "failed-on-the-way-back",
        "at-creation-there-is-nothing-else",
        "a-refused-spec-never-was-one",
    ],
)
def test_how_a_candidate_ends_that_is_given_up(
    *, phase: Phase, source: Phase, parts: dict[str, Any], candidate: str, outcome: Outcome
) -> None:
    known = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.PENDING}
    status = entered(phase, source, team_status={"candidate_revision": GREEN}, **{"outcomes": known, **parts})
    assert status.candidate_revision == candidate
    assert {entry.hash: entry.outcome for entry in status.revisions} == {**known, GREEN: outcome}


@pytest.mark.parametrize(("phase", "active"), [(Phase.VALIDATING, BLUE), (Phase.ROLLING_BACK, BLUE)])
def test_where_traffic_is_meant_to_go(phase: Phase, active: str) -> None:
    assert entered(phase, None, active=GREEN).active_revision == active
