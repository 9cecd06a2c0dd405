"""The fault explorer: a disturbance at every request and every piece of news changes nothing about the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import pytest

from tests.simulation.explorer import Played, baseline, crash_pairs, disturb, play, singles
from tests.simulation.faults import Fault, Plan, Strike
from tests.simulation.scenario import Scenario
from tests.simulation.scenarios import CREATE, EXPLORED, ROLLBACK, UPGRADE

PAIRS_WITHIN = 2
"""How soon after the restart the second crash of a pair comes in the test run; more on the command line."""


EVERY = {UPGRADE.name: 3}
"""Of the longest scenario, every third single fault, so that all kinds of them occur; all on the command line."""


async def failures(scenario: Scenario, choose: Callable[[Played], Iterable[Plan]]) -> list[str]:
    undisturbed = await baseline(scenario.name)
    assert not undisturbed.played.problem
    found = []
    for plan in choose(undisturbed.played):
        played = await disturb(undisturbed, plan)
        if played.problem:
            found.append(f"{plan}: {played.problem}")
    return found


@pytest.mark.parametrize("scenario", EXPLORED, ids=lambda scenario: scenario.name)
async def test_no_single_fault_changes_the_end(scenario: Scenario) -> None:
    found = await failures(scenario, lambda played: islice(singles(played), 0, None, EVERY.get(scenario.name, 1)))
    assert not found, "\n".join(["trace of one: python -m tests.simulation replay ID", *found])


@pytest.mark.parametrize("scenario", [CREATE, ROLLBACK], ids=lambda scenario: scenario.name)
async def test_no_crash_in_a_recovery_changes_the_end(scenario: Scenario) -> None:
    found = await failures(scenario, lambda played: crash_pairs(played, PAIRS_WITHIN))
    assert not found, "\n".join(["trace of one: python -m tests.simulation replay ID", *found])


FOUND_FAULTS = (
    "create/n9:news-lost",  # given up on a cache that had missed the pods getting ready
    "create-ready-too-late",  # recovered, and switched without readiness on record
    "upgrade-by-steps/r61:crash-before",  # a new process forgot what the metrics had said
    "upgrade-superseded-in-Switching/r60:crash-after",  # the next rollout began before the last one's Events were told
    "upgrade-reverted-in-Shifting",  # what was told of the candidate was told again of the revision that stayed
    "create-superseded-in-Switching",  # the first revision lost its pods while the Service still selected it
    "upgrade-status-lost-while-preparing",  # a team without its status was taken for a new one
)


@pytest.mark.parametrize("text", FOUND_FAULTS)
async def test_what_was_mended_stays_so(text: str) -> None:
    plan = Plan.parse(text)
    undisturbed = await baseline(plan.scenario)
    found = await disturb(undisturbed, plan) if plan.strikes else undisturbed.played
    assert not found.problem


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_plan_runs_the_same_from_a_copy_and_from_the_beginning(fault: Fault) -> None:
    undisturbed = await baseline(CREATE.name)
    plan = Plan(CREATE.name, (Strike(4, fault),))
    from_copy, whole = await disturb(undisturbed, plan), await play(plan)
    assert from_copy.record.lines == whole.record.lines
    assert from_copy.end == whole.end


async def test_the_same_plan_runs_the_same_twice() -> None:
    plan = Plan(ROLLBACK.name, (Strike(40, Fault.CRASH_AFTER),))
    assert (await play(plan)).record == (await play(plan)).record


@pytest.mark.parametrize(
    "text", ["create", "create/r5:crash-after", "upgrade-errors/n64:news-lost", "create/r5:crash-after/r7:crash-before"]
)
def test_a_plan_is_found_again_by_its_id(text: str) -> None:
    assert str(Plan.parse(text)) == text
