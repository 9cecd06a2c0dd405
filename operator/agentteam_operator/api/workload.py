"""`spec.autoscaling`, `resources`, `service`, `ingress` and `disruptionBudget`: what surrounds the pods."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from agentteam_operator.api.base import (
    DNS_SUBDOMAIN_PATTERN,
    ApiModel,
    ObjectName,
    OptionalObjectName,
    QualifiedName,
    Rule,
)

QUANTITY_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"


def _quantity(value: object) -> object:
    """A whole number is written as text, as the API server itself does (`cpu: 1` is `cpu: "1"`)."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    Field(max_length=32, pattern=QUANTITY_PATTERN),
    BeforeValidator(_quantity),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "minimum": 0,
            "maximum": 10**15 - 1,
            "pattern": QUANTITY_PATTERN,
            "maxLength": 32,
        }
    ),
]

AnnotationValue = Annotated[str, Field(max_length=4096)]
Annotations = Annotated[dict[QualifiedName, AnnotationValue], Field(max_length=50)]

DEFAULT_REPLICAS = 3
"""Pods of a team that asks for neither replicas nor autoscaling."""


class Autoscaling(ApiModel):
    """A HorizontalPodAutoscaler for each serving revision."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
            "minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas",
            field_path=".minReplicas",
        ),
    )

    min_replicas: Annotated[int, Field(ge=1, le=500)] = 3
    """Fewest pods."""
    max_replicas: Annotated[int, Field(ge=1, le=500)]
    """Most pods."""
    target_cpu_utilization: Annotated[int, Field(ge=1, le=1000)] = 70
    """Processor use to keep to, in percent of what the pods request."""
    target_memory_utilization: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Memory use to keep to, in percent of what the pods request; without it memory scales nothing."""


class ResourceRequests(ApiModel):
    """What a pod is given for sure."""

    cpu: Quantity = "200m"
    """Processor time, such as 200m or 1."""
    memory: Quantity = "256Mi"
    """Memory, such as 512Mi or 1Gi."""


class ResourceLimits(ApiModel):
    """What a pod can't exceed."""

    cpu: Quantity | None = None
    """Most processor time, such as 1; without it none, so that a pod isn't slowed down while the node idles."""
    memory: Quantity = "1Gi"
    """Most memory; a pod that exceeds it is killed."""


class Resources(ApiModel):
    """Processor time and memory of each pod."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.requests) || !has(self.requests.memory) || !has(self.limits) || !has(self.limits.memory)"
            " || quantity(string(self.requests.memory)).compareTo(quantity(string(self.limits.memory))) <= 0",
            "requests.memory must not exceed limits.memory",
            message_expression="'requests.memory is ' + string(self.requests.memory) + ' but limits.memory is '"
            " + string(self.limits.memory) + ': lower the request or raise the limit'",
            field_path=".requests.memory",
        ),
        Rule(
            "!has(self.requests) || !has(self.requests.cpu) || !has(self.limits) || !has(self.limits.cpu)"
            " || quantity(string(self.requests.cpu)).compareTo(quantity(string(self.limits.cpu))) <= 0",
            "requests.cpu must not exceed limits.cpu",
            message_expression="'requests.cpu is ' + string(self.requests.cpu) + ' but limits.cpu is '"
            " + string(self.limits.cpu) + ': lower the request or raise the limit'",
            field_path=".requests.cpu",
        ),
    )

    requests: ResourceRequests = ResourceRequests()
    """What a pod is given for sure; autoscaling measures against it."""
    limits: ResourceLimits = ResourceLimits()
    """What a pod can't exceed."""


class ServiceType(StrEnum):
    """How the team is reached."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class ServiceSettings(ApiModel):
    """The Service that the team is reached by; it has the team's name."""

    type: ServiceType = ServiceType.CLUSTER_IP
    """ClusterIP (within the cluster), NodePort or LoadBalancer."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 80
    """Port of the Service."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the Service, such as a load balancer's settings."""


class IngressSettings(ApiModel):
    """An Ingress to the team's Service."""

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=rf"^(\*\.)?{DNS_SUBDOMAIN_PATTERN[1:]}")]
    """Host name that the team answers to, such as chat.example."""
    class_name: OptionalObjectName = ""
    """Name of the IngressClass; empty means the cluster's default one."""
    tls_secret_name: ObjectName | None = None
    """Name of the Secret with the host's certificate; without it the host is served without TLS."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the Ingress, as its controller understands them."""


class DisruptionBudget(ApiModel):
    """How many pods of a revision may be away at once when nodes are drained."""

    max_unavailable: Annotated[int, Field(ge=1, le=500)] = 1
    """Most pods of one revision that may be evicted at once; it counts where there is more than one pod."""
