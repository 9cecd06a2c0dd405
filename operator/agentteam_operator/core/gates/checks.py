"""What the checks' Jobs found: golden conversations, hooks, and the health of every pod."""

from __future__ import annotations

from agentteam_operator.api.rollout import InconclusiveAction
from agentteam_operator.api.status import Phase, Verdict
from agentteam_operator.core import checks, names, refusals
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.gates.asking import asking
from agentteam_operator.core.gates.pods import HOPELESS, ready, recovered
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.view import View

_FAILED = {names.CHECK_HEALTH: "HealthCheckFailed", names.CHECK_CONVERSATIONS: "ConversationsFailed"}

SHARED_FAULT = "SharedFault"
"""Why a rollout stands still, or goes back, for a check that both revisions fail; never a word of the check's own,
for a rollout's reason decides what becomes of it."""

_PASSED_BEFORE = frozenset({names.CHECK_HEALTH, names.CHECK_CONVERSATIONS})
"""Checks after the switch that the candidate has passed before its first traffic."""

_SAY_WHAT_THEY_ARE = frozenset({names.CHECK_HEALTH, names.CHECK_CONVERSATIONS})
"""Checks whose own words name them."""


def reason_of_failure(check: str) -> str:
    """What a rollout that goes back for this check is said to go back for."""
    return _FAILED.get(check, "HookFailed")


def recovered_untested(view: View) -> Finding | None:
    """At creation: a first revision got ready after all, and its tests are still to be passed."""
    passed = {gate.name for gate in view.rollout.gates if gate.verdict is Verdict.PASSED} if view.rollout else set()
    return None if set(checks.tests(view)) <= passed else recovered(view)


def to_be_tested(view: View) -> Finding | None:
    """Ready, and there are golden conversations or hooks to pass; or nothing says whether there are any."""
    unknown = view.settings_unread and view.rollout is not None and not view.rollout.only_health
    found = ready(view) if checks.tests(view) or unknown else None
    what = ", ".join(checks.words(check) for check in checks.tests(view))
    what = "what spec.rollout says once it can be read" if unknown else what
    return Finding(found.reason, f"{found.message}; to be tested by: {what}") if found else None


def tests_passed(view: View) -> Finding | None:
    """Every golden conversation and every hook before the shift passed."""
    return Finding("TestsPassed", _said(view)) if _all_passed(view) else None


def healthy(view: View) -> Finding | None:
    """The probe Job found every component of every candidate pod healthy."""
    return Finding("Healthy", _said(view)) if _all_passed(view) else None


def healthy_and_immediate(view: View) -> Finding | None:
    """Healthy, and the next thing is the switch itself: at creation, with mode Immediate, or for a small change."""
    return None if view.gradual else healthy(view)


def healthy_and_held(view: View) -> Finding | None:
    """Healthy, and a person is to say whether it gets traffic: spec.rollout.autoPromote is false, or they asked to."""
    rollout, found = view.rollout, healthy(view)
    if found is None or rollout is None:
        return None
    if rollout.held_by_person:
        return asking(view, Finding("Paused", f"{found.message}; a person asked to wait before any traffic"))
    if view.settings.auto_promote or not view.has_base:
        return None
    return asking(view, Finding("ManualPromotion", f"{found.message}; spec.rollout.autoPromote is false"))


def _all_passed(view: View) -> bool:
    jobs = [view.job(check) for check in checks.wanted(view)]
    return all(job is not None and job.finished and job.succeeded for job in jobs)


def _said(view: View) -> str:
    """What the Jobs that passed said; whose words, where there are several."""
    wanted = checks.wanted(view)
    said = {check: job.message for check in wanted if (job := view.job(check)) and job.message}
    if len(wanted) == 1:
        return next(iter(said.values()), f"{checks.words(wanted[0])} passed")
    return "; ".join(f"{checks.words(check)}: {said.get(check, 'passed')}" for check in wanted)


def failed(view: View) -> Finding | None:
    """A check found a fault of the candidate."""
    for check in checks.wanted(view):
        job = view.job(check)
        if job is None or checks.is_undecided(check, job) or job.succeeded or checks.replaced(view, job):
            continue
        if has_ended(job):
            return Finding(reason_of_failure(check), _words(check, job, came_to=" failed"))
    return None


def has_ended(job: JobObserved) -> bool:
    """The Job is over, or its container waits for what time alone doesn't mend."""
    return job.finished or job.waiting_reason in HOPELESS


def late(view: View) -> Finding | None:
    """The deadline passed, and a check came to no verdict."""
    open_ones = checks.unfinished(view)
    if view.committed:  # who has passed it before isn't taken back for want of a second look, or of pods
        open_ones = tuple(check for check in open_ones if check not in _PASSED_BEFORE) if ready(view) else ()
    if not view.overdue or not open_ones:
        return None
    said = f"{', '.join(checks.words(check) for check in open_ones)}: no verdict in time"
    refusal = refusals.of_candidate(view)
    why = next((job.message for check in open_ones if (job := view.job(check)) and job.message), "")
    why = why or (refusal.message if refusal else "")
    reason = "HealthCheckTimeout" if view.phase is Phase.HEALTH_CHECKING else "CheckTimeout"
    return Finding(reason, f"{said}; {why}" if why else said)


def _words(check: str, job: JobObserved, came_to: str = "") -> str:
    said = job.message or "its Job failed without a word"
    return said if check in _SAY_WHAT_THEY_ARE else f"{checks.words(check)}{came_to}: {said}"


def asked_others(view: View) -> Finding | None:
    """A check failed, but a pod it asked has been replaced since, and the new one is ready."""
    jobs = [view.job(check) for check in checks.wanted(view)]
    stale = any(job and checks.replaced(view, job) for job in jobs)
    found = ready(view) if stale else None
    return Finding("PodsReplaced", f"{found.message}, not the ones that were asked: once more") if found else None


def undecided(view: View) -> Finding | None:
    """A check failed for the old revision just as for the candidate, so that it says nothing of the candidate."""
    if checks.unfinished(view):
        return None
    for check in checks.wanted(view):
        job = view.job(check)
        if job and checks.is_undecided(check, job) and not checks.replaced(view, job):
            return Finding(SHARED_FAULT, _words(check, job))
    return None


def undecided_pause(view: View) -> Finding | None:
    """A check failed for both revisions alike, and the spec says to ask a person."""
    return asking(view, _undecided_means(view, InconclusiveAction.PAUSE))


def undecided_rollback(view: View) -> Finding | None:
    """A check failed for both revisions alike, and the spec says to go back."""
    return _undecided_means(view, InconclusiveAction.ROLLBACK)


def undecided_promote(view: View) -> Finding | None:
    """A check failed for both revisions alike, and the spec says to go on."""
    return _undecided_means(view, InconclusiveAction.PROMOTE)


def _undecided_means(view: View, action: InconclusiveAction) -> Finding | None:
    return undecided(view) if view.settings.analysis.on_inconclusive is action else None
