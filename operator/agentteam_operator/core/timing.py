"""Times: how long each phase may last, and when time alone may change something."""

from __future__ import annotations

from datetime import datetime, timedelta

from agentteam_operator.api.status import Phase
from agentteam_operator.core import checks, incidents, names, round_starts
from agentteam_operator.core.gates import intent, judgement, pods, traffic
from agentteam_operator.core.view import JUDGED, View

VERDICT_ALLOWANCE_SECONDS = 15
"""For a check's verdict to be seen, beyond its Job's own deadline."""


def deadline_seconds(view: View, phase: Phase) -> float | None:
    """How long a phase may last; None for those that are an end."""
    settings = view.settings
    ready = settings.ready_timeout_seconds
    settling = 2 * judgement.settle_seconds(view) + judgement.INCONCLUSIVE_HOLD_SECONDS
    return {
        Phase.VALIDATING: intent.FORMER_GOES_SECONDS,
        Phase.PREPARING: ready,
        Phase.TESTING: _tested_seconds(view),
        Phase.HEALTH_CHECKING: _checked_seconds(view, (names.CHECK_HEALTH,)),
        Phase.SHIFTING: ready,
        Phase.WATCHING: 2 * settings.watch_seconds + judgement.INCONCLUSIVE_HOLD_SECONDS,
        Phase.AWAITING_PROMOTION: settings.promotion_timeout_seconds,
        Phase.SWITCHING: ready,
        Phase.SETTLING: max(settling, _checked_seconds(view, checks.after_switch(view))),
        Phase.ROLLING_BACK: ready,
    }.get(phase)


def _checked_seconds(view: View, wanted: tuple[str, ...]) -> float:
    return checks.deadline_seconds(view, wanted) + VERDICT_ALLOWANCE_SECONDS


def _tested_seconds(view: View) -> float:
    """As long as the tests take; while nothing says which there are, as long as anything is waited for."""
    known = _checked_seconds(view, checks.tests(view))
    return max(known, view.settings.ready_timeout_seconds) if view.settings_unread else known


def step_seconds(view: View) -> float:
    """How long a traffic step may last once its weight is reached: its hold, and the time for a verdict."""
    return view.step.hold_seconds + 2 * view.settings.watch_seconds + judgement.INCONCLUSIVE_HOLD_SECONDS


def next_look_seconds(view: View) -> float | None:
    """Seconds until time alone can change anything; None if only an event can."""
    rollout = view.rollout
    if rollout is None:
        return None
    start, settings = rollout.phase_started_at, view.settings
    moments = [rollout.deadline, _seconds_after(start, settings.drain_seconds)]
    if rollout.phase is Phase.FAILED:
        moments.append(_seconds_after(start, pods.health_retry_seconds(rollout.attempt)))
    if view.in_progress:
        dues = (
            _seconds_after(start, settings.watch_seconds),
            _seconds_after(start, judgement.settle_seconds(view)),
            _seconds_after(rollout.step_started_at or start, view.step.hold_seconds),
            _seconds_after(rollout.step_started_at or start, view.step.hold_seconds + settings.watch_seconds),
        )
        moments += [*dues, *(_seconds_after(due, judgement.INCONCLUSIVE_HOLD_SECONDS) for due in dues)]
    if view.in_progress and view.green:
        replaced = timedelta(seconds=traffic.REPLACED_WITHIN_SECONDS)
        moments += [pod.created_at + replaced for pod in view.green.pods if not pod.ready]
    if view.overdue and view.phase in JUDGED and view.observed.snapshot is None:
        moments.append(_seconds_after(view.now, judgement.INCONCLUSIVE_HOLD_SECONDS))  # nobody else may wake it
    rounds_due = round_starts.next_look_seconds(view)
    moments += [] if rounds_due is None else [_seconds_after(view.now, rounds_due)]
    ahead = ((due - view.now).total_seconds() for due in moments if due and due > view.now)
    return min((*ahead, *incidents.next_look_seconds(view)), default=None)


def _seconds_after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
