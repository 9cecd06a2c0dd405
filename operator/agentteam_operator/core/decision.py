"""What a tick answers: the next status, and the actions that bring the cluster to it.

Everything is immutable; all durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.core.guard import Guarding
from agentteam_operator.core.observed import Manifest
from agentteam_operator.core.telling import Notify


@dataclass(frozen=True, slots=True)
class ApplyObject:
    """Server-side apply of a child that may change in place."""

    manifest: Manifest
    resource_version: str = ""
    """Precondition; empty for none."""


@dataclass(frozen=True, slots=True)
class CreateObject:
    """Create once, never touched again (Deployment, ConfigMap, Job); "already exists" is success if it is ours."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class ScaleDeployment:
    """Set `spec.replicas` through the scale subresource."""

    name: str
    replicas: int
    resource_version: str
    """Precondition: the Deployment's, as seen by the decision."""


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete one child by identity."""

    api_version: str
    kind: str
    name: str
    uid: str
    """Precondition: never a namesake made in the meantime."""


@dataclass(frozen=True, slots=True)
class EmitEvent:
    """A core/v1 Event about the team, told once: its name is derived from what it tells."""

    key: str
    """Unique for what it tells: the Event's name comes from it, so that telling twice is refused by the API server.
    A decision repeats its recent events; the writer remembers the keys it has told and skips them."""
    type: str
    """Normal or Warning."""
    reason: str
    message: str
    at: datetime


Action = ApplyObject | CreateObject | ScaleDeployment | DeleteObject | EmitEvent | Notify


@dataclass(frozen=True, slots=True)
class Decision:
    """What one tick wants: status first, for intent is persisted before its effect; then the actions in order."""

    status: AgentTeamStatus
    actions: tuple[Action, ...] = ()
    needs_live_read: bool = False
    """True when an action can't be taken back: decide again on a live read before acting."""
    requeue_after_seconds: float | None = None
    """When to look again without being woken; None when only an event can change anything."""
    sampling: bool = False
    """True while the team's metrics are wanted at each interval."""
    guarding: Guarding | None = None
    """What the guard is to watch; None for nothing."""
