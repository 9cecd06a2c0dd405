"""Asking a person: the words that tell whoever was woken what can be answered, and how."""

from __future__ import annotations

from agentteam_operator.api.status import ActionName
from agentteam_operator.core import names
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.view import View


def asking(view: View, found: Finding | None) -> Finding | None:
    """The finding with the commands that answer it. The number makes each question's answer one of its own."""
    if found is None or view.rollout is None:
        return None
    team, value = view.observed.team, f"{view.rollout.revision}/{view.now.timestamp():.0f}"
    word = f"{names.action_annotation(ActionName.PROMOTE)}={value}"
    how = f"kubectl annotate --overwrite -n {team.namespace} agentteam {team.name} {word}"
    back = f"to go back: the same with {names.action_annotation(ActionName.ABORT)}"
    return Finding(found.reason, f"{found.message}. To go on: {how}; {back}")
