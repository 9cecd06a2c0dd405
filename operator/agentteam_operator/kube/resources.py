"""The kinds that the operator reads or writes, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from agentteam_operator.core import names


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind: how it is written in a manifest, and its name in a URL."""

    kind: str
    api_version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of a collection or, with `name`, of one object; without `namespace`, of all namespaces."""
        root = "/api" if "/" not in self.api_version else "/apis"
        scope = ["namespaces", namespace] if namespace else []
        parts = [root, self.api_version, *scope, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


AGENT_TEAM = Resource(names.KIND, names.API_VERSION, names.PLURAL)
CONFIG_MAP = Resource("ConfigMap", "v1", "configmaps")
CUSTOM_RESOURCE_DEFINITION = Resource(
    "CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions"
)
DEPLOYMENT = Resource("Deployment", "apps/v1", "deployments")
DISRUPTION_BUDGET = Resource("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
ENDPOINT_SLICE = Resource("EndpointSlice", "discovery.k8s.io/v1", "endpointslices")
EVENT = Resource("Event", "v1", "events")
HORIZONTAL_POD_AUTOSCALER = Resource("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers")
INGRESS = Resource("Ingress", "networking.k8s.io/v1", "ingresses")
JOB = Resource("Job", "batch/v1", "jobs")
LEASE = Resource("Lease", "coordination.k8s.io/v1", "leases")
POD = Resource("Pod", "v1", "pods")
POD_MONITOR = Resource("PodMonitor", "monitoring.coreos.com/v1", "podmonitors")
SERVICE = Resource("Service", "v1", "services")
SERVICE_ACCOUNT = Resource("ServiceAccount", "v1", "serviceaccounts")

CHILDREN = (
    DEPLOYMENT,
    POD,
    SERVICE,
    ENDPOINT_SLICE,
    CONFIG_MAP,
    HORIZONTAL_POD_AUTOSCALER,
    DISRUPTION_BUDGET,
    SERVICE_ACCOUNT,
    INGRESS,
    JOB,
)
"""What is watched for every team. PodMonitors are added where their CRD is installed."""

BY_KIND = {
    resource.kind: resource
    for resource in (*CHILDREN, AGENT_TEAM, CUSTOM_RESOURCE_DEFINITION, EVENT, LEASE, POD_MONITOR)
}
