"""The evidence of repeated golden conversations: what each round adds, with and without each pod, and its promise."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.core import sequential
from agentteam_operator.core.pairs import PairsObserved
from agentteam_operator.core.round_evidence import MAX_LOG_GAIN, with_round, without
from agentteam_operator.core.sequential import Tally

from tests.judgement.eprocess import log_evidence
from tests.judgement.repeated import AS_THE_PRODUCT, NO_WORSE, NoWorse, exceeded

FIRST, SECOND = "10.0.0.1", "10.0.0.2"
RELEASES = 100_000


def after(*rounds: Sequence[PairsObserved]) -> RoundsStatus:
    state = RoundsStatus()
    for pairs in rounds:
        state = with_round(state, pairs)
    return state


def one(failed: int, control_failed: int = 0, pairs: int = 6, address: str = FIRST) -> tuple[PairsObserved, ...]:
    return (PairsObserved(address, pairs, failed, control_failed),)


@pytest.mark.parametrize(
    ("rounds", "proof"),
    [
        pytest.param([one(6)], 0.0, id="nothing-is-bet-on-the-first"),
        pytest.param([one(6), one(6)], MAX_LOG_GAIN, id="a-round-adds-so-much-at-most"),
        pytest.param([one(6)] * 6, 5 * MAX_LOG_GAIN, id="five-bad-rounds-after-the-first"),
        pytest.param([one(0)] * 6, 0.0, id="no-failures"),
        pytest.param([one(0, 6)] * 6, 0.0, id="only-blue-fails"),
        pytest.param([one(3, 3)] * 6, 0.0, id="both-alike"),
    ],
)
def test_what_rounds_prove(rounds: list[tuple[PairsObserved, ...]], proof: float) -> None:
    assert after(*rounds).log_evidence == proof


def test_a_good_round_takes_back_some_of_what_a_bad_one_proved() -> None:
    assert 0 < after(one(2), one(2), one(0)).log_evidence < after(one(2), one(2)).log_evidence


def test_what_could_have_been_proven_is_what_the_worst_samples_prove() -> None:
    good, worst = after(*[one(0, pairs=2)] * 8), after(*[one(2, pairs=2)] * 8)
    assert good.reachable_log_evidence == worst.reachable_log_evidence == pytest.approx(worst.log_evidence, abs=1e-5)
    assert after(one(0)).reachable_log_evidence == 0


def test_counts_are_kept_whole_and_lately() -> None:
    state = after(*[one(1, 2)] * 14)
    assert (state.counted, state.pairs, state.green_failed, state.blue_failed) == (14, 84, 14, 28)
    assert state.recent_green.split() == ["1/6"] * 12
    assert state.recent_blue.split() == ["2/6"] * 12


def test_without_a_pod_its_pairs_are_left_out_of_both_colours() -> None:
    pairs = (PairsObserved(FIRST, 3, 3, 1), PairsObserved(SECOND, 3, 0, 0))
    blue, green, proof = without(after(pairs, pairs), FIRST)
    assert (blue, green, proof) == (Tally(0, 6), Tally(0, 6), 0.0)
    blue, green, proof = without(after(pairs, pairs), SECOND)
    assert (blue, green) == (Tally(2, 6), Tally(6, 6))
    assert proof == after(*[(pairs[0],)] * 2).log_evidence > 0


def test_a_new_pod_has_no_part_in_what_was_proven_before() -> None:
    state = after(one(6), one(6), one(6, address=SECOND))
    assert without(state, SECOND)[2] == after(one(6), one(6)).log_evidence
    assert without(state, "10.0.0.9") == (Tally(0, 18), Tally(18, 18), state.log_evidence)


@pytest.mark.parametrize("kind", NO_WORSE, ids=lambda kind: kind.name)
def test_the_bare_test_is_the_products(kind: NoWorse) -> None:
    blocks = kind.blocks(np.random.default_rng(7), 5)
    found = log_evidence(blocks, most=MAX_LOG_GAIN)[AS_THE_PRODUCT]
    for release in range(5):
        rounds = [
            one(int(green), int(blue), int(total))
            for green, blue, total in zip(
                blocks.green_bad[release], blocks.blue_bad[release], blocks.green_total[release], strict=True
            )
        ]
        assert after(*rounds).log_evidence == pytest.approx(found[release][-1], abs=1e-4)


@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize("kind", NO_WORSE, ids=lambda kind: kind.name)
def test_who_is_no_worse_is_condemned_no_more_often_than_alpha(kind: NoWorse, alpha: float) -> None:
    """Three standard deviations are left to chance."""
    most = alpha * RELEASES + 3 * sqrt(alpha * (1 - alpha) * RELEASES)
    assert exceeded(kind, alpha, RELEASES, seed=20260105) <= most


def test_a_round_of_pairs_is_a_fair_bet_whatever_the_conversations_are() -> None:
    """Each pair's factor has an expectation of at most 1 at every rate that its two samples share."""
    worst, best = Tally(9, 12).estimate, Tally(1, 12).estimate
    for rate in np.linspace(0, 1, 101):
        expected = sum(
            _chance(green, rate) * _chance(blue, rate) * np.exp(_gain(green, blue, worst, best))
            for green in (0, 1)
            for blue in (0, 1)
        )
        assert expected <= 1 + 1e-12


def _chance(failed: int, rate: float) -> float:
    return rate if failed else 1 - rate


def _gain(green: int, blue: int, worst: float, best: float) -> float:
    return sequential.log_gain_two_sample(Tally(blue, 1), Tally(green, 1), blue_rate=best, green_rate=worst)
