from __future__ import annotations

from itertools import product
from math import comb, exp, log

import pytest
from agentteam_operator.core import sequential
from agentteam_operator.core.sequential import Tally
from hypothesis import given
from hypothesis import strategies as st

rates = st.floats(0.001, 0.999)
sizes = st.integers(1, 8)


def binomial(size: int, bad: int, rate: float) -> float:
    return comb(size, bad) * rate**bad * (1 - rate) ** (size - bad)


@given(st.tuples(sizes, sizes), st.tuples(rates, rates), st.tuples(rates, rates))
def test_two_sample_bet_expects_no_gain_if_green_is_no_worse(
    answers: tuple[int, int], bets: tuple[float, float], truths: tuple[float, float]
) -> None:
    """Exact, over all outcomes: the property that the whole promise on false rollbacks rests on."""
    (blue_size, green_size), (blue_rate, green_rate) = answers, bets
    true_blue, true_green = max(truths), min(truths)
    expectation = sum(
        binomial(blue_size, blue, true_blue)
        * binomial(green_size, green, true_green)
        * exp(
            sequential.log_gain_two_sample(
                Tally(blue, blue_size), Tally(green, green_size), blue_rate=blue_rate, green_rate=green_rate
            )
        )
        for blue, green in product(range(blue_size + 1), range(green_size + 1))
    )
    assert expectation <= 1 + 1e-9


@given(sizes, rates, rates, rates)
def test_one_sample_bet_expects_no_gain_below_the_limit(size: int, rate: float, one: float, other: float) -> None:
    limit, true = max(one, other), min(one, other)
    expectation = sum(
        binomial(size, bad, true) * exp(sequential.log_gain_one_sample(Tally(bad, size), rate=rate, limit=limit))
        for bad in range(size + 1)
    )
    assert expectation <= 1 + 1e-9


@pytest.mark.parametrize(
    ("blue", "green", "blue_rate", "green_rate", "gain"),
    [
        pytest.param(Tally(0, 10), Tally(9, 10), 0.2, 0.1, 0.0, id="no bet that green is better"),
        pytest.param(Tally(0, 0), Tally(9, 10), 0.1, 0.2, 0.0, id="blue hasn't answered"),
        pytest.param(Tally(0, 10), Tally(0, 0), 0.1, 0.2, 0.0, id="green hasn't answered"),
        pytest.param(
            Tally(1, 10), Tally(3, 10), 0.1, 0.3,
            log(0.1 / 0.2) + 9 * log(0.9 / 0.8) + 3 * log(1.5) + 7 * log(0.7 / 0.8),
            id="as judgement.md has it, equal halves",
        ),
        pytest.param(
            Tally(0, 30), Tally(1, 10), 0.1, 0.3, 30 * log(0.9 / 0.85) + log(0.3 / 0.15) + 9 * log(0.7 / 0.85),
            id="the null rate is weighted by the answers",
        ),
    ],
)  # fmt: skip
def test_two_sample_gain(blue: Tally, green: Tally, blue_rate: float, green_rate: float, gain: float) -> None:
    found = sequential.log_gain_two_sample(blue, green, blue_rate=blue_rate, green_rate=green_rate)
    assert found == pytest.approx(gain)


@pytest.mark.parametrize(
    ("rate", "gain"),
    [
        pytest.param(0.05, 0.0, id="no bet at the limit"),
        pytest.param(0.01, 0.0, id="no bet below it"),
        pytest.param(0.2, 2 * log(4) + 8 * log(0.8 / 0.95), id="above it"),
    ],
)
def test_one_sample_gain(rate: float, gain: float) -> None:
    assert sequential.log_gain_one_sample(Tally(2, 10), rate=rate, limit=0.05) == pytest.approx(gain)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        pytest.param([], 1.0, id="nothing seen"),
        pytest.param([Tally(0, 20), Tally(10, 20), Tally(0, 20)], 1.0, id="too few blocks"),
        pytest.param([Tally(0, 20)] * 12, 1.0, id="no failures"),
        pytest.param([Tally(20, 20)] * 12, 1.0, id="failures only"),
        pytest.param([Tally(10, 20)] * 12, 1.0, id="steadily bad"),
        pytest.param([Tally(0, 20)] * 6 + [Tally(10, 20)] * 6, 12 * 25 / 3.75 / 11, id="a burst"),
        pytest.param(
            [Tally(0, 20), Tally(), Tally(0, 20), Tally(10, 20), Tally(10, 20)], 4 * 25 / 3.75 / 3, id="an empty block"
        ),
    ],
)
def test_dispersion(blocks: list[Tally], expected: float) -> None:
    assert sequential.dispersion(blocks) == pytest.approx(expected)


def test_estimate_is_never_certain() -> None:
    assert Tally().estimate == pytest.approx(0.05)
    assert 0 < Tally(0, 10**6).estimate < Tally(10**6, 10**6).estimate < 1


def test_threshold_shares_alpha() -> None:
    assert sequential.log_threshold(0.001, 5) == pytest.approx(log(5000))


def test_log_mean_exp() -> None:
    assert sequential.log_mean_exp((log(2), log(4))) == pytest.approx(log(3))
    assert sequential.log_mean_exp((-2000.0, 2000.0)) == pytest.approx(2000 - log(2))


@pytest.mark.parametrize(
    ("green", "blue", "least", "most"),
    [
        pytest.param(Tally(5, 100), Tally(5, 100), 0, 0, id="equal"),
        pytest.param(Tally(), Tally(5, 100), 0, 0, id="no answers"),
        pytest.param(Tally(50, 100), Tally(5, 100), 7, 8, id="far above"),
        pytest.param(Tally(5, 100), Tally(50, 100), -8, -7, id="far below"),
        pytest.param(Tally(100, 100), Tally(0, 100), 16, 17, id="all against none"),
    ],
)
def test_standard_errors(green: Tally, blue: Tally, least: float, most: float) -> None:
    assert least <= sequential.standard_errors_above(green, blue) <= most


@pytest.mark.parametrize(
    ("answers", "least", "most"),
    [
        pytest.param(20, 0.6, 0.9, id="20 answers show gross differences only"),
        pytest.param(500, 0.05, 0.09, id="500 answers"),
        pytest.param(50_000, 0.003, 0.006, id="50,000 answers"),
    ],
)
def test_smallest_difference(answers: int, least: float, most: float) -> None:
    tally = Tally(answers // 33, answers)
    found = sequential.smallest_difference(tally, tally, threshold=log(5000))
    assert found is not None
    assert least <= found <= most


def test_too_few_answers_show_nothing() -> None:
    assert sequential.smallest_difference(Tally(0, 3), Tally(0, 3), threshold=log(5000)) is None
    assert sequential.smallest_difference(Tally(), Tally(0, 3), threshold=log(5000)) is None
    assert sequential.smallest_excess(Tally(0, 1), limit=0.05, threshold=log(5000)) is None


def test_smallest_excess_shrinks_with_answers() -> None:
    few = sequential.smallest_excess(Tally(0, 20), limit=0.05, threshold=log(5000))
    many = sequential.smallest_excess(Tally(0, 2000), limit=0.05, threshold=log(5000))
    assert few is not None
    assert many is not None
    assert many < 0.05 < few
