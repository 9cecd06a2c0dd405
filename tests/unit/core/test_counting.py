from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import inf, nan

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.core.analysis import Mode
from agentteam_operator.core.counting import recent_blocks, recent_tally
from agentteam_operator.core.observed import PodCounters, Snapshot
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.shares import without_each_pod
from hypothesis import given
from hypothesis import strategies as st

from tests.support.judging import BLUE, GREEN, Judging, colour, counters, of, plus

BOTH = {"blue-1": counters(10), "green-1": counters(8, 2)}


def counted(judging: Judging) -> tuple[Tally, Tally]:
    """(blue's, green's) failed ones of finished runs so far."""
    blue, green = judging.state.blue, judging.state.green
    return Tally(blue.failed, blue.finished), Tally(green.failed, green.finished)


def test_first_look_is_blues_baseline_and_greens_first_runs_count() -> None:
    judging = Judging()
    judging.look({"blue-1": counters(1000, 30), "green-1": counters(2, 3)})
    assert counted(judging) == (Tally(), Tally()), "the block is open until blue has answered"
    judging.look({"blue-1": counters(1)})
    assert counted(judging) == (Tally(0, 1), Tally(3, 5))


@pytest.mark.parametrize(
    ("made_seconds_ago", "expected"),
    [
        pytest.param(-1, Tally(1, 5), id="made since the candidate was: its first failure counts"),
        pytest.param(60, Tally(0, 0), id="older: the first look is its baseline"),
    ],
)
def test_a_blue_pod_seen_later(made_seconds_ago: float, expected: Tally) -> None:
    judging = Judging()
    judging.look()
    added = colour(("blue-4",), made_seconds_ago=made_seconds_ago)
    judging.blue = replace(
        judging.blue, pods=judging.blue.pods | added.pods, created_at={**judging.blue.created_at, **added.created_at}
    )
    judging.totals["blue-4"] = counters(4, 1)
    judging.look({"blue-1": counters(1), "green-1": counters(1)})
    assert counted(judging)[0] == expected + Tally(0, 1)


def test_a_pod_that_nobody_dates_starts_at_its_first_look() -> None:
    judging = Judging(green=replace(colour(GREEN), created_at={}))
    judging.look({"green-1": counters(7, 7)})
    judging.look(BOTH)
    assert counted(judging)[1] == Tally(2, 10)


def test_a_restarted_server_counts_from_zero() -> None:
    judging = Judging()
    judging.look(BOTH)
    judging.look(BOTH)
    judging.totals["green-1"] = counters(1, 2)
    judging.look({"blue-1": counters(1)})
    assert counted(judging) == (Tally(0, 11), Tally(6, 23))


def test_a_missing_scrape_is_made_up_for_later() -> None:
    judging = Judging()
    judging.look()
    judging.look({**BOTH, "green-2": counters(0, 4)}, missing=frozenset({"green-2"}))
    assert counted(judging)[1] == Tally(2, 10)
    judging.look(BOTH)
    assert counted(judging)[1] == Tally(8, 24)


def test_two_looks_within_one_scrape_count_once() -> None:
    judging = Judging()
    judging.look()
    judging.look(BOTH)
    before = judging.state
    judging.look()
    assert judging.state == before.model_copy(update={"last_sample_at": judging.at, "failures": judging.state.failures})
    judging.look(BOTH)
    assert judging.state.looks == 2


@pytest.mark.parametrize("seconds_later", [pytest.param(0, id="the same"), pytest.param(-5, id="an older one")])
def test_a_snapshot_judged_before_changes_nothing(seconds_later: float) -> None:
    judging = Judging()
    judging.look()
    judging.look(BOTH)
    before = judging.state
    stale = Snapshot(
        judging.at + timedelta(seconds=seconds_later), {"green-1": counters(0, 50), "blue-1": counters(50)}
    )
    judging.again(stale)
    assert judging.state == before


@pytest.mark.parametrize(
    "scraped",
    [
        pytest.param(replace(counters(5), started=nan), id="NaN"),
        pytest.param(replace(counters(5), failed=inf), id="Inf"),
        pytest.param(replace(counters(5), succeeded=-1.0), id="negative"),
        pytest.param(replace(counters(5), duration_buckets=(5.0, 4.0)), id="buckets that fall"),
        pytest.param(counters(2**41), id="more runs than there can be"),
        pytest.param(replace(counters(5), failed=1e17), id="more failures than can be stored"),
        pytest.param(replace(counters(5), duration_buckets=(5.0, 1e60)), id="a bucket that holds too many"),
    ],
)
def test_what_can_be_no_counter_is_no_data(scraped: PodCounters) -> None:
    judging = Judging()
    judging.look()
    judging.judge({**judging.totals, "green-1": scraped, "blue-1": counters(10), "green-2": counters(3)})
    assert counted(judging) == (Tally(0, 10), Tally(0, 3))


def test_a_pod_that_begins_anew_at_absurd_numbers_can_still_be_stored() -> None:
    judging = Judging()
    judging.look()
    most = counters(2**40)
    full = judging.state.green.model_copy(update={"started": 2**53, "finished": 2**53, "durations": f"{2**53}"})
    judging.state = judging.state.model_copy(update={"green": full})
    judging.totals["green-1"] = plus(most, counters(0, 0, seconds=0.01))
    judging.look({"blue-1": counters(1)})
    assert (judging.state.green.finished, judging.state.green.durations.split()[0]) == (2**53, f"{2**53}")


def test_unlisted_pods_and_gone_ones_of_blue_are_dropped() -> None:
    judging = Judging()
    judging.look(BOTH)
    judging.look(BOTH)
    judging.totals["stranger"] = counters(100, 100)
    judging.green = colour(("green-1",))
    judging.blue = colour(BLUE[:2], made_seconds_ago=3600)
    judging.look(BOTH)
    assert set(judging.state.counters) == {*BLUE[:2], *GREEN}
    assert set(judging.state.recent_by_pod) == {"green-1"}
    assert counted(judging)[1] == Tally(6, 30)


def test_a_block_waits_for_both_colours_but_not_for_ever() -> None:
    judging = Judging()
    judging.look()
    for _ in range(5):
        judging.look({"green-1": counters(1)})
        assert judging.state.looks == 0
    judging.look({"green-1": counters(1)})
    assert judging.state.looks == 1
    assert counted(judging) == (Tally(), Tally(0, 6))


def test_alone_green_is_not_waited_for() -> None:
    judging = Judging(mode=Mode.ONE_SAMPLE)
    judging.look({"green-1": counters(3, 1)})
    assert counted(judging) == (Tally(), Tally(1, 4))
    assert judging.state.looks == 1


def test_blues_last_blocks_are_kept_when_it_no_longer_serves() -> None:
    judging = Judging()
    judging.look()
    judging.look({"blue-1": counters(4, 6), "green-1": counters(1)})
    judging.mode = Mode.ONE_SAMPLE
    for _ in range(20):
        judging.look({"green-1": counters(10)})
    assert recent_tally(judging.state.blue.recent) == Tally(6, 10)
    assert recent_blocks(judging.state.green.recent) == (Tally(0, 10),) * 12


def slow(good: int, bad: int = 0, *, opened: int = 0) -> PodCounters:
    """Answers that took 30 s each, with failures that took none; `opened` runs are still going."""
    return plus(counters(good, seconds=30, hanging=opened), counters(0, bad, seconds=0.01))


LONG = {pod: slow(19, 1) for pod in BLUE}


def test_where_runs_take_long_a_pods_first_ones_are_left_out() -> None:
    judging = Judging()
    judging.look(LONG)
    for _ in range(7):
        judgement = judging.look(LONG | {"green-1": slow(0, 1, opened=19)})
    assert counted(judging)[1] == Tally(), "of its runs only those could have ended that fail at once"
    assert of(judgement).reason == "WarmingUp"
    assert set(judging.state.warming_since) == {"green-1"}
    judging.look(LONG | {"green-1": slow(19, 1)})
    assert not judging.state.warming_since
    assert counted(judging)[1] == Tally(1, 20)
    judging.look(LONG | {"green-1": slow(19, 1), "green-2": slow(0, 1, opened=19)})
    assert counted(judging)[1] == Tally(2, 40), "the next step's pod has its own time"
    assert set(judging.state.warming_since) == {"green-2"}


@pytest.mark.parametrize("event", ["restart", "switch"])
def test_a_pod_warms_up_again(event: str) -> None:
    judging = Judging()
    judging.look(LONG)
    for _ in range(10):
        judging.look(LONG | {"green-1": slow(19, 1), "green-2": slow(19, 1)})
    before = counted(judging)[1]
    if event == "restart":
        judging.totals["green-1"] = counters()
        judging.look(LONG | {"green-1": slow(0, 1)})
        assert set(judging.state.warming_since) == {"green-1"}
    else:
        judging.mode = Mode.ONE_SAMPLE
        judging.look({"green-1": slow(10, 10), "green-2": slow(10, 10)})
        assert set(judging.state.warming_since) == {"green-1", "green-2"}
    assert counted(judging)[1] == before
    for _ in range(8):
        judging.look(LONG | {"green-1": slow(19, 1), "green-2": slow(19, 1)})
    assert not judging.state.warming_since
    assert counted(judging)[1].total > before.total


def test_a_pods_share_is_what_it_was_counted_with() -> None:
    judging = Judging()
    judging.look(LONG)
    for _ in range(12):
        judging.look(LONG | {"green-1": slow(5, 5), "green-2": slow(9, 1)})
    rests = without_each_pod(judging.state, judging.green.pods)
    assert rests["green-1"].finished + rests["green-2"].finished == counted(judging)[1]
    assert rests["green-1"].finished.rate == 0.1


def test_where_runs_are_shorter_than_an_interval_nothing_is_left_out() -> None:
    judging = Judging()
    judging.look({pod: counters(100, seconds=4) for pod in BLUE})
    judging.look({"blue-1": counters(1), "green-1": counters(3, 1)})
    judging.look({"blue-1": counters(1), "green-1": counters(3, 1)})
    assert counted(judging)[1].total == 8


def test_the_state_is_readable_and_small() -> None:
    judging = Judging()
    judging.looks(30, counters(40, 1), counters(40, 1))
    assert judging.state.counters["green-1"] == "1230 1200 30|0 0 0 0 0 0 0 0 1230"
    assert judging.state.recent_by_pod["green-1"] == "1/41 1/41 1/41 1/41"
    pods = len(judging.state.counters)
    assert len(judging.state.model_dump_json()) < 1200 + 100 * pods


def test_each_pods_runs_can_be_left_out() -> None:
    judging = Judging()
    judging.look()
    judging.look({"blue-1": counters(1), "green-1": counters(3, 7), "green-2": counters(9, 1)})
    rests = without_each_pod(judging.state, judging.green.pods)
    assert {pod: rest.finished for pod, rest in rests.items()} == {"green-1": Tally(1, 10), "green-2": Tally(7, 10)}


looks = st.lists(
    st.dictionaries(
        st.sampled_from(("blue-1", "blue-2", "green-1", "green-2")),
        st.one_of(
            st.tuples(st.integers(0, 30), st.integers(0, 5)).map(lambda runs: counters(*runs)),
            st.sampled_from(["restart", "missing"]),
        ),
    ),
    min_size=1,
    max_size=12,
)


@given(looks)
def test_whatever_happens_no_run_is_counted_that_did_not_end(
    history: list[dict[str, PodCounters | str]],
) -> None:
    """With restarts and missing scrapes runs may be lost from sight, but never invented, and never counted twice."""
    judging = Judging(blue=colour(("blue-1", "blue-2"), made_seconds_ago=9), green=colour(("green-1", "green-2")))
    judging.look()
    real = {"blue": Tally(), "green": Tally()}
    for happened in history:
        missing = set()
        for pod, change in happened.items():
            if change == "restart":
                judging.totals[pod] = counters()
            elif change == "missing":
                missing.add(pod)
            elif isinstance(change, PodCounters):
                real[pod.split("-")[0]] += Tally(int(change.failed), int(change.started))
        judging.look(
            {pod: one for pod, one in happened.items() if isinstance(one, PodCounters)}, missing=frozenset(missing)
        )
        for tally, colour_name in zip(counted(judging), ("blue", "green"), strict=True):
            assert 0 <= tally.bad <= real[colour_name].bad
            assert tally.bad <= tally.total <= real[colour_name].total


@given(looks.map(lambda history: [{p: c for p, c in one.items() if isinstance(c, PodCounters)} for one in history]))
def test_without_restarts_every_run_is_counted_once(history: list[dict[str, PodCounters]]) -> None:
    judging = Judging(blue=colour(("blue-1", "blue-2"), made_seconds_ago=9), green=colour(("green-1", "green-2")))
    judging.look()
    for added in history:
        judging.look(added)
    judging.look({"blue-1": counters(1), "green-1": counters(1)})
    expected = {
        name: sum(
            (Tally(int(c.failed), int(c.started)) for one in history for p, c in one.items() if name in p), Tally(0, 1)
        )
        for name in ("blue", "green")
    }
    assert counted(judging) == (expected["blue"], expected["green"])


def test_a_state_of_another_version_is_read_leniently() -> None:
    state = AnalysisStatus.parse({"looks": 3, "novelty": {"a": 1}, "blue": {"finished": 7, "more": 1}})
    assert (state.looks, state.blue.finished) == (3, 7)
