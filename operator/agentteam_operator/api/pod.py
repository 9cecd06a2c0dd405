"""`spec.pod`: what of the pods can be set, in Kubernetes' own terms."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, WithJsonSchema

from agentteam_operator.api.affinity import AFFINITY
from agentteam_operator.api.base import (
    ATOMIC,
    ApiModel,
    KeyRef,
    LabelValue,
    LocalObjectRef,
    OptionalObjectName,
    OptionalQualifiedName,
    QualifiedName,
    Rule,
    list_map,
)
from agentteam_operator.api.volumes import Volume, VolumeMount
from agentteam_operator.api.workload import Annotations

RESERVED_KEY_PREFIXES = ("agentteam.dev/", "app.kubernetes.io/")
RESERVED_ENV_NAMES = (
    "AUTOGEN_REVISION",
    "AUTOGEN_GRACE_PERIOD_SECONDS",
    "AUTOGEN_CONFIG",
    "AUTOGEN_SECRETS_DIR",
    "AUTOGEN_HOST",
    "AUTOGEN_PORT",
    "AUTOGEN_METRICS_PORT",
)
"""Settings of the agent server that the pod's other parts rely on: ports, probes, mounts. It reads them in any case."""

_RESERVED_KEYS_CEL = "k.startsWith('agentteam.dev/') || k.startsWith('app.kubernetes.io/')"

Affinity = Annotated[dict[str, Any], WithJsonSchema(AFFINITY)]


class EnvSource(ApiModel):
    """Where a variable's value comes from."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretKeyRef) != has(self.configMapKeyRef)",
            "valueFrom has exactly one of secretKeyRef and configMapKeyRef: keep one of them",
        ),
    )

    secret_key_ref: KeyRef | None = None
    """A key of a Secret in the team's namespace."""
    config_map_key_ref: KeyRef | None = None
    """A key of a ConfigMap in the team's namespace."""


class EnvVar(ApiModel):
    """An environment variable of the agent's container."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            "a variable has exactly one of value and valueFrom: keep one of them",
            message_expression="'variable ' + self.name + ' has exactly one of value and valueFrom: keep one of them'",
        ),
        Rule(
            f"!(self.name.upperAscii() in {list(RESERVED_ENV_NAMES)})",
            f"{', '.join(RESERVED_ENV_NAMES)} belong to the operator: remove them",
            message_expression="'variable ' + self.name + ' belongs to the operator: remove it'",
            field_path=".name",
        ),
    )

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=8192)] | None = None
    """Its value, as text. Not for secrets: the value is readable for whoever may read the team."""
    value_from: EnvSource | None = None
    """Where the value comes from, instead of value."""


class TolerationOperator(StrEnum):
    """How a toleration matches a taint."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    """What a taint does."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """Lets pods run on nodes with a matching taint."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.operator != 'Exists' || self.value == ''",
            "operator Exists takes no value: remove value, or set operator to Equal",
            message_expression="'operator Exists takes no value: remove value ' + self.value"
            " + ', or set operator to Equal'",
            field_path=".value",
        ),
        Rule(
            "self.operator != 'Equal' || self.key != ''",
            "operator Equal needs key: set it, or set operator to Exists to tolerate every taint",
            field_path=".key",
        ),
        Rule(
            "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
            "tolerationSeconds belongs to effect NoExecute: remove it, or set effect to NoExecute",
            field_path=".tolerationSeconds",
        ),
    )

    key: OptionalQualifiedName = ""
    """Key of the taint; empty, with operator Exists, matches all."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """Equal (key and value) or Exists (key alone)."""
    value: LabelValue = ""
    """Value of the taint, for operator Equal."""
    effect: TaintEffect | None = None
    """Effect of the taint: NoSchedule, PreferNoSchedule or NoExecute; without it, all."""
    toleration_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """How long a pod stays after the taint has come, in seconds; for effect NoExecute."""


class UnsatisfiableSpread(StrEnum):
    """What becomes of a pod that would break a spread constraint."""

    DO_NOT_SCHEDULE = "DoNotSchedule"
    SCHEDULE_ANYWAY = "ScheduleAnyway"


class TopologySpreadConstraint(ApiModel):
    """Spreads the pods of one revision over nodes or zones; which pods it counts is filled in by the operator."""

    max_skew: Annotated[int, Field(ge=1, le=500)] = 1
    """Largest difference in the number of pods between two domains."""
    topology_key: QualifiedName
    """Label of nodes that makes the domains, such as topology.kubernetes.io/zone."""
    when_unsatisfiable: UnsatisfiableSpread = UnsatisfiableSpread.SCHEDULE_ANYWAY
    """What becomes of a pod that would break it: DoNotSchedule or ScheduleAnyway."""


class StartupProbe(ApiModel):
    """How long a pod may take to start."""

    period_seconds: Annotated[int, Field(ge=1, le=300)] = 1
    """Seconds between two probes."""
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 1
    """Seconds after which a probe counts as failed."""
    failure_threshold: Annotated[int, Field(ge=1, le=1000)] = 120
    """Failed probes in a row after which the container is restarted."""


class LivenessProbe(ApiModel):
    """When a container is restarted: its event loop doesn't turn any more."""

    period_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    """Seconds between two probes."""
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds after which a probe counts as failed."""
    failure_threshold: Annotated[int, Field(ge=1, le=1000)] = 3
    """Failed probes in a row after which the container is restarted."""


class ReadinessProbe(ApiModel):
    """When a pod is taken out of the Service."""

    period_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds between two probes."""
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 2
    """Seconds after which a probe counts as failed."""
    failure_threshold: Annotated[int, Field(ge=1, le=1000)] = 2
    """Failed probes in a row after which the pod gets no more traffic."""


class ProbeSettings(ApiModel):
    """How often the kubelet asks the agent server."""

    startup: StartupProbe = StartupProbe()
    """How long a pod may take to start; the other probes begin after it."""
    liveness: LivenessProbe = LivenessProbe()
    """When a container is restarted."""
    readiness: ReadinessProbe = ReadinessProbe()
    """When a pod is taken out of the Service."""


class PodSettings(ApiModel):
    """What of the pods can be set."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *(
            Rule(
                f"!has(self.{field}) || self.{field}.all(k, !({_RESERVED_KEYS_CEL}))",
                f"{field} under agentteam.dev/ or app.kubernetes.io/ belong to the operator: choose other keys",
                field_path=f".{field}",
            )
            for field in ("labels", "annotations")
        ),
        Rule(
            "!has(self.volumeMounts) || self.volumeMounts.all(m,"
            " has(self.volumes) && self.volumes.exists(v, v.name == m.name))",
            "each of volumeMounts needs an entry of volumes with its name: add the volume or correct the name",
            message_expression="'no entry of volumes has the name ' + self.volumeMounts[self.volumeMounts.map(m,"
            " has(self.volumes) && self.volumes.exists(v, v.name == m.name)).indexOf(false)].name"
            " + ': add the volume or correct the name'",
            field_path=".volumeMounts",
        ),
    )

    labels: Annotated[dict[QualifiedName, LabelValue], Field(max_length=50)] = Field(default_factory=dict)
    """Further labels of the pods."""
    annotations: Annotations = Field(default_factory=dict)
    """Further annotations of the pods."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=100, json_schema_extra=list_map("name"))] = ()
    """Environment variables of the agent's container."""
    node_selector: Annotated[dict[QualifiedName, LabelValue], Field(max_length=50)] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=50, json_schema_extra=ATOMIC)] = ()
    """Taints of nodes that don't keep the pods away."""
    affinity: Affinity = Field(default_factory=dict)
    """Affinity of the pods, as Kubernetes has it in a pod's spec."""
    topology_spread_constraints: Annotated[
        tuple[TopologySpreadConstraint, ...], Field(max_length=10, json_schema_extra=list_map("topologyKey"))
    ] = ()
    """Spreads the pods of one revision over nodes or zones."""
    service_account_name: OptionalObjectName = ""
    """Name of a ServiceAccount of your own; empty means one made for the team. No token of it is mounted."""
    image_pull_secrets: Annotated[
        tuple[LocalObjectRef, ...], Field(max_length=20, json_schema_extra=list_map("name"))
    ] = ()
    """Secrets with which the image is pulled."""
    priority_class_name: OptionalObjectName = ""
    """Name of the pods' PriorityClass; empty means the cluster's default one."""
    termination_grace_period_seconds: Annotated[int, Field(ge=1, le=90_000)] | None = None
    """How long a pod that is told to go may take to finish its runs, in seconds; without it, 30 s more than
    runs.timeoutSeconds."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=50, json_schema_extra=list_map("name"))] = ()
    """Volumes that volumeMounts refer to."""
    volume_mounts: Annotated[
        tuple[VolumeMount, ...], Field(max_length=50, json_schema_extra=list_map("mountPath"))
    ] = ()
    """Where volumes are seen in the agent's container."""
    probes: ProbeSettings = ProbeSettings()
    """How often the kubelet asks the agent server."""
