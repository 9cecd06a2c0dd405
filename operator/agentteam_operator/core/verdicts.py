"""Bringing judgement into the status: each gate's latest verdict, with its evidence in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agentteam_operator.api.hooks import HookStage
from agentteam_operator.api.status import MAX_GATES, AgentTeamStatus, GateStatus, Phase, RolloutStatus, Verdict
from agentteam_operator.core import analysis, checks, names, round_verdict, rounds
from agentteam_operator.core.gates import Finding, judgement
from agentteam_operator.core.gates import checks as checks_gate
from agentteam_operator.core.metric_verdict import NO_CONTROL, UNREADABLE
from agentteam_operator.core.observed import PodObserved, RevisionObserved
from agentteam_operator.core.queries import NOT_ASKED
from agentteam_operator.core.round_verdict import STOOD_IN
from agentteam_operator.core.view import JUDGED, View

OFFLINE_SECONDS = 60
"""How long a pod that was ready must not be before its agents count as offline: a slow probe is no outage.

Nor is a start: a pod that never was ready is given `readyTimeoutSeconds`.
"""

LOOKS_MISSED_AT_MOST = 3
LOOK_ALLOWANCE_SECONDS = 5
"""A silence of up to three intervals and this allowance is covered by the next look; a longer one isn't."""

_GATE_OF_PHASE = {
    Phase.VALIDATING: "validation",
    Phase.PREPARING: "readiness",
}
_LATE = frozenset({"HealthCheckTimeout", "CheckTimeout"})
NO_VERDICT = frozenset({"Superseded", "Aborted"})
"""Reasons to leave a phase that say nothing of the candidate's quality."""


def judge(view: View) -> View:
    """The view with the checks' verdicts, and the metrics' when the candidate serves and there are metrics."""
    view = rounds.looked_at(_with_gates(view, tuple(_checked(view))))
    rollout = view.rollout
    if rollout is None or rollout.phase not in JUDGED or view.awaits_first_traffic:
        return view
    if not judgement.judged(view):
        view = _with_gates(view, () if not view.has_base or rollout.gates_skipped else (_skipped(view),))
        return _told(replace(view, judgement=round_verdict.alone(view)))
    found = analysis.judge(
        round_verdict.metrics_settings(view.settings),
        rollout.analysis or analysis.AnalysisStatus(),
        view.observed.snapshot,
        blue=_colour(view, view.blue, view.full_size),
        green=_colour(view, view.green, view.green_needed),
        mode=analysis.Mode.ONE_SAMPLE if view.committed else analysis.Mode.CONCURRENT,
        now=view.now,
    )
    update = {"analysis": found.state, **_clocks(view, rollout, found)}
    status = view.status.model_copy(update={"rollout": rollout.model_copy(update=update)})
    view = view.with_status(status)
    return _told(replace(view, judgement=round_verdict.weighed(view, found)))


def _told(view: View) -> View:
    """The view with the judgement's verdicts as gates."""
    found = view.judgement.verdicts if view.judgement else ()
    return _with_gates(view, tuple(_gate(view, verdict) for verdict in found if _is_news(view, verdict)))


def _checked(view: View) -> Iterator[GateStatus]:
    """What each check of the phase has found, once its Job has ended."""
    for check in checks.wanted(view):
        job = view.job(check)
        if job is None or not checks_gate.has_ended(job) or checks.replaced(view, job):
            continue
        failed = Verdict.INCONCLUSIVE if checks.is_undecided(check, job) else Verdict.FAILED
        reason = "Passed" if job.succeeded else checks_gate.reason_of_failure(check)
        yield GateStatus(
            name=check,
            verdict=Verdict.PASSED if job.succeeded else failed,
            value=job.value,
            threshold=job.threshold,
            samples=job.samples,
            reason=job.reason or reason,
            message=job.message,
            at=view.now,
        )


def _is_news(view: View, found: analysis.MetricVerdict) -> bool:
    """Silence is no news where something was said before.

    A process that has just started has seen no metrics yet, and what only both colours together can tell stands as it
    was told while both served.
    """
    held = next((gate for gate in (view.rollout.gates if view.rollout else ()) if gate.name == found.name), None)
    if held is None or found.verdict is Verdict.FAILED or found.name == names.GATE_ROUNDS:  # which no metric speaks of
        return True
    if found.reason == NOT_ASKED:
        return False
    if found.verdict is Verdict.INCONCLUSIVE and view.committed and held.reason == STOOD_IN:
        return False
    if found.reason == NO_CONTROL:
        return held.reason == UNREADABLE
    return view.observed.snapshot is not None


def _gate(view: View, found: analysis.MetricVerdict) -> GateStatus:
    return GateStatus(
        name=found.name,
        verdict=found.verdict,
        value=found.value,
        threshold=found.threshold,
        samples=found.samples,
        reason=found.reason,
        message=found.message,
        detectable=found.detectable,
        at=view.now,
    )


def _clocks(view: View, rollout: RolloutStatus, found: analysis.Judgement) -> dict[str, float]:
    """The phase's clocks after a look: a look speaks for the time since the last one, but not for a long silence.

    A candidate that gets no traffic isn't judged, whatever Prometheus still says of it, and nobody is by an answer that
    shows nothing of the pods that are judged.
    """
    after = found.state
    last = rollout.analysis.last_sample_at if rollout.analysis else None
    if after.last_sample_at is None or after.last_sample_at == last:
        return {}
    since = max(last, rollout.phase_started_at) if last else rollout.phase_started_at
    longest = LOOKS_MISSED_AT_MOST * view.settings.analysis.interval_seconds + LOOK_ALLOWANCE_SECONDS
    gained = min(max(0.0, (after.last_sample_at - since).total_seconds()), longest)
    silent = after.consecutive_errors or found.unseen or not view.green_endpoints
    answered = 0.0 if silent else gained
    return {
        "attended_seconds": round(rollout.attended_seconds + gained, 3),
        "judged_seconds": round(rollout.judged_seconds + answered, 3),
    }


def _colour(view: View, revision: RevisionObserved | None, needed_pods: int) -> analysis.Colour:
    if revision is None:
        return analysis.Colour(pods=frozenset(), created_at={}, offline_agents=0, serves=False)
    offline = sum(_is_offline(view, pod) for pod in revision.pods)
    missing = max(0, needed_pods - len(revision.ready_pods))  # what an autoscaler wants beyond is no loss yet
    return analysis.Colour(
        pods=frozenset(pod.name for pod in revision.pods),
        created_at={pod.name: pod.created_at for pod in revision.pods},
        offline_agents=min(offline, missing) * len(view.spec.team.agents),
        serves=view.endpoints_of(revision) > 0,
        tried=any(hook.when is HookStage.BEFORE_SHIFT for hook in view.settings.hooks),
    )


def _is_offline(view: View, pod: PodObserved) -> bool:
    """A pod that should answer and hasn't for a while."""
    if pod.ready or pod.terminating:
        return False
    if pod.lost_since is not None:
        return view.elapsed(pod.lost_since) > OFFLINE_SECONDS
    return view.elapsed(pod.created_at) > view.settings.ready_timeout_seconds


def _skipped(view: View) -> GateStatus:
    return GateStatus(
        name="analysis",
        verdict=Verdict.SKIPPED,
        reason="NoPrometheus",
        message="the operator knows no Prometheus (chart value prometheus.url): judged by readiness and health alone",
        at=view.now,
    )


def record(view: View, to: Phase, found: Finding) -> AgentTeamStatus:
    """The status with the verdict of the gate that the phase being left stands for."""
    source = view.phase
    view = rounds.looked_at(_with_gates(view, tuple(_checked(view))))  # a phase may be entered and left in one tick
    failed = to in {Phase.ROLLING_BACK, Phase.FAILED}
    if failed and found.reason in _LATE:
        return _with_gates(view, tuple(_late(view, found))).status
    name = gate_of_phase(source, to)
    if not name or found.reason in NO_VERDICT:
        return view.status
    gate = GateStatus(
        name=name,
        verdict=Verdict.FAILED if failed else Verdict.PASSED,
        reason=found.reason,
        message=found.message,
        at=view.now,
    )
    return _with_gates(view, (gate,)).status


def gate_of_phase(source: Phase | None, to: Phase) -> str:
    """The gate that leaving a phase stands for by itself; empty if there is none."""
    if source is Phase.FAILED:
        # A first revision that was given up gets here from Failed: what it passed then is readiness, too.
        return "readiness" if to in {Phase.TESTING, Phase.HEALTH_CHECKING} else ""
    return _GATE_OF_PHASE.get(source, "") if source else ""


def _late(view: View, found: Finding) -> Iterator[GateStatus]:
    """The checks that came to no verdict in time."""
    for check in checks.unfinished(view):
        yield GateStatus(name=check, verdict=Verdict.FAILED, reason=found.reason, message=found.message, at=view.now)


def _with_gates(view: View, news: tuple[GateStatus, ...]) -> View:
    """Put verdicts in their places; one that says the same as before keeps its time, so that nothing is rewritten."""
    rollout = view.rollout
    if rollout is None or not news:
        return view
    held = {gate.name: gate for gate in rollout.gates}
    for gate in news:
        before = held.get(gate.name)
        if before is None or before.model_copy(update={"at": gate.at}) != gate:
            held[gate.name] = gate
    update = {"gates": list(held.values())[-MAX_GATES:]}
    return view.with_status(view.status.model_copy(update={"rollout": rollout.model_copy(update=update)}))
