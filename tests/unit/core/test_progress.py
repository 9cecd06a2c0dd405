"""The one line that says what a rollout is doing, and what holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.status import GateStatus, Phase, Verdict
from agentteam_operator.core import progress
from agentteam_operator.core.decide import decide
from agentteam_operator.core.observed import Refusal
from agentteam_operator.core.view import View

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, TEAM, Situation, pods, revision_of

FEW = "green has given 4 answers, fewer than minSamples 20"
STEPS = {"traffic": {"steps": [{"weight": 25, "holdSeconds": 60}]}}


def gate(verdict: Verdict, message: str = FEW, name: str = "errorRate") -> GateStatus:
    return GateStatus(name=name, verdict=verdict, message=message, at=NOW)


def line(situation: Situation, *gates: GateStatus, weight: int = 25) -> str:
    view = situation.view()
    assert view.rollout is not None
    rollout = view.rollout.model_copy(update={"gates": list(gates), "weight": weight, "message": "as it began"})
    view = View(view.observed, ENVIRONMENT, NOW, view.spec, view.status.model_copy(update={"rollout": rollout}))
    return progress.words(view, rollout)


def shifting(held_seconds: float | None) -> Situation:
    return replace(CALM[Phase.SHIFTING], rollout=STEPS, step_held_seconds=held_seconds)


@pytest.mark.parametrize(
    ("held_seconds", "gates", "words"),
    [
        pytest.param(10, [gate(Verdict.INCONCLUSIVE)], "25 % for 60 s", id="its-time-runs"),
        pytest.param(60, [gate(Verdict.INCONCLUSIVE)], f"25 %, held: errorRate: {FEW}", id="too-few-answers"),
        pytest.param(60, [], "25 %, held: too few answers to go on", id="nobody-says-why"),
        pytest.param(
            60,
            [gate(Verdict.INCONCLUSIVE), gate(Verdict.PENDING, "Prometheus failed 2 times", "slowness")],
            "25 %, held: slowness: Prometheus failed 2 times",
            id="what-holds-comes-first",
        ),
        pytest.param(None, [], "25 %", id="not-reached"),
    ],
)
def test_a_step_says_its_share_and_what_holds_it(
    held_seconds: float | None, gates: list[GateStatus], words: str
) -> None:
    assert line(shifting(held_seconds), *gates) == f"shifting traffic to {GREEN}: {words}"


def test_what_a_query_holds_is_said() -> None:
    metrics = {**STEPS, "analysis": {"metrics": [{"name": "refunds", "query": "sum(refunds)", "max": 2}]}}
    held = gate(Verdict.PENDING, "the query failed 1 time in a row: refused", "custom/refunds")
    said = "custom/refunds: the query failed 1 time in a row: refused"
    assert line(replace(shifting(60), rollout=metrics), held) == f"shifting traffic to {GREEN}: 25 %, held: {said}"
    watching = replace(CALM[Phase.WATCHING], rollout=metrics)
    assert line(watching, held) == f"watching {GREEN}: 25 %, not decided yet: {said}"


REFUSED = Refusal("Service", TEAM, "patch Service: denied by policy (HTTP 403)", final=False)


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        pytest.param(shifting(None), f"shifting traffic to {GREEN}: 25 %, held: {REFUSED.message}", id="a-step"),
        pytest.param(
            CALM[Phase.SWITCHING], f"switching all traffic to {GREEN}: as it began; {REFUSED.message}", id="the-switch"
        ),
        pytest.param(
            CALM[Phase.ROLLING_BACK], f"rolling back {GREEN}: as it began; {REFUSED.message}", id="the-way-back"
        ),
    ],
)
def test_that_the_service_may_not_be_turned_is_said(situation: Situation, words: str) -> None:
    assert line(replace(situation, refusals=(REFUSED,))) == words


def test_the_way_back_says_what_keeps_the_old_pods() -> None:
    starting = revision_of(BLUE, 0, 1)
    (stuck,) = pods(BLUE, 0, 1)
    blue = replace(starting, pods=(replace(stuck, message="FailedMount: secret keys not found"),))
    said = line(replace(CALM[Phase.ROLLING_BACK], blue=blue))
    assert said == f"rolling back {GREEN}: as it began; pod {stuck.name}: FailedMount: secret keys not found"


def test_a_watch_is_not_held_by_what_was_passed_before_it_nor_by_a_metric_that_left_the_spec() -> None:
    before = gate(Verdict.INCONCLUSIVE, "both failed it", "conversations")
    left = gate(Verdict.PENDING, "not asked yet", "refunds")
    assert line(CALM[Phase.WATCHING], before, left) == f"watching {GREEN}: as it began"


def test_a_watch_says_what_is_not_decided_yet() -> None:
    watching = CALM[Phase.WATCHING]
    assert line(watching, gate(Verdict.INCONCLUSIVE)) == f"watching {GREEN}: 25 %, not decided yet: errorRate: {FEW}"
    assert line(watching, gate(Verdict.PASSED)) == f"watching {GREEN}: as it began"


def test_pods_that_do_not_start_are_named_but_a_normal_start_is_not() -> None:
    preparing = CALM[Phase.PREPARING]
    starting = revision_of(GREEN, 1, 1, waiting_reason="ContainerCreating")
    assert line(replace(preparing, green=starting)) == f"starting pods of {GREEN}: as it began"
    (stuck,) = pods(GREEN, 0, 1)
    green = replace(starting, pods=(replace(stuck, message="FailedMount: secret keys not found"),))
    assert line(replace(preparing, green=green)) == (
        f"starting pods of {GREEN}: pod {stuck.name}: FailedMount: secret keys not found"
    )


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        pytest.param("", "0/1 nodes are available", "0/1 nodes are available", id="no-node-takes-it"),
        pytest.param("ErrImagePull", "", "ErrImagePull", id="no-image-without-words"),
        pytest.param("ErrImagePull", "not found", "ErrImagePull: not found", id="no-image"),
    ],
)
def test_what_a_pod_waits_for_is_said_while_it_waits(reason: str, message: str, words: str) -> None:
    starting, stuck = pods(GREEN, 0, 2)
    starting = replace(starting, waiting_reason="ContainerCreating")
    stuck = replace(stuck, waiting_reason=reason, message=message)
    green = replace(revision_of(GREEN, 0, 2), pods=(starting, stuck))
    said = decide(replace(CALM[Phase.PREPARING], green=green).observed(), ENVIRONMENT, NOW).status.message
    assert said == f"starting pods of {GREEN}: pod {stuck.name}: {words}"


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.SHIFTING, Phase.WATCHING, Phase.SETTLING])
def test_the_line_does_not_change_with_the_clock(phase: Phase) -> None:
    observed = replace(CALM[phase], rollout=STEPS, step_held_seconds=5).observed()
    first = decide(observed, ENVIRONMENT, NOW)
    assert GREEN in first.status.message
    again = decide(replace(observed, status=first.status), ENVIRONMENT, NOW + timedelta(seconds=1))
    assert again.status.to_document() == first.status.to_document(), "a status write for nothing"
    assert BLUE not in first.status.message
