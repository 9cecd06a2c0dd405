"""The rules of pods and what surrounds them that span fields, as the API server has them in CEL."""

from __future__ import annotations

from decimal import Decimal

from agentteam_operator.api.field_problems import Found
from agentteam_operator.api.hooks import HOOK_VARIABLES, HOOK_VARIABLES_MESSAGE, HookJob
from agentteam_operator.api.pod import (
    RESERVED_ENV_NAMES,
    RESERVED_KEY_PREFIXES,
    EnvSource,
    EnvVar,
    PodSettings,
    TaintEffect,
    Toleration,
    TolerationOperator,
)
from agentteam_operator.api.volumes import (
    RESERVED_MOUNT_PATHS,
    RESERVED_VOLUME_PREFIX,
    SCRATCH_PATH,
    Volume,
    VolumeMount,
)
from agentteam_operator.api.workload import Autoscaling, Resources


def check_autoscaling(autoscaling: Autoscaling) -> Found:
    """Bounds in the wrong order."""
    if autoscaling.min_replicas > autoscaling.max_replicas:
        yield (
            ".minReplicas",
            autoscaling.min_replicas,
            "minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas",
        )


_MULTIPLIERS = {"m": Decimal("0.001"), "": Decimal(1)} | {
    unit + suffix: Decimal(base) ** power
    for base, suffix in ((1000, ""), (1024, "i"))
    for power, unit in enumerate("kMGTPE" if suffix == "" else "KMGTPE", start=1)
}


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity as a number: 500m is 0.5, 1Ki is 1024."""
    number = text.rstrip("kKMGTPEim")
    return Decimal(number) * _MULTIPLIERS[text.removeprefix(number)]


def check_resources(resources: Resources) -> Found:
    """Requests beyond their limits."""
    for name in ("cpu", "memory"):
        request, limit = getattr(resources.requests, name), getattr(resources.limits, name)
        if limit is not None and quantity(request) > quantity(limit):
            yield (
                f".requests.{name}",
                request,
                f"requests.{name} is {request} but limits.{name} is {limit}: lower the request or raise the limit",
            )


def check_pod(pod: PodSettings) -> Found:
    """Keys that belong to the operator, and mounts of volumes that aren't there."""
    for field in ("labels", "annotations"):
        for key in getattr(pod, field):
            if key.startswith(RESERVED_KEY_PREFIXES):
                message = (
                    f"{field} under agentteam.dev/ or app.kubernetes.io/ belong to the operator: choose other keys"
                )
                yield f".{field}", key, message
    volumes = {volume.name for volume in pod.volumes}
    for index, mount in enumerate(pod.volume_mounts):
        if mount.name not in volumes:
            message = f"no entry of volumes has the name {mount.name}: add the volume or correct the name"
            yield f".volumeMounts[{index}].name", mount.name, message


def check_variable(variable: EnvVar) -> Found:
    """A variable with no value or two, or one that belongs to the operator."""
    if (variable.value is None) == (variable.value_from is None):
        message = f"variable {variable.name} has exactly one of value and valueFrom: keep one of them"
        yield "", variable.name, message
    if variable.name.upper() in RESERVED_ENV_NAMES:
        yield ".name", variable.name, f"variable {variable.name} belongs to the operator: remove it"


def check_hook_job(job: HookJob) -> Found:
    """Variables that the operator sets itself."""
    for variable in job.env:
        if variable.name in HOOK_VARIABLES:
            yield ".env", variable.name, HOOK_VARIABLES_MESSAGE


def check_env_source(source: EnvSource) -> Found:
    """A source that is none or two."""
    if (source.secret_key_ref is None) == (source.config_map_key_ref is None):
        yield "", None, "valueFrom has exactly one of secretKeyRef and configMapKeyRef: keep one of them"


def check_toleration(toleration: Toleration) -> Found:
    """What the API server would refuse in the pods themselves: values and times where they mean nothing."""
    if toleration.operator is TolerationOperator.EXISTS and toleration.value:
        rule = "operator Exists takes no value"
        yield ".value", toleration.value, f"{rule}: remove value {toleration.value}, or set operator to Equal"
    if toleration.operator is TolerationOperator.EQUAL and not toleration.key:
        mend = "set it, or set operator to Exists to tolerate every taint"
        yield ".key", toleration.key, f"operator Equal needs key: {mend}"
    if toleration.toleration_seconds is not None and toleration.effect is not TaintEffect.NO_EXECUTE:
        mend = "remove it, or set effect to NoExecute"
        yield (
            ".tolerationSeconds",
            toleration.toleration_seconds,
            f"tolerationSeconds belongs to effect NoExecute: {mend}",
        )


def check_volume(volume: Volume) -> Found:
    """A volume of no kind or several, or with a name that belongs to the operator."""
    if len(volume.to_document()) != 2:  # noqa: PLR2004 - its name and one source
        rule = f"volume {volume.name} has exactly one of configMap, secret, emptyDir and persistentVolumeClaim"
        yield "", volume.name, f"{rule}: keep one of them"
    if volume.name.startswith(RESERVED_VOLUME_PREFIX):
        message = (
            f"names of volumes that start with {RESERVED_VOLUME_PREFIX} belong to the operator: choose another name"
        )
        yield ".name", volume.name, message


def check_mount(mount: VolumeMount) -> Found:
    """A mount over what belongs to the operator, or a path that leads upwards."""
    own = " and ".join(RESERVED_MOUNT_PATHS)
    mounted = mount.mount_path.rstrip("/") + "/"
    if any(mounted.startswith(f"{path}/") or f"{path}/".startswith(mounted) for path in RESERVED_MOUNT_PATHS):
        message = f"{own} belong to the operator, and so does what is in or above them: mount elsewhere"
        yield ".mountPath", mount.mount_path, message
    if mount.mount_path == SCRATCH_PATH:
        rule = f"{SCRATCH_PATH} is the container's own scratch directory"
        yield ".mountPath", mount.mount_path, f"{rule}: mount elsewhere, such as {SCRATCH_PATH}/files"
    if {".", ".."} & set(mount.mount_path.split("/")):
        rule = f"mountPath {mount.mount_path} may have no part '.' or '..'"
        yield ".mountPath", mount.mount_path, f"{rule}: write the path that it leads to"
    if ".." in mount.sub_path.split("/"):
        message = f"subPath {mount.sub_path} may have no part '..': name a path within the volume"
        yield ".subPath", mount.sub_path, message
