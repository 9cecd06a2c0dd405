"""One operator from the chart for all tests, one namespace for each; a failure comes with all that explains it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from demo.screen import Screen
from demo.target import LOCAL, ROOT, prepare
from tests.cluster.profiles import FULL
from tests.e2e.harness import MODEL_NAMESPACE, OPERATOR, OPERATOR_NAMESPACE, Cluster, diagnosis

VALUES = (
    "prometheus.install=true",
    # Quick scrapes and a short lease, so that the tests wait for the operator and not for their own settings.
    "prometheus.scrapeIntervalSeconds=1",
    "extraEnv[0].name=LEASE_DURATION_SECONDS",
    "extraEnv[0].value=4",
    "extraEnv[1].name=LEASE_RENEW_DEADLINE_SECONDS",
    "extraEnv[1].value=3",
    "extraEnv[2].name=LEASE_RETRY_SECONDS",
    "extraEnv[2].value=1",
)
STRING_VALUES = {value for value in VALUES if ".value=" in value}


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The local cluster with the operator installed from the chart; it stays up."""
    target = prepare(LOCAL, Screen())
    tools = target.tools
    arguments = [word for value in target.helm_values for word in ("--set", value)]
    for value in VALUES:
        arguments += ["--set-string" if value in STRING_VALUES else "--set", value]
    chart = str(ROOT / "charts" / "agentteam-operator")
    tools.helm(
        "upgrade", "--install", OPERATOR, chart, "-n", OPERATOR_NAMESPACE, "--create-namespace", "--wait", *arguments
    )
    # The images' tag never changes: a new build must replace the pod of the last one.
    tools.kubectl("rollout", "restart", f"deployment/{OPERATOR}", "-n", OPERATOR_NAMESPACE)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MODEL_NAMESPACE}}
    tools.apply(namespace, MODEL_NAMESPACE)
    tools.apply((ROOT / "tests/model_endpoint/deploy.yaml").read_text(), MODEL_NAMESPACE)
    tools.kubectl("rollout", "restart", "deployment/model-endpoint", "-n", MODEL_NAMESPACE)
    cluster = Cluster(target, FULL.audit_log)
    cluster.await_operator()
    tools.kubectl("rollout", "status", "deployment/model-endpoint", "-n", MODEL_NAMESPACE, "--timeout=60s")
    return cluster


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """A namespace for one module's tests."""
    words = re.sub(r"[^a-z0-9]+", "-", request.module.__name__.rpartition(".")[2].removeprefix("test_").lower())
    with cluster.namespace(f"e2e-{words[:40]}-{uuid.uuid4().hex[:5]}") as name:
        yield name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the namespace's state and the operator's log to a failed test."""
    report = yield
    values: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and "cluster" in values and "namespace" in values:
        report.sections.append(("cluster", diagnosis(values["cluster"].tools, values["namespace"])))
    return report
