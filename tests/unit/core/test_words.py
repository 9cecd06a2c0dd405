from __future__ import annotations

import pytest
from agentteam_operator.core.words import quantity


@pytest.mark.parametrize(
    ("number", "expected"), [pytest.param(0, "0 pods"), pytest.param(1, "1 pod"), pytest.param(3, "3 pods")]
)
def test_a_noun_agrees_with_its_number(number: int, expected: str) -> None:
    assert quantity(number, "pod") == expected
