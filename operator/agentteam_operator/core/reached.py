"""What a rollout has reached since the last look, without entering a phase."""

from __future__ import annotations

from agentteam_operator.api.status import Phase
from agentteam_operator.core import timing
from agentteam_operator.core.entering import checked_again
from agentteam_operator.core.gates import checks
from agentteam_operator.core.view import View


def noted(view: View) -> View:
    """Write down what was reached: the step's weight, from which its hold and the time for a verdict count.

    And what blue had at most, so that whoever takes pods from it during the rollout doesn't keep them; and that pods
    were asked after the switch which are gone: others are asked then, within the same deadline.
    """
    rollout = view.rollout
    if rollout is None:
        return view
    update: dict[str, object] = {"weight": view.weight_percent}
    if view.in_progress and view.blue:
        update["base_replicas"] = max(rollout.base_replicas, view.blue.replicas)
    reached = view.selects(None) and view.green_endpoints >= view.step.pods
    if rollout.phase is Phase.SHIFTING and rollout.step_started_at is None and reached:
        update["step_started_at"] = view.now
        update["deadline"] = view.after(timing.step_seconds(view))
    view = view.with_status(view.status.model_copy(update={"rollout": rollout.model_copy(update=update)}))
    return checked_again(view) if view.phase is Phase.SETTLING and checks.asked_others(view) else view
