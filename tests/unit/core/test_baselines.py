"""What was counted before the traffic, or before the judgement, is none of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Phase, Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.observed import PodCounters, Snapshot
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.shares import without_each_pod
from agentteam_operator.core.verdicts import _colour

from tests.support.judging import BLUE, GREEN, NOW, Judging, colour, counters
from tests.unit.core.situations import CALM

P95 = AnalysisSettings(
    metrics=(AnalysisMetric(name=MetricName.ERROR_RATE), AnalysisMetric(name=MetricName.P95_LATENCY_SECONDS, max=5))
)
SERVED = {pod: counters(18, 2) for pod in (*BLUE, *GREEN)}


def begins(before: PodCounters, *, tried: bool = False, mode: Mode = Mode.CONCURRENT) -> Judging:
    """A judgement whose candidate has counted this much on each pod when its traffic begins."""
    made = colour(GREEN, made_seconds_ago=60)
    judging = Judging(P95, mode=mode, green=replace(made, tried=tried), state=AnalysisStatus())
    judging.at = NOW
    judging.totals |= dict.fromkeys(GREEN, before)
    return judging


def counted(judging: Judging) -> Tally:
    return Tally(judging.state.green.failed, judging.state.green.finished)


@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode.value) for mode in Mode])
@pytest.mark.parametrize("before", [counters(60, seconds=20), counters(20, 40)], ids=["slow", "failing"])
def test_runs_of_before_the_traffic_are_not_greens(before: PodCounters, mode: Mode) -> None:
    judging = begins(before, mode=mode)
    judging.look()
    judging.look(SERVED)
    assert counted(judging) == Tally(), "who had these runs, nobody knows: the scrape before may be an old one"
    for _ in range(20):
        judgement = judging.look({pod: counters(20) for pod in SERVED})
        assert analysis.overall(judgement) is not Verdict.FAILED
    assert counted(judging) == Tally(0, 20 * 20 * 3)
    rests = without_each_pod(judging.state, judging.green.pods)
    assert {rest.finished for rest in rests.values()} == {Tally(0, 20 * 20 * 2)}


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        pytest.param(False, Tally(6, 60), id="nobody has tried it: the first failure counts"),
        pytest.param(True, Tally(), id="a hook has, since that scrape perhaps"),
    ],
)
def test_a_first_look_that_shows_no_runs(expected: Tally, *, tried: bool) -> None:
    judging = begins(counters(), tried=tried)
    judging.look()
    judging.look(SERVED)
    assert counted(judging) == expected
    judging.look(SERVED)
    assert counted(judging) == expected + Tally(6, 60)


def test_a_pod_that_is_scraped_late_is_counted_from_its_first_scrape() -> None:
    judging = begins(counters(50, 50))
    judging.look(missing=frozenset(GREEN))
    judging.look()
    assert not judging.state.baseline_pending
    judging.look(SERVED)
    assert counted(judging) == Tally(6, 60)


def test_a_pod_made_since_is_counted_from_its_first_run() -> None:
    judging = begins(counters())
    judging.look()
    judging.green = replace(
        judging.green,
        pods=judging.green.pods | {"green-4"},
        created_at={**judging.green.created_at, "green-4": judging.at.replace(microsecond=0)},
    )
    judging.totals["green-4"] = counters(1, 1)
    judging.look(dict.fromkeys(BLUE, counters(1)))
    assert counted(judging) == Tally(1, 2)


@pytest.mark.parametrize(
    ("made_seconds_ago", "expected"),
    [
        pytest.param(40, 30, id="after green's first pod, before the traffic: its night is another time"),
        pytest.param(-7, 20030, id="during the judgement: from its first run on"),
    ],
)
def test_a_new_pod_of_blue(made_seconds_ago: float, expected: int) -> None:
    judging = begins(counters())
    judging.look()
    judging.look(dict.fromkeys((*BLUE, *GREEN), counters(5)))
    added = NOW - timedelta(seconds=made_seconds_ago)
    judging.blue = replace(
        judging.blue,
        pods=judging.blue.pods | {"blue-4"},
        created_at={**judging.blue.created_at, "blue-4": added},
    )
    judging.totals["blue-4"] = counters(20000)
    judging.look(dict.fromkeys((*BLUE, *GREEN), counters(5)))
    assert judging.state.blue.finished == expected


@pytest.mark.parametrize(
    ("hooks", "tried"),
    [
        pytest.param([], False, id="none"),
        pytest.param([{"name": "smoke", "job": {"image": "smoke:1"}}], True, id="before the shift"),
        pytest.param([{"name": "smoke", "when": "AfterSwitch", "job": {"image": "smoke:1"}}], False, id="after it"),
    ],
)
def test_hooks_before_the_shift_may_have_tried_it(hooks: list[object], *, tried: bool) -> None:
    view = replace(CALM[Phase.WATCHING], rollout={"hooks": hooks}, snapshot=Snapshot(NOW, {})).view()
    assert _colour(view, view.green, 1).tried is tried
