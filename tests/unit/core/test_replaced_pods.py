"""A sick pod that is deleted, or whose node goes, is left out as it was: its failures aren't the others' after that."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.status import Verdict
from agentteam_operator.core.analysis import MetricVerdict, Mode
from agentteam_operator.core.observed import PodCounters
from agentteam_operator.core.shares import MOST_GONE_PODS

from tests.support.averaging import Averaging, Runs
from tests.support.judging import GREEN, Judging, counters, of

SICK, SUCCESSOR = GREEN[1], "green-4"


def replaced(judging: Judging, pod: str = SICK, by: str = SUCCESSOR) -> None:
    """The pod is gone, and another one has been made just now."""
    judging.green = replace(
        judging.green,
        pods=judging.green.pods - {pod} | {by},
        created_at={**judging.green.created_at, by: judging.at},
    )
    judging.totals.pop(pod, None)
    judging.totals[by] = counters()


def looks(
    judging: Judging, count: int, metric: str, *, rate: float = 0.0, seed: int = 0, ill: str = ""
) -> list[MetricVerdict]:
    """A metric's verdicts: every pod has 17 runs a look, of which this share fails; half of an ill pod's, all slow."""
    chance, found = random.Random(seed), []  # noqa: S311 - repeatable
    for _ in range(count):
        runs: dict[str, PodCounters] = {}
        for pod in sorted(judging.blue.pods | judging.green.pods):
            bad = sum(chance.random() < (0.5 if pod == ill and rate else rate) for _ in range(17))
            runs[pod] = counters(17 - bad, bad, seconds=4.0 if pod == ill and not rate else 1.0)
        found.append(of(judging.look(runs), metric))
    return found


def failures(found: list[MetricVerdict]) -> list[str]:
    return [one.message for one in found if one.verdict is Verdict.FAILED]


@pytest.mark.parametrize("seed", range(12))
def test_a_pod_that_failed_condemns_nobody_once_it_is_replaced(seed: int) -> None:
    judging = Judging()
    looks(judging, 12, "errorRate", rate=0.03, seed=seed)
    before = looks(judging, 24, "errorRate", rate=0.03, seed=seed + 100, ill=SICK)
    assert before[-1].reason == "SickPod"
    replaced(judging)
    after = looks(judging, 84, "errorRate", rate=0.03, seed=seed + 200)
    assert failures([*before, *after]) == []
    assert after[-1].verdict is Verdict.PASSED


def test_a_pod_that_was_slow_condemns_nobody_once_it_is_replaced() -> None:
    judging = Judging()
    looks(judging, 3, "slowness")
    before = looks(judging, 20, "slowness", ill=SICK)
    assert before[-1].reason == "SickPod"
    replaced(judging)
    after = looks(judging, 40, "slowness")
    assert failures([*before, *after]) == []
    assert f"without pod {SICK}" in after[0].message
    assert after[-1].verdict is Verdict.PASSED


def test_a_pod_that_took_more_condemns_nobody_once_it_is_replaced() -> None:
    averaging = Averaging(AnalysisMetric(name=MetricName.TOKENS_PER_RUN))
    judging = averaging.judging

    def look(ill: str = "") -> MetricVerdict:
        pods = sorted(judging.blue.pods | judging.green.pods)
        runs: dict[str, Runs] = {pod: {7000: 20} if pod == ill else {1000: 10, 2000: 10} for pod in pods}
        return of(averaging.look(runs), averaging.metric.name)

    before = [look(SICK) for _ in range(30)]
    assert before[-1].reason == "SickPod"
    replaced(judging)
    averaging.counted[SUCCESSOR] = (0.0,) * len(averaging.bounds)
    after = [look() for _ in range(60)]
    assert failures([*before, *after]) == []


def test_alone_a_pod_that_failed_condemns_nobody_once_it_is_replaced() -> None:
    judging = Judging(mode=Mode.ONE_SAMPLE)
    looks(judging, 6, "errorRate", rate=0.03)
    before = looks(judging, 24, "errorRate", rate=0.03, seed=1, ill=SICK)
    replaced(judging)
    assert failures([*before, *looks(judging, 60, "errorRate", rate=0.03, seed=2)]) == []


def test_a_bad_revision_is_condemned_though_a_pod_of_it_was_replaced() -> None:
    judging = Judging()
    bad = dict.fromkeys(GREEN, counters(16, 2))
    for _ in range(4):
        judging.look({**dict.fromkeys(sorted(judging.blue.pods), counters(18)), **bad})
    replaced(judging)
    pods = sorted(judging.green.pods)
    found = [
        of(
            judging.look(
                {**dict.fromkeys(sorted(judging.blue.pods), counters(18)), **dict.fromkeys(pods, counters(16, 2))}
            )
        )
        for _ in range(30)
    ]
    assert failures(found)


def test_pods_that_come_and_go_for_ever_leave_a_bounded_memory_and_the_sick_one_in_it() -> None:
    judging = Judging()
    looks(judging, 3, "slowness")
    looks(judging, 20, "slowness", ill=SICK)
    replaced(judging)
    for number in range(5, 45):
        looks(judging, 2, "slowness")
        replaced(judging, f"green-{number - 1}", f"green-{number}")
    looks(judging, 1, "slowness")
    kept = judging.state.log_evidence_without.keys() - judging.green.pods
    assert len(kept) == MOST_GONE_PODS
    assert SICK in kept
    judging.look()
    assert judging.state.counters.keys() == judging.blue.pods | judging.green.pods | kept
    assert judging.state.recent_by_pod.keys() == judging.green.pods


def test_a_state_that_has_forgotten_the_pods_that_are_gone_is_gone_on_with() -> None:
    """As the version before left it."""
    judging = Judging()
    looks(judging, 20, "slowness", ill=SICK)
    document = judging.state.to_document()
    for kept in ("logEvidenceWithout", "counters"):
        document[kept].pop(SICK)
    judging.state = AnalysisStatus.parse(document)
    replaced(judging)
    looks(judging, 5, "slowness")
    assert SICK not in judging.state.log_evidence_without
    assert judging.state.counters.keys() == judging.blue.pods | judging.green.pods
