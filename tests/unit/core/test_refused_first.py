"""Of several refusals the one is told that somebody has to mend; one of an earlier phase isn't told at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core import names, refusals
from agentteam_operator.core.observed import Refusal

from tests.unit.core.situations import CALM, GREEN, TEAM

NAME = names.revision_object(TEAM, GREEN)
PASSING = Refusal("Deployment", NAME, "a quota", final=False)
FINAL = Refusal("ConfigMap", NAME, "invalid", final=True)


@pytest.mark.parametrize("order", [(PASSING, FINAL), (FINAL, PASSING)], ids=["final-last", "final-first"])
def test_a_final_refusal_is_told_before_one_that_may_pass(order: tuple[Refusal, ...]) -> None:
    view = replace(CALM[Phase.PREPARING], refusals=order).view()
    assert refusals.of_candidate(view) == FINAL
