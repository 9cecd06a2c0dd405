from __future__ import annotations

import pytest
import yaml
from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.api.workload import Autoscaling, IngressSettings
from agentteam_operator.core import names
from agentteam_operator.core.build import configmap, hpa, ingress, checks, pdb, podmonitor, service, serviceaccount

from tests.unit.build.teams import TEAM, document_of, spec_of

SCALED = Autoscaling(min_replicas=2, max_replicas=6, target_cpu_utilization=60, target_memory_utilization=80)


def test_config_map_is_immutable_and_reads_back() -> None:
    document = document_of()
    manifest = configmap.build(TEAM, document)
    assert manifest["immutable"] is True
    assert manifest["metadata"]["name"] == f"chat-{document.metadata.revision}"
    text = manifest["data"]["app.yaml"]
    assert RevisionDocument.parse(text) == document
    assert yaml.safe_load(text)["image"] == "agent:1"


def test_active_service_has_the_users_settings() -> None:
    spec = spec_of(service={"type": "LoadBalancer", "port": 8080, "annotations": {"example.com/lb": "internal"}})
    manifest = service.build(TEAM, spec, selector=names.server_selector("chat", "0123456789"))
    assert manifest["metadata"]["name"] == "chat"
    assert manifest["metadata"]["annotations"]["example.com/lb"] == "internal"
    assert manifest["spec"]["type"] == "LoadBalancer"
    assert manifest["spec"]["ports"] == [{"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}]
    assert manifest["spec"]["publishNotReadyAddresses"] is False


def test_preview_service_is_never_reachable_from_outside() -> None:
    spec = spec_of(service={"type": "LoadBalancer", "annotations": {"example.com/lb": "internal"}})
    manifest = service.build(TEAM, spec, selector=names.server_selector("chat", "0123456789"), preview=True)
    assert manifest["metadata"]["name"] == "chat-preview"
    assert manifest["spec"]["type"] == "ClusterIP"
    assert "example.com/lb" not in manifest["metadata"]["annotations"]


def test_a_service_without_a_selector_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        service.build(TEAM, spec_of(), selector={})


@pytest.mark.parametrize(
    ("frozen", "current", "least", "most", "policy"),
    [
        pytest.param(False, 4, 2, 6, "Max", id="at-rest"),
        pytest.param(True, 4, 4, 6, "Disabled", id="rollout-keeps-what-there-is"),
        pytest.param(True, 1, 2, 6, "Disabled", id="rollout-below-the-minimum"),
        pytest.param(True, 9, 9, 9, "Disabled", id="rollout-above-a-lowered-maximum"),
    ],
)
def test_autoscaler(*, frozen: bool, current: int, least: int, most: int, policy: str) -> None:
    manifest = hpa.build(TEAM, "0123456789", SCALED, frozen=frozen, current=current)
    spec = manifest["spec"]
    assert spec["scaleTargetRef"]["name"] == manifest["metadata"]["name"] == "chat-0123456789"
    assert (spec["minReplicas"], spec["maxReplicas"]) == (least, most)
    assert spec["behavior"]["scaleDown"]["selectPolicy"] == policy
    assert [metric["resource"]["name"] for metric in spec["metrics"]] == ["cpu", "memory"]


def test_autoscaler_without_a_memory_target() -> None:
    manifest = hpa.build(TEAM, "0123456789", Autoscaling(max_replicas=4), frozen=False, current=3)
    assert [metric["resource"]["name"] for metric in manifest["spec"]["metrics"]] == ["cpu"]


def test_disruption_budget_is_for_one_colour() -> None:
    manifest = pdb.build(TEAM, "0123456789", spec_of(disruptionBudget={"maxUnavailable": 2}))
    assert manifest["spec"]["maxUnavailable"] == 2
    assert manifest["spec"]["selector"]["matchLabels"]["agentteam.dev/revision"] == "0123456789"


def test_service_account_has_no_token() -> None:
    assert serviceaccount.build(TEAM)["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(IngressSettings(host="chat.example"), {}, id="plain"),
        pytest.param(
            IngressSettings(host="chat.example", class_name="nginx", tls_secret_name="chat-tls"),  # noqa: S106
            {"ingressClassName": "nginx", "tls": [{"hosts": ["chat.example"], "secretName": "chat-tls"}]},
            id="class-and-tls",
        ),
    ],
)
def test_ingress(settings: IngressSettings, expected: dict[str, object]) -> None:
    spec = ingress.build(TEAM, settings)["spec"]
    assert {key: spec[key] for key in spec if key != "rules"} == expected
    (rule,) = spec["rules"]
    assert rule["host"] == "chat.example"
    assert rule["http"]["paths"][0]["backend"] == {"service": {"name": "chat", "port": {"name": "http"}}}


def test_pod_monitor_trusts_no_workloads_labels_and_scrapes_as_often_as_judgement_looks() -> None:
    (endpoint,) = podmonitor.build(TEAM, interval_seconds=2)["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "metrics", "path": "/metrics", "interval": "2s", "honorLabels": False}


def test_probe_job_asks_every_pod_and_ends() -> None:
    document = document_of()
    gate = spec_of(rollout={"health": {"retries": 2, "intervalSeconds": 3}}).rollout.health
    manifest = checks.health(TEAM, document, gate, addresses=["10.0.0.1", "fd00::2"], attempt=2)
    assert manifest["metadata"]["name"] == f"chat-{document.metadata.revision}-health-2"
    assert manifest["spec"]["backoffLimit"] == 0
    assert manifest["spec"]["activeDeadlineSeconds"] == 3 * 10 + 2 * 3 + 60
    pod = manifest["spec"]["template"]
    assert pod["metadata"]["labels"]["agentteam.dev/role"] == "probe"
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "agent:1"
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}, "a quota may ask for both"
    assert container["args"] == [
        "probe",
        *("--target", "http://10.0.0.1:8000"),
        *("--target", "http://[fd00::2]:8000"),
        *("--required", "runtime,models"),
        *("--retries", "2"),
        *("--interval-seconds", "3"),
        *("--timeout-seconds", "10"),
        *("--termination-log", "/dev/termination-log"),
    ]


def test_probe_job_gets_no_secret_and_no_token() -> None:
    models = [{"name": "main", "provider": "OpenAI", "model": "m", "apiKeySecretRef": {"name": "llm", "key": "k"}}]
    pod = checks.health(TEAM, document_of(models=models), spec_of().rollout.health, addresses=["10.0.0.1"])
    spec = pod["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert [list(volume) for volume in spec["volumes"]] == [["name", "emptyDir"]]
