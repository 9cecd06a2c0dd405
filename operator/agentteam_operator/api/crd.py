"""The CustomResourceDefinition, made from the models. `python -m agentteam_operator.api.crd FILE...` writes it.

Its schema's hash is an annotation, by which an operator knows whether the cluster's definition is its own: an older
one would prune what it doesn't know from a status, and report success.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agentteam_operator.api.resource import (
    ANNOTATION_SCHEMA_HASH,
    API_VERSION,
    GROUP,
    KIND,
    LABEL_NAME,
    PLURAL,
    VERSION,
    AgentTeam,
)
from agentteam_operator.api.schema import Schema, structural_schema
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus

HEADER = "# Made by `make crds` from operator/agentteam_operator/api: change the models, not this file.\n"

_COLUMNS = (
    ("Type", "string", ".spec.team.type", "How the next speaker is found", 0),
    ("Version", "string", ".spec.version", "Version that is asked for", 0),
    ("Phase", "string", ".status.phase", "The team in one word", 0),
    ("Rollout", "string", ".status.rollout.phase", "Where the rollout stands", 0),
    ("Weight", "integer", ".status.rollout.weight", "Percent of the traffic that the candidate gets", 0),
    ("Active", "string", ".status.activeRevision", "Revision that serves", 0),
    ("Ready", "string", ".status.ready", "Ready pods of those wanted", 0),
    ("Age", "date", ".metadata.creationTimestamp", "Time since the team was made", 0),
    ("Candidate", "string", ".status.candidateRevision", "Revision on trial", 1),
    ("Reason", "string", ".status.reason", "Why it is in this phase", 1),
    ("URL", "string", ".status.url", "Where the team answers", 1),
)


def _schema() -> Schema:
    """The schema of the whole object; its metadata is the API server's own affair."""
    # A team that the operator hasn't seen yet must not be taken for a finished one by kstatus, which Helm, Argo CD and
    # Flux wait by: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
    unseen = {"observedGeneration": -1}
    status = structural_schema(AgentTeamStatus)
    status["properties"]["observedGeneration"]["default"] = unseen["observedGeneration"]
    description = "What the operator knows of a team, and means to do; nobody else writes it."
    return {
        "type": "object",
        "description": AgentTeam.__doc__,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Version of the API: {API_VERSION}."},
            "kind": {"type": "string", "description": f"Kind of the object: {KIND}."},
            "metadata": {"type": "object"},
            "spec": structural_schema(AgentTeamSpec),
            "status": {**status, "description": description, "default": unseen},
        },
        "x-kubernetes-validations": structural_schema(AgentTeam)["x-kubernetes-validations"],
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema()},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": description, "priority": priority}
            for name, kind, path, description, priority in _COLUMNS
        ],
    }


@cache
def schema_hash() -> str:
    """First 16 hexadecimal digits of SHA-256 over the version's canonical JSON: schema, columns and subresources."""
    return hashlib.sha256(json.dumps(_version(), sort_keys=True).encode()).hexdigest()[:16]


def custom_resource_definition() -> dict[str, Any]:
    """The CustomResourceDefinition, as a plain JSON-like document."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "annotations": {ANNOTATION_SCHEMA_HASH: schema_hash()},
            "labels": {LABEL_NAME: "agentteam-operator"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["at", "ateam"],
                "categories": ["all"],
            },
            "versions": [_version()],
        },
    }


def crd_text() -> str:
    """The definition as YAML: the same text for the same models."""
    unshared = json.loads(json.dumps(custom_resource_definition()))  # or YAML would point to what is there twice
    return HEADER + yaml.safe_dump(unshared, sort_keys=False, width=120, allow_unicode=True)


def main(arguments: list[str] | None = None) -> int:
    """Write the definition to files, or with --check say which of them differ from the models (exit status 1)."""
    parser = argparse.ArgumentParser(prog="python -m agentteam_operator.api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file differs from the models")
    parser.add_argument("files", nargs="+", type=Path, help="files to write or check")
    options = parser.parse_args(arguments)
    text = crd_text()
    differing = [path for path in options.files if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in differing:
        if options.check:
            sys.stderr.write(f"{path} differs from the models: run `make crds`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
