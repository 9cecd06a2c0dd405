"""Telling people: what decisions know of notifiers, and what they ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agentteam_operator.api.incident_status import DeliveryState, NoticeKind, NoticeStatus


@dataclass(frozen=True, slots=True)
class NotifierFacts:
    """A notifier that the operator was configured with, as far as decisions depend on it: never where it is."""

    name: str
    events: frozenset[NoticeKind]
    """What it wants to be told of."""
    default: bool = False
    """It is told of teams that name no notifier."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the telling of one notifier ended."""

    notice: str
    """The notice's id."""
    notifier: str
    state: DeliveryState
    attempts: int
    at: datetime
    message: str = ""
    """Why it was given up."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Have notifiers told of what the stored status says they are to be told. Taken up once, however often it is said.

    It is carried out behind the decision's back: nothing waits for a notifier.
    """

    due: tuple[NoticeStatus, ...]
    """Notices with pending deliveries, oldest first."""
    still_so: tuple[NoticeStatus, ...] = ()
    """All that was told and goes on: the open incident, a pause that waits for a person."""
