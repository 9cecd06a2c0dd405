"""The Deployment of one revision: created once, then only scaled; its pod template is never written again."""

from __future__ import annotations

from typing import Any

from agentteam_operator.api.pod import LivenessProbe, ReadinessProbe, StartupProbe
from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)

CONFIG_VOLUME = "agentteam-config"
TEMP_VOLUME = "agentteam-tmp"
SECRET_FILE_MODE = 0o440
"""Readable for the pod's group, which is the server's own (fsGroup), and for nobody else."""

STOP_MARGIN_SECONDS = 5
"""Between the server's own end of patience and the kubelet's SIGKILL: endpoint propagation and the last answers."""

PROGRESS_DEADLINE_SECONDS = 600
"""Only a label for people: readiness has its own, persisted deadline (`rollout.readyTimeoutSeconds`)."""


def build(team: TeamRef, document: RevisionDocument, *, replicas: int) -> Manifest:
    """The revision's Deployment with `replicas` pods to begin with.

    `revisionHistoryLimit` is 0: our own revisions are the history. A template is never changed in place, so the
    strategy matters only to people who do so by hand.
    """
    revision = document.metadata.revision
    labels = common.revision_labels(team, document)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": common.metadata(team, names.revision_object(team.name, revision), labels),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": names.server_selector(team.name, revision)},
            "template": {
                "metadata": {
                    "labels": {**document.spec.pod.labels, **labels},
                    "annotations": {**document.spec.pod.annotations, **_scrape_annotations()},
                },
                "spec": _pod_spec(team, document),
            },
        },
    }


def _scrape_annotations() -> dict[str, str]:
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(names.METRICS_PORT),
        "prometheus.io/path": "/metrics",
    }


def _pod_spec(team: TeamRef, document: RevisionDocument) -> dict[str, Any]:
    pod = document.spec.pod
    spec: dict[str, Any] = {
        "serviceAccountName": common.service_account_name(team, document),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": document.spec.grace_period_seconds(),
        "securityContext": common.pod_security_context(),
        "topologySpreadConstraints": _topology_spread(team, document),
        "containers": [_container(document)],
        "volumes": [*_own_volumes(team, document), *(volume.to_document() for volume in pod.volumes)],
        **common.placement(document),
    }
    if pod.affinity:
        spec["affinity"] = dict(pod.affinity)
    return spec


def _topology_spread(team: TeamRef, document: RevisionDocument) -> list[dict[str, Any]]:
    """The user's constraints, or one over nodes that never keeps a pod from running."""
    selector = {"matchLabels": names.server_selector(team.name, document.metadata.revision)}
    wanted = [constraint.to_document() for constraint in document.spec.pod.topology_spread_constraints] or [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ]
    return [{**constraint, "labelSelector": selector} for constraint in wanted]


def _container(document: RevisionDocument) -> dict[str, Any]:
    probes = document.spec.pod.probes
    return {
        "name": names.CONTAINER,
        "image": document.image,
        "args": ["run", "--config", f"{names.CONFIG_MOUNT_PATH}/{names.CONFIG_KEY}"],
        "ports": [
            {"name": names.HTTP_PORT_NAME, "containerPort": names.HTTP_PORT, "protocol": "TCP"},
            {"name": names.METRICS_PORT_NAME, "containerPort": names.METRICS_PORT, "protocol": "TCP"},
        ],
        "env": _env(document),
        "resources": document.spec.resources.to_document(),
        "startupProbe": _probe("/livez", probes.startup),
        "livenessProbe": _probe("/livez", probes.liveness),
        "readinessProbe": _probe("/readyz", probes.readiness),
        "securityContext": common.container_security_context(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*_own_mounts(document), *(mount.to_document() for mount in document.spec.pod.volume_mounts)],
    }


def _env(document: RevisionDocument) -> list[dict[str, Any]]:
    """The user's variables, then the operator's own, which can't be overridden: the last of a name wins."""
    grace_seconds = max(1, document.spec.grace_period_seconds() - STOP_MARGIN_SECONDS)
    own = {"AUTOGEN_REVISION": document.metadata.revision, "AUTOGEN_GRACE_PERIOD_SECONDS": str(grace_seconds)}
    users = [variable.to_document() for variable in document.spec.pod.env if variable.name not in own]
    return [*users, *({"name": name, "value": value} for name, value in own.items())]


def _probe(path: str, settings: StartupProbe | LivenessProbe | ReadinessProbe) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": names.HTTP_PORT_NAME}, **settings.to_document()}


def _secrets(document: RevisionDocument) -> dict[str, list[str]]:
    """Keys of each Secret that a model needs, by Secret, in a fixed order."""
    wanted: dict[str, set[str]] = {}
    for model in document.spec.models:
        if model.api_key_secret_ref is not None:
            wanted.setdefault(model.api_key_secret_ref.name, set()).add(model.api_key_secret_ref.key)
    return {name: sorted(wanted[name]) for name in sorted(wanted)}


def _secret_volume(index: int) -> str:
    """A volume's name has 63 characters, a Secret's 253: so they are numbered."""
    return f"agentteam-secret-{index}"


def _own_volumes(team: TeamRef, document: RevisionDocument) -> list[dict[str, Any]]:
    config = names.revision_object(team.name, document.metadata.revision)
    secrets = [
        {
            "name": _secret_volume(index),
            "secret": {
                "secretName": name,
                "defaultMode": SECRET_FILE_MODE,
                "items": [{"key": key, "path": key} for key in keys],
                "optional": False,
            },
        }
        for index, (name, keys) in enumerate(_secrets(document).items())
    ]
    return [
        {"name": CONFIG_VOLUME, "configMap": {"name": config}},
        {"name": TEMP_VOLUME, "emptyDir": {}},
        *secrets,
    ]


def _own_mounts(document: RevisionDocument) -> list[dict[str, Any]]:
    secrets = [
        {"name": _secret_volume(index), "mountPath": f"{names.SECRETS_MOUNT_PATH}/{name}", "readOnly": True}
        for index, name in enumerate(_secrets(document))
    ]
    return [
        {"name": CONFIG_VOLUME, "mountPath": names.CONFIG_MOUNT_PATH, "readOnly": True},
        {"name": TEMP_VOLUME, "mountPath": "/tmp"},  # noqa: S108 - the container's own scratch directory
        *secrets,
    ]
