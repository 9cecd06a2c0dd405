"""Traffic: whom the active Service is really sending requests to, and whether that is safe."""

from __future__ import annotations

from agentteam_operator.core import refusals
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.gates.pods import not_ready_in_time, ready
from agentteam_operator.core.observed import PodObserved, RevisionObserved
from agentteam_operator.core.view import STARTING, View, unready_words

REPLACED_WITHIN_SECONDS = 60
"""How long a pod that takes a lost one's place may take to get ready, while the old revision carries the traffic."""


def lost(view: View) -> Finding | None:
    """The candidate takes traffic and has no ready pod, while the old revision has some.

    Judged by the pods' readiness, which leads the EndpointSlices: a switch that hasn't reached them yet is no loss.
    """
    if view.awaits_first_traffic or view.blue is None or not view.blue.ready_pods or _any_ready(view.green):
        return None
    if not view.committed and view.green and _is_being_replaced(view, view.green):
        return None
    why = unready_words(view.green) if view.green else "its Deployment is gone"
    said = f"no pod of the new revision is ready, {len(view.blue.ready_pods)} of the old one are"
    return Finding("EndpointsLost", f"{said}; {why}" if why else said)


def _is_being_replaced(view: View, green: RevisionObserved) -> bool:
    """Its pods were taken from it (a node is drained, say), and others are on their way.

    Nobody misses them while the old revision's pods stand in the same Service. A pod that fell ill or crashed is
    no such case.
    """
    staying = [pod for pod in green.pods if not pod.terminating]
    if not staying:
        return bool(green.deployment_uid and green.replicas) and not green.message
    return all(_is_new(view, pod) for pod in staying)


def _is_new(view: View, pod: PodObserved) -> bool:
    """It starts as any pod does, and hasn't had its time for it."""
    undisturbed = pod.lost_since is None and not pod.restarts and pod.waiting_reason in STARTING
    return undisturbed and view.elapsed(pod.created_at) <= REPLACED_WITHIN_SECONDS


def _any_ready(revision: RevisionObserved | None) -> bool:
    return revision is not None and bool(revision.ready_pods)


def lost_while_serving(view: View) -> Finding | None:
    """The candidate takes its share, or is to take all, and has no ready pod, while the old revision has some."""
    return lost(view) if view.committed or view.gradual else None


def sized(view: View) -> Finding | None:
    """The candidate can carry all the traffic and the switch may be made."""
    if view.committed:
        return None
    found = ready(view)
    return Finding("ReadyToSwitch", found.message) if found else None


def switched(view: View) -> Finding | None:
    """The EndpointSlices hold the candidate's pods and no others."""
    service = view.observed.active_service
    if not view.committed or view.rollout is None or service is None or not view.selects(view.rollout.revision):
        return None
    if not view.green_endpoints or view.green_endpoints < len(service.endpoints):
        return None
    count = view.green_endpoints
    whose = f"all {count} endpoints are" if count > 1 else "the only endpoint is"
    return Finding("TrafficSwitched", f"{whose} the new revision's")


def first_switched(view: View) -> Finding | None:
    """At creation: the first revision serves, and there is nothing to settle against."""
    return None if view.has_base else switched(view)


def switch_not_verified(view: View) -> Finding | None:
    """The deadline of the switch passed."""
    if not view.overdue:
        return None
    if not view.committed:
        return not_ready_in_time(view)
    return Finding("SwitchTimeout", "the EndpointSlices never came to hold the new revision's pods alone")


def strays_stayed(view: View) -> Finding | None:
    """The deadline passed, and pods of neither revision keep the candidate from its traffic."""
    return Finding("StrayPods", stray_words(view)) if view.overdue and view.stray_pods else None


def stray_words(view: View) -> str:
    """Which pods would get traffic that aren't of either revision; empty when there are none."""
    strays = ", ".join(sorted(view.stray_pods))
    return f"pods of neither revision would get traffic: {strays}" if strays else ""


def step_not_reached(view: View) -> Finding | None:
    """The deadline passed and the step's weight was never reached."""
    if view.rollout is None or view.rollout.step_started_at is not None:
        return None
    return not_ready_in_time(view)


def restored(view: View) -> Finding | None:
    """The EndpointSlices hold the old revision's pods and none of the candidate's."""
    if view.rollout is None or not view.selects(view.rollout.base_revision):
        return None
    if view.green_endpoints or not view.blue_endpoints:
        return None
    return Finding(view.rollout.reason, view.rollout.message)


def never_left(view: View) -> Finding | None:
    """The candidate never had traffic, so there is none to bring back to an old revision that is dead."""
    if view.rollout is None or view.took_traffic or not view.selects(view.rollout.base_revision):
        return None
    if view.green_endpoints or _any_ready(view.blue):  # whose endpoints are seen in a moment
        return None
    return Finding(view.rollout.reason, view.rollout.message)


def given_up_restoring(view: View) -> Finding | None:
    """The old revision didn't come to have all traffic in time.

    While none of its pods is ready the candidate's go on, if any is ready; else the Service is still to be turned back.
    """
    if view.rollout is None or not view.overdue:
        return None
    return Finding(view.rollout.reason, f"{view.rollout.message}; {_not_restored_words(view)}")


def _not_restored_words(view: View) -> str:
    if not _any_ready(view.blue):
        return "no pod of the old revision is ready"
    refused = refusals.words_of_traffic(view)
    return f"traffic isn't turned back in time{f': {refused}' if refused else ''}"


def nothing_to_restore(view: View) -> Finding | None:
    """At creation: there is no old revision."""
    if view.has_base or view.rollout is None:
        return None
    return Finding(view.rollout.reason, view.rollout.message)


def superseded_at_creation(view: View) -> Finding | None:
    """At creation: the candidate gave way to another spec."""
    if view.rollout is None or view.rollout.reason != "Superseded":
        return None
    return nothing_to_restore(view)
