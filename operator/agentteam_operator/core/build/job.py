"""The Jobs that make checks on the candidate: the operator itself calls no team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)

KEEP_FINISHED_SECONDS = 86_400
"""A Job that failed can be looked at for a day, unless the next rollout clears it away before."""

TERMINATION_LOG = "/dev/termination-log"
_TMP = "agentteam-tmp"


def build(
    team: TeamRef,
    document: RevisionDocument,
    check: str,
    container: Mapping[str, Any],
    *,
    deadline_seconds: int,
    attempt: int,
) -> Manifest:
    """The Job of a check, with one container, tried once.

    It has no token. The ServiceAccount is the team's, so that its image can be pulled as the team's own can.
    """
    labels = common.revision_labels(team, document, role=names.ROLE_PROBE)
    name = names.check_job(team.name, document.metadata.revision, check, attempt)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": common.metadata(team, name, labels, {names.ANNOTATION_CHECK: check}),
        "spec": {
            "backoffLimit": 0,
            # A drained node says nothing of the candidate: the pod is replaced, and doesn't count as a failure.
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": deadline_seconds,
            "ttlSecondsAfterFinished": KEEP_FINISHED_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": common.service_account_name(team, document),
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 1,
                    "containers": [
                        {
                            **container,
                            "name": names.PROBE_CONTAINER,
                            "terminationMessagePath": TERMINATION_LOG,
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                            "volumeMounts": [{"name": _TMP, "mountPath": "/tmp"}],  # noqa: S108 - the container's own
                        }
                    ],
                    "volumes": [{"name": _TMP, "emptyDir": {}}],
                    **common.placement(document),
                    "securityContext": _pod_security_context(check),
                },
            },
        },
    }


def _pod_security_context(check: str) -> dict[str, Any]:
    """The `restricted` Pod Security Standard; a hook's image may bring a user of its own, as long as it isn't root."""
    context = common.pod_security_context()
    if check in {names.CHECK_HEALTH, names.CHECK_CONVERSATIONS, names.CHECK_ROUND}:
        return context
    return {key: context[key] for key in ("runAsNonRoot", "seccompProfile")}
