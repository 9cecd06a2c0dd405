"""The chart against a real API server: its objects are accepted without a warning, and its roles give what they say."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.cluster.api import ClusterHandle, ensure
from tests.unit.chart.chart import NAMESPACE, RELEASE, Manifest, render

OPERATOR = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
PROMETHEUS = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-prometheus"
VIEWER, EDITOR, STRANGER = "chart-viewer", "chart-editor", "chart-stranger"
AGGREGATION_TIMEOUT_SECONDS = 20.0
TEAMS, ELSEWHERE = "chart-teams", "chart-elsewhere"

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cluster() -> ClusterHandle:
    return ensure("fast")


@pytest.fixture(scope="module")
def kubectl(cluster: ClusterHandle) -> Kubectl:
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}

    def run(*arguments: str, documents: list[Manifest] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(cluster.bin_dir / "kubectl"), *arguments],
            env=environment,
            input=yaml.safe_dump_all(documents) if documents else None,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def namespace(name: str) -> Manifest:
    # The API server says as a warning what a pod template lacks for the restricted standard.
    labels = {"pod-security.kubernetes.io/warn": "restricted", "pod-security.kubernetes.io/warn-version": "latest"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def binding(user: str, role: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": user, "namespace": TEAMS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


@pytest.fixture(scope="module")
def namespaces(kubectl: Kubectl) -> Iterator[None]:
    objects = [namespace(name) for name in (NAMESPACE, TEAMS, ELSEWHERE)]
    assert kubectl("apply", "-f", "-", documents=objects).returncode == 0
    yield
    kubectl("delete", "--wait=false", "-f", "-", documents=objects)


VARIANTS: dict[str, Manifest] = {
    "defaults": {},
    "high availability": {"replicas": 3},
    "bundled Prometheus": {"prometheus": {"install": True}},
    "own Prometheus": {
        "prometheus": {
            "url": "https://prometheus.example",
            "bearerTokenSecret": {"name": "token"},
            "caConfigMap": {"name": "ca"},
        }
    },
    "notifiers": {
        "notifiers": [{"name": "chat", "kind": "Slack", "url": "https://hooks.example/key", "default": True}]
    },
    "notifiers of a Secret": {"notifiersSecret": {"name": "mine", "key": "all.yaml"}},
    "namespaced": {"watchNamespaces": [TEAMS, ELSEWHERE], "prometheus": {"install": True}},
    "placed": {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "agents", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"example.com/team": "platform"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "imagePullSecrets": [{"name": "pull"}],
    },
}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.usefixtures("namespaces")
def test_api_server_takes_every_object_without_a_warning(kubectl: Kubectl, values: Manifest) -> None:
    result = kubectl(
        "apply",
        "--dry-run=server",
        "--validate=strict",
        "--warnings-as-errors",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        documents=render(values).manifests,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.fixture(scope="module")
def installed_roles(kubectl: Kubectl, namespaces: None) -> Iterator[None]:
    _ = namespaces
    objects = [
        manifest
        for manifest in render({"prometheus": {"install": True}, "watchNamespaces": [TEAMS]}).manifests
        if manifest["apiVersion"].startswith("rbac.")
    ]
    objects += [binding(VIEWER, "view"), binding(EDITOR, "edit")]
    applied = kubectl("apply", "-f", "-", documents=objects)
    assert applied.returncode == 0, applied.stderr
    wait_for_aggregation(kubectl)
    yield
    kubectl("delete", "--wait=false", "-f", "-", documents=objects)


def wait_for_aggregation(kubectl: Kubectl) -> None:
    deadline = time.monotonic() + AGGREGATION_TIMEOUT_SECONDS
    while not may(kubectl, EDITOR, "create", "agentteams.agentteam.dev", TEAMS):
        assert time.monotonic() < deadline, "the edit role was not aggregated in time"


def may(kubectl: Kubectl, user: str, verb: str, resource: str, where: str) -> bool:
    """Ask the API server's own authorizer."""
    kind, _, name = resource.partition(":")
    plural, _, group = kind.partition(".")
    plural, _, subresource = plural.partition("/")
    attributes = {"verb": verb, "resource": plural, "group": group, "namespace": where}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {**attributes, "subresource": subresource, "name": name}},
    }
    answer = kubectl("create", "-o", "json", "-f", "-", documents=[review])
    assert answer.returncode == 0, answer.stderr
    return bool(json.loads(answer.stdout)["status"]["allowed"])


AUTOSCALERS = "horizontalpodautoscalers.autoscaling"
ALLOWED = [
    (OPERATOR, "watch", "agentteams.agentteam.dev", TEAMS),
    (OPERATOR, "update", "agentteams/status.agentteam.dev", TEAMS),
    (OPERATOR, "create", "deployments.apps", TEAMS),
    (OPERATOR, "patch", "deployments/scale.apps", TEAMS),
    (OPERATOR, "patch", AUTOSCALERS, TEAMS),
    (OPERATOR, "get", "customresourcedefinitions.apiextensions.k8s.io:agentteams.agentteam.dev", ""),
    (OPERATOR, "update", f"leases.coordination.k8s.io:{RELEASE}", NAMESPACE),
    (PROMETHEUS, "watch", "pods", TEAMS),
    (VIEWER, "list", "agentteams.agentteam.dev", TEAMS),
    (EDITOR, "create", "agentteams.agentteam.dev", TEAMS),
    (EDITOR, "patch", "agentteams/scale.agentteam.dev", TEAMS),
]
DENIED = [
    (OPERATOR, "get", "secrets", TEAMS),
    (OPERATOR, "list", "secrets", NAMESPACE),
    (OPERATOR, "create", "pods/exec", TEAMS),
    (OPERATOR, "create", "pods", TEAMS),
    (OPERATOR, "patch", "agentteams.agentteam.dev", TEAMS),
    (OPERATOR, "patch", "deployments.apps", TEAMS),
    (OPERATOR, "patch", "configmaps", TEAMS),
    (OPERATOR, "update", "agentteams.agentteam.dev", TEAMS),
    (OPERATOR, "create", "rolebindings.rbac.authorization.k8s.io", TEAMS),
    (OPERATOR, "list", "customresourcedefinitions.apiextensions.k8s.io", ""),
    (OPERATOR, "get", "customresourcedefinitions.apiextensions.k8s.io:others.example.com", ""),
    (OPERATOR, "list", "agentteams.agentteam.dev", ELSEWHERE),
    (OPERATOR, "create", "deployments.apps", ELSEWHERE),
    (OPERATOR, "update", "leases.coordination.k8s.io:someone-elses", NAMESPACE),
    (OPERATOR, "create", "leases.coordination.k8s.io", TEAMS),
    (PROMETHEUS, "list", "pods", ELSEWHERE),
    (PROMETHEUS, "get", "configmaps", TEAMS),
    (VIEWER, "create", "agentteams.agentteam.dev", TEAMS),
    (VIEWER, "patch", "agentteams/status.agentteam.dev", TEAMS),
    (EDITOR, "patch", "agentteams/status.agentteam.dev", TEAMS),
    (EDITOR, "create", "agentteams.agentteam.dev", ELSEWHERE),
    (STRANGER, "list", "agentteams.agentteam.dev", TEAMS),
]
QUESTIONS = [(*question, True) for question in ALLOWED] + [(*question, False) for question in DENIED]


def question_id(question: tuple[str, str, str, str, bool]) -> str:
    user, verb, resource, where, allowed = question
    return f"{user.rpartition(':')[2]} {'may' if allowed else 'may not'} {verb} {resource} in {where or 'the cluster'}"


@pytest.mark.parametrize(
    ("user", "verb", "resource", "where", "allowed"), QUESTIONS, ids=[question_id(question) for question in QUESTIONS]
)
@pytest.mark.usefixtures("installed_roles")
def test_authorizer(kubectl: Kubectl, user: str, verb: str, resource: str, where: str, *, allowed: bool) -> None:
    assert may(kubectl, user, verb, resource, where) is allowed
