"""The optional Ingress to the active Service."""

from __future__ import annotations

from typing import Any

from agentteam_operator.api.workload import IngressSettings
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef, settings: IngressSettings) -> Manifest:
    """The Ingress `<team>` for one host, all paths, with TLS where a certificate's Secret is named."""
    backend = {"service": {"name": names.active_service(team.name), "port": {"name": names.HTTP_PORT_NAME}}}
    spec: dict[str, Any] = {
        "rules": [
            {
                "host": settings.host,
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }
        ]
    }
    if settings.class_name:
        spec["ingressClassName"] = settings.class_name
    if settings.tls_secret_name:
        spec["tls"] = [{"hosts": [settings.host], "secretName": settings.tls_secret_name}]
    return common.sealed(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": common.metadata(team, team.name, names.labels(team.name), settings.annotations),
            "spec": spec,
        }
    )
