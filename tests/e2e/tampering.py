"""What people do to a team's active Service by hand, and how long its clients feel it.

The deeds are shared by `test_tampered_service.py`, which shows what becomes of them, and by ``python -m
tests.e2e.tampering_cost``, which measures what they cost.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from demo.kube import Json
from tests.e2e.harness import REVISION_LABEL, TEAM_LABEL, Team, answers
from tests.load.generator import LoadPlan
from tests.load.process import LoadProcess
from tests.support.waiting import poll

RESTORE_SECONDS = 30.0
FELT_SECONDS = 2.0
"""A loss within this time after a deed is its doing: the next deed comes later."""
NEW_PER_SECOND, KEPT_PER_SECOND = 20.0, 4.0
ROLE_LABEL = "agentteam.dev/role"

TAKEN_OVER = "agentteam.dev/unprotected=true"
"""The annotation without which the API server refuses everybody but the operator."""

Selector = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tampering:
    """One change of the active Service's selector by hand."""

    name: str
    selector: Selector | None
    """What it selects from then on; None for no selector at all."""

    def do(self, team: Team) -> None:
        """Do it to the team's active Service, as ``kubectl edit`` would."""
        patch: Json = {"op": "remove", "path": "/spec/selector"}
        if self.selector is not None:
            patch |= {"op": "replace", "value": dict(self.selector)}
        where = ("service", team.name, "-n", team.namespace)
        team.tools.kubectl("patch", *where, "--type=json", "-p", json.dumps([patch]))


def take_over(team: Team) -> None:
    """Let people change the team's active Service, as the refusal tells them to."""
    team.tools.kubectl("annotate", "service", team.name, "-n", team.namespace, TAKEN_OVER)


def selecting_nothing() -> Tampering:
    """Labels that no pod has."""
    return Tampering("select nothing", {"app": "nobody"})


def without_selector() -> Tampering:
    """No selector: Kubernetes then leaves the EndpointSlices as they are."""
    return Tampering("remove the selector", None)


def selecting(team: str, revision: str = "", name: str = "") -> Tampering:
    """The pods of a team, of one revision of it or of all."""
    selector = server_selector(team, revision)
    return Tampering(name or f"select {team} {revision}".rstrip(), selector)


def server_selector(team: str, revision: str = "") -> Selector:
    """The labels of a team's server pods, of one revision or of all."""
    whose = {TEAM_LABEL: team, ROLE_LABEL: "server"}
    return whose | ({REVISION_LABEL: revision} if revision else {})


def selector_of(team: Team) -> Selector:
    """What the team's active Service selects now; nothing if it has no selector, or isn't there."""
    found = team.tools.list("services", team.namespace, f"{TEAM_LABEL}={team.name}")
    active = [one for one in found if one["metadata"]["name"] == team.name]
    return (active[0]["spec"].get("selector") or {}) if active else {}


def endpoints_of(team: Team) -> set[str]:
    """Names of the pods that the EndpointSlices of the active Service call ready."""
    slices = team.tools.list("endpointslices", team.namespace, f"kubernetes.io/service-name={team.name}")
    return {
        endpoint["targetRef"]["name"]
        for one in slices
        for endpoint in one.get("endpoints") or []
        if endpoint["conditions"].get("ready")
    }


def await_selector(team: Team, selector: Selector) -> None:
    """Until the active Service selects this and sends its traffic to all those pods and to no others."""
    wanted = ",".join(f"{key}={value}" for key, value in selector.items())

    def restored() -> bool:
        if selector_of(team) != selector:
            return False
        pods = team.tools.list("pods", team.namespace, wanted)
        return bool(pods) and endpoints_of(team) == {pod["metadata"]["name"] for pod in pods}

    poll(restored, RESTORE_SECONDS, f"{team.name} to select {wanted}", every_seconds=0.1)


@contextlib.contextmanager
def loads(team: Team) -> Iterator[tuple[LoadProcess, LoadProcess]]:
    """Two kinds of clients, already answered: one connection for each request, and a single one for all."""
    poll(lambda: answers(f"{team.url}/readyz"), RESTORE_SECONDS, f"{team.url} to answer")
    plan = LoadPlan(team.url, NEW_PER_SECOND, max_requests=20_000, keep_alive_share=0.0, model=team.name)
    single = replace(plan, rate_per_second=KEPT_PER_SECOND, keep_alive_share=1.0, pool_size=1)
    with LoadProcess(plan) as new, LoadProcess(single) as kept:
        for load in (new, kept):
            load.wait_for(lambda line: line.get("counts", {}).get("ok", 0) > 0, RESTORE_SECONDS)
        yield new, kept
