"""What the simulated API server answers: the parts of Kubernetes that a wrong answer would hide bugs behind."""

from __future__ import annotations

import pytest
from agentteam_operator.kube import resources
from agentteam_operator.kube.errors import Terminal

from tests.simulation.api_server import ApiServer, Request
from tests.simulation.past import JsonObject
from tests.simulation.timeline import Timeline


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer(Timeline())
    server.create(resources.EVENT, event("pulling", "pod-1", "Normal"))
    server.create(resources.EVENT, event("no-image", "pod-1", "Warning"))
    server.create(resources.EVENT, event("no-secret", "pod-2", "Warning"))
    return server


def event(name: str, about: str, kind: str) -> JsonObject:
    return {"metadata": {"name": name}, "involvedObject": {"uid": about}, "type": kind}


def listed(server: ApiServer, **query: str) -> list[str]:
    request = Request("GET", resources.EVENT, "", "", query, None, "application/json")
    return [item["metadata"]["name"] for item in server.handle(request)["items"]]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", ["no-image", "no-secret", "pulling"]),
        ("type=Warning", ["no-image", "no-secret"]),
        ("involvedObject.uid=pod-1,type=Warning", ["no-image"]),
        ("involvedObject.uid=pod-3", []),
    ],
)
def test_a_field_selector_picks_by_every_field(server: ApiServer, selector: str, names: list[str]) -> None:
    assert listed(server, fieldSelector=selector) == names


def test_a_refused_kind_is_refused_for_good_and_can_be_read(server: ApiServer) -> None:
    server.refused_kinds.add("Event")
    request = Request("POST", resources.EVENT, "", "", {}, event("new", "pod-1", "Normal"), "application/json")
    with pytest.raises(Terminal, match="403"):
        server.handle(request)
    assert len(listed(server)) == 3
