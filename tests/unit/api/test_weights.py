from __future__ import annotations

import pytest
from agentteam_operator.api.weights import (
    green_pods_for,
    nearest_green_pods,
    nearest_weight,
    weight_of,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("weight", "blue", "green"),
    [
        pytest.param(25, 3, 1, id="a quarter of four"),
        pytest.param(40, 3, 2, id="two fifths"),
        pytest.param(50, 3, 3, id="half"),
        pytest.param(26, 3, 1, id="a point above"),
        pytest.param(24, 3, 1, id="a point below"),
        pytest.param(27, 3, None, id="two points above"),
        pytest.param(10, 3, None, id="less than one pod makes"),
        pytest.param(50, 1, 1, id="one beside one"),
        pytest.param(33, 1, None, id="one pod can't be divided"),
        pytest.param(1, 99, 1, id="one of a hundred"),
    ],
)
def test_the_pods_that_make_a_weight(weight: int, blue: int, green: int | None) -> None:
    assert green_pods_for(weight, blue) == green


def test_without_pods_there_is_nothing_to_share() -> None:
    assert weight_of(0, 0) == 0
    with pytest.raises(ValueError, match="blue must be at least 1 to share traffic with, but is 0"):
        nearest_green_pods(25, 0)


@given(st.integers(1, 50), st.integers(1, 500))
def test_no_other_number_of_pods_comes_nearer(weight: int, blue: int) -> None:
    green = nearest_green_pods(weight, blue)
    assert 1 <= green <= blue
    distance = abs(weight_of(green, blue) - weight)
    assert all(abs(weight_of(other, blue) - weight) >= distance for other in range(1, blue + 1))
    assert (green_pods_for(weight, blue) == green) == (distance <= 1)
    assert abs(nearest_weight(weight, blue) - weight_of(green, blue)) <= 0.5


@given(st.integers(1, 500))
def test_weights_rise_with_pods_and_end_at_one_half(blue: int) -> None:
    weights = [weight_of(green, blue) for green in range(1, blue + 1)]
    assert weights == sorted(set(weights))
    assert weights[-1] == 50
    assert nearest_weight(50, blue) == 50
