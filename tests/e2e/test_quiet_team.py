"""A team that nobody asks anything: its golden conversations, repeated during the watch, stand in for its runs.

Version 2 answers as version 1 does, or fails half of its calls: too little for the tests before the traffic, which ask
for one good sample in ten.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
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
SECOND = {"quiet-good": "scripted-ok", "quiet-bad": "scripted-fail-50"}
"""The model of each team's second version."""


def _models(model: str) -> list[Json]:
    return [entry | {"price": PRICE} for entry in manifest("any", model=model)["spec"]["models"]]


@pytest.fixture(scope="module")
def ends(cluster: Cluster, namespace: str) -> Iterator[dict[str, Json]]:
    """Both teams after their second versions, which nobody asked anything either: side by side, for they only wait."""
    with contextlib.ExitStack() as stack:
        first = {name: manifest(name, rollout=REPEATED, models=_models("scripted-ok")) for name in SECOND}
        teams = {name: stack.enter_context(cluster.team(namespace, spec)) for name, spec in first.items()}
        for team in teams.values():
            team.await_first()
        before = {name: team.active for name, team in teams.items()}
        for name, model in SECOND.items():
            teams[name].change(version="1.1.0", models=_models(model))
        yield {name: team.await_end(before[name], END_SECONDS) for name, team in teams.items()}


def _rounds(team: Json) -> Json:
    found: Json = rollout(team)["rounds"]
    return found


def test_what_is_no_worse_goes_out_without_a_person(ends: dict[str, Json]) -> None:
    after = ends["quiet-good"]
    assert phase(after) == "Completed", rollout(after)
    said, runs = gate(after, "repeatedConversations"), gate(after, "errorRate")
    assert (said["verdict"], runs["verdict"], runs["reason"]) == ("Passed", "Skipped", "QuietTeam")
    rounds = _rounds(after)
    assert rounds["pairs"] == said["samples"] == SAMPLES * rounds["counted"]
    assert 0 < rounds["spent"] <= CAP


def test_what_fails_half_of_its_samples_is_rolled_back(ends: dict[str, Json]) -> None:
    after = ends["quiet-bad"]
    assert (phase(after), rollout(after)["reason"]) == ("RolledBack", "WorseThanBlue")
    said = gate(after, "repeatedConversations")
    assert said["verdict"] == "Failed"
    assert said["message"].startswith(f"in {_rounds(after)['counted']} rounds of golden conversations green fails ")
