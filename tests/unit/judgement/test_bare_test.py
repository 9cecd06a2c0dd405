"""The bare test that 100,000 releases are tried on is the product's."""

from __future__ import annotations

import numpy as np
import pytest
from agentteam_operator.core import sequential
from agentteam_operator.core.evidence import ERRORS_AGAINST_BLUE
from agentteam_operator.core.observed import PodCounters
from agentteam_operator.core.sequential import Tally

from tests.judgement.eprocess import FORMS, NULLS, Blocks, Null, dispersions, log_evidence
from tests.support.judging import Judging, counters

RELEASES = 4
PRODUCT = FORMS[2]


def blocks_of(null: Null, seed: int) -> Blocks:
    return null.blocks(np.random.default_rng(seed), RELEASES)


@pytest.mark.parametrize("null", [pytest.param(null, id=null.name) for null in NULLS])
def test_evidence_is_that_of_the_judge(null: Null) -> None:
    blocks = blocks_of(null, 1)
    found = log_evidence(blocks)[PRODUCT]
    for release in range(RELEASES):
        judging, expected, looks = Judging(), [], []
        judging.look()
        for block in range(40):
            tallies = [
                Tally(int(bad[release, block]), int(total[release, block]))
                for bad, total in ((blocks.blue_bad, blocks.blue_total), (blocks.green_bad, blocks.green_total))
            ]
            if min(tally.total for tally in tallies) < 2:  # the judge would wait for more, or see one pod alone
                break
            judging.look(split("blue", tallies[0]) | split("green", tallies[1]))
            expected.append(judging.state.log_evidence.get(ERRORS_AGAINST_BLUE, 0.0))
            looks.append(found[release, block])
        assert looks == pytest.approx(expected, abs=1e-3)


def split(colour: str, tally: Tally) -> dict[str, PodCounters]:
    """The answers of a colour on two of its pods, so that none of them is alone."""
    one = Tally(tally.bad // 2, max(1, tally.bad // 2, tally.total // 2))
    other = tally - one
    return {f"{colour}-{number}": counters(part.total - part.bad, part.bad) for number, part in ((1, one), (2, other))}


def test_dispersion_is_that_of_the_judge() -> None:
    blocks = blocks_of(NULLS[3], 2)
    found = dispersions(blocks.green_bad, blocks.green_total)
    for block in range(1, found.shape[1], 7):
        here = slice(max(0, block - 12), block)
        expected = [
            sequential.dispersion([Tally(*map(int, pair)) for pair in zip(*rows, strict=True)])
            for rows in zip(blocks.green_bad[:, here], blocks.green_total[:, here], strict=True)
        ]
        assert found[:, block] == pytest.approx(expected)


@pytest.mark.parametrize("form", FORMS)
def test_independent_failures_exceed_no_bar_too_often(form: str) -> None:
    """Of 2,000 releases at most 1 in 20 may exceed odds of 20 : 1; 130 are four standard deviations too many."""
    blocks = NULLS[0].blocks(np.random.default_rng(3), 2000)
    assert (log_evidence(blocks)[form].max(axis=1) > np.log(20)).sum() <= 100
