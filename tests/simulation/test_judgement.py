"""The judge on the schedules that the product runs: few releases here, thousands in docs/judgement.md.

The bounds are generous: they catch a judge that has gone wrong, not one that is a little off. Seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from agentteam_operator.api.status import RolloutStatus

from tests.judgement.catalogue import DEMO, NO_WORSE, WORSE
from tests.judgement.kinds import Kind, from_time
from tests.judgement.release import Release

NULL_RELEASES, BAD_RELEASES = 1, 2

LONGEST_SECONDS = {
    "50 points worse": 60,
    "20 points worse": 150,
    "10 points worse": 300,
    "3 points worse, under the limit": 700,
    "a slow leak: from 1 % to 30 % errors within 10 min": 500,
    "50 points worse from 5 min on": 345,
    "50 points worse after the switch, from 700 s on": 730,
    "takes 1.5 times as long": 400,
    "takes twice as long": 200,
    "a memory leak: from 40 % to 110 % of the limit within 10 min": 360,
    "50 points worse, one pod": 45,
    "Immediate, a look every second: 50 points worse": 20,
    "the demo's schedule: 50 points worse, 50 runs/s": 20,
    "tokens: 50 % more": 300,
    "tokens: twice as many": 200,
}
ASKED = {
    "10 % of the runs hang",
    "50 points worse, 1 run in 20 s",
    "tokens: one pod of green takes three times as many for good",
}


class GoesDark(Release):
    """From a moment on, Prometheus answers as ever, but has lost all of its targets."""

    DARK_FROM_SECONDS = 150.0

    def _look(self, now: float) -> None:
        super()._look(now)
        if now > self.DARK_FROM_SECONDS and self._snapshot is not None:
            self._snapshot = replace(self._snapshot, pods={})


OWN_METRICS = {"analysis": {"metrics": [{"name": "errorRate"}, {"name": "slowness"}]}}


def kinds(names: set[str]) -> list[object]:
    return [pytest.param(kind, id=kind.name) for kind in chain(NO_WORSE, WORSE) if kind.name in names]


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in NO_WORSE])
def test_a_revision_that_is_no_worse_stays(kind: Kind) -> None:
    ends = [Release(kind, seed).play() for seed in range(NULL_RELEASES)]
    assert [end.message for end in ends if end.rolled_back] == []


@pytest.mark.parametrize("kind", kinds(set(LONGEST_SECONDS)))
def test_a_worse_revision_is_rolled_back_in_time(kind: Kind) -> None:
    for seed in range(BAD_RELEASES):
        end = Release(kind, seed).play()
        assert end.rolled_back, end
        assert end.seconds <= LONGEST_SECONDS[kind.name], end


@pytest.mark.parametrize("kind", kinds(ASKED))
def test_where_nothing_can_be_proven_a_person_is_asked(kind: Kind) -> None:
    end = Release(kind, 0).play()
    assert not end.rolled_back
    assert end.asked.startswith("Inconclusive")


@pytest.mark.parametrize(
    "kind",
    [
        *kinds({"1 run in 5 s, 3 % errors", "one pod of green falls ill for good, and fails half"}),
        *kinds({"Immediate: 3 % errors", "each pod's breaker opens for 30 s once an hour"}),
        *kinds({"noisy neighbours: a pod takes twice as long for 60 s, 4 times an hour", "takes 1.5 times as long"}),
        *kinds({"tokens: one pod of green takes three times as many for good", "each pod restarts once, 3 % errors"}),
        *kinds({"a memory leak: from 40 % to 110 % of the limit within 10 min"}),
        pytest.param(Kind("the demo", runs_per_second=50, rollout=DEMO), id="the demo's schedule"),
    ],
)
def test_what_the_harness_leaves_out_changes_no_release(kind: Kind) -> None:
    """It says in words, and plans, only where something may move; with both at each tick, all comes to the same."""
    quick, whole = Release(kind, 7), Release(kind, 7, skips_planning=False)
    assert quick.play() == whole.play()
    assert without_times(quick) == without_times(whole)
    assert quick.status.last_verdicts == whole.status.last_verdicts


def without_times(release: Release) -> RolloutStatus:
    """The rollout, but for when each gate first said what it says."""
    rollout = release.status.rollout
    assert rollout is not None
    gates = [gate.model_copy(update={"at": rollout.started_at}) for gate in rollout.gates]
    return rollout.model_copy(update={"gates": gates})


def test_a_seed_is_a_release() -> None:
    kind = Kind("twice", rollout=DEMO)
    first, second, other = Release(kind, 3), Release(kind, 3), Release(kind, 4)
    assert first.play() == second.play()
    other.play()
    assert first.status == second.status
    assert first.status.rollout != other.status.rollout


def test_a_prometheus_that_has_lost_its_targets_promotes_nobody() -> None:
    kind = Kind("in the dark", green=from_time(160, 0.01, 0.51), rollout=OWN_METRICS)
    end = GoesDark(kind, 0).play()
    assert end.asked.startswith("Inconclusive: errorRate: Prometheus shows nothing of the pods of green and blue now")
