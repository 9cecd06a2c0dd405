"""One sick pod condemns no revision by an average either: the other pods' runs alone must prove it."""

from __future__ import annotations

from itertools import cycle

import pytest
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.status import Verdict
from agentteam_operator.core import analysis
from agentteam_operator.core.analysis import MetricVerdict, Mode

from tests.support.averaging import Averaging, Runs
from tests.support.judging import BLUE, GREEN, colour, of

TOKENS = AnalysisMetric(name=MetricName.TOKENS_PER_RUN)
LIMITED = AnalysisMetric(name=MetricName.TOKENS_PER_RUN, max=2000)
HITS = AnalysisMetric(name=MetricName.MAX_TURN_HIT_RATE)
SICK = GREEN[2]

USUAL: Runs = {1000: 10, 2000: 10}
MORE: Runs = {2000: 10, 4000: 10}
FAR_MORE: Runs = {7000: 20}


def looks(averaging: Averaging, count: int, *lapses: dict[str, Runs], usual: Runs = USUAL) -> list[MetricVerdict]:
    """The verdicts of so many looks; at each, the pods of the next lapse have such runs, all others the usual ones."""
    pods = sorted(averaging.judging.blue.pods | averaging.judging.green.pods)
    found = []
    for _, lapse in zip(range(count), cycle(lapses or ({},)), strict=False):
        runs = {**dict.fromkeys(pods, usual), **lapse}
        found.append(of(averaging.look(runs), averaging.metric.name))
    return found


def failures(found: list[MetricVerdict]) -> list[str]:
    return [one.message for one in found if one.verdict is Verdict.FAILED]


@pytest.mark.parametrize(
    "lapses",
    [
        pytest.param([{}], id="the other pods take as usual"),
        pytest.param([{pod: MORE} for pod in (*GREEN[:2], *BLUE)], id="each of the others takes more now and then"),
        pytest.param(
            [{GREEN[0]: MORE, GREEN[1]: MORE}, {}, {BLUE[0]: MORE, BLUE[1]: MORE, BLUE[2]: MORE}],
            id="the others take more at once, and so does blue",
        ),
        pytest.param([{GREEN[0]: MORE}] * 2 + [{}] * 40, id="another one takes more for once"),
    ],
)
@pytest.mark.parametrize("metric", [pytest.param(TOKENS, id="against blue"), pytest.param(LIMITED, id="with a max")])
def test_one_sick_pod_condemns_no_revision(metric: AnalysisMetric, lapses: list[dict[str, Runs]]) -> None:
    averaging = Averaging(metric)
    found = looks(averaging, 120, *({**lapse, SICK: FAR_MORE} for lapse in lapses))
    assert failures(found) == []
    assert (found[-1].verdict, found[-1].reason) == (Verdict.PENDING, "SickPod")
    assert f"without pod {SICK}" in found[-1].message


def test_alone_one_sick_pod_condemns_no_revision() -> None:
    averaging = Averaging(LIMITED)
    averaging.judging.mode = Mode.ONE_SAMPLE
    found = looks(averaging, 60, {SICK: FAR_MORE}, {SICK: FAR_MORE, GREEN[0]: MORE})
    assert failures(found) == []
    assert found[-1].reason == "SickPod"


@pytest.mark.parametrize(
    ("metric", "mode", "reason"),
    [
        pytest.param(TOKENS, Mode.CONCURRENT, "WorseThanBlue", id="against blue"),
        pytest.param(LIMITED, Mode.ONE_SAMPLE, "AboveLimit", id="alone, against max"),
    ],
)
def test_what_every_pod_takes_is_condemned_though_one_takes_far_more(
    metric: AnalysisMetric, mode: Mode, reason: str
) -> None:
    averaging = Averaging(metric)
    averaging.judging.mode = mode
    found = looks(averaging, 40, {GREEN[0]: MORE, GREEN[1]: MORE, SICK: FAR_MORE})
    assert failures(found)
    assert next(one for one in found if one.verdict is Verdict.FAILED).reason == reason


def test_without_a_pod_nothing_of_it_counts() -> None:
    averaging, twin = Averaging(TOKENS), Averaging(TOKENS)
    looks(averaging, 30, {SICK: FAR_MORE, GREEN[0]: MORE})
    looks(twin, 30, {GREEN[0]: MORE})
    kept = (one.judging.state.log_evidence_without[SICK] for one in (averaging, twin))
    without, without_well = (dict(word.split("=") for word in packed.split()) for packed in kept)
    assert without["tokensPerRun"] == without_well["tokensPerRun"]
    assert averaging.judging.state.green != twin.judging.state.green


@pytest.mark.parametrize("metric", [pytest.param(TOKENS, id="tokens"), pytest.param(HITS, id="stops at a bound")])
def test_the_only_pod_beside_several_is_left_to_the_next_step(metric: AnalysisMetric) -> None:
    """It neither condemns the revision nor holds the step, for more pods are what tells."""
    often: Runs = {0: 4, 1: 16} if metric is HITS else MORE
    averaging = Averaging(metric)
    averaging.judging.green = colour(GREEN[:1])
    found = looks(averaging, 40, {GREEN[0]: often}, usual={0: 19, 1: 1} if metric is HITS else USUAL)
    assert failures(found) == []
    assert (found[-1].verdict, found[-1].reason) == (Verdict.INCONCLUSIVE, "OnlyPod")
    assert "more with odds" in found[-1].message


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param(MORE, Verdict.FAILED, id="the next ones take more, too: the revision does"),
        pytest.param(USUAL, Verdict.PENDING, id="the next ones take as usual: the first is sick"),
    ],
)
def test_the_next_step_tells_whether_the_pod_or_the_revision_takes_more(others: Runs, expected: Verdict) -> None:
    averaging = Averaging(TOKENS)
    averaging.judging.green = colour(GREEN[:1])
    looks(averaging, 12, {GREEN[0]: MORE})
    averaging.judging.green = colour(GREEN)
    assert looks(averaging, 20, {GREEN[0]: MORE, GREEN[1]: others, GREEN[2]: others})[-1].verdict is expected


def test_a_team_of_one_pod_is_judged_by_it() -> None:
    averaging = Averaging(TOKENS)
    averaging.judging.blue, averaging.judging.green = colour(BLUE[:1], made_seconds_ago=3600), colour(GREEN[:1])
    assert failures(looks(averaging, 30, {GREEN[0]: MORE}))


def test_a_sick_pod_holds_the_traffic_step() -> None:
    averaging = Averaging(TOKENS)
    looks(averaging, 39, {SICK: FAR_MORE})
    judgement = averaging.look({**dict.fromkeys((*BLUE, *GREEN), USUAL), SICK: FAR_MORE})
    assert not analysis.enough(judgement, averaging.settings)
