from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import Phase, TeamPhase
from agentteam_operator.core import names
from agentteam_operator.core.build import hpa, ingress, pdb, service
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import ApplyObject, CreateObject, DeleteObject, EmitEvent, ScaleDeployment
from agentteam_operator.core.held import spec_in_force
from agentteam_operator.core.observed import Manifest, Observed, TeamRef

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, SPEC, TEAM

REF = TeamRef("sim", TEAM, "uid-team", 1, "11")
FULL = AgentTeamSpec.parse(
    {
        **SPEC,
        "autoscaling": {"minReplicas": 2, "maxReplicas": 9, "targetCPUUtilization": 55},
        "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"example.com/internal": "true"}},
        "ingress": {"host": "chat.example", "className": "nginx", "tlsSecretName": "cert", "annotations": {"a": "b"}},
        "disruptionBudget": {"maxUnavailable": 2},
    }
)
IN_PLACE = ("service", "ingress", "autoscaling", "disruption_budget")


def live(manifest: Manifest) -> Manifest:
    """As the API server would keep it."""
    return {**manifest, "metadata": {**manifest["metadata"], "uid": "u", "resourceVersion": "5"}}


def children(selector: Mapping[str, str]) -> dict[tuple[str, str], Manifest]:
    """All that the full spec made in place, for a revision that serves alone."""
    settings = FULL.autoscaling, FULL.ingress
    assert settings[0] is not None
    assert settings[1] is not None
    made = [
        service.build(REF, FULL, selector=selector),
        ingress.build(REF, settings[1]),
        hpa.build(REF, GREEN, settings[0], frozen=False, current=3),
        pdb.build(REF, GREEN, FULL),
    ]
    return {(manifest["kind"], manifest["metadata"]["name"]): live(manifest) for manifest in made}


def steady(unread: str, selector: Mapping[str, str] = names.server_selector(TEAM, GREEN)) -> Observed:
    """A completed team whose spec lost this field."""
    observed = CALM[Phase.COMPLETED].observed()
    assert observed.active_service is not None
    return replace(
        observed,
        spec=FULL.model_copy(update={unread: AgentTeamSpec.model_fields[unread].default}),
        unread=frozenset({unread}),
        children=children(selector),
        active_service=replace(observed.active_service, selector=selector),
    )


@pytest.mark.parametrize("field", IN_PLACE)
def test_what_can_not_be_read_is_as_its_object_has_it(field: str) -> None:
    assert getattr(spec_in_force(steady(field)), field) == getattr(FULL, field)


@pytest.mark.parametrize("field", IN_PLACE)
def test_what_can_not_be_read_changes_no_object(field: str) -> None:
    actions = decide(steady(field), ENVIRONMENT, NOW).actions
    written = [action for action in actions if not isinstance(action, CreateObject | EmitEvent)]
    created = {action.manifest["kind"] for action in actions if isinstance(action, CreateObject)}
    assert (written, created) == ([], {"ServiceAccount"})


def test_a_tampered_selector_is_repaired_and_all_else_of_the_service_stays() -> None:
    observed = steady("service", {names.LABEL_TEAM: "somebody"})
    [repair] = [action for action in decide(observed, ENVIRONMENT, NOW).actions if isinstance(action, ApplyObject)]
    assert repair.manifest == service.build(REF, FULL, selector=names.server_selector(TEAM, GREEN))


@pytest.mark.parametrize("field", ["ingress", "autoscaling"])
def test_an_object_that_tells_nothing_is_left_alone(field: str) -> None:
    observed = steady(field)
    emptied: dict[tuple[str, str], Any] = {key: {**item, "spec": {}} for key, item in observed.children.items()}
    actions = decide(replace(observed, children=emptied), ENVIRONMENT, NOW).actions
    kind = {"ingress": "Ingress", "autoscaling": "HorizontalPodAutoscaler"}[field]
    assert not [action for action in actions if isinstance(action, DeleteObject) and action.kind == kind]
    applied = [action.manifest["kind"] for action in actions if isinstance(action, ApplyObject)]
    assert kind not in applied


def test_the_number_of_pods_stays_when_nobody_can_read_it() -> None:
    observed = replace(CALM[Phase.COMPLETED].observed(), unread=frozenset({"replicas"}))
    green = replace(observed.revisions[GREEN], replicas=7)
    observed = replace(observed, revisions={**observed.revisions, GREEN: green})
    actions = decide(observed, ENVIRONMENT, NOW).actions
    assert not [action for action in actions if isinstance(action, ScaleDeployment) and action.name.endswith(GREEN)]


@pytest.mark.parametrize("before", [TeamPhase.HEALTHY, TeamPhase.SUSPENDED])
def test_a_team_whose_suspension_can_not_be_read_is_as_suspended_as_before(before: TeamPhase) -> None:
    observed = CALM[Phase.COMPLETED].observed()
    status = observed.status.model_copy(update={"phase": before})
    observed = replace(observed, status=status, unread=frozenset({"suspend"}))
    assert spec_in_force(observed).suspend is (before is TeamPhase.SUSPENDED)


def test_no_clock_takes_a_candidate_further_while_the_settings_can_not_be_read() -> None:
    held = replace(CALM[Phase.SHIFTING], step_held_seconds=10_000, endpoints=(BLUE, GREEN), selects=None).observed()
    environment = replace(ENVIRONMENT, metrics_configured=False)
    rollout = decide(held, environment, NOW).status.rollout
    assert rollout is not None
    assert (rollout.phase, rollout.step) != (Phase.SHIFTING, 0)
    rollout = decide(replace(held, unread=frozenset({"rollout"})), environment, NOW).status.rollout
    assert rollout is not None
    assert (rollout.phase, rollout.step) == (Phase.SHIFTING, 0)
