"""When a pod's agents count as offline."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.observed import PodObserved, Snapshot
from agentteam_operator.core.verdicts import OFFLINE_SECONDS, judge
from agentteam_operator.kube import resources
from agentteam_operator.observe.pods import read_pod
from agentteam_operator.observe.trim import trim

from tests.unit.core.situations import CALM, GREEN, NOW, Situation, ago, pods, revision_of

READY_TIMEOUT_SECONDS = 300


def _pod(ready: str | None, *, made: datetime, seen: datetime | None, changed: datetime | None) -> PodObserved:
    """A pod as it is read, from what the watch keeps of it; `seen` by the kubelet, or not yet."""
    status: dict[str, Any] = {"conditions": []}
    if seen is not None:
        status["startTime"] = seen.isoformat()
    if ready is not None:
        condition = {"type": "Ready", "status": ready}
        status["conditions"] = [condition | ({"lastTransitionTime": changed.isoformat()} if changed else {})]
    metadata = {"name": "slow", "creationTimestamp": made.isoformat()}
    return read_pod(trim(resources.POD, {"metadata": metadata, "status": status}))


def _offline(situation: Situation) -> str:
    """What the gate says: so many agents, of one agent a pod."""
    view = situation.view()
    snapshot = Snapshot(at=NOW, pods={})
    judged = judge(replace(view, observed=replace(view.observed, snapshot=snapshot)))
    assert judged.rollout is not None
    return next(gate.value for gate in judged.rollout.gates if gate.name == "agentsOffline")


MINUTE = OFFLINE_SECONDS + 1
LATE = READY_TIMEOUT_SECONDS + 1


@pytest.mark.parametrize(
    ("ready", "made_ago", "seen_ago", "changed_ago", "offline"),
    [
        pytest.param("True", 3600, 3599, 3590, "0", id="ready"),
        pytest.param("False", 3600, 3599, 2, "0", id="a slow readiness probe"),
        pytest.param("False", 3600, 3599, MINUTE, "1", id="was ready, isn't for a minute"),
        pytest.param("False", MINUTE, MINUTE, MINUTE, "0", id="a slow start"),
        pytest.param("False", 200, MINUTE + 1, MINUTE, "0", id="a slow start on a node that was found late"),
        pytest.param(None, MINUTE, None, None, "0", id="no node has room for it"),
        pytest.param("False", LATE, LATE, LATE, "1", id="never ready, for longer than readyTimeoutSeconds"),
        pytest.param(None, LATE, None, None, "1", id="no room for it, for longer than readyTimeoutSeconds"),
    ],
)
def test_offline_is_what_was_ready_or_should_be(
    ready: str | None, made_ago: int, seen_ago: int | None, changed_ago: int | None, offline: str
) -> None:
    seen, changed = (None if seconds is None else ago(seconds) for seconds in (seen_ago, changed_ago))
    pod = _pod(ready, made=ago(made_ago), seen=seen, changed=changed)
    green = replace(revision_of(GREEN, 2, 1), pods=(*pods(GREEN, 2), pod))
    rollout = {"readyTimeoutSeconds": READY_TIMEOUT_SECONDS}
    assert _offline(replace(CALM[Phase.WATCHING], green=green, step=1, rollout=rollout)) == offline


@pytest.mark.parametrize(("needed", "offline"), [(3, "0"), (4, "1"), (5, "2"), (6, "2")])
def test_pods_beyond_what_the_phase_needs_are_no_loss(needed: int, offline: str) -> None:
    """An autoscaler wants five, and there is room for three."""
    green = revision_of(GREEN, 3, 2)
    waiting = tuple(replace(pod, created_at=NOW - timedelta(seconds=LATE)) for pod in green.pods)
    settling = replace(CALM[Phase.SETTLING], green=replace(green, pods=waiting), blue=revision_of("b" * 10, needed))
    assert _offline(replace(settling, rollout={"readyTimeoutSeconds": READY_TIMEOUT_SECONDS})) == offline
