"""The models of other tools' rules, on faults that each of them must see, or can't."""

from __future__ import annotations

import numpy as np
import pytest

from tests.judgement.kinds import Kind, constant
from tests.judgement.peers import PEERS, _is_high, judged_by_peers

ARGO, FLAGGER, KAYENTA = PEERS


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(Kind("well"), (None, None, None), id="healthy"),
        pytest.param(Kind("bad", green=constant(0.5)), (20.0, 120.0, 360.0), id="half of all fails"),
        pytest.param(Kind("slow", green_slowdown=constant(2.0)), (20.0, 120.0, 360.0), id="twice as slow"),
        pytest.param(Kind("silent", runs_per_second=1e-9), (None, None, None), id="no traffic, no data"),
    ],
)
def test_rules_see_what_they_can(kind: Kind, expected: tuple[float | None, ...]) -> None:
    assert tuple(judged_by_peers(kind, 1)[rule] for rule in (ARGO, FLAGGER, KAYENTA)) == expected


@pytest.mark.parametrize(
    ("shift", "high"), [(0.0, False), (0.05, False), (1.0, True)], ids=["alike", "little", "clearly more"]
)
def test_mann_whitney_by_its_shift(shift: float, high: bool) -> None:  # noqa: FBT001 - a table's column
    random = np.random.default_rng(1)
    control, experiment = random.normal(0, 0.3, 30), random.normal(shift, 0.3, 30)
    assert _is_high(experiment, control) is high
