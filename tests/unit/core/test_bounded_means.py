from __future__ import annotations

from itertools import product
from math import comb, exp, log, prod
from random import Random

import pytest
from agentteam_operator.core import bounded_means
from agentteam_operator.core.bounded_means import Moments
from hypothesis import assume, given, settings
from hypothesis import strategies as st

VALUES = (0.0, 0.3, 1.0)

shares = st.tuples(*[st.floats(0, 1)] * 3).map(lambda raw: tuple((one + 1e-3) / (sum(raw) + 3e-3) for one in raw))
pasts = st.lists(st.integers(0, 30), min_size=3, max_size=3).map(lambda counts: Moments.of(counts, VALUES))


def outcomes(size: int) -> list[tuple[int, int, int]]:
    """Every way in which so many values can fall into three buckets."""
    return [(low, middle, size - low - middle) for low in range(size + 1) for middle in range(size + 1 - low)]


def probability(counts: tuple[int, int, int], chances: tuple[float, ...]) -> float:
    size = sum(counts)
    ways = comb(size, counts[0]) * comb(size - counts[0], counts[1])
    return ways * prod(chance**count for chance, count in zip(chances, counts, strict=True))


def mean(chances: tuple[float, ...]) -> float:
    return sum(chance * value for chance, value in zip(chances, VALUES, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.tuples(shares, shares), pasts, pasts, st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_two_sample_bet_expects_no_gain_if_greens_mean_is_no_larger(
    truths: tuple[tuple[float, ...], tuple[float, ...]],
    past_blue: Moments,
    past_green: Moments,
    sizes: tuple[int, int],
) -> None:
    """Exact, over all outcomes, for any two distributions and any past: what the promise rests on."""
    blue, green = sorted(truths, key=mean, reverse=True)
    expectation = sum(
        probability(seen_blue, blue)
        * probability(seen_green, green)
        * exp(
            bounded_means.log_gain_two_sample(seen_blue, seen_green, VALUES, past_blue=past_blue, past_green=past_green)
        )
        for seen_blue, seen_green in product(*map(outcomes, sizes))
    )
    assert expectation <= 1 + 1e-9


@settings(max_examples=150, deadline=None)
@given(shares, pasts, st.integers(1, 8))
def test_one_sample_bet_expects_no_gain_if_the_mean_is_within_the_limit(
    chances: tuple[float, ...], past: Moments, size: int
) -> None:
    limit = mean(chances)
    assume(0.001 < limit < 0.999)
    expectation = sum(
        probability(seen, chances) * exp(bounded_means.log_gain_one_sample(seen, VALUES, limit=limit, past=past))
        for seen in outcomes(size)
    )
    assert expectation <= 1 + 1e-9


@pytest.mark.parametrize(
    ("blue", "green", "past_blue", "past_green"),
    [
        pytest.param((9, 0, 0), (0, 0, 9), (0, 0, 0), (0, 0, 9), id="nothing of blue to choose by"),
        pytest.param((9, 0, 0), (0, 0, 9), (9, 0, 0), (0, 0, 0), id="nothing of green to choose by"),
        pytest.param((9, 0, 0), (0, 0, 9), (5, 0, 4), (5, 0, 4), id="equal so far"),
        pytest.param((9, 0, 0), (0, 0, 9), (0, 0, 9), (9, 0, 0), id="green's was smaller"),
        pytest.param((0, 0, 0), (0, 0, 9), (9, 0, 0), (0, 0, 9), id="blue has no values"),
        pytest.param((9, 0, 0), (0, 0, 0), (9, 0, 0), (0, 0, 9), id="green has none"),
    ],
)
def test_no_bet(
    blue: tuple[int, ...], green: tuple[int, ...], past_blue: tuple[int, ...], past_green: tuple[int, ...]
) -> None:
    gain = bounded_means.log_gain_two_sample(
        blue,
        green,
        VALUES,
        past_blue=Moments.of(past_blue, VALUES),
        past_green=Moments.of(past_green, VALUES),
    )
    assert gain == 0.0


def test_a_bet_as_the_formula_has_it() -> None:
    past_blue, past_green = Moments.of((90, 0, 10), VALUES), Moments.of((70, 0, 30), VALUES)
    centre = (10 + 30 + 0.5) / 201
    shrunk = [(bad + 10 * centre) / 110 for bad in (10, 30)]
    spreads = [((100 - bad) * centre**2 + bad * (1 - centre) ** 2 + 0.25) / 101 for bad in (10, 30)]
    stake = (shrunk[1] - shrunk[0]) / (spreads[0] / 20 + spreads[1] / 10)
    expected = 18 * log(1 + stake / 20 * centre) + 2 * log(1 - stake / 20 * (1 - centre))
    expected += 6 * log(1 - stake / 10 * centre) + 4 * log(1 + stake / 10 * (1 - centre))
    found = bounded_means.log_gain_two_sample((18, 0, 2), (6, 0, 4), VALUES, past_blue=past_blue, past_green=past_green)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("worst", [((0, 0, 1), (1, 0, 0)), ((0, 0, 50), (50, 0, 0))], ids=["one each", "many each"])
def test_no_value_costs_more_than_half(worst: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Even if all that was seen before says that green's mean is far larger."""
    past_blue, past_green = Moments.of((1000, 0, 0), VALUES), Moments.of((0, 0, 1000), VALUES)
    gain = bounded_means.log_gain_two_sample(*worst, VALUES, past_blue=past_blue, past_green=past_green)
    assert gain >= sum(worst[0]) * 2 * log(0.5) - 1e-9


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Looked at after every block, 400 pairs of equal colours reach odds of 20 : 1 in less than one of 20."""
    random = Random(7)  # noqa: S311 - a simulation
    alarms = 0
    for _ in range(400):
        past: list[list[int]] = [[0, 0, 0], [0, 0, 0]]
        evidence = 0.0
        for _ in range(60):
            block = [[0, 0, 0], [0, 0, 0]]
            for colour in block:
                for _ in range(6):
                    colour[random.choices((0, 1, 2), (0.7, 0.25, 0.05))[0]] += 1
            evidence += bounded_means.log_gain_two_sample(
                block[0],
                block[1],
                VALUES,
                past_blue=Moments.of(past[0], VALUES),
                past_green=Moments.of(past[1], VALUES),
            )
            past = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(past, block, strict=True)]
            if evidence > log(20):
                alarms += 1
                break
    assert alarms < 400 / 20


@pytest.mark.parametrize(
    ("green", "blue", "least", "most"),
    [
        pytest.param((50, 0, 50), (50, 0, 50), 0, 0, id="equal"),
        pytest.param((0, 0, 0), (50, 0, 50), 0, 0, id="no values"),
        pytest.param((50, 0, 50), (95, 0, 5), 7, 9, id="far above"),
        pytest.param((95, 0, 5), (50, 0, 50), -9, -7, id="far below"),
        pytest.param((0, 9, 0), (9, 0, 0), 1e9, float("inf"), id="nothing varies"),
    ],
)
def test_standard_errors(green: tuple[int, ...], blue: tuple[int, ...], least: float, most: float) -> None:
    found = bounded_means.standard_errors_above(Moments.of(green, VALUES), Moments.of(blue, VALUES))
    assert least <= found <= most


@pytest.mark.parametrize(
    ("total", "least", "most"),
    [
        pytest.param(30, 0.4, 0.9, id="30 values show gross differences only"),
        pytest.param(1000, 0.05, 0.12, id="1,000 values"),
        pytest.param(100_000, 0.003, 0.012, id="100,000 values"),
    ],
)
def test_smallest_difference(total: int, least: float, most: float) -> None:
    moments = Moments.of((total * 9 // 10, 0, total // 10), VALUES)
    found = bounded_means.smallest_difference(moments, moments, threshold=log(5000))
    assert found is not None
    assert least <= found <= most


def test_too_few_values_show_nothing() -> None:
    few = Moments.of((1, 0, 1), VALUES)
    assert bounded_means.smallest_difference(few, few, threshold=log(5000)) is None
    assert bounded_means.smallest_difference(Moments(), few, threshold=log(5000)) is None
