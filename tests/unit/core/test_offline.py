"""When a pod's agents count as offline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from agentteam_operator.core.verdicts import OFFLINE_SECONDS
from agentteam_operator.observe.pods import read_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _pod(ready: str, changed: datetime | None) -> dict[str, object]:
    condition = {"type": "Ready", "status": ready}
    if changed:
        condition["lastTransitionTime"] = changed.isoformat()
    return {
        "metadata": {"name": "a", "creationTimestamp": (NOW - timedelta(hours=1)).isoformat()},
        "status": {"conditions": [condition]},
    }


@pytest.mark.parametrize(
    ("ready", "changed_before_seconds", "offline"),
    [
        pytest.param("True", 3600, False, id="ready"),
        pytest.param("False", 2, False, id="a slow readiness probe"),
        pytest.param("False", OFFLINE_SECONDS + 1, True, id="unready for a minute"),
        pytest.param("False", None, True, id="never ready, for an hour"),
    ],
)
def test_a_pod_is_offline_only_after_a_while(ready: str, changed_before_seconds: int | None, *, offline: bool) -> None:
    changed = None if changed_before_seconds is None else NOW - timedelta(seconds=changed_before_seconds)
    since = read_pod(_pod(ready, changed)).unready_since
    assert (since is not None and (NOW - since).total_seconds() > OFFLINE_SECONDS) is offline
