from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from agentteam_operator.core.build import deployment

from tests.unit.build.teams import TEAM, document_of


def pod_spec(**fields: object) -> Mapping[str, Any]:
    manifest = deployment.build(TEAM, document_of(**fields), replicas=3)
    spec: Mapping[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def container(**fields: object) -> Mapping[str, Any]:
    only: Mapping[str, Any]
    (only,) = pod_spec(**fields)["containers"]
    return only


def test_is_named_labelled_and_owned() -> None:
    document = document_of()
    revision = document.metadata.revision
    manifest = deployment.build(TEAM, document, replicas=2)
    assert manifest["metadata"]["name"] == f"chat-{revision}"
    assert manifest["metadata"]["namespace"] == "support"
    assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "agentteam-operator"
    assert manifest["metadata"]["labels"]["app.kubernetes.io/version"] == "1.2.3"
    assert manifest["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "agentteam.dev/v1alpha1",
            "kind": "AgentTeam",
            "name": "chat",
            "uid": "uid-of-chat",
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    assert manifest["spec"]["replicas"] == 2
    assert manifest["spec"]["revisionHistoryLimit"] == 0
    assert manifest["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert manifest["spec"]["selector"]["matchLabels"] == {
        "agentteam.dev/team": "chat",
        "agentteam.dev/role": "server",
        "agentteam.dev/revision": revision,
    }


def test_meets_the_restricted_standard() -> None:
    spec = pod_spec()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


def test_the_server_reads_its_config_and_listens_on_two_ports() -> None:
    only = container()
    assert only["args"] == ["run", "--config", "/etc/agentteam/app.yaml"]
    assert [(port["name"], port["containerPort"]) for port in only["ports"]] == [("http", 8000), ("metrics", 9090)]
    assert {"name": "agentteam-config", "mountPath": "/etc/agentteam", "readOnly": True} in only["volumeMounts"]
    assert only["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize(
    ("probe", "path", "period", "failures"),
    [
        pytest.param("startupProbe", "/livez", 1, 120, id="startup-until-loaded"),
        pytest.param("livenessProbe", "/livez", 10, 3, id="liveness"),
        pytest.param("readinessProbe", "/readyz", 5, 2, id="readiness"),
    ],
)
def test_probes(probe: str, path: str, period: int, failures: int) -> None:
    found = container()[probe]
    assert found["httpGet"] == {"path": path, "port": "http"}
    assert (found["periodSeconds"], found["failureThreshold"]) == (period, failures)


def test_probes_follow_the_spec() -> None:
    only = container(pod={"probes": {"readiness": {"periodSeconds": 1}}})
    assert only["readinessProbe"]["periodSeconds"] == 1


def test_pods_are_found_by_prometheus_and_keep_the_users_labels() -> None:
    document = document_of(pod={"labels": {"cost-centre": "7"}, "annotations": {"example.com/a": "b"}})
    metadata = deployment.build(TEAM, document, replicas=1)["spec"]["template"]["metadata"]
    assert metadata["labels"]["cost-centre"] == "7"
    assert metadata["labels"]["agentteam.dev/role"] == "server"
    assert metadata["annotations"] == {
        "example.com/a": "b",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9090",
        "prometheus.io/path": "/metrics",
    }


def test_api_keys_are_files_of_their_secrets() -> None:
    models = [
        {"name": "a", "provider": "OpenAI", "model": "m", "apiKeySecretRef": {"name": "llm.keys", "key": "one"}},
        {"name": "b", "provider": "OpenAI", "model": "m", "apiKeySecretRef": {"name": "llm.keys", "key": "two"}},
        {"name": "main", "provider": "OpenAI", "model": "m", "apiKeySecretRef": {"name": "other", "key": "one"}},
    ]
    spec = pod_spec(models=models)
    secrets = {volume["name"]: volume["secret"] for volume in spec["volumes"] if "secret" in volume}
    assert secrets["agentteam-secret-0"] == {
        "secretName": "llm.keys",
        "defaultMode": 0o440,
        "items": [{"key": "one", "path": "one"}, {"key": "two", "path": "two"}],
        "optional": False,
    }
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    assert mounts["agentteam-secret-0"]["mountPath"] == "/var/run/secrets/agentteam/llm.keys"
    assert mounts["agentteam-secret-1"]["mountPath"] == "/var/run/secrets/agentteam/other"
    assert mounts["agentteam-secret-1"]["readOnly"] is True


def test_the_environment_names_the_revision_and_the_patience() -> None:
    document = document_of(
        pod={
            "terminationGracePeriodSeconds": 60,
            "env": [
                {"name": "TZ", "value": "UTC"},
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "AUTOGEN_GRACE_PERIOD_SECONDS", "value": "9999"},
            ],
        }
    )
    spec = deployment.build(TEAM, document, replicas=1)["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 60
    assert spec["containers"][0]["env"] == [
        {"name": "TZ", "value": "UTC"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "AUTOGEN_REVISION", "value": document.metadata.revision},
        {"name": "AUTOGEN_GRACE_PERIOD_SECONDS", "value": "55"},
    ]


@pytest.mark.parametrize(
    ("pod", "field", "expected"),
    [
        pytest.param({}, "serviceAccountName", "chat", id="own-account"),
        pytest.param({"serviceAccountName": "mine"}, "serviceAccountName", "mine", id="users-account"),
        pytest.param({"nodeSelector": {"a": "b"}}, "nodeSelector", {"a": "b"}, id="node-selector"),
        pytest.param({"priorityClassName": "high"}, "priorityClassName", "high", id="priority"),
        pytest.param({"imagePullSecrets": [{"name": "r"}]}, "imagePullSecrets", [{"name": "r"}], id="pull-secrets"),
        pytest.param({"affinity": {"podAffinity": {}}}, "affinity", {"podAffinity": {}}, id="affinity"),
    ],
)
def test_placement(pod: dict[str, object], field: str, expected: object) -> None:
    assert pod_spec(pod=pod)[field] == expected


def test_pods_are_spread_over_nodes_without_insisting() -> None:
    (constraint,) = pod_spec()["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["labelSelector"]["matchLabels"]["agentteam.dev/team"] == "chat"


def test_the_users_spread_takes_the_place_of_ours() -> None:
    zones = [{"topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}]
    (constraint,) = pod_spec(pod={"topologySpreadConstraints": zones})["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "topology.kubernetes.io/zone"
    assert constraint["labelSelector"]["matchLabels"]["agentteam.dev/role"] == "server"


def test_the_users_volumes_come_after_ours() -> None:
    pod = {
        "volumes": [{"name": "data", "configMap": {"name": "facts"}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
    }
    spec = pod_spec(pod=pod)
    assert [volume["name"] for volume in spec["volumes"]] == ["agentteam-config", "agentteam-tmp", "data"]
    assert spec["containers"][0]["volumeMounts"][-1]["mountPath"] == "/data"
