"""`spec.pod.volumes` and `volumeMounts`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ApiModel, DnsLabel, ObjectName, Rule
from agentteam_operator.api.workload import Quantity

RESERVED_VOLUME_PREFIX = "agentteam-"
RESERVED_MOUNT_PATHS = ("/etc/agentteam", "/var/run/secrets/agentteam")
MOUNT_PATH_PATTERN = r"^/([^/:\x00- \x7f]+(/[^/:\x00- \x7f]+)*)?$"
SUB_PATH_PATTERN = r"^([^/:\x00- \x7f][^:\x00- \x7f]*)?$"
SCRATCH_PATH = "/tmp"  # noqa: S108 - a path in the container, not on this machine


class ConfigMapVolume(ApiModel):
    """A ConfigMap as files."""

    name: ObjectName
    """Name of the ConfigMap, in the team's namespace."""
    optional: bool = False
    """Whether pods start without it when it doesn't exist."""


class SecretVolume(ApiModel):
    """A Secret as files."""

    secret_name: ObjectName
    """Name of the Secret, in the team's namespace."""
    optional: bool = False
    """Whether pods start without it when it doesn't exist."""


class EmptyDirMedium(StrEnum):
    """What a scratch directory is made of."""

    DISK = ""
    MEMORY = "Memory"


class EmptyDirVolume(ApiModel):
    """A scratch directory that lives as long as the pod."""

    medium: EmptyDirMedium = EmptyDirMedium.DISK
    """Memory, or empty for the node's disk."""
    size_limit: Quantity | None = None
    """Most that it may hold, such as 1Gi."""


class PersistentVolumeClaimVolume(ApiModel):
    """An existing claim; all pods of both revisions share it during a rollout."""

    claim_name: ObjectName
    """Name of the PersistentVolumeClaim, in the team's namespace."""
    read_only: bool = False
    """Whether it is mounted read-only."""


class Volume(ApiModel):
    """A volume that volumeMounts can refer to."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.configMap), has(self.secret), has(self.emptyDir), has(self.persistentVolumeClaim)]"
            ".filter(set, set).size() == 1",
            "a volume has exactly one of configMap, secret, emptyDir and persistentVolumeClaim: keep one of them",
            message_expression="'volume ' + self.name + ' has exactly one of configMap, secret, emptyDir and"
            " persistentVolumeClaim: keep one of them'",
        ),
        Rule(
            "!self.name.startsWith('agentteam-')",
            "names of volumes that start with agentteam- belong to the operator: choose another name",
            field_path=".name",
        ),
    )

    name: DnsLabel
    """Name of the volume, unique in the pod."""
    config_map: ConfigMapVolume | None = None
    """A ConfigMap as files."""
    secret: SecretVolume | None = None
    """A Secret as files."""
    empty_dir: EmptyDirVolume | None = None
    """A scratch directory that lives as long as the pod."""
    persistent_volume_claim: PersistentVolumeClaimVolume | None = None
    """An existing claim; all pods of both revisions share it during a rollout."""


class VolumeMount(ApiModel):
    """Where a volume is seen in the agent's container."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!{list(RESERVED_MOUNT_PATHS)}.exists(p, self.mountPath == p"
            " || self.mountPath.startsWith(p + '/') || p.startsWith(self.mountPath + '/') || self.mountPath == '/')",
            f"{' and '.join(RESERVED_MOUNT_PATHS)} belong to the operator, and so does what is in or above them: "
            "mount elsewhere",
            field_path=".mountPath",
        ),
        Rule(
            f"self.mountPath != '{SCRATCH_PATH}'",
            f"{SCRATCH_PATH} is the container's own scratch directory: mount elsewhere, such as {SCRATCH_PATH}/files",
            field_path=".mountPath",
        ),
        Rule(
            "!self.mountPath.split('/').exists(part, part in ['.', '..'])",
            "mountPath may have no part '.' or '..': write the path that it leads to",
            message_expression="'mountPath ' + self.mountPath"
            " + ' may have no part \\'.\\' or \\'..\\': write the path that it leads to'",
            field_path=".mountPath",
        ),
        Rule(
            "!has(self.subPath) || !('..' in self.subPath.split('/'))",
            "subPath may have no part '..': name a path within the volume",
            message_expression="'subPath ' + self.subPath"
            " + ' may have no part \\'..\\': name a path within the volume'",
            field_path=".subPath",
        ),
    )

    name: DnsLabel
    """Name of an entry of pod.volumes."""
    mount_path: Annotated[str, Field(min_length=1, max_length=1024, pattern=MOUNT_PATH_PATTERN)]
    """Absolute path in the container, without a slash at its end."""
    sub_path: Annotated[str, Field(max_length=1024, pattern=SUB_PATH_PATTERN)] = ""
    """Path within the volume; empty means its root."""
    read_only: bool = False
    """Whether it is mounted read-only."""
