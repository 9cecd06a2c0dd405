"""A team that nobody asks anything: its golden conversations, repeated during the watch, stand in for its runs.

Version 2 answers as version 1 does, or fails half of its calls: too little for the tests before the traffic, which ask
for one good sample in ten.
"""

from __future__ import annotations

from typing import Any

import pytest

from demo.kube import Json
from demo.timeline import phase, rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, gate, manifest

pytestmark = pytest.mark.e2e

PRICE = {"inputPerMillionTokens": 100, "outputPerMillionTokens": 400}
CAP = 50.0
SAMPLES = 10
REPEATED: dict[str, Any] = {
    **QUICK_ROLLOUT,
    # At this alpha four rounds are enough; each has its half minute of pause.
    "analysis": {"intervalSeconds": 1, "minSamples": 20, "alpha": 0.2},
    "watchSeconds": 150,
    "conversationsTimeoutSeconds": 60,
    "maxSyntheticCost": CAP,
    "conversations": [
        {
            "name": "greet",
            "turns": [{"user": "order 17"}],
            "samples": SAMPLES,
            "minPassRate": 0.1,
            "repeatDuringWatch": True,
        }
    ],
}
END_SECONDS = 420


def _models(model: str) -> list[Json]:
    return [entry | {"price": PRICE} for entry in manifest("any", model=model)["spec"]["models"]]


def _play(cluster: Cluster, namespace: str, name: str, model: str) -> Json:
    """The team after its second version, which nobody asked anything either."""
    first = manifest(name, rollout=REPEATED, models=_models("scripted-ok"))
    with cluster.team(namespace, first) as team:
        team.await_first()
        before = team.active
        team.change(version="1.1.0", models=_models(model))
        return team.await_end(before, END_SECONDS)


def _rounds(team: Json) -> Json:
    found: Json = rollout(team)["rounds"]
    return found


def test_what_is_no_worse_goes_out_without_a_person(cluster: Cluster, namespace: str) -> None:
    after = _play(cluster, namespace, "quiet-good", "scripted-ok")
    assert phase(after) == "Completed", rollout(after)
    said, runs = gate(after, "repeatedConversations"), gate(after, "errorRate")
    assert (said["verdict"], runs["verdict"], runs["reason"]) == ("Passed", "Skipped", "QuietTeam")
    rounds = _rounds(after)
    assert rounds["pairs"] == said["samples"] == SAMPLES * rounds["counted"]
    assert 0 < rounds["spent"] <= CAP


def test_what_fails_half_of_its_samples_is_rolled_back(cluster: Cluster, namespace: str) -> None:
    after = _play(cluster, namespace, "quiet-bad", "scripted-fail-50")
    assert (phase(after), rollout(after)["reason"]) == ("RolledBack", "WorseThanBlue")
    said = gate(after, "repeatedConversations")
    assert said["verdict"] == "Failed"
    assert said["message"].startswith(f"in {_rounds(after)['counted']} rounds of golden conversations green fails ")
