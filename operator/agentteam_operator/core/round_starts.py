"""When the next round of golden conversations begins: only where the team's own runs won't do, and within the cap."""

from __future__ import annotations

from datetime import datetime

from agentteam_operator.api.status import Phase
from agentteam_operator.core import evidence, rounds
from agentteam_operator.core.gates import judgement
from agentteam_operator.core.round_verdict import lacks_runs, metrics_settings
from agentteam_operator.core.view import View

PAUSE_SECONDS = 30
"""Between the end of a round and the next one, and before the first: in it one sees how many runs the team has."""

_MARGIN = 2
"""Runs are taken to suffice in the end if, at their pace so far, there will be twice as many as needed."""


def update(view: View) -> View:
    """The view with the next round begun if it is due, and with one dropped that nobody waits for any more."""
    view = rounds.closed(view)
    return rounds.begun(view) if _is_due(view) else view


def next_look_seconds(view: View) -> float | None:
    """Seconds until time alone may begin the next round, or give up the one that runs; None if it won't."""
    since = _pause_since(view)
    if view.phase not in rounds.PHASES or not rounds.wanted(view) or since is None:
        return None
    left = rounds.seconds_left(view) if rounds.is_running(view) else PAUSE_SECONDS - view.elapsed(since)
    return left if left > 0 else None


def _pause_since(view: View) -> datetime | None:
    """The end of the last round; before the first, when both revisions began to serve. None while they don't."""
    rollout = view.rollout
    if rollout is None or rollout.step_started_at is None:
        return None
    return rounds.state_of(view).ended_at or rollout.step_started_at


def _is_due(view: View) -> bool:
    if view.phase not in rounds.PHASES or rounds.is_running(view) or not rounds.may_go_on(view):
        return False
    since = _pause_since(view)
    return since is not None and view.elapsed(since) >= PAUSE_SECONDS and _both_serve(view) and _is_needed(view)


def _both_serve(view: View) -> bool:
    """Each revision has a pod to ask, and its share of the traffic."""
    asked = rounds.addresses(view.green) and rounds.addresses(view.blue)
    return bool(asked and view.green_endpoints and view.blue_endpoints and not view.stray_pods)


def _is_needed(view: View) -> bool:
    """The team's own runs are too few, or nobody counts them."""
    if not judgement.judged(view):
        return True
    found = view.judgement
    if found is None or found.state.consecutive_errors or not lacks_runs(view, found):
        return False
    return not _runs_will_do(view)


def _runs_will_do(view: View) -> bool:
    """At their pace so far there will be runs enough to judge by, with something to spare, when the phase is over."""
    rollout, found = view.rollout, view.judgement
    if rollout is None or found is None:
        return False
    began_at = next((entry.at for entry in rollout.transitions if entry.phase is Phase.SHIFTING), rollout.started_at)
    since = rollout.step_started_at if view.phase is Phase.SHIFTING else rollout.phase_started_at
    left = max(0.0, judgement.due_seconds(view) - view.elapsed(since))
    grows = 1 + left / max(view.elapsed(began_at), 1.0)
    runs = min(found.state.green.finished, found.state.blue.finished)
    threshold = evidence.log_threshold(metrics_settings(view.settings))
    enough = runs * grows >= _MARGIN * view.settings.analysis.min_samples
    return enough and found.state.reachable_log_evidence * grows >= _MARGIN * threshold
