"""How the pods of a version behave: what a scenario says of the software that it rolls out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Of each pod of one version, from its creation on."""

    ready_after_seconds: float | None = 2.0
    """None: it never gets ready."""
    image_found: bool = True
    crashes_at_start: bool = False
    crashes_alone_after_seconds: float | None = None
    """Once all traffic goes to its revision, its container ends for good after so long."""
    healthy: bool = True
    """What the probe Job finds."""
    converses: bool = True
    """What the golden conversations find."""
    passes_hooks: bool = True
    hooks_end: bool = True
    """Else a hook's Job goes on for ever."""
    spoilt_by_traffic: bool = False
    """Its checks fail once it has all the traffic."""
    shares_faults: bool = False
    """Its golden conversations fail, and those of the old revision, too."""
    sample_failures: float = 0.0
    """Share of samples that fail in each round of the watch."""
    both_fail_samples: bool = False
    """As many of the old revision's fail; else none."""
    conversations_cost: float | None = 0.1
    """What all golden conversations of one Job cost; None: nobody says."""
    rounds_end: bool = True
    """Else the Job of a round of the watch goes on for ever."""
    rounds_speak: bool = True
    """Else it leaves no word."""
    error_share: float = 0.0
    """Share of its runs that fail."""
    run_seconds: float = 0.4
    memory_share: float = 0.3
    hangs_in_termination: bool = False
    """Its deleted pods don't go before the grace period is over."""


GOOD = Behaviour()
"""Ready after 2 s, healthy, without errors."""
