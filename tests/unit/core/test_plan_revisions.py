"""Which sizes the revisions should have, and what of them is made, scaled and pruned, by phase."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.order_status import RestartStatus
from agentteam_operator.api.revision import revision_document, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core.decision import CreateObject, DeleteObject, ScaleDeployment
from agentteam_operator.core.observed import RevisionObserved
from agentteam_operator.core.plan import revisions
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import BLUE, CALM, GREEN, OTHER, SPEC, TEAM, revision_of

WHOLE = revision_of(GREEN, 3)
GONE = revision_of(GREEN, 0)
FIRST: dict[str, Any] = {"base": "", "blue": None, "active": ""}
CANDIDATE: dict[str, Any] = {"team_status": {"candidate_revision": GREEN}}


def having(view: View, **found: RevisionObserved | None) -> View:
    """The view with other revisions in the cluster: `blue`, `green` and `other`."""
    by_name = {"blue": BLUE, "green": GREEN, "other": OTHER}
    held = {by_name[key]: live for key, live in found.items()}
    kept = {name: live for name, live in {**view.observed.revisions, **held}.items() if live is not None}
    return replace(view, observed=replace(view.observed, revisions=kept))


@pytest.mark.parametrize(
    ("view", "sizes"),
    [
        (seen(Phase.PREPARING), {BLUE: 3, GREEN: 1}),
        (seen(Phase.SHIFTING, green=revision_of(GREEN, 2)), {BLUE: 3, GREEN: 2}),
        (seen(Phase.SWITCHING, active=GREEN), {GREEN: 3, BLUE: 3}),
        (seen(Phase.SWITCHING, active=GREEN, green=revision_of(GREEN, 5)), {GREEN: 5, BLUE: 3}),
        (seen(Phase.VALIDATING), {BLUE: 3}),
        (seen(Phase.VALIDATING, active=OTHER), {OTHER: 3, BLUE: 3}),
        (seen(Phase.ROLLING_BACK, green=revision_of(GREEN, 2)), {BLUE: 3, GREEN: 2}),
        (seen(Phase.ROLLING_BACK, green=None), {BLUE: 3, GREEN: 0}),
        (seen(Phase.ROLLED_BACK), {BLUE: 3}),
        (seen(Phase.ROLLED_BACK, blue=revision_of(BLUE, 0, 3)), {BLUE: 3, GREEN: 3}),
        (seen(Phase.COMPLETED, in_phase_seconds=59.0), {GREEN: 3, BLUE: 3}),
        (seen(Phase.COMPLETED, in_phase_seconds=60.0), {GREEN: 3}),
        (seen(Phase.COMPLETED, blue=None), {GREEN: 3}),
        (seen(Phase.FAILED, **CANDIDATE), {GREEN: 3}),
        (seen(Phase.FAILED), {}),
        (seen(Phase.ROLLED_BACK, **CANDIDATE), {BLUE: 3}),
    ],
    ids=[
        "preparing",
        "shifting-never-shrinks",
        "switched",
        "switched-and-scaled-up-since",
        "validating",
        "validating-while-another-serves",
        "on-the-way-back",
        "on-the-way-back-from-nothing",
        "rolled-back",
        "rolled-back-to-nothing-ready",
        "drains",
        "has-drained",
        "nothing-to-drain",
        "first-revision-given-up",
        "first-spec-refused",
        "a-candidate-from-before-is-none",
    ],
)
def test_how_many_pods_each_revision_should_have(view: View, sizes: dict[str, int]) -> None:
    one_pod = replace(view, spec=AgentTeamSpec.parse({**SPEC, "rollout": {}, "replicas": 3}))
    assert revisions.wanted_sizes(one_pod) == sizes


def test_without_a_rollout_what_serves_keeps_its_size() -> None:
    assert revisions.wanted_sizes(replace(CALM[None], active=BLUE).view()) == {BLUE: 3}
    assert revisions.wanted_sizes(CALM[None].view()) == {}


def test_what_serves_beside_the_base_does_not_shrink_while_a_candidate_is_on_trial() -> None:
    view = having(seen(Phase.PREPARING, active=OTHER), other=revision_of(OTHER, 7))
    assert revisions.wanted_sizes(view)[OTHER] == 7
    assert revisions.wanted_sizes(having(seen(Phase.COMPLETED), green=revision_of(GREEN, 7)))[GREEN] == 3


def created(view: View) -> list[str]:
    """Kinds of what is made."""
    return [action.manifest["kind"] for action in revisions.creations(view) if isinstance(action, CreateObject)]


@pytest.mark.parametrize(
    ("green", "expected"),
    [
        (None, ["ConfigMap", "Deployment"]),
        (replace(WHOLE, config_uid=""), ["ConfigMap"]),
        (replace(WHOLE, deployment_uid=""), []),
        (replace(WHOLE, deployment_uid="", document={"no": "document"}), []),
        (WHOLE, []),
    ],
    ids=[
        "both",
        "its-ConfigMap",
        "its-Deployment-once-the-ConfigMap-was-read",
        "nor-from-a-ConfigMap-of-something-else",
        "neither",
    ],
)
def test_what_is_made_of_the_candidate(green: RevisionObserved | None, expected: list[str]) -> None:
    assert created(seen(Phase.PREPARING, green=green)) == expected


def test_the_deployment_is_made_as_its_config_map_says() -> None:
    old = AgentTeamSpec.parse({**SPEC, "version": "1"})
    kept = revision_document(old, name=TEAM, namespace="sim", default_image="agent:7", builder_version="0.1.0")
    live = replace(WHOLE, deployment_uid="", document=kept.to_document())
    [action] = revisions.creations(seen(Phase.PREPARING, green=live))
    assert isinstance(action, CreateObject)
    [container] = action.manifest["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "agent:7"


def test_a_revision_of_no_pods_is_not_made() -> None:
    assert created(seen(Phase.ROLLING_BACK, green=None)) == []


def test_what_cannot_be_made_yet_keeps_nothing_else_from_being_made() -> None:
    unread = replace(revision_of(BLUE), deployment_uid="")
    assert created(seen(Phase.PREPARING, blue=unread, green=None)) == ["ConfigMap", "Deployment"]


def test_what_nobody_knows_is_not_made() -> None:
    """The spec asks for something else meanwhile, or a part of it can't be read."""
    moved = seen(Phase.PREPARING, green=None, target=OTHER)
    assert created(moved) == []
    assert created(seen(Phase.PREPARING, green=None, unread=frozenset({"team"}))) == []
    assert created(seen(Phase.PREPARING, green=None, unread=frozenset({"rollout"}))) == ["ConfigMap", "Deployment"]


@pytest.mark.parametrize(
    ("restarted", "nonce"),
    [
        (RestartStatus(revision=GREEN, of=OTHER, nonce="7"), "7"),
        (RestartStatus(revision=OTHER, of=OTHER, nonce="7"), None),
        (RestartStatus(revision=GREEN, of=BLUE, nonce="7"), None),
        (None, None),
    ],
    ids=["of-this-spec", "another-revision", "of-another-spec", "none"],
)
def test_a_restart_is_made_with_its_nonce(restarted: RestartStatus | None, nonce: str | None) -> None:
    view = seen(Phase.PREPARING, green=None, target=OTHER, team_status={"restarted": restarted})
    document = revisions.document_of(view, GREEN, None)
    assert (document is not None) is (nonce is not None)
    if document is not None and nonce is not None:
        own = revision_document(
            view.spec, name=TEAM, namespace="sim", default_image="agent:1", builder_version="0.1.0", restart=nonce
        )
        assert document.metadata.revision == own.metadata.revision != revision_hash(view.spec)


@pytest.mark.parametrize(
    ("green", "lacks"),
    [
        (replace(WHOLE, deployment_uid=""), True),
        (replace(WHOLE, deployment_uid="", document={}), False),
        (replace(WHOLE, deployment_uid="", config_uid=""), False),
        (WHOLE, False),
        (None, False),
    ],
    ids=["unread", "read", "gone", "not-needed", "never-made"],
)
def test_when_a_config_map_is_to_be_read(green: RevisionObserved | None, *, lacks: bool) -> None:
    assert revisions.lacks_document(seen(Phase.PREPARING, green=green)) is lacks


def test_a_config_map_of_no_pods_is_not_to_be_read() -> None:
    live = replace(GONE, deployment_uid="")
    assert not revisions.lacks_document(seen(Phase.ROLLING_BACK, green=live))
    assert not revisions.lacks_document(seen(Phase.ROLLED_BACK, green=live))


def scaled(view: View, *, up: bool) -> list[tuple[str, int, str]]:
    found = revisions.scaling_up(view) if up else revisions.scaling_down(view)
    return [(one.name, one.replicas, one.resource_version) for one in found if isinstance(one, ScaleDeployment)]


DRAINED: dict[str, Any] = {"in_phase_seconds": 60.0}
TO_THREE = (f"{TEAM}-{GREEN}", 3, "7")


@pytest.mark.parametrize(
    ("view", "up", "down"),
    [
        (seen(Phase.SHIFTING, step=1, green=revision_of(GREEN, 1)), [(f"{TEAM}-{GREEN}", 3, "7")], []),
        (seen(Phase.SHIFTING, green=revision_of(GREEN, 1)), [], []),
        (seen(Phase.SHIFTING, step=1, green=replace(revision_of(GREEN, 1), deployment_uid="")), [], []),
        (seen(Phase.ROLLED_BACK, green=WHOLE), [], [(f"{TEAM}-{GREEN}", 0, "7")]),
        (seen(Phase.ROLLED_BACK, green=replace(WHOLE, deployment_uid="")), [], []),
        (seen(Phase.ROLLED_BACK, green=GONE), [], []),
        (seen(Phase.ROLLED_BACK, green=WHOLE, selects=GREEN), [], []),
        (
            seen(Phase.ROLLED_BACK, green=WHOLE, selects=None, endpoints=(GREEN,)),
            [],
            [],
        ),
        (
            seen(Phase.ROLLED_BACK, green=WHOLE, selects=None, endpoints=(BLUE,)),
            [],
            [(f"{TEAM}-{GREEN}", 0, "7")],
        ),
        (
            seen(Phase.ROLLED_BACK, green=WHOLE, selects=BLUE, endpoints=(GREEN,)),
            [],
            [(f"{TEAM}-{GREEN}", 0, "7")],
        ),
        (
            seen(Phase.ROLLED_BACK, green=revision_of(GREEN, 2, 1), selects=None, endpoints=(GREEN,)),
            [],
            [],
        ),
        (seen(Phase.COMPLETED, green=revision_of(GREEN, 5), **DRAINED), [], [(f"{TEAM}-{BLUE}", 0, "7"), TO_THREE]),
        (seen(Phase.COMPLETED, green=revision_of(GREEN, 5), **{**DRAINED, "selects": BLUE}), [], [TO_THREE]),
    ],
    ids=[
        "step-wants-more",
        "step-has-enough",
        "nothing-to-scale",
        "rolled-back",
        "its-Deployment-is-gone",
        "scaled-down-already",
        "takes-traffic-by-name",
        "takes-traffic-among-others",
        "takes-none-though-it-could",
        "takes-none-any-more",
        "one-pod-of-it-takes-traffic",
        "what-serves-shrinks-at-rest",
        "though-the-old-one-still-takes-traffic",
    ],
)
def test_what_is_scaled(view: View, up: list[tuple[str, int, str]], down: list[tuple[str, int, str]]) -> None:
    assert scaled(view, up=True) == up
    assert scaled(view, up=False) == down


def test_without_a_service_nothing_takes_traffic() -> None:
    view = seen(Phase.ROLLED_BACK, green=WHOLE)
    view = replace(view, observed=replace(view.observed, active_service=None))
    assert (f"{TEAM}-{GREEN}", 0, "7") in scaled(view, up=False)


def pruned(view: View) -> list[tuple[str, str, str, str]]:
    found = [action for action in revisions.pruning(view) if isinstance(action, DeleteObject)]
    return [(one.api_version, one.kind, one.name, one.uid) for one in found]


GREENS = [
    ("apps/v1", "Deployment", f"{TEAM}-{GREEN}", f"uid-{GREEN}"),
    ("v1", "ConfigMap", f"{TEAM}-{GREEN}", f"uid-config-{GREEN}"),
]
KEPT = {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.SUCCESSFUL}
SHORT: dict[str, Any] = {"rollout": {"revisionHistoryLimit": 0}}


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (seen(Phase.ROLLED_BACK, green=GONE), GREENS),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, deployment_uid="")), GREENS[1:]),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, config_uid="")), GREENS[:1]),
        (seen(Phase.ROLLED_BACK, green=revision_of(GREEN, 0, 1)), []),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, pods=WHOLE.pods)), []),
        (seen(Phase.ROLLED_BACK, blue=revision_of(BLUE, 0), green=None, outcomes={}, selects=OTHER), []),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, replicas=1)), []),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, replicas=1, deployment_uid="")), GREENS[1:]),
        (seen(Phase.ROLLED_BACK, green=GONE, selects=GREEN), []),
        (seen(Phase.ROLLED_BACK, green=GONE, outcomes=KEPT), []),
        (seen(Phase.ROLLED_BACK, green=GONE, outcomes=KEPT, **SHORT), GREENS),
        (seen(Phase.ROLLED_BACK, green=GONE, **CANDIDATE), []),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, edited=True), outcomes=KEPT), GREENS[:1]),
        (seen(Phase.ROLLED_BACK, green=replace(GONE, edited=True, config_uid=""), outcomes=KEPT), []),
        (seen(Phase.PREPARING, green=GONE), []),
        (seen(Phase.PREPARING, green=replace(GONE, edited=True)), []),
        (seen(Phase.COMPLETED, blue=revision_of(BLUE, 0), in_phase_seconds=59.0, **SHORT), []),
        (
            seen(Phase.COMPLETED, blue=revision_of(BLUE, 0), in_phase_seconds=60.0, **SHORT),
            [
                ("apps/v1", "Deployment", f"{TEAM}-{BLUE}", f"uid-{BLUE}"),
                ("v1", "ConfigMap", f"{TEAM}-{BLUE}", f"uid-config-{BLUE}"),
            ],
        ),
    ],
    ids=[
        "failed",
        "its-Deployment-is-gone",
        "its-ConfigMap-is-gone",
        "it-has-a-pod",
        "its-pods-are-still-going",
        "what-serves-has-no-pods-and-no-history",
        "it-wants-a-pod",
        "it-wanted-a-pod",
        "it-takes-traffic",
        "passed-and-kept",
        "passed-but-beyond-the-limit",
        "candidate",
        "edited-while-it-stood-by",
        "edited-and-nothing-says-how-it-was",
        "on-trial",
        "on-trial-and-edited",
        "drains",
        "has-drained",
    ],
)
def test_what_is_pruned(view: View, expected: list[tuple[str, str, str, str]]) -> None:
    assert pruned(view) == expected
