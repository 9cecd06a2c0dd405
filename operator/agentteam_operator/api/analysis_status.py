"""The judge's memory between two looks: small, and kept in status so that a restart changes no verdict."""

from __future__ import annotations

from pydantic import Field

from agentteam_operator.api.base import LenientModel, Time


class ColourCounts(LenientModel):
    """Runs of one colour since the judgement began."""

    started: int = Field(default=0, ge=0, description="Runs started.")
    finished: int = Field(default=0, ge=0, description="Runs that ended in success or failure.")
    failed: int = Field(default=0, ge=0, description="Runs that ended in an error or a timeout.")
    slow: int = Field(default=0, ge=0, description="Runs slower than blue's running 90th percentile by a tenth.")


class AnalysisStatus(LenientModel):
    """All that the sequential judgement needs to go on where it stood."""

    last_sample_at: Time | None = Field(default=None, description="When the last block of answers ended.")
    looks: int = Field(default=0, ge=0, description="Blocks of answers seen so far.")
    consecutive_errors: int = Field(default=0, ge=0, description="Failed queries in a row.")
    blue: ColourCounts = Field(default_factory=ColourCounts, description="The active revision's runs.")
    green: ColourCounts = Field(default_factory=ColourCounts, description="The candidate's runs.")
    log_evidence: dict[str, float] = Field(
        default_factory=dict, description="Natural logarithm of each test's e-process, by test."
    )
    counters: dict[str, str] = Field(
        default_factory=dict, description="Raw counters of each pod at the last look, from which the next is differenced."
    )
