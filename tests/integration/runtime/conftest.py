"""The operator's own client against the real API server, and the operator as a process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from agentteam_operator.kube.client import KubeClient, load_configuration

from tests.integration.conftest import ApiServer
from tests.integration.runtime.operator_process import OperatorProcess
from tests.integration.runtime.stand_in_node import StandInNode
from tests.integration.runtime.team import Team

StartOperator = Callable[..., OperatorProcess]


@pytest.fixture
async def kube(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeClient]:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    async with KubeClient(await load_configuration()) as client:
        yield client


@pytest.fixture
async def node(kube: KubeClient, namespace: str) -> AsyncIterator[StandInNode]:
    async with StandInNode(kube, namespace).running() as running:
        yield running


@pytest.fixture
async def start_operator(api_server: ApiServer, namespace: str, tmp_path: Path) -> AsyncIterator[StartOperator]:
    """Start operator processes that serve the test's namespace; they are ended with the test."""
    async with AsyncExitStack() as stack:

        def start(name: str = "operator", **environment: str) -> OperatorProcess:
            settings: Mapping[str, Any] = {
                **os.environ,
                "KUBECONFIG": str(api_server.kubeconfig),
                "WATCH_NAMESPACES": namespace,
                "LEASE_NAMESPACE": namespace,
                "POD_NAME": name,
                "AGENT_IMAGE": "localhost/agentteam-agent:dev",
                "HEALTH_PORT": "0",
                "METRICS_PORT": "0",
                **environment,
            }
            process = OperatorProcess(settings, tmp_path / f"{name}.log")
            stack.push_async_callback(process.end)
            return process

        yield start


@pytest.fixture
def team(kube: KubeClient, namespace: str, node: StandInNode) -> Team:
    assert node is not None
    return Team(kube, namespace)
