"""What people ordered, and the guard: `status.actions`, `status.rollbackTo`, `status.restarted`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agentteam_operator.api.base import LenientModel, Time
from agentteam_operator.api.storable import Words


class ActionName(StrEnum):
    """What a person can tell the operator, as the annotation agentteam.dev/<action>."""

    PROMOTE = "promote"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    ROLLBACK = "rollback"
    RESTART = "restart"


class ActionStatus(LenientModel):
    """What became of a person's word: the last one of each action."""

    action: ActionName = Field(description="promote, abort, pause, resume, retry, rollback or restart.")
    value: str = Field(max_length=128, description="The annotation's value: REVISION, or REVISION/NONCE.")
    at: Time = Field(description="When it was heard.")
    accepted: bool = Field(description="Whether it was done; if not, the message says why.")
    message: Words = Field(default="", max_length=512, description="In plain words.")


class Orderer(StrEnum):
    """Who ordered to go back."""

    PERSON = "Person"
    GUARD = "Guard"


class RollbackStatus(LenientModel):
    """An order to go back: it holds until the spec asks for something else, or until a retry."""

    revision: str = Field(max_length=10, description="The revision that is to serve.")
    instead_of: str = Field(max_length=10, description="What the spec asks for.")
    by: Orderer = Field(default=Orderer.PERSON, description="Person, or Guard: it follows from spec.rollout.guard.")
    because: str = Field(default="", max_length=512, description="What the guard found, in plain words.")


class RestartStatus(LenientModel):
    """A person's order to make what the spec asks for anew: the same spec as another revision."""

    revision: str = Field(max_length=10, description="The new revision.")
    of: str = Field(max_length=10, description="Hash of the spec that it is made from.")
    nonce: str = Field(max_length=128, description="What tells it from others of the same spec.")
