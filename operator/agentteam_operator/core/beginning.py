"""The beginning of a rollout, and of each of its phases: what the status is made of then."""

from __future__ import annotations

from agentteam_operator.api.status import MAX_TRANSITIONS, Phase, RolloutStatus, Transition
from agentteam_operator.core import rounds, timing
from agentteam_operator.core.difference import only_operational
from agentteam_operator.core.gates import Finding, judgement
from agentteam_operator.core.plan import events
from agentteam_operator.core.view import View


def begun(view: View) -> RolloutStatus:
    """A rollout of what the spec asks for, from what serves."""
    return RolloutStatus(
        phase=Phase.VALIDATING,
        revision=view.observed.target,
        base_revision=view.rollout.revision if view.stranded and view.rollout else view.status.active_revision,
        mode=view.settings.traffic.mode,
        gates_skipped=view.retained(view.observed.target),
        only_health=only_operational(view),
        earlier=events.told_of(view)[-MAX_TRANSITIONS:],
        started_at=view.now,
        attempt=_first_attempt(view),
        phase_started_at=view.now,
        rounds=rounds.carried(view.rollout, view.observed.target),
    )


def _first_attempt(view: View) -> int:
    """The number of its first checks: those of an earlier rollout of the same revision have their Jobs' names."""
    before = view.rollout
    return before.attempt + 1 if before and before.revision == view.observed.target else 1


def restarted_clock(view: View, rollout: RolloutStatus, to: Phase, found: Finding) -> RolloutStatus:
    """The rollout at the beginning of a phase: its time, its deadline, its line in the timeline."""
    entry = Transition(phase=to, at=view.now, reason=found.reason, message=found.message)
    seconds = timing.deadline_seconds(view, to)
    next_step = to is Phase.SHIFTING and found.reason == judgement.STEP_HELD  # else its first, or the same once more
    pausing = to is Phase.AWAITING_PROMOTION  # the watch goes on where it stood
    paused_in = rollout.paused_in if rollout.phase is Phase.AWAITING_PROMOTION else rollout.phase
    checked_anew = to is rollout.phase and to in {Phase.TESTING, Phase.HEALTH_CHECKING}
    return rollout.model_copy(
        update={
            "phase": to,
            "phase_started_at": view.now,
            "deadline": view.after(seconds) if seconds is not None else None,
            "paused_in": paused_in if pausing else None,
            "step": rollout.step + 1 if next_step else rollout.step,
            "rechecks": rollout.rechecks + 1 if checked_anew else 0,
            "attended_seconds": rollout.attended_seconds if pausing else 0,
            "judged_seconds": rollout.judged_seconds if pausing else 0,
            "step_started_at": None if to is Phase.SHIFTING else rollout.step_started_at,
            "reason": found.reason,
            "message": found.message,
            "transitions": [*rollout.transitions, entry][-MAX_TRANSITIONS:],
        }
    )
