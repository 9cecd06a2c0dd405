"""The Job that probes the candidate's pods: the operator itself calls no team."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.api.rollout import HealthGate
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.state import Manifest, TeamRef

CHECK_TIMEOUT_SECONDS = 10
"""Longest time for one pod's answer to one check."""

START_ALLOWANCE_SECONDS = 60
"""For scheduling, pulling the image (which the candidate's nodes have) and starting."""

KEEP_FINISHED_SECONDS = 86_400
"""A Job that failed can be looked at for a day, unless the next rollout clears it away before."""

TERMINATION_LOG = "/dev/termination-log"


def build(
    team: TeamRef, document: RevisionDocument, gate: HealthGate, *, addresses: Sequence[str], attempt: int = 1
) -> Manifest:
    """The Job `<team>-<hash>-health-<attempt>`; `addresses` are the IP addresses of all pods to probe.

    It runs the candidate's own image with no Secret and no token: what it asks for needs no key.
    """
    labels = common.revision_labels(team, document, role=names.ROLE_PROBE)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": common.metadata(team, names.health_job(team.name, document.metadata.revision, attempt), labels),
        "spec": {
            "backoffLimit": 0,
            # A drained node says nothing of the candidate: the pod is replaced, and doesn't count as a failure.
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": deadline_seconds(gate),
            "ttlSecondsAfterFinished": KEEP_FINISHED_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": common.service_account_name(team, document),
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": common.pod_security_context(),
                    "containers": [_container(document, gate, addresses)],
                    "volumes": [{"name": "agentteam-tmp", "emptyDir": {}}],
                    **common.placement(document),
                },
            },
        },
    }


def deadline_seconds(gate: HealthGate) -> int:
    """When the Job is given up: all tries at their longest, the pauses between them, and its start."""
    return (gate.retries + 1) * CHECK_TIMEOUT_SECONDS + gate.retries * gate.interval_seconds + START_ALLOWANCE_SECONDS


def _container(document: RevisionDocument, gate: HealthGate, addresses: Sequence[str]) -> dict[str, Any]:
    return {
        "name": names.PROBE_CONTAINER,
        "image": document.image,
        "args": _arguments(gate, addresses),
        "env": [{"name": "AUTOGEN_REVISION", "value": document.metadata.revision}],
        # A limit for quotas that ask for one; at a start of some tenths of a second of work it is hardly felt.
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "securityContext": common.container_security_context(),
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "agentteam-tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
    }


def _arguments(gate: HealthGate, addresses: Sequence[str]) -> list[str]:
    targets = [argument for address in addresses for argument in ("--target", _url(address))]
    return [
        "probe",
        *targets,
        *("--required", ",".join(component.value for component in gate.required)),
        *("--retries", str(gate.retries)),
        *("--interval-seconds", str(gate.interval_seconds)),
        *("--timeout-seconds", str(CHECK_TIMEOUT_SECONDS)),
        *("--termination-log", TERMINATION_LOG),
    ]


def _url(address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{names.HTTP_PORT}"
