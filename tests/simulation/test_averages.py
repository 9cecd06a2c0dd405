"""A few of the releases that are judged by an average; `averages.py` plays them by the hundred."""

from __future__ import annotations

import pytest

from tests.simulation.averages import NO_WORSE, WORSE, Usage, release


@pytest.mark.parametrize("usage", NO_WORSE, ids=lambda usage: usage.name)
def test_a_revision_that_takes_as_much_stays(usage: Usage) -> None:
    assert [after for seed in range(2) if (after := release(usage, seed)) is not None] == []


@pytest.mark.parametrize("usage", [usage for usage in WORSE if usage.name == "50 % more" or "twice" in usage.name])
def test_one_that_takes_far_more_is_rolled_back_in_the_watch(usage: Usage) -> None:
    after = release(usage, 0)
    assert after is not None
    assert after < 660
