"""Readiness and health: what the cluster and the probe Job say of the candidate's pods."""

from __future__ import annotations

from agentteam_operator.api.revision import EXIT_CONFIG
from agentteam_operator.core import refusals
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.gates.intent import refused_for_now
from agentteam_operator.core.observed import PodObserved
from agentteam_operator.core.view import JUDGED, View, unready_words
from agentteam_operator.core.words import quantity

RESTARTS_TOLERATED = 2
"""Restarts of one unready candidate pod that are put down to chance, while the kubelet sees no loop; one more is one.

It sees one (CrashLoopBackOff) as soon as a container ends again soon after its first restart: that isn't waited out.
"""

HEALTH_RETRY_SECONDS = 60
LONGEST_HEALTH_RETRY_SECONDS = 900
"""At creation there is nothing to go back to: a failed health check is tried again after this time, at most."""

HOPELESS = {
    "ImagePullBackOff": "ImagePullFailed",
    "InvalidImageName": "ImagePullFailed",
    "ErrImageNeverPull": "ImagePullFailed",
    "CrashLoopBackOff": "CrashLoop",
    "CreateContainerConfigError": "ContainerConfigError",
    "CreateContainerError": "ContainerConfigError",
    "RunContainerError": "ContainerConfigError",
}
"""Waiting reasons that time alone doesn't mend, and what the rollout calls them."""

_OF_THE_NODE = frozenset({"ImagePullFailed", "ContainerConfigError"})
"""What may be wrong with one pod's node while the candidate's others run the same image and config."""


_FINAL = frozenset({"Aborted", "PromotionTimeout", "ConversationsFailed", "HookFailed", "SharedFault", "CheckTimeout"})
"""Reasons for which a first revision isn't looked at again by itself.

A person said no, or didn't say yes; or it failed tests, which cost money.
"""


def ready(view: View) -> Finding | None:
    """As many candidate pods as this phase wants are ready."""
    if view.green is None or view.green.replicas < view.green_needed or _ready_count(view) < view.green_needed:
        return None
    return Finding("PodsReady", f"{_how_many(view)} ready")


def _ready_count(view: View) -> int:
    return len(view.green.ready_pods) if view.green else 0


def _how_many(view: View) -> str:
    """Candidate pods that are ready, of those that must be; more of them need no comparison."""
    count, needed = _ready_count(view), view.green_needed
    return quantity(count, "pod") if count > needed else f"{count} of {quantity(needed, 'pod')}"


def too_few_words(view: View) -> str:
    """That, and why, candidate pods are missing; empty when none is."""
    if ready(view):
        return ""
    return _with_refusal(view, f"{_how_many(view)} ready", unready_words(view.green) if view.green else "")


def refused(view: View) -> Finding | None:
    """The API server refuses the candidate's own objects for what they are."""
    refusal = refusals.of_candidate(view)
    return Finding("WriteRefused", refusal.message) if refusal and refusal.final else None


def broken(view: View) -> Finding | None:
    """A candidate pod is in a state that waiting doesn't mend.

    Once it serves, a pod that can't be started beside others that are ready speaks against its node, not against the
    candidate: that it is missing is told by what counts pods. A crash still speaks against what crashes.
    """
    serves = view.phase in JUDGED and not view.awaits_first_traffic and bool(view.green and view.green.ready_pods)
    for pod in view.green.pods if view.green else ():
        reason = _hopeless(pod)
        if reason and not pod.terminating and not (serves and reason in _OF_THE_NODE):
            return Finding(reason, _pod_words(pod))
    return None


def _hopeless(pod: PodObserved) -> str:
    """Why waiting won't get the pod ready; empty for one that may, or that got ready after all.

    The agent server loads the whole team before it listens, and says by its exit status that it never can: that is the
    team's dry load, in the image that would serve it.
    """
    if pod.exit_code == EXIT_CONFIG and not pod.ready:
        return "TeamRefused"
    crashing = pod.restarts > RESTARTS_TOLERATED and not pod.ready
    return HOPELESS.get(pod.waiting_reason, "CrashLoop" if crashing else "")


def _pod_words(pod: PodObserved) -> str:
    words = [f"pod {pod.name}", pod.waiting_reason]
    if pod.restarts:
        words.append(f"restarted {quantity(pod.restarts, 'time')}")
    return ": ".join(part for part in (*words, pod.message) if part)


def not_ready_in_time(view: View) -> Finding | None:
    """The deadline passed with too few ready pods."""
    if not view.overdue:
        return None
    said = f"{_how_many(view)} ready after {view.settings.ready_timeout_seconds} s"
    return Finding("ReadyTimeout", _with_refusal(view, said, unready_words(view.green) if view.green else ""))


def _with_refusal(view: View, said: str, why: str = "") -> str:
    """What was said and why: what the cluster says of the pods, or why they couldn't even be made."""
    refusal = refusals.of_candidate(view)
    why = why or (refusal.message if refusal else "")
    return f"{said}; {why}" if why else said


def fewer_than_before(view: View) -> Finding | None:
    """The deadline passed with too few ready pods, and the old revision has more."""
    said = too_few_words(view)
    old = len(view.blue.ready_pods) if view.blue else 0
    if not view.overdue or not said or old <= _ready_count(view):
        return None
    return Finding("PodsNotReady", f"{said}; {old} of the old revision")


def ready_and_known(view: View) -> Finding | None:
    """Ready, and a revision that has passed its gates before."""
    found = ready(view)
    if found is None or view.rollout is None or not view.rollout.gates_skipped:
        return None
    return Finding("RevisionRetained", f"{found.message}; it passed its gates before")


def recovered(view: View) -> Finding | None:
    """At creation: a first revision that was given up got ready after all, or its health is worth another look."""
    if view.rollout is None or view.has_base or view.superseded or view.rollout.reason in _FINAL:
        return None
    found = ready(view)
    if found is None or refused_for_now(view):
        return None
    checked = view.rollout.reason.startswith("HealthCheck") or view.rollout.reason == "WriteRefused"
    if checked and view.in_phase_seconds < health_retry_seconds(view.rollout.attempt):
        return None
    return Finding("Recovered", f"{found.message}; its health is checked again")


def health_retry_seconds(attempt: int) -> float:
    """How long after a failed health check the next one comes: twice as long each time, up to a limit."""
    return min(LONGEST_HEALTH_RETRY_SECONDS, HEALTH_RETRY_SECONDS * 2.0 ** min(attempt - 1, 10))
