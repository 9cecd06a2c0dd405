"""Every scenario ends as it says, keeps all invariants on the way, and then writes nothing more."""

from __future__ import annotations

import pytest

from tests.simulation.coverage import every_way, noted
from tests.simulation.explorer import play
from tests.simulation.faults import Plan
from tests.simulation.scenarios import ALL
from tests.simulation.tried import TRIED, missing, ways_of


@pytest.mark.parametrize("name", ALL)
async def test_ends_as_it_should(name: str) -> None:
    with noted() as fired:
        played = await play(Plan(name))
    assert not played.problem, f"{played.problem}\nits trace: python -m tests.simulation replay {name}"
    assert ways_of(name) <= set(map(str, fired.of(played.entered))), "tests/simulation/tried.py says that it tries them"


def test_every_rule_of_the_table_is_tried_by_a_scenario() -> None:
    assert not missing(every_way()), "rules without a scenario, or entries of tests/simulation/tried.py without a rule"


def test_no_rule_is_tried_by_a_scenario_that_is_none() -> None:
    assert set(TRIED.values()) <= set(ALL)
