"""The judge on the schedules that the product runs: few releases here, thousands in docs/judgement.md.

The bounds are generous: they catch a judge that has gone wrong, not one that is a little off. Seeds are fixed.
"""

from __future__ import annotations

from itertools import chain

import pytest

from tests.judgement.catalogue import DEMO, NO_WORSE, WORSE
from tests.judgement.kinds import Kind
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
}
ASKED = {"10 % of the runs hang", "50 points worse, 1 run in 20 s"}


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
        *kinds({"Immediate: 3 % errors"}),
        pytest.param(Kind("the demo", runs_per_second=50, rollout=DEMO), id="the demo's schedule"),
    ],
)
def test_leaving_out_the_plan_changes_no_release(kind: Kind) -> None:
    """The harness plans only at ticks in which something moved; with a plan at each, all comes to the same."""
    quick, whole = Release(kind, 7), Release(kind, 7, skips_planning=False)
    assert quick.play() == whole.play()
    assert quick.status.rollout == whole.status.rollout


def test_a_seed_is_a_release() -> None:
    kind = Kind("twice", rollout=DEMO)
    first, second, other = Release(kind, 3), Release(kind, 3), Release(kind, 4)
    assert first.play() == second.play()
    other.play()
    assert first.status == second.status
    assert first.status.rollout != other.status.rollout
