"""What the gates of readiness and health make of the edges: found by mutants that nothing else noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.gates import Finding, checks, pods, traffic
from agentteam_operator.core.observed import JobObserved, RevisionObserved
from agentteam_operator.core.view import View

from tests.unit.core.situations import BLUE, CALM, GREEN, OTHER, Situation, ago, revision_of

PREPARING = CALM[Phase.PREPARING]
CHECKING = replace(CALM[Phase.HEALTH_CHECKING], green=revision_of(GREEN, 3))
FAILED = CALM[Phase.FAILED]
CRASHING = revision_of(GREEN, 0, 1, "CrashLoopBackOff")
WHOLE = revision_of(GREEN, 3)
FAULT = JobObserved(finished=True, succeeded=False, created_at=ago(30))
"""Pods are created 30 s ago, too."""
ONE_IS_NEW = replace(WHOLE, pods=(replace(WHOLE.pods[0], created_at=ago(5)), *WHOLE.pods[1:]))


def terminating(situation: Situation) -> Situation:
    green = situation.green
    assert green is not None
    going = tuple(replace(pod, terminating=True) for pod in green.pods)
    return replace(situation, green=replace(green, pods=going))


@pytest.mark.parametrize(
    ("gate", "situation"),
    [
        (pods.broken, terminating(replace(PREPARING, green=CRASHING))),
        (pods.ready, replace(CHECKING, green=replace(WHOLE, replicas=0))),
        (pods.ready_and_known, replace(PREPARING, gates_skipped=True)),
        (checks.healthy, replace(CHECKING, probe=JobObserved(finished=False, succeeded=True))),
        (checks.asked_others, replace(CHECKING, probe=FAULT)),
        (checks.asked_others, replace(CHECKING, probe=replace(FAULT, succeeded=True, created_at=ago(60)))),
        (
            pods.fewer_than_before,
            replace(CALM[Phase.SETTLING], overdue=True, blue=None, green=revision_of(GREEN, 0, 3)),
        ),
        (pods.recovered, replace(FAILED, green=WHOLE, reason="ReadyTimeout", base=BLUE, blue=revision_of(BLUE))),
        (pods.recovered, replace(FAILED, green=WHOLE, reason="ReadyTimeout", target=OTHER)),
        (pods.recovered, replace(FAILED, green=WHOLE, reason="Aborted")),
        (pods.recovered, replace(FAILED, green=WHOLE, reason="NameConflict")),
        (checks.failed, replace(CHECKING, green=replace(WHOLE, pods=WHOLE.pods[:2]), probe=FAULT)),
        (checks.failed, replace(CHECKING, green=ONE_IS_NEW, probe=FAULT)),
        (checks.failed, replace(CHECKING, probe=replace(FAULT, succeeded=True))),
        (checks.asked_others, replace(CHECKING, probe=replace(FAULT, finished=False, created_at=ago(60)))),
    ],
    ids=[
        "one-on-its-way-out-is-not-broken",
        "pods-that-the-Deployment-no-longer-wants-do-not-count",
        "a-known-revision-has-to-be-ready-too",
        "a-probe-has-to-be-finished",
        "pods-as-old-as-the-probe-were-asked",
        "a-probe-that-passed-asked-the-right-ones",
        "no-old-revision-has-no-more-pods",
        "with-an-old-revision-nothing-recovers",
        "what-the-spec-no-longer-asks-for-does-not-recover",
        "what-a-person-refused-does-not-recover",
        "what-is-in-the-way-of-the-spec-is-mended-first",
        "a-probe-whose-pod-went-says-nothing",
        "nor-one-of-whose-pods-one-was-replaced",
        "a-probe-that-passed-found-no-fault",
        "a-probe-that-runs-has-asked-nobody-else",
    ],
)
def test_finds_nothing(gate: Callable[[View], Finding | None], situation: Situation) -> None:
    assert gate(situation.view()) is None


@pytest.mark.parametrize(
    ("gate", "situation", "words"),
    [
        (pods.broken, replace(PREPARING, green=CRASHING), f"pod chat-{GREEN}-x0: CrashLoopBackOff"),
        (
            checks.healthy,
            replace(CHECKING, probe=JobObserved(finished=True, succeeded=True)),
            "health passed",
        ),
        (
            checks.healthy,
            replace(CHECKING, probe=JobObserved(finished=True, succeeded=True, message="all well")),
            "all well",
        ),
        (checks.failed, replace(CHECKING, probe=FAULT), "its Job failed without a word"),
        (checks.failed, replace(CHECKING, probe=replace(FAULT, message="no key")), "no key"),
        (pods.recovered, replace(FAILED, green=WHOLE, reason="ReadyTimeout"), "3 of 3 pods ready; its health"),
        (pods.ready, replace(PREPARING, green=WHOLE), "3 pods ready"),
        (pods.ready, replace(PREPARING, green=revision_of(GREEN, 1)), "1 of 1 pod ready"),
    ],
    ids=[
        "never-restarted",
        "healthy",
        "healthy-in-words",
        "faulty",
        "faulty-in-words",
        "recovered",
        "more-ready-than-needed",
        "as-many-ready-as-needed",
    ],
)
def test_says_what_it_found(gate: Callable[[View], Finding | None], situation: Situation, words: str) -> None:
    found = gate(situation.view())
    assert found is not None
    assert found.message.startswith(words)
    assert "restarted" not in found.message


def test_says_how_often_a_pod_was_restarted() -> None:
    crashed = replace(CRASHING, pods=tuple(replace(pod, restarts=3, message="no key") for pod in CRASHING.pods))
    found = pods.broken(replace(PREPARING, green=crashed).view())
    assert found is not None
    assert found.message.endswith("restarted 3 times: no key")


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (replace(CALM[Phase.SETTLING], green=None), "0 of 3 pods ready"),
        (replace(CALM[Phase.SETTLING], green=revision_of(GREEN, 1, 2, "ErrImagePull")), "1 of 3 pods ready; pod chat-"),
        (replace(CALM[Phase.SETTLING], green=WHOLE), ""),
    ],
    ids=["its-Deployment-is-gone", "and-why", "none-is-missing"],
)
def test_says_how_many_pods_are_missing(situation: Situation, words: str) -> None:
    said = pods.too_few_words(situation.view())
    assert said.startswith(words)
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    ("phase", "ready", "waiting_reason", "found"),
    [
        pytest.param(Phase.PREPARING, 2, "ImagePullBackOff", "ImagePullFailed", id="before-its-gates"),
        pytest.param(Phase.WATCHING, 2, "ImagePullBackOff", "", id="others-serve"),
        pytest.param(Phase.SETTLING, 2, "CreateContainerError", "", id="others-carry-all-traffic"),
        pytest.param(Phase.WATCHING, 0, "ImagePullBackOff", "ImagePullFailed", id="no-other-serves"),
        pytest.param(Phase.WATCHING, 2, "CrashLoopBackOff", "CrashLoop", id="it-crashes"),
    ],
)
def test_one_pod_that_its_node_cannot_start_is_no_fault_of_those_that_serve(
    phase: Phase, ready: int, waiting_reason: str, found: str
) -> None:
    green = revision_of(GREEN, ready, 1, waiting_reason)
    broken = pods.broken(replace(CALM[phase], green=green).view())
    assert (broken.reason if broken else "") == found


ONE_POD = revision_of(GREEN, 0, 1)
GONE = replace(ONE_POD, pods=())


def one_pod(**update: Any) -> RevisionObserved:  # noqa: ANN401 - any fields of a pod
    return replace(ONE_POD, pods=tuple(replace(pod, **update) for pod in ONE_POD.pods))


LOST: dict[str, tuple[Phase, RevisionObserved, bool]] = {
    "its-successor-starts": (Phase.WATCHING, one_pod(), False),
    "its-successor-is-not-made-yet": (Phase.WATCHING, GONE, False),
    "only-the-evicted-one-is-there": (Phase.WATCHING, one_pod(terminating=True), False),
    "its-successor-takes-too-long": (Phase.WATCHING, one_pod(created_at=ago(61)), True),
    "its-successor-crashes": (Phase.WATCHING, one_pod(restarts=1), True),
    "it-fell-ill": (Phase.WATCHING, one_pod(lost_since=ago(1)), True),
    "no-pod-can-be-made": (Phase.WATCHING, replace(GONE, message="exceeded quota"), True),
    "somebody-scaled-it-to-nothing": (Phase.WATCHING, replace(GONE, replicas=0), True),
    "its-deployment-is-gone": (Phase.WATCHING, replace(GONE, deployment_uid=""), True),
    "after-the-switch-nobody-waits": (Phase.SETTLING, one_pod(), True),
}


@pytest.mark.parametrize("case", LOST)
def test_a_pod_that_is_being_replaced_while_blue_serves_is_no_loss(case: str) -> None:
    phase, green, is_lost = LOST[case]
    assert bool(traffic.lost(replace(CALM[phase], green=green).view())) is is_lost


@pytest.mark.parametrize(
    ("waits_for", "reason"),
    [
        ("ImagePullBackOff", "ImagePullFailed"),
        ("InvalidImageName", "ImagePullFailed"),
        ("ErrImageNeverPull", "ImagePullFailed"),
        ("CrashLoopBackOff", "CrashLoop"),
        ("CreateContainerConfigError", "ContainerConfigError"),
        ("CreateContainerError", "ContainerConfigError"),
        ("RunContainerError", "ContainerConfigError"),
        ("ContainerCreating", None),
        ("ErrImagePull", None),
    ],
)
def test_what_waiting_does_not_mend(waits_for: str, reason: str | None) -> None:
    found = pods.broken(replace(PREPARING, green=revision_of(GREEN, 0, 1, waits_for)).view())
    assert (found.reason if found else None) == reason


@pytest.mark.parametrize(
    "reason", ["Aborted", "PromotionTimeout", "ConversationsFailed", "HookFailed", "SharedFault", "CheckTimeout"]
)
def test_what_a_person_or_a_costly_test_refused_is_not_looked_at_again_by_itself(reason: str) -> None:
    assert pods.recovered(replace(FAILED, green=WHOLE, reason=reason).view()) is None
