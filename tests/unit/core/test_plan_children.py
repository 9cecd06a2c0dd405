"""Which objects beside the revisions' own a tick makes, changes and deletes, by phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.decision import Action, ApplyObject, CreateObject, DeleteObject
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.plan import children
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import BLUE, GREEN, OTHER, SPEC, TEAM, revision_of

WHOLE = revision_of(GREEN, 3)
IMMEDIATE = {"traffic": {"mode": "Immediate"}}
SCALED = {"autoscaling": {"minReplicas": 2, "maxReplicas": 5}}
INGRESS = {"ingress": {"host": "chat.example"}}
PAUSE = Phase.AWAITING_PROMOTION


def with_spec(view: View, **fields: Any) -> View:  # noqa: ANN401 - fields of the spec
    return replace(view, spec=AgentTeamSpec.parse({**SPEC, "rollout": {}, **fields}))


def with_observed(view: View, **fields: Any) -> View:  # noqa: ANN401 - fields of the observation
    return replace(view, observed=replace(view.observed, **fields))


def made(view: View, kind: str) -> dict[str, Mapping[str, Any]]:
    """Manifests of a kind that are made in place where nothing is yet, by name."""
    found = [action.manifest for action in children.in_place(view) if isinstance(action, CreateObject)]
    return {manifest["metadata"]["name"]: manifest for manifest in found if manifest["kind"] == kind}


@pytest.mark.parametrize(
    ("view", "selected"),
    [
        (seen(Phase.SHIFTING), None),
        (seen(Phase.WATCHING), None),
        (seen(PAUSE), None),
        (seen(PAUSE, paused_in=Phase.TESTING), BLUE),
        (seen(Phase.SWITCHING), None),
        (seen(Phase.SWITCHING, active=GREEN), GREEN),
        (seen(Phase.SWITCHING, rollout=IMMEDIATE), BLUE),
        (seen(Phase.SHIFTING, stray_pods=frozenset({"debug"})), BLUE),
        (seen(Phase.HEALTH_CHECKING), BLUE),
        (seen(Phase.SETTLING), GREEN),
        (seen(Phase.ROLLING_BACK), BLUE),
        (seen(Phase.ROLLING_BACK, blue=revision_of(BLUE, 0, 3)), None),
        (seen(Phase.FAILED), ""),
    ],
    ids=[
        "shifting",
        "watching",
        "paused",
        "paused-before-any-traffic",
        "about-to-switch",
        "switched",
        "about-to-switch-at-once",
        "strays-would-get-some",
        "before-any-traffic",
        "settling",
        "on-the-way-back",
        "on-the-way-back-to-nothing-ready",
        "nothing-serves",
    ],
)
def test_whose_pods_the_service_selects(view: View, selected: str | None) -> None:
    """None for both colours', "" for nobody's."""
    expected = None if selected == "" else names.server_selector(TEAM, selected)
    assert children.traffic_selector(view) == expected


def moved(view: View) -> list[Action]:
    return list(children.traffic(view))


def test_traffic_moves_at_the_version_that_was_read() -> None:
    [action] = moved(seen(Phase.SHIFTING, selects=BLUE))
    assert isinstance(action, ApplyObject)
    assert (action.manifest["kind"], action.manifest["metadata"]["name"]) == ("Service", TEAM)
    assert (action.manifest["spec"]["selector"], action.resource_version) == (names.server_selector(TEAM), "5")


@pytest.mark.parametrize(
    "view",
    [
        seen(Phase.SHIFTING, selects=None),
        seen(Phase.FAILED),
        with_observed(seen(Phase.SHIFTING, selects=BLUE), active_service=None),
        with_observed(seen(Phase.SHIFTING, selects=BLUE), foreign=frozenset({("Service", TEAM)})),
        with_observed(seen(Phase.SHIFTING, selects=BLUE), former=frozenset({("Service", TEAM)})),
    ],
    ids=["there-already", "nothing-serves", "no-Service-yet", "somebody-elses-Service", "an-earlier-teams-Service"],
)
def test_traffic_stays(view: View) -> None:
    assert moved(view) == []


@pytest.mark.parametrize(
    ("view", "services"),
    [
        (seen(Phase.TESTING), {TEAM, f"{TEAM}-preview"}),
        (seen(Phase.HEALTH_CHECKING), {TEAM, f"{TEAM}-preview"}),
        (seen(Phase.WATCHING), {TEAM, f"{TEAM}-preview"}),
        (seen(Phase.SWITCHING), {TEAM, f"{TEAM}-preview"}),
        (seen(Phase.SWITCHING, active=GREEN, selects=GREEN), {TEAM}),
        (seen(Phase.PREPARING), {TEAM}),
        (seen(Phase.WATCHING, green=revision_of(GREEN, 0, 3)), {TEAM}),
        (seen(Phase.WATCHING, green=None), {TEAM}),
        (seen(Phase.SHIFTING, selects=BLUE), {f"{TEAM}-preview"}),
        (with_observed(seen(Phase.SHIFTING), active_service=None), {TEAM, f"{TEAM}-preview"}),
        (seen(Phase.FAILED), set()),
    ],
    ids=[
        "testing",
        "health-checking",
        "watching",
        "about-to-switch",
        "switched",
        "preparing",
        "nothing-ready",
        "nothing-made",
        "traffic-comes-first",
        "no-Service-yet",
        "nothing-serves",
    ],
)
def test_which_services_there_are(view: View, services: set[str]) -> None:
    found = made(view, "Service")
    assert found.keys() == services
    for name, manifest in found.items():
        revision = (
            GREEN if name.endswith("preview") else (children.traffic_selector(view) or {}).get(names.LABEL_REVISION)
        )
        assert manifest["spec"]["selector"] == names.server_selector(TEAM, revision)


@pytest.mark.parametrize(
    ("view", "frozen"),
    [
        (seen(Phase.COMPLETED), {GREEN: "Max"}),
        (seen(Phase.WATCHING), {BLUE: "Disabled"}),
        (seen(Phase.SWITCHING), {BLUE: "Disabled", GREEN: "Disabled"}),
        (seen(Phase.SETTLING), {BLUE: "Disabled", GREEN: "Disabled"}),
        (seen(Phase.SWITCHING, green=None), {BLUE: "Disabled"}),
        (seen(Phase.SWITCHING, green=replace(WHOLE, deployment_uid="")), {BLUE: "Disabled"}),
        (seen(Phase.COMPLETED, green=revision_of(GREEN, 0)), {}),
        (seen(Phase.SWITCHING, blue=None), {GREEN: "Disabled"}),
    ],
    ids=[
        "at-rest",
        "the-old-one-stays-whole",
        "both-while-switching",
        "both-while-settling",
        "not-made-yet",
        "its-Deployment-is-gone",
        "switched-off",
        "first-revision",
    ],
)
def test_what_is_scaled_and_what_mustnt_shrink(view: View, frozen: dict[str, str]) -> None:
    found = made(with_spec(view, **SCALED), "HorizontalPodAutoscaler")
    policies = {name: manifest["spec"]["behavior"]["scaleDown"]["selectPolicy"] for name, manifest in found.items()}
    assert policies == {names.revision_object(TEAM, revision): policy for revision, policy in frozen.items()}
    assert made(view, "HorizontalPodAutoscaler") == {}, "only where the spec says so"


@pytest.mark.parametrize(
    ("view", "guarded"),
    [
        (seen(Phase.COMPLETED), {GREEN}),
        (seen(Phase.WATCHING), {BLUE, GREEN}),
        (seen(PAUSE), {BLUE, GREEN}),
        (seen(Phase.SETTLING), {BLUE, GREEN}),
        (seen(Phase.PREPARING, green=WHOLE), {BLUE}),
        (seen(Phase.WATCHING, green=revision_of(GREEN, 1)), {BLUE}),
        (seen(Phase.WATCHING, green=revision_of(GREEN, 2)), {BLUE, GREEN}),
        (seen(Phase.ROLLED_BACK, green=WHOLE), {BLUE}),
    ],
    ids=["at-rest", "watching", "paused", "settling", "preparing", "a-single-pod", "two-pods", "rolled-back"],
)
def test_whose_pods_may_not_all_be_evicted(view: View, guarded: set[str]) -> None:
    found = made(view, "PodDisruptionBudget")
    assert set(found) == {names.revision_object(TEAM, revision) for revision in guarded}


@pytest.mark.parametrize(
    ("view", "there"),
    [(seen(Phase.COMPLETED), True), (seen(Phase.FAILED), False)],
    ids=["something-serves", "nothing-serves"],
)
def test_what_leads_to_a_team_is_there_once_it_serves(view: View, *, there: bool) -> None:
    with_both = replace(with_spec(view, **INGRESS), environment=replace(view.environment, pod_monitors_available=True))
    assert bool(made(with_both, "Ingress")) is there
    assert bool(made(with_both, "PodMonitor")) is there
    assert made(view, "Ingress") == made(view, "PodMonitor") == {}, "only where they are asked for and known"


@pytest.mark.parametrize(
    ("view", "there"),
    [
        (seen(Phase.PREPARING), True),
        (with_spec(seen(Phase.PREPARING), pod={"serviceAccountName": "own"}), False),
        (seen(Phase.FAILED, active=""), False),
    ],
    ids=["ours", "the-users-own", "no-pods-no-account"],
)
def test_the_pods_account(view: View, *, there: bool) -> None:
    found = [action.manifest["kind"] for action in children.service_account(view) if isinstance(action, CreateObject)]
    assert found == (["ServiceAccount"] if there else [])


def live(kind: str, name: str, uid: str = "uid-live") -> dict[tuple[str, str], Any]:
    return {(kind, name): {"kind": kind, "metadata": {"name": name, "uid": uid, "resourceVersion": "9"}}}


def test_what_differs_is_applied_at_the_version_that_was_read() -> None:
    view = with_observed(seen(Phase.COMPLETED), children=live("Service", TEAM))
    applied = [action for action in children.in_place(view) if isinstance(action, ApplyObject)]
    assert [(action.manifest["kind"], action.resource_version) for action in applied] == [("Service", "9")]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    view = seen(Phase.COMPLETED)
    held = {("Service", TEAM): made(view, "Service")[TEAM]}
    kinds = [action.manifest["kind"] for action in children.in_place(with_observed(view, children=held))]  # type: ignore[union-attr]
    assert "Service" not in kinds


def test_what_belongs_to_somebody_else_is_left_alone() -> None:
    view = with_observed(seen(Phase.COMPLETED), foreign=frozenset({("Service", TEAM)}))
    assert made(view, "Service") == {}


BUDGET, SCALER = names.revision_object(TEAM, OTHER), names.revision_object(TEAM, BLUE)


@pytest.mark.parametrize(
    ("view", "kind", "name", "version"),
    [
        (seen(Phase.COMPLETED), "Service", f"{TEAM}-preview", "v1"),
        (seen(Phase.COMPLETED), "PodDisruptionBudget", BUDGET, "policy/v1"),
        (seen(Phase.COMPLETED), "HorizontalPodAutoscaler", SCALER, "autoscaling/v2"),
        (seen(Phase.COMPLETED), "Ingress", TEAM, "networking.k8s.io/v1"),
        (seen(Phase.COMPLETED), "PodMonitor", TEAM, "monitoring.coreos.com/v1"),
        (seen(Phase.COMPLETED), "Job", f"{TEAM}-old-health-1", "batch/v1"),
        (seen(Phase.COMPLETED, unread=frozenset({"ingress"})), "PodMonitor", TEAM, "monitoring.coreos.com/v1"),
        (seen(Phase.COMPLETED), "Service", TEAM, None),
        (seen(Phase.FAILED), "Service", TEAM, None),
        (seen(Phase.COMPLETED), "ServiceAccount", TEAM, None),
        (seen(Phase.COMPLETED), "Deployment", SCALER, None),
        (seen(Phase.WATCHING), "Service", f"{TEAM}-preview", None),
        (seen(Phase.COMPLETED, unread=frozenset({"autoscaling"})), "HorizontalPodAutoscaler", SCALER, None),
        (seen(Phase.COMPLETED, unread=frozenset({"ingress"})), "Ingress", TEAM, None),
    ],
    ids=[
        "preview",
        "budget-of-an-old-revision",
        "autoscaler-nobody-asks-for",
        "Ingress-nobody-asks-for",
        "PodMonitor-nobody-asks-for",
        "Job-of-an-old-check",
        "PodMonitor-while-the-Ingress-is-unread",
        "active-Service-stays",
        "active-Service-stays-though-nothing-serves",
        "account-stays",
        "Deployments-are-pruned-elsewhere",
        "preview-in-its-phase",
        "autoscaler-that-cannot-be-read",
        "Ingress-that-cannot-be-read",
    ],
)
def test_what_goes(view: View, *, kind: str, name: str, version: str | None) -> None:
    found = list(children.obsolete(with_observed(view, children=live(kind, name))))
    assert found == ([DeleteObject(version, kind, name, "uid-live")] if version else [])


def test_what_stays_keeps_nothing_else_from_going() -> None:
    held = {**live("Deployment", SCALER), **live("Job", f"{TEAM}-old-health-1")}
    found = children.obsolete(with_observed(seen(Phase.COMPLETED), children=held))
    assert [action.kind for action in found if isinstance(action, DeleteObject)] == ["Job"]


FAILED = JobObserved(finished=True, succeeded=False)


@pytest.mark.parametrize(
    ("phase", "job", "kept"),
    [
        (Phase.HEALTH_CHECKING, FAILED, True),
        (Phase.SHIFTING, FAILED, False),
        (Phase.ROLLING_BACK, FAILED, True),
        (Phase.ROLLED_BACK, FAILED, True),
        (Phase.FAILED, FAILED, True),
        (Phase.ROLLED_BACK, replace(FAILED, succeeded=True), False),
        (Phase.ROLLED_BACK, replace(FAILED, finished=False), False),
        (Phase.ROLLED_BACK, None, False),
    ],
    ids=[
        "of-the-phase",
        "of-a-phase-gone-by",
        "evidence-on-the-way-back",
        "evidence-after-it",
        "evidence-of-a-first-revision",
        "passed",
        "never-ended",
        "never-made",
    ],
)
def test_which_jobs_stay(phase: Phase, job: JobObserved | None, *, kept: bool) -> None:
    name = names.check_job(TEAM, GREEN, names.CHECK_HEALTH, 1)
    found = list(children.obsolete(with_observed(seen(phase, probe=job), children=live("Job", name))))
    assert (found == []) is kept
