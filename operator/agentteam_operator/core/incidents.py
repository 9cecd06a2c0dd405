"""Incidents: what opens one, how bad it is, what is said of it, and when it is over.

Theory of operation
===================
A team has one incident at a time, `status.lastIncident`. It is opened in the very status that takes the step it tells
of, with an id made from the team, the revision and that moment: whoever dies in between, there is never a second one.

* A rollout that goes back, or fails, opens one, unless a person wanted it so (Superseded, Aborted). Another attempt of
  the same rollout that fails again is the same incident.
* A team that nothing serves for `NOTHING_SERVES_SECONDS` opens one, in any phase.
* A team at rest that is Degraded opens one: at once for what only a person can mend, for missing pods once they have
  been missing for longer than a replacement takes.
* So does what the guard finds of the revision that serves; it is over when the guard finds it well, or is switched off.
  What was rolled back is an incident again then, if it was one: the team isn't what its spec says.
* A worse one takes the place of the open one, which is over with that. It never gets milder: what has once called for
  a person stays so until it is mended, rather than calling again with each pod that comes and goes. What the guard
  finds takes the place of what is as bad, too, but not of a rollback: then the team's one line alone says it.
* It is over when the team has been Healthy, with what the spec asks for, for `CALM_SECONDS`.

None of it rests on the word of a cache: whoever opens or closes an incident has read the cluster live.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agentteam_operator.api.incident_status import MAX_DESCRIPTION_CHARACTERS, IncidentStatus, Severity
from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.status import Phase, RolloutStatus, TeamPhase, Transition
from agentteam_operator.core import guarding, serving_pods
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.incident_evidence import last_words, of_gates
from agentteam_operator.core.versions import named
from agentteam_operator.core.view import View
from agentteam_operator.core.words import quantity

NOTHING_SERVES_SECONDS = 15
"""How long no pod may be ready before that is an incident: a lone pod's replacement is mostly quicker."""

CALM_SECONDS = 60
"""How long a team must have been Healthy for its incident to be over: what comes and goes is told once."""

CHOSEN = frozenset({"Superseded", "Aborted", "RolledBackByPerson"})
"""Reasons for which another revision serves that a person gave: they know."""

_STEADY = frozenset({Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED})


@dataclass(frozen=True, slots=True)
class _Fault:
    """What there is to open an incident for."""

    revision: str
    found: Finding
    said: str
    """What went wrong, to be put after the team's name."""
    severity: Severity
    evidence: tuple[tuple[str, str], ...] = ()
    """Further lines, each with the words of it that need no repetition where they were said already."""
    of_rollout: bool = False
    of_guard: bool = False


def update(view: View) -> View:
    """The view with an incident opened, or closed, if this tick gives reason to. Wants the summary of the status."""
    held = view.status.last_incident
    if held is None or held.resolved_at is not None:
        fault = _worst(_faults(view))
        return _with(view, _opened(view, fault)) if fault else view
    if _is_over(view, held):
        left = _worst([*_left_so(view), *_faults(view)])
        return _with(view, _opened(view, left) if left else held.model_copy(update={"resolved_at": view.now}))
    fault = _worst(_faults(view))
    return _with(view, _opened(view, fault)) if fault and _takes_its_place(view, held, fault) else view


def _faults(view: View) -> Iterator[_Fault]:
    """All that is wrong; of what is equally bad, what says more comes first."""
    found = (_given_up(view), _nothing_serves(view), _failing_more(view), _degraded(view))
    yield from (fault for fault in found if fault)


def _worst(faults: Iterable[_Fault]) -> _Fault | None:
    """What a rollout came to is told in any case, in the tick in which it did; else the first of the worst."""
    return max(faults, key=lambda fault: (fault.of_rollout, fault.severity is Severity.CRITICAL), default=None)


def ending(view: View, held: IncidentStatus) -> str:
    """Why an incident is over, in words."""
    after = view.status.last_incident
    if after is not None and after.id != held.id and not _is_over(view, held):
        return f"in its place: {after.title}"
    off = guarding.switched_off(view) if held.reason in guarding.REASONS else ""
    return off or f"{view.status.reason}: {view.status.message}"


def changed(view: View) -> bool:
    """An incident was opened or closed in this tick."""
    return view.status.last_incident != view.observed.status.last_incident


def next_look_seconds(view: View) -> Iterator[float]:
    """Seconds until time alone may open or close an incident."""
    moments = []
    held = view.status.last_incident
    if held is not None and held.resolved_at is None:
        moments.append(_since(view, "Ready", "True", CALM_SECONDS))
    if not any(serving_pods.ready_ones(view)):
        moments.append(_since(view, "Available", "False", NOTHING_SERVES_SECONDS))
    if view.phase in _STEADY and view.active:
        moments += [
            serving_pods.missing_from(view, pod) for pod in view.active.pods if not pod.ready and not pod.terminating
        ]
    yield from ((moment - view.now).total_seconds() for moment in moments if moment and moment > view.now)


def _with(view: View, incident: IncidentStatus) -> View:
    return view.with_status(view.status.model_copy(update={"last_incident": incident}))


def _takes_its_place(view: View, held: IncidentStatus, fault: _Fault) -> bool:
    """Not the same thing once more: another candidate's fault or a later attempt's; or what is worse.

    What the guard has found is told once, and of a team that is rolled back only if it is worse than that.
    """
    if fault.of_rollout and view.rollout is not None:
        another = held.revision != fault.revision or held.opened_at < view.rollout.started_at
        return another or _is_worse(fault.severity, held.severity)
    of_guard = fault.of_guard and view.status.guard != view.observed.status.guard  # else it was told already
    tells_of_rollback = _is_given_up(view) and held.reason not in guarding.REASONS
    if of_guard and not tells_of_rollback and not _is_worse(held.severity, fault.severity):
        return (held.revision, held.reason) != (fault.revision, fault.found.reason)
    return _is_worse(fault.severity, held.severity)


def _is_worse(this: Severity, that: Severity) -> bool:
    return this is Severity.CRITICAL and that is not Severity.CRITICAL


def _is_over(view: View, held: IncidentStatus) -> bool:
    if held.reason in guarding.REASONS and not guarding.stands(view):
        return True  # the guard took its time to find that
    calm_at = _since(view, "Ready", "True", CALM_SECONDS)
    return view.status.phase is TeamPhase.HEALTHY and calm_at is not None and calm_at <= view.now


# --- what opens one --------------------------------------------------------------------------------------------------


def _given_up(view: View) -> _Fault | None:
    """The rollout turned back, or failed, in this tick, and not because a person wanted it."""
    rollout = view.rollout
    step = _turn(rollout.transitions, view.now) if rollout else None
    if rollout is None or step is None or step.reason in CHOSEN:
        return None
    return _of_rollout(view, rollout, Finding(step.reason, step.message), refused=step.phase is Phase.FAILED)


def _left_so(view: View) -> Iterator[_Fault]:
    """The rollout was given up earlier, and the team left so, while its one incident was another."""
    rollout = view.rollout
    if rollout is not None and _is_given_up(view):
        refused = rollout.phase is Phase.FAILED and bool(rollout.base_revision)
        yield _of_rollout(view, rollout, Finding(rollout.reason, rollout.message), refused=refused)


def _is_given_up(view: View) -> bool:
    """The last rollout came to nothing, and not because a person wanted it."""
    rollout = view.rollout
    return rollout is not None and rollout.phase in {Phase.ROLLED_BACK, Phase.FAILED} and rollout.reason not in CHOSEN


def _of_rollout(view: View, rollout: RolloutStatus, found: Finding, *, refused: bool) -> _Fault:
    came_to = "is rolled back" if rollout.base_revision else "failed, and there is none to go back to"
    return _Fault(
        revision=rollout.revision,
        found=found,
        said=f"{named(view, rollout.revision)} {'is refused' if refused else came_to}",
        severity=_severity(view),
        evidence=(*of_gates(rollout.gates), *last_words(view.green)),
        of_rollout=True,
    )


def _turn(steps: list[Transition], now: datetime) -> Transition | None:
    """The step by which the rollout was given up, if it was taken now: what follows on it is its completion."""
    before: Transition | None = None
    for step in steps:
        ends = before is not None and before.phase is Phase.ROLLING_BACK
        if step.at == now and step.phase in {Phase.ROLLING_BACK, Phase.FAILED} and not ends:
            return step
        before = step
    return None


def _nothing_serves(view: View) -> _Fault | None:
    """Traffic is meant for a revision, and no pod that may get some has been ready for a while."""
    revision = view.status.active_revision
    due = _since(view, "Available", "False", NOTHING_SERVES_SECONDS)
    if not revision or any(serving_pods.ready_ones(view)) or due is None or due > view.now:
        return None
    wanted = quantity(view.active.replicas, "pod") if view.active else "its Deployment is gone"
    return _Fault(
        revision=revision,
        found=Finding("NoReadyPods", f"none of {wanted} ready" if view.active else wanted),
        said=f"no pod of {named(view, revision)} is ready",
        severity=Severity.CRITICAL,
        evidence=last_words(view.active),
    )


def _failing_more(view: View) -> _Fault | None:
    """What serves fails more than it used to."""
    held, found = view.status.guard, guarding.complaint(view)
    if held is None or found is None:
        return None
    return _Fault(
        revision=held.revision,
        found=found,
        said=f"{named(view, held.revision)} serves, and fails more than before",
        severity=Severity.CRITICAL if guarding.is_gross(held) else Severity.WARNING,
        evidence=last_words(view.active),
        of_guard=True,
    )


def _degraded(view: View) -> _Fault | None:
    """The team is at rest, and isn't well; of one that was rolled back, only what makes it worse."""
    status, revision = view.status, view.status.active_revision
    if view.phase not in _STEADY or not revision or not any(serving_pods.ready_ones(view)):
        return None
    missing = serving_pods.are_missing(view)
    known = CHOSEN | guarding.REASONS | {"PodsNotReady", guarding.WENT_BACK}
    unwell = view.phase is Phase.COMPLETED and status.phase is TeamPhase.DEGRADED and status.reason not in known
    if not missing and not unwell:
        return None
    return _Fault(
        revision=revision,
        found=Finding(status.reason, status.message),
        said=f"{named(view, revision)} serves, but is degraded",
        severity=_severity(view) if missing else Severity.WARNING,
        evidence=last_words(view.active),
    )


def _severity(view: View) -> Severity:
    """Critical when less than half of what should serve does."""
    return Severity.CRITICAL if serving_pods.less_than_half(view) else Severity.WARNING


def _since(view: View, condition: str, status: str, seconds: float) -> datetime | None:
    """When a condition of the status will have been so for some seconds; None if it isn't so."""
    held = next((known for known in view.status.conditions if known.type == condition), None)
    if held is None or held.status != status:
        return None
    return held.last_transition_time + timedelta(seconds=seconds)


# --- what is said of one ---------------------------------------------------------------------------------------------


def _opened(view: View, fault: _Fault) -> IncidentStatus:
    team = view.observed.team
    title = f"{team.namespace}/{team.name}: {fault.said}: {fault.found.reason}"
    news = [words for words, text in fault.evidence if text not in fault.found.message]
    description = "\n".join((without_secrets(fault.found.message), *news))
    return IncidentStatus(
        id=digest(team.uid, fault.revision, fault.found.reason, view.now),
        title=title[:256],
        severity=fault.severity,
        reason=fault.found.reason,
        revision=fault.revision,
        opened_at=view.now,
        description=description[:MAX_DESCRIPTION_CHARACTERS],
    )


def digest(uid: str, *parts: object) -> str:
    """16 hex digits that tell one thing of a team from all others: the same however often they are made."""
    text = "/".join((uid, *(part.isoformat() if isinstance(part, datetime) else str(part) for part in parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
