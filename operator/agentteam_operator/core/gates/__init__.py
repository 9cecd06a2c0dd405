"""The gates: each looks at a `View` and answers with a finding, or None while it has nothing to say.

What follows from a finding is not said here but in `decide.TRANSITIONS`; to change what a gate demands, change its one
function. `intent` is what people want, `pods` readiness and health, `traffic` who is really sent requests, and
`judgement` what the metrics say.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate found: a CamelCase reason for programs and a message for people."""

    reason: str
    message: str
