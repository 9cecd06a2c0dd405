from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.api.crd import schema_hash
from agentteam_operator.core import names
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import KubeError, NotFound, Retryable
from agentteam_operator.kube.resources import AGENT_TEAM, Resource
from agentteam_operator.observe.store import Store, TeamKey
from agentteam_operator.prerequisites import Prerequisites
from agentteam_operator.resync import Resync

from tests.unit.runtime import objects


class ApiServer(KubeClient):
    """Has a CRD with some hash or none, PodMonitors or none, and a list of teams."""

    def __init__(self) -> None:
        self.crd_hash: str | None = schema_hash()
        self.pod_monitors = False
        self.down: KubeError | None = None
        self.teams: list[dict[str, Any]] = []

    async def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False
    ) -> dict[str, Any]:
        assert (resource.kind, namespace, name) == ("CustomResourceDefinition", "", "agentteams.agentteam.dev")
        assert metadata_only is True
        if self.down:
            raise self.down
        if self.crd_hash is None:
            raise NotFound("no CRD")
        return {"metadata": {"annotations": {names.ANNOTATION_SCHEMA_HASH: self.crd_hash}}}

    async def request(self, method: str, path: str, *, what: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        assert (method, path) == ("GET", "/apis/monitoring.coreos.com/v1"), what
        if not self.pod_monitors:
            raise NotFound("no such group")
        return {"resources": [{"name": "podmonitors"}, {"name": "servicemonitors"}]}

    async def list(self, resource: Resource, namespace: str = "", **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        assert (resource, namespace, arguments) == (AGENT_TEAM, "", {"metadata_only": True})
        if self.down:
            raise self.down
        return {"metadata": {"resourceVersion": "100"}, "items": self.teams}


@pytest.mark.parametrize(
    ("crd_hash", "matches"),
    [
        pytest.param(schema_hash(), True, id="ours"),
        pytest.param("0123456789abcdef", False, id="another-versions"),
        pytest.param("", False, id="without-a-hash"),
        pytest.param(None, False, id="not-installed"),
    ],
)
async def test_only_with_its_own_schema(crd_hash: str | None, *, matches: bool) -> None:
    server = ApiServer()
    server.crd_hash = crd_hash
    prerequisites = Prerequisites(server, lambda: None)
    await prerequisites.look()
    assert prerequisites.crd_matches.is_set() is matches


async def test_changes_are_noticed_both_ways() -> None:
    told: list[bool] = []
    server = ApiServer()
    prerequisites = Prerequisites(server, lambda: told.append(prerequisites.crd_matches.is_set()))
    await prerequisites.look()
    await prerequisites.look()
    server.crd_hash = "another"
    await prerequisites.look()
    server.crd_hash = schema_hash()
    server.pod_monitors = True
    await prerequisites.look()
    assert told == [True, False, True]
    assert prerequisites.pod_monitors is True


async def test_an_api_server_that_is_down_changes_nothing() -> None:
    server = ApiServer()
    prerequisites = Prerequisites(server, lambda: None)
    await prerequisites.look()
    server.down = Retryable("down")
    await prerequisites.look()
    assert prerequisites.crd_matches.is_set()


def resync_of(server: ApiServer, store: Store, woken: list[TeamKey]) -> Resync:
    return Resync(server, store, woken.append, interval_seconds=600, namespaces=("",))


@pytest.mark.parametrize(
    ("version", "listed", "left"),
    [
        pytest.param(5, False, False, id="went-unseen"),
        pytest.param(5, True, True, id="still-there"),
        pytest.param(101, False, True, id="made-since-the-list"),
    ],
)
async def test_teams_that_went_unseen_are_forgotten(version: int, *, listed: bool, left: bool) -> None:
    server, store = ApiServer(), Store(lambda _: None)
    store.put(AGENT_TEAM, objects.team(version))
    server.teams = [objects.team(version)] if listed else []
    await resync_of(server, store, []).forget_lost()
    assert bool(store.teams()) is left


async def test_nothing_is_forgotten_when_nothing_can_be_read() -> None:
    server, store = ApiServer(), Store(lambda _: None)
    store.put(AGENT_TEAM, objects.team())
    server.down = Retryable("down")
    await resync_of(server, store, []).forget_lost()
    assert store.teams() == [(objects.NAMESPACE, objects.TEAM)]
