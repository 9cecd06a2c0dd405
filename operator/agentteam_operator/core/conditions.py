"""What people and tools read off a status: the phase in a word, the reason in a line, and the standard conditions.

Conditions follow kstatus: Reconciling while something is under way, Stalled when somebody has to do something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agentteam_operator.api.order_status import ActionName, Orderer
from agentteam_operator.api.status import AgentTeamStatus, Condition, Phase, TeamPhase
from agentteam_operator.core import damage, guarding, names, notices, progress, refusals
from agentteam_operator.core.gates import Finding, intent
from agentteam_operator.core.gates.asking import to_say
from agentteam_operator.core.observed import Observed
from agentteam_operator.core.versions import named
from agentteam_operator.core.view import View, stuck_words, unready_words
from agentteam_operator.core.words import quantity, shortened

_LONGEST_REASON_CHARACTERS = 700
"""Of why a candidate went back: what to do about it stands behind it, and mustn't be cut off."""


def summarize(view: View) -> AgentTeamStatus:
    """The status with everything that follows from the rest of it and from the observation."""
    phase, found = _verdict(view)
    team = view.observed.team
    active = view.active
    ready = len(active.ready_pods) if active else 0
    wanted = active.replicas if active else 0
    selector = names.server_selector(team.name, view.status.active_revision) if view.status.active_revision else {}
    return view.status.model_copy(
        update={
            "observed_generation": team.generation,
            "phase": phase,
            "reason": found.reason,
            "message": found.message,
            "url": _url(view),
            "replicas": wanted,
            "ready_replicas": ready,
            "ready": f"{ready}/{wanted}",
            "selector": ",".join(f"{key}={value}" for key, value in sorted(selector.items())),
            "conditions": _conditions(view.observed, _states(view, phase, found), view.now),
        }
    )


def _url(view: View) -> str:
    if not view.status.active_revision:
        return ""
    if view.spec.ingress and view.spec.ingress.host:
        scheme = "https" if view.spec.ingress.tls_secret_name else "http"
        return f"{scheme}://{view.spec.ingress.host}"
    team, port = view.observed.team, view.spec.service.port
    return names.service_url(names.active_service(team.name), team.namespace, view.environment.cluster_domain, port)


def _verdict(view: View) -> tuple[TeamPhase, Finding]:
    """The team in a word, and the one line for whoever was woken at night."""
    rollout = view.rollout
    if view.spec.suspend:
        return TeamPhase.SUSPENDED, Finding("Suspended", "spec.suspend is true: what runs keeps running, unattended")
    if rollout is None:
        return TeamPhase.PENDING, Finding("Pending", "not looked at yet")
    if view.in_progress:
        paused = rollout.phase is Phase.AWAITING_PROMOTION
        said = Finding(rollout.reason, progress.words(view, rollout))
        return (TeamPhase.PAUSED if paused else TeamPhase.PROGRESSING), _with_damage(view, said)
    if rollout.phase is Phase.FAILED and not view.status.active_revision:
        return TeamPhase.FAILED, Finding(rollout.reason, rollout.message)
    complaint = _not_what_was_asked_for(view)
    phase, said = (TeamPhase.DEGRADED, complaint) if complaint else _steady(view)
    phase, said = _with_guard(view, phase, said)
    damaged = damage.of_serving(view)
    return (TeamPhase.DEGRADED, _with_damage(view, replace(said, reason=damaged.reason))) if damaged else (phase, said)


def _with_damage(view: View, said: Finding) -> Finding:
    """What is said anyhow, after what only a person can mend."""
    damaged = damage.of_serving(view)
    return replace(said, message=f"{damaged.message}; {said.message}") if damaged else said


def _with_guard(view: View, phase: TeamPhase, said: Finding) -> tuple[TeamPhase, Finding]:
    """The same, after what the guard has found; the reason stays that of what was wrong anyhow."""
    worse = guarding.complaint(view)
    if worse is None or phase is TeamPhase.HEALTHY:
        return (TeamPhase.DEGRADED, worse) if worse else (phase, said)
    return TeamPhase.DEGRADED, replace(said, message=f"{worse.message}; {said.message}")


def _not_what_was_asked_for(view: View) -> Finding | None:
    """Something else serves than the spec says, and why."""
    rollout, serving, target = view.rollout, view.status.active_revision, view.observed.target
    if view.observed.foreign:
        return intent.invalid(view)
    back = view.status.rollback_to
    if back is not None and back.revision == serving and back.by is Orderer.GUARD:
        said = f"{_who_serves(view)}, to which the guard went back: {back.because}"
        return Finding(guarding.WENT_BACK, f"{said}; apply another spec, or retry {back.instead_of}")
    if back is not None and back.revision == serving:
        said = f"{_who_serves(view)}, by a person's order; the spec asks for {named(view, back.instead_of)}"
        return Finding("RolledBackByPerson", f"{said}: apply another spec, or retry it")
    if rollout and rollout.phase in {Phase.FAILED, Phase.ROLLED_BACK}:
        took = "was refused" if rollout.phase is Phase.FAILED else "was rolled back"
        said = f"{named(view, rollout.revision)} {took}"
        why = shortened(rollout.message, _LONGEST_REASON_CHARACTERS)
        return Finding(rollout.reason, f"{said}, {_who_serves(view)}{f': {why}' if why else ''}{_way_on(view)}")
    if target != serving and view.failed_before(target):
        said = (
            f"{named(view, target)} was rolled back before and isn't tried again, {_who_serves(view)}:"
            " retry it, or change the spec"
        )
        return Finding("RevisionFailedBefore", said)
    return intent.invalid(view)  # of what changes in place, so that there was no rollout to refuse it


def _way_on(view: View) -> str:
    """What can be said to have it tried again, while it is what is asked for."""
    rollout = view.rollout
    if rollout is None or rollout.phase is not Phase.ROLLED_BACK or rollout.revision != view.observed.target:
        return ""
    word = to_say(ActionName.RETRY, rollout.revision, rollout.phase_started_at)
    return f". Change the spec, or try it again: annotate {word}"


def _who_serves(view: View) -> str:
    """The old revision, if it really does; and what keeps its pods from it."""
    active, revision = view.active, named(view, view.status.active_revision)
    if active and active.ready_pods and view.green_endpoints and not view.selects(view.status.active_revision):
        refused = refusals.words_of_traffic(view)
        still = named(view, view.rollout.revision) if view.rollout else "the other revision"
        return f"{still} still gets traffic that is {revision}'s{f' ({refused})' if refused else ''}"
    if active and active.ready_pods:
        why = stuck_words(active) if len(active.ready_pods) < active.replicas else ""
        short = f" with {len(active.ready_pods)} of {quantity(active.replicas, 'pod')} ({why})" if why else ""
        return f"{revision} serves{short}"
    why = stuck_words(active) if active else "its Deployment is gone"
    still = f", {named(view, view.rollout.revision)} goes on until one is" if view.stranded and view.rollout else ""
    return f"no pod of {revision} is ready{f' ({why})' if why else ''}{still}"


def _steady(view: View) -> tuple[TeamPhase, Finding]:
    """A completed rollout's team is as healthy as its pods."""
    active = view.active
    ready = len(active.ready_pods) if active else 0
    wanted = active.replicas if active else 0
    if active and ready >= wanted > 0:
        said = f"{view.status.active_revision} serves with {quantity(ready, 'pod')}"
        return TeamPhase.HEALTHY, Finding("Serving", said)
    why = unready_words(active) if active else "its Deployment is gone"
    said = f"{ready} of {quantity(wanted, 'pod')} of {view.status.active_revision} ready" + (f"; {why}" if why else "")
    if ready == 0:
        return TeamPhase.DEGRADED, Finding("NoReadyPods", said)
    return TeamPhase.DEGRADED if why else TeamPhase.PROGRESSING, Finding("PodsNotReady", said)


def _states(view: View, phase: TeamPhase, found: Finding) -> dict[str, tuple[str, Finding]]:
    """Each condition's status, with its reason."""
    rollout = view.rollout
    refused = intent.invalid(view)
    latest = view.observed.target == view.status.stable_revision and phase is TeamPhase.HEALTHY
    refused_or_back = view.rollout is not None and not view.in_progress and _not_what_was_asked_for(view) is not None
    damaged = damage.of_serving(view)
    # Unready pods alone may well get ready again.
    stuck = refused_or_back or phase is TeamPhase.FAILED or (damaged is not None and not view.in_progress)
    moving = not stuck and phase not in {TeamPhase.HEALTHY, TeamPhase.SUSPENDED} and not guarding.complaint(view)
    serving = bool(view.active and view.active.ready_pods)
    pods = (
        f"{len(view.active.ready_pods)} of {quantity(view.active.replicas, 'pod')} ready" if view.active else "no pods"
    )
    back = rollout is not None and rollout.phase in {Phase.ROLLING_BACK, Phase.ROLLED_BACK}
    went_back = Finding(rollout.reason, rollout.message) if rollout and back else Finding("None", "")
    states = {
        "Validated": ("False", refused) if refused else ("True", Finding("Valid", "the spec is valid")),
        "Available": (_flag(serving), Finding("PodsReady" if serving else "NoReadyPods", pods)),
        "Progressing": (_flag(view.in_progress), found),
        "Ready": (_flag(latest), found),
        "Reconciling": (_flag(moving), found),
        "Stalled": (_flag(stuck), found),
        "RolledBack": (_flag(back), went_back),
        "Intact": ("False", damaged) if damaged else ("True", Finding("AsMade", "what serves is as it was made")),
    }
    metrics = _metrics_found(view)
    return states | ({"MetricsFound": metrics} if metrics else {}) | notices.condition(view)


def _metrics_found(view: View) -> tuple[str, Finding] | None:
    """Whether Prometheus has the team's series: known only while they are asked for, and kept until then."""
    if not view.environment.metrics_configured:
        return "False", Finding("NoPrometheus", "the operator knows no Prometheus: changes are not judged by metrics")
    snapshot = view.observed.snapshot
    if snapshot is None:
        kept = next((known for known in view.status.conditions if known.type == "MetricsFound"), None)
        return (kept.status, Finding(kept.reason, kept.message)) if kept and kept.reason != "NoPrometheus" else None
    if snapshot.error:
        return "Unknown", Finding("PrometheusError", snapshot.error)
    if not snapshot.pods:
        return "False", Finding(
            "NoSeries", "Prometheus has no series of this team: does it scrape the pods' port 9090?"
        )
    return "True", Finding("SeriesFound", "Prometheus scrapes this team")


def _flag(value: bool) -> str:  # noqa: FBT001 - a conversion of exactly that
    return "True" if value else "False"


def _conditions(observed: Observed, states: Mapping[str, tuple[str, Finding]], now: datetime) -> list[Condition]:
    """Conditions whose lastTransitionTime moves only when their status does; unnamed ones are kept."""
    held = {condition.type: condition for condition in observed.status.conditions}
    for kind, (status, found) in states.items():
        before = held.get(kind)
        since = before.last_transition_time if before and before.status == status else now
        held[kind] = Condition(
            type=kind,
            status=status,
            reason=found.reason,
            message=found.message,
            observed_generation=observed.team.generation,
            last_transition_time=since,
        )
    return list(held.values())
