"""A Prometheus that answers, but shows nothing of the pods: nobody is watched, acquitted or given traffic by it."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import pytest
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import Phase, Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.observed import PodCounters, Snapshot
from agentteam_operator.core.verdicts import judge

from tests.support.judging import BLUE as BLUES
from tests.support.judging import GREEN as GREENS
from tests.support.judging import Judging, counters, of
from tests.unit.core.situations import BLUE, CALM, GREEN, NOW, Situation, revision_of

OWN = AnalysisSettings(metrics=(AnalysisMetric(name=MetricName.ERROR_RATE), AnalysisMetric(name=MetricName.SLOWNESS)))
BLUE_PODS = {pod.name: counters(100) for pod in revision_of(BLUE).pods}
GREEN_PODS = {pod.name: counters(100) for pod in revision_of(GREEN, 3).pods}
BOTH_SERVE = (BLUE, GREEN)


def metrics(*names: str, **fields: float) -> dict[str, Any]:
    return {"analysis": {"metrics": [{"name": name, **fields} for name in names]}}


WATCHED = replace(CALM[Phase.WATCHING], green=revision_of(GREEN, 3), rollout=metrics("errorRate", "slowness"))


@pytest.mark.parametrize(
    ("situation", "serving", "shown", "credited"),
    [
        pytest.param(WATCHED, BOTH_SERVE, {**BLUE_PODS, **GREEN_PODS}, True, id="both are shown"),
        pytest.param(WATCHED, BOTH_SERVE, {}, False, id="nothing is"),
        pytest.param(WATCHED, BOTH_SERVE, BLUE_PODS, False, id="nothing of green"),
        pytest.param(WATCHED, BOTH_SERVE, GREEN_PODS, False, id="nothing of blue"),
        pytest.param(
            WATCHED,
            BOTH_SERVE,
            {**BLUE_PODS, **{pod: replace(one, failed=nan) for pod, one in GREEN_PODS.items()}},
            False,
            id="no numbers of green",
        ),
        pytest.param(WATCHED, (GREEN,), GREEN_PODS, True, id="nothing of blue, which has no pod that serves"),
        pytest.param(
            replace(WATCHED, rollout=metrics("memoryUtilization")), BOTH_SERVE, GREEN_PODS, True, id="blue isn't needed"
        ),
        pytest.param(
            replace(WATCHED, rollout=metrics("p95LatencySeconds", maxIncreasePercent=50)),
            BOTH_SERVE,
            GREEN_PODS,
            False,
            id="blue is needed for a percentile",
        ),
        pytest.param(
            replace(WATCHED, rollout=metrics("agentsOffline")),
            BOTH_SERVE,
            {},
            True,
            id="the cluster tells, not Prometheus",
        ),
        pytest.param(
            replace(CALM[Phase.SETTLING], green=revision_of(GREEN, 3), rollout=metrics("errorRate")),
            (GREEN,),
            GREEN_PODS,
            True,
            id="green serves alone and is shown",
        ),
        pytest.param(
            replace(CALM[Phase.SETTLING], green=revision_of(GREEN, 3), rollout=metrics("errorRate")),
            (GREEN,),
            BLUE_PODS,
            False,
            id="green serves alone and isn't",
        ),
    ],
)
def test_only_a_look_that_shows_who_is_judged_counts_as_watching(
    situation: Situation, serving: tuple[str, ...], shown: dict[str, PodCounters], *, credited: bool
) -> None:
    view = replace(situation, endpoints=serving, snapshot=Snapshot(NOW, shown)).view()
    rollout = judge(view).rollout
    assert rollout is not None
    assert (rollout.attended_seconds, rollout.judged_seconds) == (2.0, 2.0 if credited else 1.0)


@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode.value) for mode in Mode])
def test_what_was_found_before_acquits_nobody_while_nothing_is_shown(mode: Mode) -> None:
    judging = Judging(OWN, mode=mode)
    before = judging.looks(30, counters(20), counters(20))
    assert analysis.overall(before) is Verdict.PASSED
    blind = judging.judge({})
    assert analysis.overall(blind) is Verdict.INCONCLUSIVE
    assert of(blind).reason == "NoData"
    assert of(blind).message.startswith("Prometheus shows nothing of the pods of green")
    assert "; before, green fails 0.0 %" in of(blind).message
    assert not analysis.enough(blind, OWN), "no step is taken"
    again = judging.looks(1, counters(20), counters(20))
    assert analysis.overall(again) is Verdict.PASSED
    assert analysis.enough(again, OWN)


def test_what_is_proven_stays_proven() -> None:
    judging = Judging(OWN)
    assert of(judging.looks(20, counters(20), counters(10, 10))).verdict is Verdict.FAILED
    assert of(judging.judge({})).verdict is Verdict.FAILED


def test_a_pod_that_isnt_shown_leaves_the_others_to_be_judged_by() -> None:
    judging = Judging(OWN)
    judging.looks(30, counters(20), counters(20))
    judgement = judging.look({}, missing=frozenset({BLUES[0], GREENS[0], GREENS[1]}))
    assert analysis.overall(judgement) is Verdict.PASSED
    assert judgement.unseen == ""
