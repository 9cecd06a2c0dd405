"""Which changes are changes of behaviour, and so have to pass every gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.revision import revision_document, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.core.difference import only_operational
from agentteam_operator.core.view import View

from tests.unit.core.situations import ENVIRONMENT, NOW, SPEC, Situation, revision_of

SPREAD = {
    "maxSkew": 1,
    "topologyKey": "zone",
    "whenUnsatisfiable": "DoNotSchedule",
}
OLD = {**SPEC, "pod": {"env": [{"name": "A", "value": "1"}]}}


def view_of(new: dict[str, Any], *, old_image: str = "agent:1", known: bool = True) -> View:
    """A team whose old revision serves, and whose spec asks for the new one."""
    before, after = AgentTeamSpec.parse(OLD), AgentTeamSpec.parse(new)
    old, target = revision_hash(before), revision_hash(after)
    document = revision_document(before, name="chat", namespace="sim", default_image=old_image, builder_version="0")
    held = replace(revision_of(old), document=document.to_document() if known else None)
    situation = Situation(None, target=target, active=old, base="", green=None, blue=held)
    return View(replace(situation.observed(), spec=after), ENVIRONMENT, NOW, after, situation.status())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"resources": {"limits": {"memory": "2Gi"}}}, id="resources"),
        pytest.param({"telemetry": {"logLevel": "debug"}}, id="telemetry"),
        pytest.param({"pod": {**OLD["pod"], "labels": {"cost": "a"}}}, id="labels"),
        pytest.param({"pod": {**OLD["pod"], "annotations": {"cost": "a"}}}, id="annotations"),
        pytest.param({"pod": {**OLD["pod"], "nodeSelector": {"disk": "ssd"}}}, id="nodeSelector"),
        pytest.param({"pod": {**OLD["pod"], "tolerations": [{"operator": "Exists"}]}}, id="tolerations"),
        pytest.param({"pod": {**OLD["pod"], "priorityClassName": "high"}}, id="priorityClassName"),
        pytest.param({"pod": {**OLD["pod"], "affinity": {"podAntiAffinity": {}}}}, id="affinity"),
        pytest.param({"pod": {**OLD["pod"], "topologySpreadConstraints": [SPREAD]}}, id="topologySpreadConstraints"),
    ],
)
def test_how_pods_run_is_no_behaviour(change: dict[str, Any]) -> None:
    assert only_operational(view_of({**OLD, **change}))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"version": "3"}, id="version"),
        pytest.param({"image": "agent:2"}, id="image"),
        pytest.param({"runs": {"maxConcurrent": 7}}, id="runs"),
        pytest.param({"pod": {"env": [{"name": "A", "value": "2"}]}}, id="env"),
        pytest.param({"pod": {**OLD["pod"], "serviceAccountName": "other"}}, id="serviceAccountName"),
        pytest.param({"team": {**SPEC["team"], "maxTurns": 3}}, id="team"),
        pytest.param({"resources": {"limits": {"memory": "2Gi"}}, "version": "3"}, id="resources-and-version"),
    ],
)
def test_what_they_do_is(change: dict[str, Any]) -> None:
    assert not only_operational(view_of({**OLD, **change}))


def test_another_default_image_is_another_behaviour() -> None:
    change = {**OLD, "resources": {"limits": {"memory": "2Gi"}}}
    assert not only_operational(view_of(change, old_image="agent:0"))


def test_what_cannot_be_compared_has_to_pass_every_gate() -> None:
    assert not only_operational(view_of({**OLD, "resources": {"limits": {"memory": "2Gi"}}}, known=False))


def test_where_nothing_serves_every_gate_has_to_be_passed() -> None:
    view = view_of({**OLD, "resources": {"limits": {"memory": "2Gi"}}})
    assert not only_operational(view.with_status(view.status.model_copy(update={"active_revision": ""})))


def test_what_serves_is_no_change_at_all() -> None:
    assert not only_operational(view_of(OLD))
