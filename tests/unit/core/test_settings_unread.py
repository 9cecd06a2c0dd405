"""With a part of `spec.rollout` unread no test counts as passed because it isn't known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Phase
from agentteam_operator.core import names, timing
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import CreateObject, Decision
from agentteam_operator.core.observed import JobObserved

from tests.unit.core.situations import CALM, ENVIRONMENT, GREEN, NOW, TESTED, Situation, ago, revision_of

UNREAD: Mapping[str, Any] = {"unread": frozenset({"rollout"}), "rollout": {}, "green": revision_of(GREEN, 3)}
"""Nothing of it can be read: no test is known, all else is as by default."""
PASSED = JobObserved(finished=True, succeeded=True)
FAILED = JobObserved(finished=True, succeeded=False, message="no model", created_at=ago(1))
SHARED = JobObserved(finished=True, succeeded=False, message="both fail", inconclusive=True)
PROMOTE = names.action_annotation(ActionName.PROMOTE)


def decided(phase: Phase, **fields: Any) -> Decision:  # noqa: ANN401
    return decide(replace(CALM[phase], **{**UNREAD, **fields}).observed(), ENVIRONMENT, NOW)


@pytest.mark.parametrize(
    ("phase", "fields", "comes_to"),
    [
        pytest.param(Phase.PREPARING, {}, Phase.TESTING, id="ready"),
        pytest.param(Phase.PREPARING, {"only_health": True}, Phase.HEALTH_CHECKING, id="ready-and-no-test-wanted"),
        pytest.param(Phase.TESTING, {}, Phase.TESTING, id="no-test-known"),
        pytest.param(
            Phase.TESTING,
            {"rollout": TESTED, "jobs": {"conversations": PASSED, "hook/smoke": PASSED}},
            Phase.TESTING,
            id="known-tests-passed",
        ),
        pytest.param(
            Phase.TESTING,
            {
                "rollout": {**TESTED, "analysis": {"onInconclusive": "Promote"}},
                "jobs": {"conversations": SHARED, "hook/smoke": PASSED},
            },
            Phase.TESTING,
            id="undecided",
        ),
        pytest.param(
            Phase.TESTING, {"rollout": TESTED, "jobs": {"hook/smoke": FAILED}}, Phase.ROLLING_BACK, id="a-test-failed"
        ),
        pytest.param(Phase.TESTING, {"overdue": True}, Phase.AWAITING_PROMOTION, id="no-test-known-in-time"),
        pytest.param(
            Phase.TESTING, {"overdue": True, "rollout": TESTED}, Phase.AWAITING_PROMOTION, id="no-test-made-in-time"
        ),
        pytest.param(Phase.HEALTH_CHECKING, {"probe": PASSED}, Phase.HEALTH_CHECKING, id="healthy"),
        pytest.param(
            Phase.HEALTH_CHECKING, {"probe": PASSED, "base": ""}, Phase.HEALTH_CHECKING, id="healthy-at-creation"
        ),
        pytest.param(Phase.HEALTH_CHECKING, {"probe": FAILED}, Phase.ROLLING_BACK, id="ill"),
        pytest.param(
            Phase.HEALTH_CHECKING, {"probe": PASSED, "overdue": True}, Phase.AWAITING_PROMOTION, id="healthy-in-time"
        ),
        pytest.param(
            Phase.AWAITING_PROMOTION,
            {"paused_in": Phase.HEALTH_CHECKING, "reason": "SettingsUnread", "annotations": {PROMOTE: GREEN}},
            Phase.HEALTH_CHECKING,
            id="promoted-before-its-health-was-asked",
        ),
        pytest.param(Phase.FAILED, {"reason": "ReadyTimeout"}, Phase.FAILED, id="ready-too-late"),
    ],
)
def test_where_a_candidate_gets(phase: Phase, fields: dict[str, Any], comes_to: Phase) -> None:
    rollout = decided(phase, **fields).status.rollout
    assert rollout is not None
    assert rollout.phase is comes_to


@pytest.mark.parametrize("phase", [Phase.TESTING, Phase.HEALTH_CHECKING])
@pytest.mark.parametrize("unread", [pytest.param(True, id="unread"), pytest.param(False, id="read")])
def test_half_a_test_is_not_made(phase: Phase, *, unread: bool) -> None:
    """A Job of the conversations that can be read would pass for all of them once the others can be."""
    situation = replace(CALM[phase], **{**UNREAD, "rollout": TESTED, "unread": UNREAD["unread"] if unread else set()})
    assert bool(made_jobs(situation)) is not unread


def made_jobs(situation: Situation) -> list[str]:
    observed = situation.observed()
    observed = replace(observed, revisions={k: replace(v, config_uid="") for k, v in observed.revisions.items()})
    made = [
        action.manifest for action in decide(observed, ENVIRONMENT, NOW).actions if isinstance(action, CreateObject)
    ]
    return [manifest["metadata"]["name"] for manifest in made if manifest["kind"] == "Job"]


def test_who_mends_the_spec_is_given_time_for_it() -> None:
    view = replace(CALM[Phase.TESTING], **{**UNREAD, "rollout": {"readyTimeoutSeconds": 200}}).view()
    assert timing.deadline_seconds(view, Phase.TESTING) == 200
