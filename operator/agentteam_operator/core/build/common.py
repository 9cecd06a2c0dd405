"""What all builders share: metadata, ownership, the manifest's own hash, and what every pod looks like.

Builders write what the API server would store (canonical quantities, explicit defaults where they matter), so that a
manifest compared with its live object shows a difference only where there is one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.core import names
from agentteam_operator.core.observed import (Manifest, TeamRef)

POD_USER_ID = 65532
"""The image's user: neither root nor anyone on the node."""

HASH_LENGTH = 16


def metadata(
    team: TeamRef,
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Metadata of a child: named, labelled, and controlled by the team, so that it goes when the team goes."""
    result: dict[str, Any] = {
        "name": name,
        "namespace": team.namespace,
        "labels": dict(labels),
        "ownerReferences": [owner_reference(team)],
    }
    if annotations:
        result["annotations"] = dict(annotations)
    return result


def owner_reference(team: TeamRef) -> dict[str, Any]:
    """The team as the one controller; its deletion never waits for a child's (`blockOwnerDeletion: false`)."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": team.name,
        "uid": team.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def revision_labels(team: TeamRef, document: RevisionDocument, role: str = names.ROLE_SERVER) -> dict[str, str]:
    """Labels of an object that belongs to one revision."""
    return names.labels(team.name, revision=document.metadata.revision, version=document.spec.version, role=role)


def sealed(manifest: Mapping[str, Any]) -> Manifest:
    """The manifest with its own hash as an annotation: tells a changed manifest from a changed live object.

    A field that is left out of a new manifest can't be seen by comparing fields; it changes the hash.
    """
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]
    meta = manifest["metadata"]
    annotations = {**meta.get("annotations", {}), names.ANNOTATION_MANIFEST_HASH: digest}
    return {**manifest, "metadata": {**meta, "annotations": annotations}}


def pod_security_context() -> dict[str, Any]:
    """The pod's part of the `restricted` Pod Security Standard."""
    return {
        "runAsNonRoot": True,
        "runAsUser": POD_USER_ID,
        "runAsGroup": POD_USER_ID,
        "fsGroup": POD_USER_ID,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security_context() -> dict[str, Any]:
    """The container's part of the `restricted` Pod Security Standard, with a read-only root."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def service_account_name(team: TeamRef, document: RevisionDocument) -> str:
    """The user's ServiceAccount, or the team's own."""
    return document.spec.pod.service_account_name or team.name


def placement(document: RevisionDocument) -> dict[str, Any]:
    """The pod spec's fields on where it may run and with what it is pulled; only those that were set."""
    pod = document.spec.pod
    fields: dict[str, Any] = {
        "nodeSelector": dict(pod.node_selector),
        "tolerations": [toleration.to_document() for toleration in pod.tolerations],
        "imagePullSecrets": [secret.to_document() for secret in pod.image_pull_secrets],
        "priorityClassName": pod.priority_class_name,
    }
    return {key: value for key, value in fields.items() if value}
