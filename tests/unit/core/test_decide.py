"""What a decision says beside the status: whether it rests on a live read, when to look again, whether to sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Outcome, Phase, Verdict
from agentteam_operator.core import decide as module
from agentteam_operator.core import names
from agentteam_operator.core.decide import Rule, advance, decide
from agentteam_operator.core.decision import Decision, DeleteObject
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, OTHER, Situation, ago, revision_of, verdict

WHOLE = revision_of(GREEN, 3)
RUNNING = JobObserved(finished=False, succeeded=False)
PASSED = verdict(Verdict.PASSED)


def decided(phase: Phase | None, *, live: bool = False, prometheus: bool = True, **parts: Any) -> Decision:  # noqa: ANN401
    """What is decided on a phase's calm situation with parts put otherwise, read from the cache."""
    observed = replace(replace(CALM[phase], **parts).observed(), live=live)
    return decide(observed, replace(ENVIRONMENT, metrics_configured=prometheus), NOW)


@pytest.mark.parametrize("microsecond", [999_000, 999_999], ids=["whole-milliseconds", "a-part-of-one"])
def test_moments_are_kept_as_they_will_be_read_back(microsecond: int) -> None:
    observed = replace(CALM[Phase.COMPLETED], target=OTHER).observed()
    begun = decide(observed, ENVIRONMENT, NOW.replace(microsecond=microsecond)).status.rollout
    assert begun is not None
    assert begun.started_at == NOW.replace(microsecond=999_000)


ABORTED: dict[str, Any] = {"target": BLUE}
"""The spec went back to what serves: the candidate is on its way out."""


@pytest.mark.parametrize(
    ("phase", "parts", "needed"),
    [
        (Phase.COMPLETED, {"target": OTHER}, True),
        (Phase.COMPLETED, {"target": OTHER, "live": True}, False),
        (Phase.WATCHING, ABORTED, True),
        (Phase.WATCHING, {**ABORTED, "live": True}, False),
        (Phase.HEALTH_CHECKING, {"probe": RUNNING}, False),
        (Phase.ROLLING_BACK, {"green": revision_of(GREEN, 0)}, False),
        (Phase.SHIFTING, {"selects": GREEN}, True),
        (Phase.HEALTH_CHECKING, {"green": WHOLE}, True),
        (Phase.WATCHING, {"annotations": {names.action_annotation(ActionName.PAUSE): GREEN}}, True),
        (Phase.WATCHING, {}, False),
        (Phase.HEALTH_CHECKING, {"target": OTHER, "probe": RUNNING}, True),
    ],
    ids=[
        "a-rollout-begins",
        "a-rollout-begins-on-a-live-read",
        "a-candidate-is-given-up",
        "a-candidate-is-given-up-on-a-live-read",
        "nothing-new",
        "given-up-a-tick-ago",
        "traffic-is-put-right",
        "a-check-needs-the-candidates-document",
        "a-pause-begins",
        "a-watch-goes-on",
        "a-candidate-gives-way",
    ],
)
def test_what_mustnt_rest_on_a_cache(phase: Phase, parts: dict[str, Any], *, needed: bool) -> None:
    assert decided(phase, **parts).needs_live_read is needed


def test_a_rollout_that_still_waits_for_the_former_teams_objects_needs_a_live_read() -> None:
    begun = decided(Phase.ROLLED_BACK, target=OTHER, green=None, former=frozenset({("Service", "chat")}))
    assert begun.status.rollout is not None
    assert begun.status.rollout.phase is Phase.VALIDATING
    assert begun.needs_live_read


def test_a_candidate_is_not_made_on_the_word_of_a_cache() -> None:
    waited = Situation(Phase.VALIDATING, base="", active="", blue=None, green=None)
    decision = decide(replace(waited.observed(), live=False), ENVIRONMENT, NOW)
    assert decision.status.rollout is not None
    assert decision.status.rollout.phase is Phase.PREPARING
    assert decision.needs_live_read


STEP_IN_PAUSE = {"paused_in": Phase.SHIFTING, "step_held_seconds": 60.0, "judgement": PASSED}


@pytest.mark.parametrize(
    ("phase", "parts"),
    [
        (Phase.SHIFTING, {"step_held_seconds": 60.0, "judgement": PASSED}),
        (Phase.SHIFTING, {"step": 1, "step_held_seconds": 60.0, "judgement": PASSED}),
        (Phase.WATCHING, {"in_phase_seconds": 600.0, "judgement": PASSED}),
        (Phase.AWAITING_PROMOTION, {"in_phase_seconds": 600.0, "judgement": PASSED}),
        (Phase.AWAITING_PROMOTION, {**STEP_IN_PAUSE, "step": 0}),
        (Phase.AWAITING_PROMOTION, {**STEP_IN_PAUSE, "step": 1}),
        (
            Phase.SETTLING,
            {
                "in_phase_seconds": 120.0,
                "green": WHOLE,
                "probe": JobObserved(finished=True, succeeded=True),
            },
        ),
        (
            Phase.WATCHING,
            {
                "in_phase_seconds": 10_000.0,
                "judgement": verdict(Verdict.PENDING, 3),
                "rollout": {"analysis": {"onInconclusive": "Promote"}},
            },
        ),
    ],
    ids=[
        "step-held",
        "last-step-held",
        "watched",
        "acquitted-in-pause",
        "step-held-in-pause",
        "last-step-held-in-pause",
        "settled",
        "undecided",
    ],
)
def test_no_way_forward_rests_on_settings_that_cannot_be_read(phase: Phase, parts: dict[str, Any]) -> None:
    assert len(entered(seen(phase, **parts))) > 1
    assert entered(seen(phase, **parts, unread=frozenset({"rollout"}))) == [phase]


def entered(view: View) -> list[Phase]:
    """The phases of the timeline after a tick."""
    rollout = advance(view).rollout
    assert rollout is not None
    return [entry.phase for entry in rollout.transitions]


def test_what_cannot_be_undone_goes_one_at_a_time() -> None:
    """Its Deployment and its ConfigMap are both to go: the second at once, but in a tick of its own."""
    failed = revision_of(GREEN, 0)
    known = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.FAILED}
    decision = decided(Phase.ROLLED_BACK, green=failed, outcomes=known, selects=BLUE)
    assert [action.kind for action in decision.actions if isinstance(action, DeleteObject)] == ["Deployment"]
    assert decision.requeue_after_seconds == 0
    assert decision.needs_live_read


@pytest.mark.parametrize(
    ("phase", "parts", "sampled"),
    [
        (Phase.WATCHING, {}, True),
        (Phase.SETTLING, {}, True),
        (Phase.HEALTH_CHECKING, {}, False),
        (Phase.COMPLETED, {}, False),
        (Phase.WATCHING, {"prometheus": False}, False),
    ],
    ids=["watching", "settling", "before-any-traffic", "at-rest", "nobody-to-ask"],
)
def test_when_metrics_are_sampled(phase: Phase, parts: dict[str, Any], *, sampled: bool) -> None:
    assert decided(phase, **parts).sampling is sampled


def always(view: View) -> Finding:
    return Finding("Always", f"in {view.phase}")


def test_a_circle_is_left_for_the_next_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = {
        **module.TRANSITIONS,
        Phase.WATCHING: (Rule(always, Phase.SHIFTING),),
        Phase.SHIFTING: (Rule(always, Phase.WATCHING),),
    }
    monkeypatch.setattr(module, "TRANSITIONS", circle)
    rollout = advance(seen(Phase.WATCHING)).rollout
    assert rollout is not None
    assert [entry.phase for entry in rollout.transitions[1:]] == [Phase.SHIFTING, Phase.WATCHING]


@pytest.mark.parametrize(
    ("situation", "reached"),
    [
        ({"selects": None, "endpoints": (BLUE, GREEN)}, True),
        ({"selects": None, "endpoints": (BLUE,)}, False),
        ({"selects": BLUE, "endpoints": (BLUE, GREEN)}, False),
        ({"selects": None, "endpoints": (BLUE, GREEN), "step_held_seconds": 30.0}, False),
    ],
    ids=["reached", "no-pod-of-it-among-the-endpoints", "the-Service-selects-the-old-one", "reached-before"],
)
def test_a_step_begins_when_its_weight_is_reached(situation: dict[str, Any], *, reached: bool) -> None:
    rollout = advance(seen(Phase.SHIFTING, **situation)).rollout
    assert rollout is not None
    assert (rollout.step_started_at == NOW) is reached


def test_a_health_check_that_asked_others_is_told_in_the_timeline() -> None:
    asked = JobObserved(finished=True, succeeded=False, message="Unreachable", created_at=ago(60))
    rollout = advance(replace(CALM[Phase.HEALTH_CHECKING], green=WHOLE, probe=asked).view()).rollout
    assert rollout is not None
    assert rollout.attempt == 2
    assert [(entry.phase, entry.reason) for entry in rollout.transitions[1:]] == [
        (Phase.HEALTH_CHECKING, "PodsReplaced")
    ]
