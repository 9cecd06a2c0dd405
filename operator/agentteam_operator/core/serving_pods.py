"""The pods of what serves: which get traffic, which are missing and since when, and whether too few are left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agentteam_operator.core.observed import PodObserved
from agentteam_operator.core.verdicts import OFFLINE_SECONDS
from agentteam_operator.core.view import View


def are_missing(view: View) -> bool:
    """Pods of what serves are missing, and not for the moment that a start or a replacement takes."""
    active = view.active
    if active is None or len(active.ready_pods) >= active.replicas:
        return False
    late = (missing_from(view, pod) <= view.now for pod in active.pods if not pod.ready and not pod.terminating)
    return bool(active.message) or any(late)


def missing_from(view: View, pod: PodObserved) -> datetime:
    """When an unready pod counts as missing: soon after it was lost, or when its start has taken too long."""
    if pod.lost_since is not None:
        return pod.lost_since + timedelta(seconds=OFFLINE_SECONDS)
    return pod.created_at + timedelta(seconds=view.settings.ready_timeout_seconds)


def ready_ones(view: View) -> Iterator[PodObserved]:
    """Ready pods that traffic goes to, or is meant to go to."""
    both = (view.blue, view.green) if view.selects(None) else ()
    for colour in (view.active, *both):
        yield from colour.ready_pods if colour else ()


def less_than_half(view: View) -> bool:
    """Less than half of what should serve is ready."""
    ready = len(view.active.ready_pods) if view.active else 0
    wanted = view.active.replicas if view.active else 1
    return 2 * ready < max(wanted, 1)
