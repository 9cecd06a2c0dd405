"""What the guard on the serving revision has found, as the status keeps it: there only while something is wrong."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agentteam_operator.api.base import LenientModel, Time


class GuardReason(StrEnum):
    """What is wrong with the revision that serves."""

    WORSE_THAN_BEFORE = "WorseThanBefore"
    SICK_POD = "SickPod"


class GuardStatus(LenientModel):
    """The revision that serves does worse than on its own last day."""

    revision: str = Field(max_length=10, description="The revision that it is about.")
    reason: GuardReason = Field(description="WorseThanBefore, or SickPod: hardly without one of its pods.")
    at: Time = Field(description="When that was found.")
    since: Time = Field(description="When its runs began to fail more than usual.")
    failed: int = Field(ge=0, description="Runs that failed between then and when it was found.")
    finished: int = Field(ge=0, description="All runs that ended in that time.")
    usual_rate: float = Field(ge=0, le=1, description="The share of runs that failed on the day before.")
    message: str = Field(default="", max_length=1024, description="All that in plain words.")
