from __future__ import annotations

import pytest
from agentteam_operator.api.base import kubernetes_name
from agentteam_operator.api.check_workload import quantity
from agentteam_operator.api.metrics import DEFAULT_METRICS, AnalysisMetric
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus
from pydantic import ValidationError

from tests.unit.api.manifests import MINIMAL, Document, merged


def _spec(patch: Document) -> AgentTeamSpec:
    return AgentTeamSpec.parse(merged(MINIMAL["spec"], patch))


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("base_url", "baseURL"),
        ("target_cpu_utilization", "targetCPUUtilization"),
        ("target_memory_utilization", "targetMemoryUtilization"),
        ("tls_secret_name", "tlsSecretName"),
        ("top_p", "topP"),
        ("name", "name"),
    ],
)
def test_fields_are_spelt_as_kubernetes_spells_them(attribute: str, name: str) -> None:
    assert kubernetes_name(attribute) == name


@pytest.mark.parametrize(
    ("patch", "replicas"),
    [({}, 3), ({"replicas": 5}, 5), ({"autoscaling": {"minReplicas": 4, "maxReplicas": 9}}, 4)],
    ids=["neither", "replicas", "autoscaling"],
)
def test_the_number_of_pods(patch: Document, replicas: int) -> None:
    assert _spec(patch).desired_replicas() == replicas


@pytest.mark.parametrize(
    ("patch", "seconds"),
    [
        ({}, 330),
        ({"runs": {"timeoutSeconds": 60}}, 90),
        ({"pod": {"terminationGracePeriodSeconds": 45}}, 45),
    ],
    ids=["default", "longer than the longest run", "chosen"],
)
def test_the_grace_period_outlasts_a_run(patch: Document, seconds: int) -> None:
    assert _spec(patch).grace_period_seconds() == seconds


def test_specs_are_immutable_and_can_be_compared() -> None:
    spec = _spec({})
    with pytest.raises(ValidationError, match="frozen"):
        spec.replicas = 4  # type: ignore[misc]
    assert spec == _spec({})


@pytest.mark.parametrize(
    ("metric", "resolved"),
    [
        ({"name": "errorRate"}, {"judge": "Sequential", "max": 0.05, "minEffect": 0.005}),
        ({"name": "errorRate", "max": 0.1}, {"judge": "Sequential", "max": 0.1, "minEffect": 0.005}),
        ({"name": "slowness"}, {"judge": "Sequential", "minEffect": 0.05}),
        ({"name": "p95LatencySeconds", "max": 2}, {"judge": "Threshold", "max": 2, "failureLimit": 1}),
        ({"name": "memoryUtilization"}, {"judge": "Threshold", "max": 0.8, "failureLimit": 1}),
        ({"name": "agentsOffline", "failureLimit": 0}, {"judge": "Threshold", "max": 0, "failureLimit": 0}),
    ],
    ids=lambda value: str(value.get("name", "")),
)
def test_a_metric_gets_the_defaults_of_its_kind(metric: Document, resolved: Document) -> None:
    assert AnalysisMetric.parse(metric).resolved().to_document() == {"name": metric["name"], **resolved}


def test_the_default_metrics_are_those_that_their_names_alone_would_give() -> None:
    assert [metric.resolved() for metric in DEFAULT_METRICS] == [
        AnalysisMetric(name=metric.name).resolved() for metric in DEFAULT_METRICS
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("1", 1), ("500m", 0.5), ("1.5", 1.5), ("1k", 1000), ("1Ki", 1024), ("2Mi", 2 * 1024**2),
     ("1G", 10**9), ("1.5Gi", 1.5 * 1024**3), ("1E", 10**18), ("1Ei", 1024**6)],
)  # fmt: skip
def test_quantities_are_compared_as_numbers(text: str, value: float) -> None:
    assert float(quantity(text)) == value


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z"], ids=["whole seconds", "microseconds"]
)
def test_times_are_written_as_they_were_read(text: str) -> None:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": text}
    status = AgentTeamStatus.parse({"conditions": [condition], "writtenByALaterVersion": {"a": 1}})
    written = status.to_document()
    assert written["conditions"][0]["lastTransitionTime"] == text
    assert AgentTeamStatus.parse(written) == status
