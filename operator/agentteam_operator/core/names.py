"""Every name, label and annotation that the operator writes or reads; the API's own come from its models."""

from __future__ import annotations

import hashlib

from agentteam_operator.api.resource import (
    ANNOTATION_SCHEMA_HASH,
    API_VERSION,
    GROUP,
    KIND,
    LABEL_NAME,
    PLURAL,
    VERSION,
)

__all__ = ["ANNOTATION_SCHEMA_HASH", "API_VERSION", "GROUP", "KIND", "LABEL_NAME", "PLURAL", "VERSION"]

FIELD_MANAGER = "agentteam-operator"
MANAGED_BY = "agentteam-operator"

LABEL_INSTANCE = "app.kubernetes.io/instance"
LABEL_VERSION = "app.kubernetes.io/version"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_TEAM = f"{GROUP}/team"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_ROLE = f"{GROUP}/role"

ROLE_SERVER = "server"
ROLE_PROBE = "probe"
COMPONENT_SERVER = "agent-server"
COMPONENT_PROBE = "probe"

ANNOTATION_CHECK = f"{GROUP}/check"
"""On a Job: which check it makes."""
ANNOTATION_MANIFEST_HASH = f"{GROUP}/manifest-hash"

CONTAINER = "agent"
PROBE_CONTAINER = "probe"
HTTP_PORT = 8000
HTTP_PORT_NAME = "http"
DEFAULT_PORT = 80
"""The one that a URL of http needn't name."""
METRICS_PORT = 9090
METRICS_PORT_NAME = "metrics"
CONFIG_KEY = "app.yaml"
CONFIG_MOUNT_PATH = "/etc/agentteam"
SECRETS_MOUNT_PATH = "/var/run/secrets/agentteam"


def action_annotation(action: str) -> str:
    """The annotation by which a person tells the operator to do this."""
    return f"{GROUP}/{action}"


def revision_object(team: str, revision: str) -> str:
    """Name of a revision's Deployment, ConfigMap, HorizontalPodAutoscaler and PodDisruptionBudget."""
    return f"{team}-{revision}"


def active_service(team: str) -> str:
    """Name of the Service that people talk to."""
    return team


def preview_service(team: str) -> str:
    """Name of the Service that selects the candidate alone."""
    return f"{team}-preview"


def service_url(service: str, namespace: str, cluster_domain: str, port: int) -> str:
    """Where a Service answers within the cluster."""
    host = f"{service}.{namespace}.svc.{cluster_domain}"
    return f"http://{host}" if port == DEFAULT_PORT else f"http://{host}:{port}"


_HOOKS = "hook/"


def hook_check(hook: str) -> str:
    """Name of the check that a hook of this name is."""
    return f"{_HOOKS}{hook}"


def is_hook(check: str) -> bool:
    """The check is somebody's own program, and none of ours."""
    return check.startswith(_HOOKS)


def check_job(team: str, revision: str, check: str, attempt: int = 1) -> str:
    """Name of the Job that makes a check on the candidate; of 63 characters at most, so its number begins anew at 9999.

    A hook's own name may be too long for it, and stands in an annotation.
    """
    slug = _JOB_SLUGS.get(check) or f"h{hashlib.sha256(check.encode()).hexdigest()[:5]}"
    return f"{team}-{revision}-{slug}-{(attempt - 1) % 9999 + 1}"


CHECK_HEALTH = "health"
CHECK_CONVERSATIONS = "conversations"
CHECK_ROUND = "round"
"""Golden conversations repeated during the watch; its Jobs are numbered by the rounds."""
GATE_ROUNDS = "repeatedConversations"
"""The gate that all rounds make together."""
_JOB_SLUGS = {CHECK_HEALTH: "health", CHECK_CONVERSATIONS: "tests", CHECK_ROUND: "round"}


def server_selector(team: str, revision: str | None = None) -> dict[str, str]:
    """Labels that pick the team's server pods: of one revision, or of all (while both colours serve)."""
    selector = {LABEL_TEAM: team, LABEL_ROLE: ROLE_SERVER}
    return selector if revision is None else {**selector, LABEL_REVISION: revision}


def labels(team: str, *, revision: str = "", version: str = "", role: str = ROLE_SERVER) -> dict[str, str]:
    """Labels of a child object; of a revision's when `revision` is given."""
    result = {
        LABEL_NAME: "agentteam",
        LABEL_INSTANCE: team,
        LABEL_COMPONENT: COMPONENT_SERVER if role == ROLE_SERVER else COMPONENT_PROBE,
        LABEL_PART_OF: team,
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_TEAM: team,
    }
    if version:
        result[LABEL_VERSION] = version
    if revision:
        result |= {LABEL_REVISION: revision, LABEL_ROLE: role}
    return result
