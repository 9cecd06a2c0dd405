"""What a rollout under way is doing, and what holds it, in one line for whoever was woken at night.

Nothing in the line changes by the clock alone: it says what is in the rest of the status, or what the cluster says of
the pods, so that it costs no write of its own each second.
"""

from __future__ import annotations

from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core import checks, names, queries, refusals
from agentteam_operator.core.gates import intent, judgement, traffic
from agentteam_operator.core.view import View, stuck_words

_MOVING = {
    Phase.VALIDATING: "validating",
    Phase.PREPARING: "starting pods of",
    Phase.TESTING: "testing",
    Phase.HEALTH_CHECKING: "checking the health of",
    Phase.SHIFTING: "shifting traffic to",
    Phase.WATCHING: "watching",
    Phase.AWAITING_PROMOTION: "waiting for a person to promote",
    Phase.SWITCHING: "switching all traffic to",
    Phase.SETTLING: "settling on",
    Phase.ROLLING_BACK: "rolling back",
}


def words(view: View, rollout: RolloutStatus) -> str:
    """The rollout in progress: its phase and revision, then what holds it, or else why it came to this phase."""
    return f"{_MOVING[rollout.phase]} {rollout.revision}: {_held(view, rollout) or rollout.message}"


def _held(view: View, rollout: RolloutStatus) -> str:
    match rollout.phase:
        case Phase.VALIDATING:
            held = intent.awaits_former(view)
        case Phase.PREPARING:
            held = _refused(view) or _stuck_pods(view)
        case Phase.TESTING | Phase.HEALTH_CHECKING:
            held = _refused(view) or _open_checks(view)
        case Phase.SHIFTING:
            held = _held_step(view, rollout)
        case Phase.SWITCHING | Phase.ROLLING_BACK:
            waits_for = refusals.words_of_traffic(view) or _stuck_pods(view)
            held = f"{rollout.message}; {waits_for}" if waits_for else ""
        case Phase.WATCHING | Phase.SETTLING:
            strays = "" if view.committed else traffic.stray_words(view)
            undecided = strays or (_undecided(view, rollout) if judgement.judged(view) else "")
            held = f"{rollout.weight} %, not decided yet: {undecided}" if undecided else ""
        case _:
            held = ""
    return held


def _open_checks(view: View) -> str:
    """Which of several checks are still to come, and what keeps one from it."""
    stuck = next((job.message for check in checks.unfinished(view) if (job := view.job(check)) and job.message), "")
    if stuck or view.phase is Phase.HEALTH_CHECKING:
        return stuck
    open_ones = ", ".join(checks.words(check) for check in checks.unfinished(view))
    return f"waiting for {open_ones}" if open_ones else ""


def _refused(view: View) -> str:
    """What the API server refuses of the candidate, though it may pass."""
    refusal = refusals.of_candidate(view)
    return refusal.message if refusal else ""


def _held_step(view: View, rollout: RolloutStatus) -> str:
    """The share of traffic, and what the next step waits for beyond its time."""
    share = f"{rollout.weight} %"
    if refused := refusals.words_of_traffic(view):
        return f"{share}, held: {refused}"
    if strays := traffic.stray_words(view):
        return f"{share}, held: {strays}"
    if rollout.step_started_at is None:
        stuck = _stuck_pods(view)
        return f"{share}, waiting for pods: {stuck}" if stuck else share
    if view.elapsed(rollout.step_started_at) < view.step.hold_seconds:
        return f"{share} for {view.step.hold_seconds:g} s"
    return f"{share}, held: {_undecided(view, rollout) or 'too few answers to go on'}"


def _undecided(view: View, rollout: RolloutStatus) -> str:
    """The first metric that holds; else the first that can't say yet.

    Other gates were passed before, if by a person's word; and a metric may have left the spec since.
    """
    judging = {names.GATE_ROUNDS, *map(queries.gate_name, view.settings.analysis.metrics)}
    for wanted in (Verdict.PENDING, Verdict.INCONCLUSIVE):
        for gate in rollout.gates:
            if gate.name in judging and gate.verdict is wanted and gate.message:
                return f"{gate.name}: {gate.message}"
    return ""


def _stuck_pods(view: View) -> str:
    """Pods that traffic waits for, and that have been starting for so long that the cluster was asked why."""
    awaited = view.blue if view.phase is Phase.ROLLING_BACK else view.green
    return stuck_words(awaited) if awaited else ""
