"""What was done by hand to the revision that serves is told at once, with the way to mend it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.revision import RevisionDocument, revision_document, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Condition, Outcome, Phase, TeamPhase
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import CreateObject, DeleteObject
from agentteam_operator.core.observed import Observed, RevisionObserved

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, SPEC, TEAM, pods, revision_of

OLD = AgentTeamSpec.parse({**SPEC, "version": "1"})
KNOWN = revision_hash(OLD)


def document(**changes: str) -> RevisionDocument:
    made = revision_document(OLD, name=TEAM, namespace="sim", default_image="agent:1", builder_version="0.1.0")
    return made.model_copy(update=changes)


def serving(phase: Phase, revision: RevisionObserved | None, name: str = BLUE) -> Observed:
    """A team whose spec asks for green while another revision serves, or is to be gone back to."""
    situation = replace(
        CALM[phase],
        base=name,
        active=name,
        selects=name,
        blue=revision,
        outcomes={name: Outcome.SUCCESSFUL, GREEN: Outcome.FAILED},
    )
    observed = situation.observed()
    entries = [entry.model_copy(update={"version": "1.0"}) for entry in observed.status.revisions]
    return replace(observed, status=observed.status.model_copy(update={"revisions": entries}))


def without_config(name: str = BLUE, ready: int = 3, unready: int = 0) -> RevisionObserved:
    return replace(revision_of(name, ready, unready), config_uid="")


def condition(status: AgentTeamStatus, kind: str) -> Condition:
    return next(found for found in status.conditions if found.type == kind)


def test_a_lost_config_map_of_what_serves_is_told_at_once() -> None:
    status = decide(serving(Phase.ROLLED_BACK, without_config()), ENVIRONMENT, NOW).status
    assert (status.phase, status.reason) == (TeamPhase.DEGRADED, "ConfigMapGone")
    assert status.message.startswith(
        f"ConfigMap {TEAM}-{BLUE} of the serving revision is gone: its pods can't start again. "
        "Apply the spec of version 1.0 again, or another one that works; "
    )
    assert condition(status, "Intact").status == "False"
    assert condition(status, "Stalled").status == "True"
    assert condition(status, "Reconciling").status == "False"


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING, Phase.SWITCHING, Phase.ROLLING_BACK])
def test_so_is_that_of_the_revision_to_go_back_to(phase: Phase) -> None:
    status = decide(serving(phase, without_config()), ENVIRONMENT, NOW).status
    assert f"ConfigMap {TEAM}-{BLUE} of the serving revision is gone" in status.message
    assert condition(status, "Intact").reason == "ConfigMapGone"


def test_a_revision_that_lost_both_is_told() -> None:
    status = decide(serving(Phase.ROLLED_BACK, None), ENVIRONMENT, NOW).status
    assert f"Deployment and ConfigMap {TEAM}-{BLUE} of the serving revision are gone" in status.message


def test_what_is_as_it_was_made_is_told_to_be_so() -> None:
    status = decide(serving(Phase.ROLLED_BACK, revision_of(BLUE)), ENVIRONMENT, NOW).status
    assert condition(status, "Intact").status == "True"
    assert f"version 1.0 ({BLUE}) serves" in status.message


def test_unready_pods_of_what_serves_are_told_with_their_own_reason() -> None:
    """The fault of the other revision, which is named besides, is no explanation of them."""
    (stuck,) = pods(BLUE, 0, 1)
    stuck = replace(stuck, message='FailedMount: configmap "it" not found')
    none_ready = replace(revision_of(BLUE, 0, 1), pods=(stuck,))
    said = decide(serving(Phase.ROLLED_BACK, none_ready), ENVIRONMENT, NOW).status.message
    assert f'no pod of version 1.0 ({BLUE}) is ready (pod {stuck.name}: FailedMount: configmap "it" not found)' in said
    some_ready = replace(revision_of(BLUE, 2, 1), pods=(*pods(BLUE, 2), stuck))
    said = decide(serving(Phase.ROLLED_BACK, some_ready), ENVIRONMENT, NOW).status.message
    assert f"version 1.0 ({BLUE}) serves with 2 of 3 pods (pod {stuck.name}: FailedMount" in said


def config_maps(observed: Observed) -> list[str]:
    made = decide(observed, ENVIRONMENT, NOW).actions
    return [
        action.manifest["metadata"]["name"]
        for action in made
        if isinstance(action, CreateObject) and action.manifest["kind"] == "ConfigMap"
    ]


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING, Phase.ROLLED_BACK])
def test_one_that_was_read_before_is_made_anew(phase: Phase) -> None:
    lost = replace(without_config(KNOWN), document=document().to_document())
    observed = serving(phase, lost, KNOWN)
    assert config_maps(observed) == [f"{TEAM}-{KNOWN}"]
    assert condition(decide(observed, ENVIRONMENT, NOW).status, "Intact").status == "True"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param(BLUE, document(), id="of-another-revision"),
        pytest.param(KNOWN, document(image="agent:2"), id="of-a-namesake-with-another-image"),
        pytest.param(
            KNOWN, document().model_copy(update={"spec": OLD.model_copy(update={"version": "9"})}), id="forged"
        ),
    ],
)
def test_what_is_not_surely_its_own_is_not_made(name: str, kept: RevisionDocument) -> None:
    observed = serving(Phase.ROLLED_BACK, replace(without_config(name), document=kept.to_document()), name)
    assert config_maps(observed) == []
    assert condition(decide(observed, ENVIRONMENT, NOW).status, "Intact").status == "False"


def edited(revision: RevisionObserved) -> RevisionObserved:
    return replace(revision, edited=True)


def test_an_edited_deployment_is_told_though_its_old_pods_serve() -> None:
    (stuck,) = pods(GREEN, 0, 1, waiting_reason="ImagePullBackOff")
    stuck = replace(stuck, message="no image")
    green = replace(revision_of(GREEN, 3), pods=(*pods(GREEN, 3), stuck))
    situation = replace(CALM[Phase.COMPLETED], green=edited(green))
    status = decide(situation.observed(), ENVIRONMENT, NOW).status
    assert (status.phase, status.reason) == (TeamPhase.DEGRADED, "DeploymentEdited")
    assert status.message == (
        f"the pod template of Deployment {TEAM}-{GREEN} was edited (pod {stuck.name}: ImagePullBackOff: no image). "
        f"kubectl -n sim delete deployment {TEAM}-{GREEN} --cascade=orphan has it made anew; "
        f"its pods serve on until the new ones are ready; {GREEN} serves with 3 pods"
    )
    assert condition(status, "Ready").status == "False"
    assert condition(status, "Stalled").status == "True"


def going_back(blue: RevisionObserved | None) -> Observed:
    """Green serves, the spec asks for blue, which passed before."""
    outcomes = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
    return replace(
        CALM[Phase.COMPLETED], target=BLUE, blue=blue, green=revision_of(GREEN), outcomes=outcomes
    ).observed()


@pytest.mark.parametrize(("changed", "skipped"), [(False, True), (True, False)])
def test_gates_are_not_skipped_onto_an_edited_revision(*, changed: bool, skipped: bool) -> None:
    rollout = decide(going_back(replace(revision_of(BLUE), edited=changed)), ENVIRONMENT, NOW).status.rollout
    assert rollout is not None
    assert rollout.gates_skipped is skipped


def deleted(observed: Observed) -> list[tuple[str, str]]:
    made = decide(observed, ENVIRONMENT, NOW).actions
    return [(action.kind, action.name) for action in made if isinstance(action, DeleteObject)]


def standing_by(**changes: object) -> Observed:
    """Green serves, blue is retained without pods."""
    outcomes = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
    blue = replace(revision_of(BLUE, 0), **changes)  # type: ignore[arg-type]
    long_ago = replace(CALM[Phase.COMPLETED], in_phase_seconds=9999, endpoints=(GREEN,), green=revision_of(GREEN))
    return replace(long_ago, blue=blue, outcomes=outcomes).observed()


def test_an_edited_deployment_that_stands_by_is_to_be_made_anew_from_its_config_map() -> None:
    assert deleted(standing_by(edited=True)) == [("Deployment", f"{TEAM}-{BLUE}")]
    assert deleted(standing_by()) == []
    assert deleted(standing_by(edited=True, replicas=1)) == [], "not before it has no pods"
    assert deleted(standing_by(edited=True, config_uid="")) == [], "nobody knows what it was"
