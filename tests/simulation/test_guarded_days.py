"""A few of the simulated days under the guard; docs/judgement.md has the figures of many."""

from __future__ import annotations

import pytest
from agentteam_operator.core.guard import FEWEST_LOOKS, Health

from tests.simulation.guarded_days import BAD_FROM_MINUTE, NO_WORSE, WORSE, Life, first_word


@pytest.mark.parametrize("life", NO_WORSE, ids=lambda life: life.name)
def test_it_is_silent_while_nothing_gets_worse(life: Life) -> None:
    assert first_word(life, seed=1) is None


@pytest.mark.parametrize("life", WORSE, ids=lambda life: life.name)
def test_it_speaks_when_something_does(life: Life) -> None:
    word = first_word(life, seed=1)
    assert word is not None
    assert word.minute >= BAD_FROM_MINUTE + FEWEST_LOOKS - 1
    assert word.proven_minute is None or word.proven_minute >= word.minute
    if life.sick_pod_rate:
        assert (word.health, word.proven_minute) == (Health.SICK_POD, None)
