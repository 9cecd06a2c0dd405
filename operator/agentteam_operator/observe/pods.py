"""Reading pods: ready or not, and if not, why, in the cluster's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.core import names
from agentteam_operator.core.observed import PodObserved

MAX_MESSAGE_CHARACTERS = 512
ROUNDING_SECONDS = 1
"""Times of the same moment may differ by so much, since whole seconds are written."""

DISRUPTED = "DisruptionTarget"
"""The condition of a pod that a drain, a preemption or the kubelet ends."""

_OUR_CONTAINERS = frozenset({names.CONTAINER, names.PROBE_CONTAINER})


def read_pod(pod: Mapping[str, Any], told: str = "") -> PodObserved:
    """What is seen of one pod.

    Args:
        pod: the object, trimmed or whole.
        told: what the pod's Events say keeps it from starting; only asked for when nothing else says it.
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    container = _container(status)
    waiting = container.get("state", {}).get("waiting") or {}
    return PodObserved(
        name=metadata["name"],
        ip=status.get("podIP", ""),
        ready=is_ready(pod),
        terminating="deletionTimestamp" in metadata,
        created_at=read_time(metadata["creationTimestamp"]),
        restarts=container.get("restartCount", 0),
        waiting_reason=waiting.get("reason", ""),
        exit_code=_ended(container).get("exitCode"),
        message=_shorten(without_secrets(told or _message(status, container, waiting))),
        lost_since=_lost_since(pod),
    )


def is_ready(pod: Mapping[str, Any]) -> bool:
    """The kubelet's word that it answers its readiness probe."""
    return _condition(pod.get("status", {}), "Ready").get("status") == "True"


def _lost_since(pod: Mapping[str, Any]) -> datetime | None:
    """When a pod that had been ready stopped being so.

    The kubelet writes the first Ready=False when it first sees the pod, together with `startTime`; the condition's time
    moves only when the status does. So a later time means that the pod was ready in between.
    """
    status = pod.get("status", {})
    ready = _condition(status, "Ready")
    changed, started = ready.get("lastTransitionTime"), status.get("startTime")
    if ready.get("status") == "True" or not changed or not started:
        return None
    lost = read_time(changed)
    return lost if (lost - read_time(started)).total_seconds() > ROUNDING_SECONDS else None


def is_over(pod: Mapping[str, Any]) -> bool:
    """It has ended for good (evicted, say) and only its record is left: nobody's server any more."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_starting(pod: Mapping[str, Any]) -> bool:
    """On a node, but its container isn't made yet, for a reason that only its Events tell (a Secret is missing)."""
    status = pod.get("status", {})
    if _condition(status, "PodScheduled").get("status") != "True" or "deletionTimestamp" in pod["metadata"]:
        return False
    container = _container(status)
    waiting = container.get("state", {}).get("waiting") or {}
    reason: str = waiting.get("reason", "ContainerCreating")
    return status.get("phase") == "Pending" and reason == "ContainerCreating"


def read_time(text: str) -> datetime:
    """A moment as the API server writes it."""
    return datetime.fromisoformat(text)


def termination_message(pod: Mapping[str, Any]) -> str:
    """The last words of the pod's container, if it has ended: raw, for they may be JSON. Redact what is shown."""
    return str(_ended(_container(pod.get("status", {}))).get("message", ""))


def speaker_of(pods: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Of a Job's pods the one whose words count: the newest, but sooner one that left any.

    One that was drained or evicted has been replaced: its words were cut off, or were none of the check's.
    """
    return max((pod for pod in pods if not _was_disrupted(pod)), key=_says_more, default=None)


def _was_disrupted(pod: Mapping[str, Any]) -> bool:
    status = pod.get("status", {})
    return status.get("phase") == "Failed" and _condition(status, DISRUPTED).get("status") == "True"


def _says_more(pod: Mapping[str, Any]) -> tuple[bool, str, str]:
    metadata = pod["metadata"]
    return bool(termination_message(pod)), metadata["creationTimestamp"], metadata["name"]


def _ended(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the container ended last; empty if it never has."""
    return container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}


def _message(status: Mapping[str, Any], container: Mapping[str, Any], waiting: Mapping[str, Any]) -> str:
    """The most telling of: how the container ended last, why it waits, why no node took the pod, what the pod says."""
    if ended := _ended(container):
        words = f"ended with exit code {ended.get('exitCode')} ({ended.get('reason', 'Error')})"
        return f"{words}: {ended['message'].strip()}" if ended.get("message") else words
    scheduled = _condition(status, "PodScheduled")
    unscheduled = scheduled.get("message", "") if scheduled.get("status") == "False" else ""
    return str(waiting.get("message") or unscheduled or status.get("message", ""))


def _container(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of our container, not of a sidecar that somebody injects; empty before the kubelet has said anything of it."""
    return next((entry for entry in status.get("containerStatuses") or [] if entry.get("name") in _OUR_CONTAINERS), {})


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((entry for entry in status.get("conditions", []) if entry.get("type") == kind), {})


def _shorten(text: str) -> str:
    """The end of a long text: a traceback's last line says what went wrong."""
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else "…" + text[-MAX_MESSAGE_CHARACTERS + 1 :]
