"""What the simulated kubelet writes of a pod, and what is read from it."""

from __future__ import annotations

from datetime import datetime

from tests.simulation.past import JsonObject
from tests.simulation.timeline import stamp


def is_ready(pod: JsonObject) -> bool:
    """Its Ready condition, while it isn't leaving."""
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"]["conditions"])
    return ready and "deletionTimestamp" not in pod["metadata"]


def conditions(status: JsonObject, now: datetime, *, ready: bool) -> list[JsonObject]:
    """A pod's conditions after a look at it: the time of one moves only when its status does."""
    fresh = {"type": "Ready", "status": str(ready), "lastTransitionTime": stamp(now)}
    before = next((entry for entry in status.get("conditions", []) if entry["type"] == "Ready"), fresh)
    return [{"type": "PodScheduled", "status": "True"}, before if before["status"] == fresh["status"] else fresh]
