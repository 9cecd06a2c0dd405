from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.kube.resources import AGENT_TEAM, CONFIG_MAP, DEPLOYMENT, POD, SERVICE
from agentteam_operator.observe.store import Store, TeamKey

from tests.unit.runtime import objects

KEY = (objects.NAMESPACE, objects.TEAM)
NAME = f"{objects.TEAM}-{objects.REVISION}"


class Woken(list[TeamKey]):
    """Wakes in order."""


@pytest.fixture
def woken() -> Woken:
    return Woken()


@pytest.fixture
def store(woken: Woken) -> Store:
    return Store(woken.append)


def held(store: Store, kind: str, name: str) -> dict[str, Any] | None:
    entry = store.entry(KEY)
    return entry.children.get((kind, name)) if entry else None


def test_holds_by_team_and_wakes(store: Store, woken: Woken) -> None:
    store.put(AGENT_TEAM, objects.team())
    store.put(DEPLOYMENT, objects.deployment())
    assert store.teams() == [KEY]
    assert woken == [KEY, KEY]
    found = held(store, "Deployment", NAME)
    assert found is not None
    assert found["kind"] == "Deployment"
    assert found["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("first", "second", "replicas", "wakes"),
    [
        pytest.param(5, 6, 2, 2, id="newer"),
        pytest.param(6, 5, 1, 1, id="older-is-ignored"),
        pytest.param(5, 5, 1, 1, id="same-version-changes-nothing"),
        pytest.param(9, 10, 2, 2, id="versions-are-numbers-not-texts"),
    ],
)
def test_only_newer_replaces(store: Store, woken: Woken, *, first: int, second: int, replicas: int, wakes: int) -> None:
    store.put(DEPLOYMENT, objects.deployment(version=first, replicas=1))
    store.put(DEPLOYMENT, objects.deployment(version=second, replicas=2))
    found = held(store, "Deployment", NAME)
    assert found is not None
    assert found["spec"]["replicas"] == replicas
    assert len(woken) == wakes


def test_late_news_of_a_deleted_object_stay_out(store: Store) -> None:
    store.put(DEPLOYMENT, objects.deployment(version=5))
    store.remove(DEPLOYMENT, objects.deployment(version=7))
    store.put(DEPLOYMENT, objects.deployment(version=6))
    assert held(store, "Deployment", NAME) is None
    store.put(DEPLOYMENT, objects.deployment(version=8))
    assert held(store, "Deployment", NAME) is not None


def test_a_late_deletion_of_a_namesake_is_ignored(store: Store) -> None:
    store.put(DEPLOYMENT, objects.deployment(version=9))
    assert store.remove(DEPLOYMENT, objects.deployment(version=7)) is False
    assert held(store, "Deployment", NAME) is not None


def test_a_list_drops_what_went_unseen_and_keeps_what_came_later(store: Store) -> None:
    store.put(DEPLOYMENT, objects.deployment("aaaaaaaaaa", version=3))
    store.put(DEPLOYMENT, objects.deployment("bbbbbbbbbb", version=4))
    store.put(DEPLOYMENT, objects.deployment("cccccccccc", version=12))
    store.put(SERVICE, objects.service(version=2))
    store.replace(DEPLOYMENT, [objects.deployment("bbbbbbbbbb", version=4)], "10", store.known())
    assert held(store, "Deployment", "chat-aaaaaaaaaa") is None
    assert held(store, "Deployment", "chat-bbbbbbbbbb") is not None
    assert held(store, "Deployment", "chat-cccccccccc") is not None
    assert held(store, "Service", "chat") is not None


def test_a_list_of_one_namespace_leaves_others_alone(store: Store) -> None:
    other = objects.deployment()
    other["metadata"]["namespace"] = "elsewhere"
    store.put(DEPLOYMENT, other)
    store.replace(DEPLOYMENT, [], "10", store.known("support"))
    assert store.known("elsewhere") == [("elsewhere", objects.TEAM)]


def test_a_scale_answer_is_read_back(store: Store) -> None:
    store.put(DEPLOYMENT, objects.deployment(version=5, replicas=3))
    store.scaled(KEY, DEPLOYMENT, NAME, replicas=0, resource_version="6")
    store.put(DEPLOYMENT, objects.deployment(version=5, replicas=3))
    found = held(store, "Deployment", NAME)
    assert found is not None
    assert found["spec"]["replicas"] == 0
    assert found["metadata"]["resourceVersion"] == "6"


def test_nothing_is_left_of_a_team_that_is_gone(store: Store) -> None:
    store.put(AGENT_TEAM, objects.team())
    store.put(CONFIG_MAP, objects.config_map())
    store.remove(AGENT_TEAM, objects.team(version=2))
    assert store.teams() == []
    store.remove(CONFIG_MAP, objects.config_map(version=2))
    assert store.entry(KEY) is None


def test_an_object_of_no_team_is_nobodys(store: Store, woken: Woken) -> None:
    item = objects.service()
    item["metadata"]["labels"] = {}
    assert store.put(SERVICE, item) is False
    assert woken == []


def test_only_what_is_needed_is_kept(store: Store) -> None:
    item = objects.pod("chat-0")
    item["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    item["spec"] = {"containers": [{"name": "agent", "env": [{"name": "A", "value": "B"}]}]}
    store.put(POD, item)
    found = held(store, "Pod", "chat-0")
    assert found is not None
    assert "managedFields" not in found["metadata"]
    assert "spec" not in found
    assert found["status"]["podIP"] == "10.0.0.1"
