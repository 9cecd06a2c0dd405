"""The new version dies once it has all the traffic: the old one, kept whole until then, serves again within seconds."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.kube import Json
from demo.timeline import rollout
from tests.e2e.harness import MODEL_NAMESPACE, QUICK_ROLLOUT, Cluster, await_answers, condition, manifest
from tests.load.report import LoadReport

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

# Of this run alone: the scripted model keeps its flags up.
FLAG = f"crash-{uuid.uuid4().hex[:8]}"
MOST_SECONDS_OF_OUTAGE = 2.0
# Each process of this version ends for good as soon as the scripted model has the flag up, and so do its restarts.
CRASHES = f"""
import os, threading, time, urllib.error, urllib.request

def watch():
    while True:
        try:
            urllib.request.urlopen("http://model-endpoint.{MODEL_NAMESPACE}/admin/flags/{FLAG}", timeout=1)
            os._exit(1)
        except urllib.error.HTTPError:
            pass
        except OSError:
            pass
        time.sleep(0.05)

threading.Thread(target=watch, daemon=True).start()
"""
LONG_SETTLE = QUICK_ROLLOUT | {"watchSeconds": 5, "settleSeconds": 120}
CRASHING_POD: dict[str, Any] = {
    "env": [{"name": "PYTHONPATH", "value": "/crash"}],
    "volumes": [{"name": "crash", "configMap": {"name": "crash"}}],
    "volumeMounts": [{"name": "crash", "mountPath": "/crash"}],
    "probes": {"readiness": {"periodSeconds": 1, "timeoutSeconds": 5}},
}


@dataclass(frozen=True)
class Outcome:
    """What the crash left behind."""

    before: str
    crashed: str
    after: Json
    report: LoadReport


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, namespace: str) -> Iterator[Outcome]:
    script = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "crash"},
        "data": {"sitecustomize.py": CRASHES},
    }
    cluster.tools.apply(script, namespace)
    with cluster.team(namespace, manifest("crash", rollout=LONG_SETTLE)) as team:
        team.await_first()
        before = team.active
        with team.load(40.0, keep_alive_share=0.0) as load:
            settling = team.change_and_await_phase("Settling", lambda: team.change(version="1.1.0", pod=CRASHING_POD))
            crashed = rollout(settling)["revision"]
            await_answers(load, crashed, 100)
            cluster.raise_flag(FLAG)
            after = team.await_end(before, 60)
            await_answers(load, before, 100)
            yield Outcome(before, crashed, after, load.stop())


def test_the_old_version_serves_again_within_seconds(outcome: Outcome) -> None:
    lost_at = [failure.at for failure in outcome.report.lost_requests]
    assert lost_at, "nothing was lost: the crash was not seen, so nothing was shown"
    assert max(lost_at) - min(lost_at) <= MOST_SECONDS_OF_OUTAGE, outcome.report.text()


def test_it_is_rolled_back_and_says_why(outcome: Outcome) -> None:
    assert rollout(outcome.after)["phase"] == "RolledBack"
    assert outcome.after["status"]["activeRevision"] == outcome.before
    said = condition(outcome.after, "RolledBack")
    assert said["status"] == "True"
    assert said["reason"] == "EndpointsLost"
