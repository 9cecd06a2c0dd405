from __future__ import annotations

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.gross import gross_fault
from agentteam_operator.core.sequential import Tally, log_threshold

from tests.support.judging import BLUE, colour

THRESHOLD = log_threshold(0.001, 5)


def total(packed: str) -> Tally:
    return sum((Tally(*map(int, block.split("/"))) for block in packed.split()), Tally())


def state_of(blue: str, pods: list[str], looks: int = 2) -> AnalysisStatus:
    """A state whose last blocks were these; blue's past before them was 10 bad ones of 1,000."""
    blocks = zip(*(pod.split() for pod in pods), strict=True)
    green = [sum((total(block) for block in row), Tally()) for row in blocks]
    whole = sum(green, Tally())
    return AnalysisStatus(
        looks=looks,
        blue=ColourCounts(finished=1000 + total(blue).total, failed=10 + total(blue).bad, recent=blue),
        green=ColourCounts(
            finished=whole.total, failed=whole.bad, recent=" ".join(f"{one.bad}/{one.total}" for one in green)
        ),
        recent_by_pod={f"green-{index}": pod for index, pod in enumerate(pods)},
    )


@pytest.mark.parametrize(
    ("blue", "pods", "mode", "blocks"),
    [
        pytest.param("0/30 0/30", ["5/10 5/10"] * 3, Mode.CONCURRENT, 2, id="half fail on every pod"),
        pytest.param("0/30 0/30", ["5/10 5/10"] * 3, Mode.ONE_SAMPLE, 2, id="half fail, alone"),
        pytest.param("0/30", ["5/10"] * 3, Mode.CONCURRENT, None, id="one block is no proof"),
        pytest.param(
            "0/30 0/30", ["10/10 10/10", "10/10 10/10", "0/10 0/10"], Mode.CONCURRENT, None, id="one pod is fine"
        ),
        pytest.param(
            "0/30 0/30", ["10/10 10/10", "2/10 2/10"], Mode.CONCURRENT, None, id="too weak without the worst pod"
        ),
        pytest.param(
            "0/20 0/21",
            ["1/5 1/6", "14/14 6/6", "4/8 17/17"],
            Mode.CONCURRENT,
            None,
            id="two pods are sick, and the third has a failure or two by chance",
        ),
        pytest.param("0/30 0/30", ["10/10 0/10"] * 3, Mode.CONCURRENT, None, id="a burst of one block"),
        pytest.param("15/30 15/30", ["5/10 5/10"] * 3, Mode.CONCURRENT, None, id="blue fails alike"),
        pytest.param("3/30 3/30", ["5/10 5/10"] * 3, Mode.ONE_SAMPLE, None, id="alone, and blue was above the limit"),
        pytest.param("0/30 0/30", ["5/10 5/10", "0/0 0/0"], Mode.CONCURRENT, None, id="one pod alone has answered"),
        pytest.param(
            "0/30 0/30", ["20/40 20/40"], Mode.CONCURRENT, None, id="one pod beside several of blue, and two blocks"
        ),
        pytest.param("0/30 0/30", ["20/40 20/40"], Mode.ONE_SAMPLE, 2, id="one pod, alone"),
        pytest.param("0/0 0/0", ["5/10 5/10"] * 3, Mode.CONCURRENT, None, id="blue hasn't answered"),
        pytest.param("0/3 0/3", ["1/1 1/1"] * 2, Mode.CONCURRENT, None, id="too few answers in two blocks"),
        pytest.param("0/9 0/9 0/9 0/9", ["1/2 1/2 1/2 1/2"] * 4, Mode.CONCURRENT, 4, id="enough in four"),
    ],
)
def test_gross_fault(blue: str, pods: list[str], mode: Mode, blocks: int | None) -> None:
    found = gross_fault(
        state_of(blue, pods),
        blue=colour(BLUE),
        green=colour(tuple(f"green-{index}" for index in range(len(pods)))),
        mode=mode,
        limit=0.05,
        log_threshold=THRESHOLD,
    )
    assert (found.blocks if found else None) == blocks


def test_later_windows_need_more_evidence() -> None:
    def found(looks: int) -> bool:
        state = state_of("0/30 0/30", ["2/4 2/4"] * 3, looks)
        green = colour(("green-0", "green-1", "green-2"))
        return bool(
            gross_fault(
                state, blue=colour(BLUE), green=green, mode=Mode.ONE_SAMPLE, limit=0.05, log_threshold=THRESHOLD
            )
        )

    assert [found(looks) for looks in (2, 20, 2000)] == [True, False, False]
