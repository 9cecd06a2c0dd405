"""What is wrong with an AgentTeam: all problems at once, each with its field, its value and the mend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with a manifest."""

    path: str
    """Path of the field, as `kubectl explain` has it: spec.team.agents[0].model."""
    value: str
    """The offending value, shortened; empty if the field is missing."""
    message: str
    """What is wrong, and how to mend it."""

    def __str__(self) -> str:
        """One line for people."""
        shown = f" ({self.value})" if self.value else ""
        return f"{self.path}{shown}: {self.message}"
