"""The explorer itself is tested: bugs of known kinds are planted, and it finds each of them."""

from __future__ import annotations

import pytest

from tests.simulation.explorer import baseline, disturb, play, singles
from tests.simulation.faults import Plan
from tests.simulation.planted import BUGS, Bug
from tests.simulation.planted_unseen import UNSEEN

ALL_BUGS = (*BUGS, *UNSEEN)


async def find(bug: Bug) -> str:
    """The first plan that finds the bug, and what it found."""
    right = await baseline(bug.scenario)
    with bug.plant():
        played = await play(Plan(bug.scenario))
        if played.problem or not bug.faults:
            return f"{played.plan}: {played.problem}" if played.problem else ""
        for plan in singles(right.played):
            if plan.strikes[0].fault in bug.faults:
                played = await disturb(right, plan)
                if played.problem:
                    return f"{plan}: {played.problem}"
    return ""


@pytest.mark.parametrize("bug", ALL_BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
async def test_is_found(bug: Bug) -> None:
    found = await find(bug)
    print(found)
    assert found, "no plan found it"


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in ALL_BUGS}))
async def test_there_is_nothing_to_find_without_a_bug(name: str) -> None:
    assert not (await play(Plan(name))).problem
