"""A real API server with the AgentTeam CRD, and a fresh namespace for each test."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from agentteam_operator.api.crd import crd_text
from kubernetes import client, config, watch

from tests.cluster.api import ensure

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
CRD_NAME = "agentteams.agentteam.dev"
TEAMS = "/apis/agentteam.dev/v1alpha1/namespaces/{namespace}/agentteams"


@dataclass(frozen=True)
class Answer:
    """What the API server answered: the HTTP status and the object, or the Status that says what is wrong."""

    status: int
    body: dict[str, Any]

    @property
    def causes(self) -> list[tuple[str, str]]:
        """(field, message) of each thing that is wrong."""
        causes = self.body.get("details", {}).get("causes", [])
        return [(cause.get("field", ""), cause["message"]) for cause in causes]


@dataclass(frozen=True)
class ApiServer:
    """A running API server, by kubectl or by plain requests."""

    kubeconfig: Path
    bin_dir: Path
    audit_log: Path
    client: client.ApiClient

    def request(self, method: str, path: str, body: object = None, *, content_type: str = JSON, **query: str) -> Answer:
        """One request; an answer of any status is returned, none is raised; plain text is returned as a message."""
        response = self.client.rest_client.pool_manager.request(
            method,
            f"{self.client.configuration.host}{path}?{urlencode(query)}",
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type, "Accept": JSON},
        )
        plain = not response.headers.get("Content-Type", "").startswith(JSON)
        return Answer(response.status, {"message": response.data.decode()} if plain else json.loads(response.data))

    def dry_run(self, team: dict[str, Any], **query: str) -> Answer:
        """What the API server would answer to the creation of a team: admitted and defaulted, or refused."""
        path = TEAMS.format(namespace=team["metadata"].get("namespace", "default"))
        return self.request("POST", path, team, dryRun="All", **query)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints.

        Raises:
            subprocess.CalledProcessError: with what it said on its standard error.
        """
        command = [str(self.bin_dir / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=60).stdout


def _wait_until_served(server: ApiServer) -> None:
    """Wait until the API server has the CRD established and answers for its teams.

    Not by `kubectl wait`: it fails on a CRD that is so new that its ``status.conditions`` is still null.

    Raises:
        AssertionError: the API server doesn't within 30 s.
    """
    definitions = client.ApiextensionsV1Api(server.client).list_custom_resource_definition
    only = f"metadata.name={CRD_NAME}"
    stream = watch.Watch().stream(definitions, field_selector=only, timeout_seconds=30)  # type: ignore[no-untyped-call]
    assert any(_is_established(event["object"]) for event in stream), f"{CRD_NAME} isn't established within 30 s"
    deadline = time.monotonic() + 30
    while server.request("GET", TEAMS.format(namespace="default")).status != HTTPStatus.OK:
        assert time.monotonic() < deadline, f"{CRD_NAME} is established, but not served within 30 s"
        time.sleep(0.02)  # the API server's own handler learns of it a moment later, and has nothing to watch


def _is_established(definition: client.V1CustomResourceDefinition) -> bool:
    conditions = (definition.status and definition.status.conditions) or []
    return any(condition.type == "Established" and condition.status == "True" for condition in conditions)


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """The local API server (etcd, API server, controllers; no node), brought up if need be, with the CRD."""
    cluster = ensure("fast")
    api_client = config.new_client_from_config(str(cluster.kubeconfig))  # type: ignore[no-untyped-call]
    server = ApiServer(cluster.kubeconfig, cluster.bin_dir, cluster.audit_log, api_client)
    server.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=crd_text())
    _wait_until_served(server)
    yield server
    api_client.rest_client.pool_manager.clear()


@pytest.fixture
def namespace(api_server: ApiServer) -> Iterator[str]:
    """A namespace of the test's own; it is deleted afterwards, in the background."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    created = api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert created.status == HTTPStatus.CREATED, created.body
    yield name
    api_server.request("DELETE", f"/api/v1/namespaces/{name}")
