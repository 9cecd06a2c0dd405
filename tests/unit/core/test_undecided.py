"""No verdict: whose fault that is, how long it is waited for, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core import timing
from agentteam_operator.core.decide import advance, decide
from agentteam_operator.core.gates import asking, judgement
from agentteam_operator.core.observed import QueryReading, Snapshot

from tests.unit.core.situations import (
    BLUE,
    CALM,
    ENVIRONMENT,
    GREEN,
    NOW,
    Situation,
    ago,
    revision_of,
    verdict,
)

LONG_SECONDS = 10_000.0
ACTIONS = ("Pause", "Rollback", "Promote")


def on_inconclusive(action: str, **rollout: object) -> dict[str, Any]:
    return {"analysis": {"onInconclusive": action}, **rollout}


def moved(situation: Situation, **update: object) -> RolloutStatus:
    """The rollout after one tick, with parts of its status put over the situation's."""
    view = situation.view()
    assert view.rollout is not None
    status = view.status.model_copy(update={"rollout": view.rollout.model_copy(update=update)})
    found = advance(view.with_status(status)).rollout
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("action", "ends_in"),
    [
        pytest.param("Rollback", Phase.ROLLING_BACK, id="Rollback"),
        pytest.param("Promote", Phase.ROLLING_BACK, id="Promote"),
    ],
)
def test_missing_pods_after_the_switch_are_no_want_of_a_verdict(action: str, ends_in: Phase) -> None:
    """A node was lost while green settled: blue, whole, isn't drained because somebody trusts silent metrics."""
    lacking = replace(
        CALM[Phase.SETTLING],
        green=revision_of(GREEN, 1, 2),
        in_phase_seconds=200.0,
        rollout=on_inconclusive(action),
        judgement=verdict(Verdict.PASSED),
    )
    assert moved(lacking).phase is Phase.SETTLING
    late = moved(replace(lacking, overdue=True))
    assert (late.phase, late.reason) == (ends_in, "PodsNotReady")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_watch_that_only_prometheus_interrupted_is_made_up_for(action: str) -> None:
    watching = replace(
        CALM[Phase.WATCHING],
        in_phase_seconds=661.0,
        rollout=on_inconclusive(action),
        judgement=verdict(Verdict.PASSED),
    )
    assert moved(watching, judged_seconds=599.0).phase is Phase.WATCHING
    assert moved(watching, judged_seconds=600.0).phase is Phase.SWITCHING


def test_a_watch_that_could_not_be_made_up_for_says_what_was_watched() -> None:
    watching = replace(CALM[Phase.WATCHING], in_phase_seconds=1261.0, overdue=True, judgement=verdict(Verdict.PASSED))
    paused = moved(watching, judged_seconds=400.0)
    assert paused.phase is Phase.AWAITING_PROMOTION
    assert paused.message.startswith("nothing speaks against it, but it was watched for 400 of 600 s. It goes on by ")


@pytest.mark.parametrize(
    ("reason", "found", "phase"),
    [
        pytest.param("Suspicious", Verdict.PENDING, Phase.AWAITING_PROMOTION, id="perhaps-a-burst"),
        pytest.param("SickPod", Verdict.PENDING, Phase.AWAITING_PROMOTION, id="perhaps-one-pod"),
        pytest.param("RunsHang", Verdict.INCONCLUSIVE, Phase.AWAITING_PROMOTION, id="runs-do-not-end"),
        pytest.param("TooFewSamples", Verdict.INCONCLUSIVE, Phase.SWITCHING, id="too-few-answers"),
        pytest.param("PrometheusError", Verdict.PENDING, Phase.SWITCHING, id="prometheus-is-down"),
    ],
)
def test_promote_is_for_want_of_answers_and_not_for_what_is_suspected(
    reason: str, found: Verdict, phase: Phase
) -> None:
    judged = verdict(found)
    judged = replace(judged, verdicts=tuple(replace(metric, reason=reason) for metric in judged.verdicts))
    watching = replace(
        CALM[Phase.WATCHING],
        in_phase_seconds=1300.0,
        overdue=True,
        rollout=on_inconclusive("Promote"),
        judgement=judged,
    )
    assert moved(watching).phase is phase


def test_what_all_metrics_say_is_said_once_and_the_commands_are_never_cut_off() -> None:
    judged = verdict(Verdict.PENDING)
    (metric,) = judged.verdicts
    silent = tuple(replace(metric, name=name, message="no answer " * 30) for name in ("errorRate", "slowness"))
    watching = replace(
        CALM[Phase.WATCHING], in_phase_seconds=1300.0, overdue=True, judgement=replace(judged, verdicts=silent)
    )
    message = moved(watching).message
    assert message.startswith("errorRate, slowness: no answer no answer")
    assert "to send it all traffic now, without the rest of the watch: the same with agentteam.dev/promote" in message
    assert message.endswith("to go back: the same with agentteam.dev/abort")
    other = (silent[0], replace(silent[1], message="another answer " * 60))
    cut = moved(replace(watching, judgement=replace(judged, verdicts=other))).message
    assert len(cut) <= asking.LONGEST_QUESTION_CHARACTERS
    assert "…. It goes on by itself once enough is seen, with nothing against it. To watch anew: kubectl " in cut


@pytest.mark.parametrize("action", ["Rollback", "Promote"])
def test_a_step_in_which_nobody_was_there_to_look_is_not_undecided(action: str) -> None:
    """The operator was away for hours: a good version isn't condemned, nor an unwatched one promoted."""
    held = replace(
        CALM[Phase.SHIFTING],
        selects=None,
        in_phase_seconds=LONG_SECONDS,
        step_held_seconds=LONG_SECONDS,
        rollout=on_inconclusive(action),
        judgement=verdict(Verdict.PENDING, answers=3),
    )
    assert moved(held, attended_seconds=20.0).phase is Phase.SHIFTING
    assert moved(held, attended_seconds=LONG_SECONDS).phase is not Phase.SHIFTING


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING])
def test_a_process_that_has_just_started_looks_first(phase: Phase) -> None:
    back = replace(
        CALM[phase],
        in_phase_seconds=LONG_SECONDS,
        step_held_seconds=LONG_SECONDS,
        overdue=True,
        snapshot=None,
        judgement=verdict(Verdict.PENDING, answers=3),
    )
    assert judgement.undecided(back.view()) is None
    assert judgement.undecided(replace(back, snapshot=Snapshot(ago(1), {}, error="refused")).view())


QUERY = {"metrics": [{"name": "refunds", "query": "sum(app_refunds)", "max": 2}], "onInconclusive": "Pause"}


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING])
def test_a_process_that_has_just_started_waits_for_each_query_once(phase: Phase) -> None:
    back = replace(
        CALM[phase],
        in_phase_seconds=700.0,
        step_held_seconds=LONG_SECONDS,
        rollout={"analysis": QUERY},
        snapshot=Snapshot(ago(1), {}),
        judgement=verdict(Verdict.INCONCLUSIVE, answers=3),
    )
    assert moved(back, attended_seconds=LONG_SECONDS).phase is phase
    silent = replace(back, snapshot=Snapshot(ago(1), {}, queries={"refunds": QueryReading(ago(1), problem="none")}))
    assert moved(silent, attended_seconds=LONG_SECONDS).phase is Phase.AWAITING_PROMOTION
    assert moved(replace(back, overdue=True)).phase is not phase, "but no longer than the phase may last"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(QueryReading(NOW, 1.0), "TooFewSamples", id="answered"),
        pytest.param(QueryReading(NOW, error="answered 503"), "PrometheusError", id="failed"),
    ],
)
def test_what_was_said_of_a_query_stands_until_it_is_answered_again(answer: QueryReading, reason: str) -> None:
    found = Snapshot(NOW, {}, queries={"refunds": answer})
    watching = replace(CALM[Phase.WATCHING], rollout={"analysis": QUERY}, snapshot=found).observed()
    told = decide(watching, ENVIRONMENT, NOW).status
    assert told.rollout is not None
    [gate] = [gate for gate in told.rollout.gates if gate.name == "custom/refunds"]
    assert gate.reason == reason
    later = NOW + timedelta(seconds=5)
    restarted = decide(replace(watching, status=told, snapshot=Snapshot(later, {})), ENVIRONMENT, later).status.rollout
    assert restarted is not None
    assert [kept for kept in restarted.gates if kept.name == gate.name] == [gate]


def test_a_step_has_a_deadline_of_its_own_once_its_weight_is_reached() -> None:
    shifting = replace(CALM[Phase.SHIFTING], green=revision_of(GREEN, 1), endpoints=(BLUE, GREEN), selects=None)
    reached = moved(shifting)
    assert reached.step_started_at == NOW
    assert reached.deadline is not None
    assert (reached.deadline - NOW).total_seconds() == 60 + 2 * 600 + 60


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING])
def test_a_candidate_without_traffic_is_not_watched(phase: Phase) -> None:
    """Pods of neither revision keep the Service on blue: what Prometheus says of green's past proves nothing now."""
    situation = replace(
        CALM[phase],
        in_phase_seconds=700.0,
        step_held_seconds=700.0,
        selects=BLUE,
        endpoints=(BLUE,),
        stray_pods=frozenset({"debug"}),
        judgement=verdict(Verdict.PASSED),
    )
    assert moved(situation).phase is phase
    assert moved(replace(situation, overdue=True)).reason == "StrayPods"
    status = decide(replace(situation, in_phase_seconds=100.0).observed(), ENVIRONMENT, NOW).status
    assert "pods of neither revision would get traffic: debug" in status.message


def test_time_without_traffic_is_not_credited() -> None:
    observed = replace(CALM[Phase.WATCHING], snapshot=Snapshot(NOW, {}), selects=BLUE, endpoints=(BLUE,)).observed()
    rollout = decide(observed, ENVIRONMENT, NOW).status.rollout
    assert rollout is not None
    assert (rollout.attended_seconds, rollout.judged_seconds) == (2.0, 1.0)


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING, Phase.SETTLING])
def test_a_look_that_never_came_is_asked_for_again_beyond_the_deadline(phase: Phase) -> None:
    late = replace(CALM[phase], overdue=True, snapshot=None, in_phase_seconds=100_000, green=revision_of(GREEN))
    assert timing.next_look_seconds(late.view()) == judgement.INCONCLUSIVE_HOLD_SECONDS
