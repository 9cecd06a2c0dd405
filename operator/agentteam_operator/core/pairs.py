"""Pairs of samples of golden conversations, as a round of the watch tells them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairsObserved:
    """Pairs of samples, one of either revision, by the candidate's pod that was asked."""

    address: str
    """The pod's IP address; empty for those of several."""
    pairs: int = 0
    failed: int = 0
    """Samples of the candidate that failed."""
    control_failed: int = 0
    """Samples of the active revision that failed."""
