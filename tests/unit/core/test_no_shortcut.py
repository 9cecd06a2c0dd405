"""What a rollout must not take for what it isn't: silence for a watch, a restart for a crash, a corpse for a refuge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.rollout import TrafficMode
from agentteam_operator.api.status import Outcome, Phase, RevisionStatus, Transition, Verdict
from agentteam_operator.core import history, names
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import ApplyObject, CreateObject, ScaleDeployment
from agentteam_operator.core.gates import judgement, pods
from agentteam_operator.core.observed import Observed
from agentteam_operator.core.plan import actions, children, revisions

from tests.unit.core.situations import (
    BLUE,
    CALM,
    ENVIRONMENT,
    GREEN,
    NOW,
    OTHER,
    TEAM,
    Situation,
    ago,
    revision_of,
    verdict,
)


def with_rollout(situation: Situation, **update: object) -> Observed:
    observed = situation.observed()
    rollout = observed.status.rollout
    assert rollout is not None
    status = observed.status.model_copy(update={"rollout": rollout.model_copy(update=update)})
    return replace(observed, status=status)


def test_time_that_nobody_watched_is_not_watched() -> None:
    situation = replace(CALM[Phase.WATCHING], in_phase_seconds=700.0, judgement=verdict(Verdict.PASSED))
    view = replace(situation.view(), observed=with_rollout(situation, judged_seconds=20.0))
    view = view.with_status(view.observed.status)
    assert judgement.watched(view) is None


def test_a_pod_that_got_ready_after_some_crashes_is_well() -> None:
    green = revision_of(GREEN, 3)
    crashed = replace(green, pods=tuple(replace(pod, restarts=5) for pod in green.pods))
    assert pods.broken(replace(CALM[Phase.PREPARING], green=crashed).view()) is None


def test_a_first_revision_that_crashed_and_recovered_comes_to_rest() -> None:
    green = revision_of(GREEN, 3)
    crashed = replace(green, pods=tuple(replace(pod, restarts=5) for pod in green.pods))
    situation = replace(CALM[Phase.FAILED], green=crashed, reason="CrashLoop")
    rollout = decide(situation.observed(), ENVIRONMENT, NOW).status.rollout
    assert rollout is not None
    assert (rollout.phase, rollout.attempt) == (Phase.HEALTH_CHECKING, 2)


def test_a_pause_leaves_the_weight_as_it_is() -> None:
    steps = [{"weight": 25}, {"weight": 50}]
    rollout = {"traffic": {"steps": steps}}
    paused = replace(CALM[Phase.AWAITING_PROMOTION], rollout=rollout, step=0, green=revision_of(GREEN, 1))
    assert paused.view().green_size == 1


@pytest.mark.parametrize("phase", [Phase.ROLLING_BACK, Phase.ROLLED_BACK], ids=lambda phase: phase.value)
def test_a_candidate_that_never_passed_its_gates_gets_no_traffic_though_the_old_revision_died(phase: Phase) -> None:
    situation = replace(CALM[phase], blue=revision_of(BLUE, 0, 3), green=revision_of(GREEN, 3), took_traffic=False)
    assert children.traffic_selector(situation.view()) == names.server_selector(TEAM, BLUE)


@pytest.mark.parametrize("phase", [Phase.ROLLING_BACK, Phase.ROLLED_BACK], ids=lambda phase: phase.value)
def test_on_the_way_back_to_a_corpse_the_candidate_goes_on(phase: Phase) -> None:
    situation = replace(
        CALM[phase], blue=revision_of(BLUE, 0, 3), green=revision_of(GREEN, 3), selects=None, endpoints=(GREEN,)
    )
    view = situation.view()
    assert children.traffic_selector(view) == names.server_selector(TEAM)
    assert list(revisions.scaling_down(view)) == []


@pytest.mark.parametrize(
    ("phase", "blue_ready", "green_ready", "selected"),
    [
        pytest.param(Phase.WATCHING, 3, 3, BLUE, id="watching-both-answer"),
        pytest.param(Phase.WATCHING, 0, 3, GREEN, id="watching-only-the-candidate-answers"),
        pytest.param(Phase.WATCHING, 0, 0, BLUE, id="watching-nobody-answers"),
        pytest.param(Phase.ROLLING_BACK, 0, 3, GREEN, id="on-the-way-back-only-the-candidate-answers"),
        pytest.param(Phase.ROLLED_BACK, 0, 3, GREEN, id="rolled-back-only-the-candidate-answers"),
        pytest.param(Phase.ROLLING_BACK, 1, 3, BLUE, id="on-the-way-back-the-old-one-answers"),
    ],
)
def test_with_a_stray_pod_about_one_colour_is_selected_that_answers(
    phase: Phase, blue_ready: int, green_ready: int, selected: str
) -> None:
    blue, green = revision_of(BLUE, blue_ready, 3), revision_of(GREEN, green_ready, 3)
    situation = replace(CALM[phase], blue=blue, green=green, stray_pods=frozenset({"debug"}))
    assert children.traffic_selector(situation.view()) == names.server_selector(TEAM, selected)


def test_that_it_took_traffic_is_known_after_many_pauses() -> None:
    """Only the last transitions are kept."""
    view = CALM[Phase.ROLLING_BACK].view()
    assert view.rollout is not None
    paused = [Transition(phase=phase, at=NOW) for phase in (Phase.WATCHING, Phase.AWAITING_PROMOTION) * 10]
    status = view.status.model_copy(update={"rollout": view.rollout.model_copy(update={"transitions": paused})})
    assert view.with_status(status).took_traffic


def test_a_rollback_onto_nothing_ends_by_its_deadline_and_lets_a_new_spec_out() -> None:
    situation = replace(
        CALM[Phase.ROLLING_BACK],
        target="c" * 10,
        reason="Superseded",
        overdue=True,
        blue=revision_of(BLUE, 0, 3),
        green=revision_of(GREEN, 3),
        selects=None,
        endpoints=(GREEN,),
    )
    status = decide(situation.observed(), ENVIRONMENT, NOW).status
    assert status.rollout is not None
    assert (status.rollout.revision, status.rollout.base_revision, status.active_revision) == ("c" * 10, GREEN, GREEN)


def test_traffic_is_the_first_action() -> None:
    situation = replace(CALM[Phase.ROLLING_BACK], selects=None, endpoints=(BLUE, GREEN))
    first = actions(situation.view()).actions[0]
    assert isinstance(first, ApplyObject)
    assert first.manifest["kind"] == "Service"


def test_a_deployment_is_made_again_only_as_its_config_says() -> None:
    lost = replace(revision_of(GREEN, 0), deployment_uid="", replicas=0, pods=())
    situation = replace(CALM[Phase.COMPLETED], green=lost)
    decision = decide(replace(situation.observed(), live=False), ENVIRONMENT, NOW)
    assert decision.needs_live_read
    assert not [action for action in decision.actions if isinstance(action, CreateObject) and is_workload(action)]


def is_workload(action: CreateObject) -> bool:
    return action.manifest["kind"] in {"Deployment", "ConfigMap"}


def test_settling_does_not_end_while_a_pod_is_missing() -> None:
    situation = replace(CALM[Phase.SETTLING], in_phase_seconds=200.0, green=revision_of(GREEN, 2, 1))
    assert judgement.settled(situation.view()) is None


def test_changing_the_mode_does_not_touch_the_rollout_under_way() -> None:
    situation = replace(CALM[Phase.SHIFTING], rollout={"traffic": {"mode": "Immediate"}})
    view = replace(situation.view(), observed=with_rollout(situation, mode=TrafficMode.GRADUAL))
    assert view.with_status(view.observed.status).gradual


def test_failed_releases_push_nobody_out_who_can_be_gone_back_to() -> None:
    entries = [
        RevisionStatus(hash=f"{index:010d}", created_at=ago(index), outcome=Outcome.FAILED) for index in range(9)
    ]
    good = RevisionStatus(hash=BLUE, created_at=ago(100), outcome=Outcome.SUCCESSFUL)
    settings = CALM[Phase.COMPLETED].view().settings
    assert good in history.to_go_back_to([*entries, good], {GREEN}, settings)
    assert good in history.kept([*entries, good], {GREEN}, settings)


def test_a_passing_restart_is_not_stalled() -> None:
    situation = replace(CALM[Phase.COMPLETED], target=GREEN, green=revision_of(GREEN, 2, 1))
    status = decide(situation.observed(), ENVIRONMENT, NOW).status
    stalled = next(condition for condition in status.conditions if condition.type == "Stalled")
    assert stalled.status == "False"


def test_nothing_is_scaled_away_while_the_service_sends_it_requests() -> None:
    situation = replace(CALM[Phase.ROLLED_BACK], green=revision_of(GREEN, 3), selects=None, endpoints=(BLUE, GREEN))
    downs = [action for action in revisions.scaling_down(situation.view()) if isinstance(action, ScaleDeployment)]
    assert downs == []


def test_who_asks_again_for_a_corpse_keeps_what_serves() -> None:
    """All would be dark: the Service on the old revision's dead pods, and the candidate taken down."""
    situation = replace(
        CALM[Phase.ROLLED_BACK],
        target=BLUE,
        blue=revision_of(BLUE, 0, 3),
        green=revision_of(GREEN, 3),
        selects=None,
        endpoints=(GREEN,),
    )
    decision = decide(situation.observed(), ENVIRONMENT, NOW)
    assert decision.status.rollout is not None
    assert decision.status.rollout.phase is Phase.ROLLED_BACK
    assert not [action for action in decision.actions if isinstance(action, ScaleDeployment)]
    recovered = replace(situation, blue=revision_of(BLUE, 1, 2))
    after = decide(recovered.observed(), ENVIRONMENT, NOW).status.rollout
    assert after is not None
    assert (after.phase, after.reason) == (Phase.COMPLETED, "Reverted")


def test_what_serves_does_not_shrink_on_trial_even_if_it_is_not_the_base() -> None:
    """A status that nobody meant to be: the active revision isn't the candidate's base."""
    situation = replace(CALM[Phase.PREPARING], active=OTHER)
    observed = situation.observed()
    observed = replace(observed, revisions={**observed.revisions, OTHER: revision_of(OTHER, 5)})
    assert revisions.wanted_sizes(replace(situation.view(), observed=observed))[OTHER] == 5
