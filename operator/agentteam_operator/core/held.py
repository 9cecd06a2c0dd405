"""Parts of the spec that can't be read, as the team's objects have them: what nobody can read changes nothing.

Defaults in their place would be orders that nobody gave: fewer pods, no autoscaler, no Ingress, a load balancer that is
open to the world because its annotations are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import TeamPhase
from agentteam_operator.api.workload import (
    Autoscaling,
    DisruptionBudget,
    IngressSettings,
    ServiceSettings,
    ServiceType,
)
from agentteam_operator.core import names
from agentteam_operator.core.observed import Manifest, Observed


def spec_in_force(observed: Observed) -> AgentTeamSpec:
    """The spec with each part that couldn't be read as it is in force now; without an object of it, as it was read.

    `rollout` leaves no object: what of it can be read holds, with defaults for the rest.
    """
    unread = observed.unread | ({"replicas"} if "autoscaling" in observed.unread else set())
    held = {field: read(observed) for field, read in _IN_FORCE.items() if field in unread}
    return observed.spec.model_copy(update={field: value for field, value in held.items() if value is not None})


def _replicas(observed: Observed) -> int | None:
    """As many pods as serve."""
    status = observed.status
    serving = observed.revisions.get(status.active_revision)
    return serving.replicas or None if serving else None


def _suspend(observed: Observed) -> bool:
    return observed.status.phase is TeamPhase.SUSPENDED


def _autoscaling(observed: Observed) -> Autoscaling | None:
    live = _child(observed, "HorizontalPodAutoscaler", names.revision_object)
    spec = live["spec"] if live else {}
    if "maxReplicas" not in spec:
        return None
    resources = [metric["resource"] for metric in spec.get("metrics") or [] if "resource" in metric]
    targets = {resource["name"]: resource["target"].get("averageUtilization") for resource in resources}
    return Autoscaling.model_construct(
        min_replicas=spec.get("minReplicas", 1),
        max_replicas=spec["maxReplicas"],
        target_cpu_utilization=targets.get("cpu") or Autoscaling(max_replicas=1).target_cpu_utilization,
        target_memory_utilization=targets.get("memory"),
    )


def _disruption_budget(observed: Observed) -> DisruptionBudget | None:
    live = _child(observed, "PodDisruptionBudget", names.revision_object)
    most = live["spec"].get("maxUnavailable") if live else None
    return DisruptionBudget.model_construct(max_unavailable=most) if most is not None else None


def _service(observed: Observed) -> ServiceSettings | None:
    """Its annotations are everybody's; written once more, they stay whoever else wrote them."""
    live = observed.children.get(("Service", names.active_service(observed.team.name)))
    if live is None:
        return None
    spec = live["spec"]
    ports = [port["port"] for port in spec.get("ports") or [] if port.get("name") == names.HTTP_PORT_NAME]
    kind = spec.get("type", "")
    return ServiceSettings.model_construct(
        type=ServiceType(kind) if kind in set(ServiceType) else ServiceType.CLUSTER_IP,
        port=ports[0] if ports else ServiceSettings().port,
        annotations=_annotations(live),
    )


def _ingress(observed: Observed) -> IngressSettings | None:
    live = observed.children.get(("Ingress", observed.team.name))
    if live is None:
        return None
    spec = live["spec"]
    hosts = [rule["host"] for rule in spec.get("rules") or [] if "host" in rule]
    certificates = [entry.get("secretName") for entry in spec.get("tls") or []]
    if not hosts:
        return None
    return IngressSettings.model_construct(
        host=hosts[0],
        class_name=spec.get("ingressClassName", ""),
        tls_secret_name=certificates[0] if certificates else None,
        annotations=_annotations(live),
    )


def _child(observed: Observed, kind: str, name: Callable[[str, str], str]) -> Manifest | None:
    """The serving revision's object of this kind, or else the other one's."""
    team, rollout = observed.team.name, observed.status.rollout
    candidates = [observed.status.active_revision]
    candidates += [rollout.base_revision, rollout.revision] if rollout else []
    found = (observed.children.get((kind, name(team, revision))) for revision in candidates)
    return next((live for live in found if live is not None), None)


def _annotations(live: Manifest) -> dict[str, str]:
    held: Mapping[str, str] = live["metadata"].get("annotations") or {}
    return {key: value for key, value in held.items() if key != names.ANNOTATION_MANIFEST_HASH}


_IN_FORCE: Mapping[str, Callable[[Observed], Any]] = {
    "replicas": _replicas,
    "autoscaling": _autoscaling,
    "service": _service,
    "ingress": _ingress,
    "disruption_budget": _disruption_budget,
    "suspend": _suspend,
}
