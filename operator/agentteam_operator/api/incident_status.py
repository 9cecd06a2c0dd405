"""Incidents and notices as the status keeps them: what is wrong, since when, and who has been told of what.

`status.notifications` is the outbox: what is to be told is written there together with the step that it tells of, and
sent only then. So a crash loses nothing, and nothing is told that didn't happen.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agentteam_operator.api.base import LenientModel, Time
from agentteam_operator.api.storable import Words

MAX_NOTICES = 10
MAX_NOTIFIERS = 10
MAX_DESCRIPTION_CHARACTERS = 2048


class Severity(StrEnum):
    """How bad an incident was when it opened."""

    WARNING = "Warning"
    CRITICAL = "Critical"


class NoticeKind(StrEnum):
    """What people are told of."""

    INCIDENT_OPENED = "IncidentOpened"
    INCIDENT_RESOLVED = "IncidentResolved"
    PROMOTION_AWAITED = "PromotionAwaited"
    ROLLOUT_COMPLETED = "RolloutCompleted"


class DeliveryState(StrEnum):
    """How far the telling of one notifier has come."""

    PENDING = "Pending"
    DELIVERED = "Delivered"
    GIVEN_UP = "GivenUp"


class IncidentStatus(LenientModel):
    """What went wrong last."""

    id: str = Field(max_length=32, description="Tells it from all others; the same however often it is told.")
    title: Words = Field(default="", max_length=256, description="What is wrong, in one line.")
    severity: Severity = Field(
        description="Critical when nothing or too little served as it opened, Warning when enough did."
    )
    reason: Words = Field(default="", max_length=64, description="Why: a CamelCase word for programs.")
    revision: str = Field(default="", max_length=10, description="The revision that it is about.")
    opened_at: Time = Field(description="When it opened.")
    description: Words = Field(
        default="",
        max_length=MAX_DESCRIPTION_CHARACTERS,
        description="The evidence: what failed, measured values against their thresholds, containers' last words.",
    )
    resolved_at: Time | None = Field(
        default=None, description="When it was over: the team healthy again, or another incident in its place."
    )


class DeliveryStatus(LenientModel):
    """One notifier's share of a notice."""

    notifier: str = Field(max_length=63, description="The notifier's name, as the operator was configured with it.")
    state: DeliveryState = Field(default=DeliveryState.PENDING, description="Pending, Delivered or GivenUp.")
    attempts: int = Field(default=0, ge=0, description="How often it was tried until then.")
    at: Time | None = Field(default=None, description="When it was delivered or given up.")
    message: Words = Field(default="", max_length=256, description="Why it was given up, in plain words.")


class NoticeStatus(LenientModel):
    """One thing that people are told."""

    id: str = Field(max_length=32, description="Tells it from all others: the same in every attempt to deliver it.")
    kind: NoticeKind = Field(
        description="IncidentOpened, IncidentResolved, PromotionAwaited or RolloutCompleted.",
    )
    at: Time = Field(description="When it came about.")
    incident: str = Field(default="", max_length=32, description="The incident that it is about, if any.")
    since: Time = Field(description="When what it is about began: of an incident, when it opened.")
    severity: Severity | None = Field(default=None, description="The incident's severity; none if it is about none.")
    revision: str = Field(default="", max_length=10, description="The revision that it is about.")
    version: Words = Field(default="", max_length=64, description="That revision's spec.version.")
    reason: Words = Field(default="", max_length=64, description="Why: a CamelCase word for programs.")
    title: Words = Field(default="", max_length=256, description="What there is to tell, in one line.")
    message: Words = Field(default="", max_length=1024, description="The evidence, in plain words.")
    deliveries: list[DeliveryStatus] = Field(
        default_factory=list, max_length=MAX_NOTIFIERS, description="Who is told, and who has been."
    )
