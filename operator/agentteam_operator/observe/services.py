"""Reading Services: whom they select, and who really gets their requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentteam_operator.core.observed import Manifest, ServiceObserved
from agentteam_operator.observe.claims import ObjectKey

SERVICE_LABEL = "kubernetes.io/service-name"
"""By which an EndpointSlice says whose it is."""


def read_service(
    name: str, children: Mapping[ObjectKey, Manifest], objects: Mapping[ObjectKey, Manifest]
) -> ServiceObserved | None:
    """The team's Service of this name with what its EndpointSlices hold; None if there is none."""
    live = children.get(("Service", name))
    if live is None:
        return None
    slices = (
        item
        for (kind, _), item in objects.items()
        if kind == "EndpointSlice" and (item["metadata"].get("labels") or {}).get(SERVICE_LABEL) == name
    )
    return ServiceObserved(
        selector=live.get("spec", {}).get("selector") or {},
        resource_version=live["metadata"]["resourceVersion"],
        endpoints=frozenset(
            endpoint["targetRef"]["name"]
            for item in slices
            for endpoint in item.get("endpoints") or []
            if endpoint.get("targetRef", {}).get("kind") == "Pod" and _serves(endpoint.get("conditions") or {})
        ),
    )


def _serves(conditions: Mapping[str, Any]) -> bool:
    """Ready (unknown counts as ready, says the API) and not on its way out."""
    return conditions.get("ready") is not False and not conditions.get("terminating")
