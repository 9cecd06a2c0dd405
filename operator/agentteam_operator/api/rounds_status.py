"""What is known of the golden conversations repeated during a watch: small, and kept in status over a restart."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentteam_operator.api.analysis_status import MAX_PODS, Blocks, Count
from agentteam_operator.api.base import LenientModel, Time

PodRounds = Annotated[
    str, Field(max_length=80, pattern=r"^[0-9]{1,16} [0-9]{1,16} [0-9]{1,16} -?[0-9]{1,9}(\.[0-9]+)?$")
]
Cost = Annotated[float, Field(ge=0)]


class RoundsStatus(LenientModel):
    """Rounds of golden conversations, had with both revisions at once while both serve."""

    begun: Count = 0
    """Rounds begun; the last one's Job bears this number."""
    ended: Count = 0
    """Rounds that are over, counted or dropped: each is counted once, since its number is written down with it."""
    begun_at: Time | None = None
    """When the last round began."""
    ended_at: Time | None = None
    """When the last round that is over was seen to be."""
    failed_in_row: Count = 0
    """Rounds in a row that brought nothing to count."""
    trouble: Annotated[str, Field(max_length=256)] = ""
    """Why the last one of them brought nothing, in plain words."""
    counted: Count = 0
    """Rounds that were counted."""
    pairs: Count = 0
    """Pairs of samples, one of either revision."""
    green_failed: Count = 0
    """Samples of the candidate that failed."""
    blue_failed: Count = 0
    """Samples of the active revision that failed."""
    recent_green: Blocks = ""
    """Failed/all samples of the candidate in the last rounds, oldest first."""
    recent_blue: Blocks = ""
    """The same of the active revision."""
    log_evidence: float = 0.0
    """Natural logarithm of the evidence against the candidate; 6.9 means odds of 1,000 : 1."""
    reachable_log_evidence: float = Field(default=0.0, ge=0)
    """What it could have come to, had every sample of the candidate failed and none of the active revision."""
    pods: dict[str, PodRounds] = Field(default_factory=dict, max_length=MAX_PODS)
    """By address of each of the candidate's pods that was asked: its pairs, the candidate's and the active revision's
    failed samples in them, and the evidence with these pairs left out."""
    spent: Cost = 0.0
    """What all rounds cost so far, by models[].price."""
    dearest: Cost | None = None
    """What the dearest round cost."""
    tests_cost: Cost | None = None
    """What the conversations cost that were had before any traffic: what the first round is taken to cost at most."""
    cost_unknown: bool = False
    """Whether a round didn't tell its cost, so that no other may begin."""
