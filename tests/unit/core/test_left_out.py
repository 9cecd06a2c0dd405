"""A revision isn't condemned for one sick pod: with any one left out, the others' evidence must suffice by itself."""

from __future__ import annotations

import pytest
from agentteam_operator.api.status import Verdict
from agentteam_operator.core.analysis import Judgement, MetricVerdict, Mode
from agentteam_operator.core.evidence import ERRORS_AGAINST_BLUE, proven_without, rests
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.slow_runs import bursts

from tests.support.judging import BLUE, GREEN, Judging, colour, counters, plus

SICK = GREEN[2]
WELL = counters(10)


def error_rate(judgement: Judgement) -> MetricVerdict:
    return next(found for found in judgement.verdicts if found.name == "errorRate")


def evidence_of(judging: Judging, pod: str) -> float:
    """Against blue, with the pod left out."""
    packed = judging.state.log_evidence_without[pod]
    return float(dict(word.split("=") for word in packed.split())[ERRORS_AGAINST_BLUE])


def blocks(judging: Judging, bad_by_pod: dict[str, int], count: int) -> list[MetricVerdict]:
    """So many blocks of ten runs on each pod, of which so many fail; the verdicts after each."""
    added = {pod: counters(10 - bad_by_pod.get(pod, 0), bad_by_pod.get(pod, 0)) for pod in (*BLUE, *GREEN)}
    return [error_rate(judging.look(added)) for _ in range(count)]


EACH_ONCE = [{pod: 3} for pod in (*BLUE, *GREEN[:2])]


@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode.value) for mode in Mode])
@pytest.mark.parametrize(
    "lapses",
    [
        pytest.param([{}], id="the other pods fail nothing"),
        pytest.param(EACH_ONCE, id="every other pod of both colours has a bad block now and then"),
        pytest.param([{BLUE[0]: 3, BLUE[1]: 3}, {GREEN[0]: 3, GREEN[1]: 3}], id="two others at once, of either colour"),
    ],
)
def test_one_sick_pod_condemns_no_revision(lapses: list[dict[str, int]], mode: Mode) -> None:
    judging = Judging(mode=mode)
    for lapse in lapses * (60 // len(lapses) // 5):
        said = [*blocks(judging, {SICK: 5}, 4), *blocks(judging, {SICK: 5, **lapse}, 1)]
        assert [found.message for found in said if found.verdict is Verdict.FAILED] == []
    assert blocks(judging, {SICK: 5}, 4)[-1].reason == "SickPod"


@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode.value) for mode in Mode])
def test_a_fault_on_every_pod_is_condemned(mode: Mode) -> None:
    said = blocks(Judging(mode=mode), dict.fromkeys(GREEN, 1), 60)
    assert Verdict.FAILED in {found.verdict for found in said}


def test_the_sick_pod_is_the_one_that_is_named() -> None:
    judging = Judging()
    said = blocks(judging, {SICK: 5}, 20)
    assert f"without pod {SICK}" in said[-1].message
    assert next(iter(rests(judging.state, judging.green.pods, ERRORS_AGAINST_BLUE))) == SICK


def test_evidence_of_before_a_pod_was_there_is_the_others() -> None:
    """What was proven without a new pod stays proven when the new one is left out."""
    judging = Judging()
    only = {pod: counters(7, 3) if pod == GREEN[0] else WELL for pod in (*BLUE, GREEN[0])}
    missing = frozenset(GREEN[1:])
    for _ in range(8):
        for pod, more in only.items():
            judging.look({pod: more}, missing=missing)
    held = judging.state.log_evidence[ERRORS_AGAINST_BLUE]
    assert held > 0
    judging.look(dict.fromkeys((*BLUE, *GREEN), WELL))
    assert not proven_without(judging.state, GREEN[0], ERRORS_AGAINST_BLUE, alpha=0.001)
    assert evidence_of(judging, GREEN[1]) == pytest.approx(held, abs=1.5)


def test_without_a_pod_nothing_of_it_counts() -> None:
    judging, twin = Judging(), Judging()
    blocks(judging, {SICK: 5}, 12)
    blocks(twin, {}, 12)
    assert evidence_of(judging, SICK) == evidence_of(twin, SICK)
    assert Tally(judging.state.green.failed, judging.state.green.finished) == Tally(60, 360)


def slow_verdicts(
    judging: Judging, slow: frozenset[str], count: int, *, of_ten: int = 10, blue_of_ten: int = 0
) -> list[MetricVerdict]:
    """So many blocks of ten runs on each pod there is, which take 1 s; so many of them 3 s; slowness after each."""
    pods = sorted(judging.blue.pods | judging.green.pods)
    share = {pod: of_ten if pod in slow else blue_of_ten for pod in pods}
    added = {pod: plus(counters(10 - share[pod]), counters(share[pod], seconds=3.0)) for pod in pods}
    found = (judging.look(added).verdicts for _ in range(count))
    return [next(one for one in verdicts if one.name == "slowness") for verdicts in found]


def test_a_slow_only_pod_is_left_to_the_next_step() -> None:
    """It neither condemns the revision nor holds the step, for more pods are what tells."""
    judging = Judging(green=colour(GREEN[:1]))
    said = slow_verdicts(judging, frozenset(GREEN[:1]), 30)
    assert {found.verdict for found in said[5:]} == {Verdict.INCONCLUSIVE}
    assert said[-1].reason == "OnlyPod"


@pytest.mark.parametrize(
    ("slow", "expected"),
    [
        pytest.param(GREEN, Verdict.FAILED, id="the other pods are slow, too: the revision is"),
        pytest.param(GREEN[:1], Verdict.PENDING, id="only the first pod is slow: it is sick"),
    ],
)
def test_the_next_step_tells_whether_the_pod_or_the_revision_is_slow(slow: tuple[str, ...], expected: Verdict) -> None:
    judging = Judging(green=colour(GREEN[:1]))
    slow_verdicts(judging, frozenset(slow), 12)
    judging.green = colour(GREEN)
    judging.totals |= {pod: counters() for pod in GREEN[1:]}
    assert slow_verdicts(judging, frozenset(slow), 20)[-1].verdict is expected


def test_pods_that_are_slow_one_after_the_other_are_no_slow_revision() -> None:
    """Noisy neighbours come over each of green's pods in turn, for a minute; they go, and so does what they prove."""
    judging = Judging()
    slow_verdicts(judging, frozenset(), 10, of_ten=0)
    said = []
    for pod in GREEN * 2:
        said += slow_verdicts(judging, frozenset({pod}), 12, of_ten=4)
        said += slow_verdicts(judging, frozenset(), 5, of_ten=0)
    assert [found.message for found in said if found.verdict is Verdict.FAILED] == []


def test_two_pods_that_are_slow_at_once_are_no_slow_revision() -> None:
    """Neighbours come over the first pod, and later over the two others at a time; the first is quick again."""
    judging = Judging()
    slow_verdicts(judging, frozenset(), 10, of_ten=0)
    said = slow_verdicts(judging, frozenset(GREEN[:1]), 12, of_ten=4)
    said += slow_verdicts(judging, frozenset(), 5, of_ten=0)
    said += slow_verdicts(judging, frozenset(GREEN[1:]), 12, of_ten=4)
    assert [found.message for found in said if found.verdict is Verdict.FAILED] == []


@pytest.mark.parametrize(
    ("slow", "of_ten", "expected"),
    [
        pytest.param(frozenset(GREEN), 5, 1.0, id="all alike: the revision"),
        pytest.param(frozenset(GREEN[:1]), 5, 3.0, id="one of them: its neighbours"),
        pytest.param(frozenset(GREEN[:2]), 5, 2.0, id="two of them"),
        pytest.param(frozenset(), 0, 1.0, id="none is slow"),
    ],
)
def test_slow_runs_count_less_the_less_alike_the_pods_are(slow: frozenset[str], of_ten: int, expected: float) -> None:
    judging = Judging()
    slow_verdicts(judging, slow, 8, of_ten=of_ten)
    found = bursts(judging.state)
    assert found == 1.0 if expected == 1.0 else found >= expected


def test_a_team_of_one_pod_is_judged_by_it() -> None:
    judging = Judging(blue=colour(BLUE[:1], made_seconds_ago=3600), green=colour(GREEN[:1]))
    assert slow_verdicts(judging, frozenset(GREEN[:1]), 30)[-1].verdict is Verdict.FAILED
