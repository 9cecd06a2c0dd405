"""Every scenario ends as it says, keeps all invariants on the way, and then writes nothing more."""

from __future__ import annotations

import pytest

from tests.simulation.explorer import play
from tests.simulation.faults import Plan
from tests.simulation.scenarios import ALL


@pytest.mark.parametrize("name", ALL)
async def test_ends_as_it_should(name: str) -> None:
    played = await play(Plan(name))
    assert not played.problem, f"{played.problem}\nits trace: python -m tests.simulation --plan {name}"
