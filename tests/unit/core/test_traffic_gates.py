"""What the gates of traffic make of the edges: whom requests go to, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.decide import TRANSITIONS
from agentteam_operator.core.gates import checks, intent, traffic
from agentteam_operator.core.observed import Refusal
from agentteam_operator.core.view import View

from tests.unit.core.edges import Gate, message_of
from tests.unit.core.situations import BLUE, CALM, GREEN, TEAM, Situation, ago, revision_of

SWITCHING = replace(CALM[Phase.SWITCHING], active=GREEN, selects=GREEN, green=revision_of(GREEN, 3))
GOING_BACK = CALM[Phase.ROLLING_BACK]
NONE_READY = revision_of(GREEN, 0, 3)
NONE_LEFT = replace(NONE_READY, pods=tuple(replace(pod, lost_since=ago(1)) for pod in NONE_READY.pods))
"""They were ready, and stopped being so."""
DEAD_BLUE = replace(GOING_BACK, blue=revision_of(BLUE, 0, 3), took_traffic=False)
REFUSED = Refusal("Service", TEAM, "patch Service: denied by policy (HTTP 403)", final=False)
IMMEDIATE = {"traffic": {"mode": "Immediate"}}
LOST = "no pod of the new revision is ready, 3 of the old one are"

OF_ANY_TEAM = {intent.new_target, intent.valid, checks.tests_passed, checks.healthy, checks.healthy_and_immediate}
"""Those that ask for a first rollout, and those that ask whether any check is left to pass."""


def view_of(situation: Situation, *, without_service: bool = False) -> View:
    view = situation.view()
    if not without_service:
        return view
    return replace(view, observed=replace(view.observed, active_service=None))


@pytest.mark.parametrize(
    "gate",
    [
        pytest.param(gate, id=f"{gate.__module__.rpartition('.')[2]}.{gate.__name__}")
        for gate in {rule.gate: None for rules in TRANSITIONS.values() for rule in rules}
        if gate not in OF_ANY_TEAM
    ],
)
def test_of_a_team_that_was_never_rolled_out_no_gate_finds_anything(gate: Gate) -> None:
    assert gate(replace(CALM[None], blue=None, green=None).view()) is None


@pytest.mark.parametrize(
    ("gate", "situation"),
    [
        (traffic.lost, replace(CALM[Phase.AWAITING_PROMOTION], paused_in=Phase.TESTING, green=NONE_READY)),
        (traffic.lost_while_serving, replace(CALM[Phase.SWITCHING], green=NONE_READY, rollout=IMMEDIATE)),
        (traffic.switched, replace(SWITCHING, active=BLUE, endpoints=(GREEN,))),
        (traffic.switched, replace(SWITCHING, selects=None, endpoints=(GREEN,))),
        (traffic.switched, replace(SWITCHING, endpoints=())),
        (traffic.switched, replace(SWITCHING, endpoints=(GREEN, BLUE))),
        (traffic.switch_not_verified, replace(SWITCHING, overdue=True, active=BLUE, rollout={}, step=0)),
        (traffic.step_not_reached, replace(CALM[Phase.SHIFTING], step_held_seconds=5.0, overdue=True)),
        (traffic.step_not_reached, CALM[Phase.SHIFTING]),
        (traffic.restored, replace(GOING_BACK, selects=None, endpoints=(BLUE,))),
        (traffic.restored, replace(GOING_BACK, endpoints=(BLUE, GREEN))),
        (traffic.restored, replace(GOING_BACK, endpoints=())),
        (traffic.never_left, replace(GOING_BACK, endpoints=())),
        (traffic.never_left, replace(DEAD_BLUE, took_traffic=True)),
        (traffic.never_left, replace(DEAD_BLUE, selects=None)),
        (traffic.never_left, replace(DEAD_BLUE, endpoints=(GREEN,))),
    ],
    ids=[
        "a-pause-before-the-first-traffic-loses-none",
        "before-an-immediate-switch-nothing-is-served",
        "an-uncommitted-switch-is-none",
        "the-Service-selects-both-colours",
        "the-Service-has-no-endpoint-yet",
        "old-pods-are-among-the-endpoints",
        "a-switch-that-was-not-made-is-not-unverified",
        "a-step-that-was-reached",
        "a-step-that-has-time-left",
        "the-Service-selects-both-colours-on-the-way-back",
        "the-candidates-pods-are-among-the-endpoints",
        "the-old-pods-are-not-among-the-endpoints",
        "the-old-pods-are-ready-and-soon-among-the-endpoints",
        "a-candidate-that-had-traffic-goes-on-while-it-must",
        "the-Service-still-selects-both-colours",
        "the-candidate-still-answers",
    ],
)
def test_finds_nothing(gate: Gate, situation: Situation) -> None:
    found = gate(situation.view())
    assert found is None or found.reason == "ReadyTimeout"


def test_without_a_Service_nothing_is_switched() -> None:  # noqa: N802 - Kubernetes' name
    assert traffic.switched(view_of(replace(SWITCHING, endpoints=(GREEN,)), without_service=True)) is None


@pytest.mark.parametrize(
    ("gate", "situation", "message"),
    [
        (traffic.lost, replace(CALM[Phase.SHIFTING], green=None), f"{LOST}; its Deployment is gone"),
        (traffic.lost, replace(CALM[Phase.SHIFTING], green=NONE_LEFT), LOST),
        (
            traffic.lost,
            replace(CALM[Phase.SHIFTING], green=revision_of(GREEN, 0, 3, "ErrImagePull")),
            f"{LOST}; pod chat-{GREEN}-x0: ErrImagePull",
        ),
        (traffic.lost_while_serving, replace(SWITCHING, green=NONE_READY, rollout=IMMEDIATE), LOST),
        (traffic.lost_while_serving, replace(CALM[Phase.SWITCHING], green=NONE_LEFT), LOST),
        (traffic.switched, replace(SWITCHING, endpoints=(GREEN,)), "all 3 endpoints are the new revision's"),
        (
            traffic.switched,
            replace(SWITCHING, endpoints=(GREEN,), green=revision_of(GREEN, 2)),
            "all 2 endpoints are the new revision's",
        ),
        (
            traffic.switched,
            replace(SWITCHING, endpoints=(GREEN,), green=revision_of(GREEN, 1)),
            "the only endpoint is the new revision's",
        ),
        (
            traffic.switch_not_verified,
            replace(SWITCHING, overdue=True),
            "the EndpointSlices never came to hold the new revision's pods alone",
        ),
        (
            traffic.switch_not_verified,
            replace(CALM[Phase.SWITCHING], overdue=True),
            "1 of 3 pods ready after 300 s",
        ),
        (
            traffic.step_not_reached,
            replace(CALM[Phase.SHIFTING], overdue=True, green=NONE_READY),
            "0 of 1 pod ready after 300 s",
        ),
        (traffic.never_left, DEAD_BLUE, ""),
        (
            traffic.given_up_restoring,
            replace(DEAD_BLUE, overdue=True, took_traffic=True),
            "; no pod of the old revision is ready",
        ),
        (
            traffic.given_up_restoring,
            replace(GOING_BACK, overdue=True, selects=GREEN, endpoints=(GREEN,)),
            "; traffic isn't turned back in time",
        ),
        (
            traffic.given_up_restoring,
            replace(GOING_BACK, overdue=True, selects=GREEN, endpoints=(GREEN,), refusals=(REFUSED,)),
            f"; traffic isn't turned back in time: {REFUSED.message}",
        ),
    ],
    ids=[
        "lost-with-its-Deployment",
        "lost",
        "lost-and-why",
        "lost-after-the-switch",
        "lost-of-both-colours",
        "switched",
        "switched-two",
        "switched-one",
        "switch-not-verified",
        "switch-not-made",
        "step-not-reached",
        "nothing-to-bring-back",
        "the-old-revision-is-dead",
        "the-Service-was-not-turned",
        "the-Service-may-not-be-turned",
    ],
)
def test_says_what_it_found(gate: Gate, situation: Situation, message: str) -> None:
    assert message_of(gate, situation.view()) == message
