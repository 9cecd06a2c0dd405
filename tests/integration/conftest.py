"""A real API server with the AgentTeam CRD, and a fresh namespace for each test."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from agentteam_operator.api.crd import crd_text
from kubernetes import client, config

from tests.cluster.api import ensure
from tests.support.waiting import poll

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agentteams.agentteam.dev"
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


def _serves_teams(server: ApiServer) -> bool:
    """Whether the API server has the CRD established and answers for its teams.

    Not by `kubectl wait`: it fails on a CRD that is so new that its ``status.conditions`` is still null.
    """
    conditions = server.request("GET", CRD).body.get("status", {}).get("conditions") or []
    established = any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
    return established and server.request("GET", TEAMS.format(namespace="default")).status == HTTPStatus.OK


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """The local API server (etcd, API server, controllers; no node), brought up if need be, with the CRD."""
    cluster = ensure("fast")
    api_client = config.new_client_from_config(str(cluster.kubeconfig))  # type: ignore[no-untyped-call]
    server = ApiServer(cluster.kubeconfig, cluster.bin_dir, cluster.audit_log, api_client)
    server.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=crd_text())
    # Asked, not watched: its handler learns of an established CRD a moment later, and tells nobody.
    poll(lambda: _serves_teams(server), 30, "the API server to serve agentteams", every_seconds=0.02)
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
