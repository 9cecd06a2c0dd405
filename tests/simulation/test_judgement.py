"""How the judge does on the schedules that the product runs: few releases here, thousands in docs/judgement.md.

The bounds are generous: they catch a judge that has gone wrong, not one that is a little off. Seeds are fixed.
"""

from __future__ import annotations

import pytest

from tests.simulation.judgement import NO_WORSE, WORSE, score
from tests.simulation.releases import Scenario

NULL_RELEASES = 15
BAD_RELEASES = 6

LONGEST_MEDIAN_SECONDS = {
    "50 % errors": 75,
    "50 % errors, 2 runs/s": 110,
    "20 % errors": 110,
    "10 points worse (3 % -> 13 %)": 180,
    "3 points worse, under the limit (1 % -> 4 %)": 450,
    "50 % errors from 300 s on": 320,
    "50 % errors after the switch, from 700 s on": 715,
    "20 % fail at once, answers take 120 s": 330,
    "latency doubled": 120,
    "latency 1.5 times": 180,
    "demo: 50 % errors, 50 runs/s": 10,
    "demo: 10 points worse, 50 runs/s": 30,
    "Immediate: 50 % errors, every second": 10,
    "Immediate: 50 % errors, 50 runs/s, every second": 6,
    "Immediate: 10 points worse, every second": 60,
}


@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in NO_WORSE])
def test_a_revision_that_is_no_worse_stays(scenario: Scenario) -> None:
    found = score(scenario, NULL_RELEASES)
    print(found.row())
    assert found.rolled_back <= 1


@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in NO_WORSE if one.past_seconds])
def test_long_runs_that_fail_fast_condemn_no_revision(scenario: Scenario) -> None:
    """More than one in 60 has a probability of 0.2 % at a rate of alpha; without a warm-up there are 20 and more."""
    assert score(scenario, 60).rolled_back <= 1


@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in WORSE])
def test_a_worse_revision_is_rolled_back_in_time(scenario: Scenario) -> None:
    found = score(scenario, BAD_RELEASES)
    print(found.row())
    assert found.rolled_back == BAD_RELEASES
    assert found.median_seconds is not None
    assert found.median_seconds <= LONGEST_MEDIAN_SECONDS[scenario.name]
