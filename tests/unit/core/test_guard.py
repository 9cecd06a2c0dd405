"""The guard's judgement: what is usual, when it speaks, of whom, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import log, log1p

import numpy as np
import pytest
from agentteam_operator.core import guard
from agentteam_operator.core.guard import BAR, FEWEST_LOOKS, Alarm, Guarding, GuardSettings, GuardState, Health
from agentteam_operator.core.sequential import Tally
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.situations import NOW, ago

SETTINGS = GuardSettings(max_rate=0.05, min_effect=0.005, min_runs=20)
GUARDING = Guarding("a" * 10, SETTINGS)
USUAL = 0.01
Look = Mapping[str, Tally]


def look(*bad: int, of: int = 100) -> Look:
    """Runs of several pods: so many failed of so many each."""
    return {f"pod-{number}": Tally(count, of) for number, count in enumerate(bad)}


def after(*looks: Look, state: GuardState | None = None, usual: float | None = USUAL) -> GuardState:
    state = state or GuardState()
    for number, one in enumerate(looks):
        state = guard.looked(state, one, usual, SETTINGS, NOW + timedelta(minutes=number))
    return state


GOOD, BAD, SICK = look(1, 1, 1), look(30, 30, 30), look(90, 1, 1)
SILENT = look(0, 0, 0, of=0)

PASTS: Mapping[str, tuple[list[Tally], float | None]] = {
    "nothing": ([], None),
    "one piece": ([Tally(1, 100)], None),
    "two": ([Tally(1, 100), Tally(3, 100)], 0.03),
    "an outage is passed over": ([Tally(1, 100)] * 90 + [Tally(60, 100)] * 6, 0.01),
    "a bad quarter of the day isn't": ([Tally(1, 100)] * 70 + [Tally(8, 100)] * 26, 0.08),
    "small pieces are joined": ([Tally(0, 7), Tally(1, 7), Tally(1, 6)] * 2, 0.1),
    "what is left over is too small": ([Tally(0, 20), Tally(0, 20), Tally(9, 10)], 0.0),
    "too quiet": ([Tally(0, 1)] * 39, None),
}


@pytest.mark.parametrize(("pieces", "rate"), PASTS.values(), ids=PASTS)
def test_what_is_usual(pieces: list[Tally], rate: float | None) -> None:
    assert guard.usual_rate(pieces, SETTINGS.min_runs) == rate


@pytest.mark.parametrize(("usual", "limit"), [(0.0, 0.05), (0.01, 0.05), (0.2, 0.205)])
def test_the_limit_is_the_larger_of_two(usual: float, limit: float) -> None:
    assert guard.limit_of(SETTINGS, usual) == pytest.approx(limit)


def test_a_look_changes_the_evidence_as_the_formula_has_it() -> None:
    state = after({"pod-0": Tally(3, 20)})
    assert state.evidence == pytest.approx(3 * log(2) - 20 * log1p(0.05))
    state = after({"pod-0": Tally(0, 10)}, state=state)
    assert state.evidence == pytest.approx(3 * log(2) - 30 * log1p(0.05))
    assert state.seen == Tally(3, 30)
    assert after({"pod-0": Tally(0, 100)}, state=state) == GuardState(), "and begins anew below 0"


SAID: Mapping[str, tuple[list[Look], Health, bool]] = {
    "well": ([GOOD] * 100, Health.WELL, False),
    "nine bad minutes": ([BAD] * 9, Health.WELL, False),
    "ten bad minutes": ([BAD] * 10, Health.WORSE, True),
    "nine, and one without runs": ([*[BAD] * 9, SILENT], Health.WELL, False),
    "ten with a silence between": ([*[BAD] * 5, *[SILENT] * 60, *[BAD] * 5], Health.WORSE, True),
    "five, a good one, and five": ([*[BAD] * 5, GOOD, *[BAD] * 5], Health.WELL, False),
    "one sick pod": ([SICK] * 10, Health.SICK_POD, False),
    "first one, then all": ([*[SICK] * 20, *[BAD] * 10], Health.WORSE, True),
    "the only pod": ([look(30)] * 10, Health.WORSE, True),
    "the only one of three that answers": (
        [{"pod-0": Tally(30, 100), "pod-1": Tally(), "pod-2": Tally()}] * 10,
        Health.SICK_POD,
        False,
    ),
    "a little more than the limit": ([look(6, 6, 6)] * 500, Health.WELL, False),
    "three failures in as many runs": ([look(1, of=1)] * 3, Health.WELL, False),
    "twenty-one failures in as many quiet minutes": ([look(1, of=1)] * 22, Health.WORSE, True),
}


@pytest.mark.parametrize(("looks", "health", "proven"), SAID.values(), ids=SAID)
def test_what_it_says(looks: list[Look], health: Health, proven: bool) -> None:  # noqa: FBT001 - a table's column
    found = guard.found(after(*looks), GUARDING)
    assert (found.health, found.proven) == (health, proven)


def test_it_says_since_when_and_of_how_many() -> None:
    found = guard.found(after(*[GOOD] * 5, *[BAD] * 12), GUARDING)
    assert found.since == NOW + timedelta(minutes=5)
    assert found.seen == Tally(12 * 90, 12 * 300)
    assert (found.usual, found.limit) == (USUAL, 0.05)


def test_it_names_the_sick_pod() -> None:
    assert guard.found(after(*[SICK] * 10), GUARDING).pod == "pod-0"


def test_fewer_runs_than_the_team_wants_are_no_verdict() -> None:
    patient = GuardSettings(max_rate=0.05, min_effect=0.005, min_runs=2000)
    state = GuardState()
    for number in range(20):
        state = guard.looked(state, look(30), USUAL, patient, NOW)
        assert state.health is (Health.WORSE if 100 * (number + 1) >= 2000 else Health.WELL)


def test_without_a_past_it_says_nothing() -> None:
    assert after(*[BAD] * 100, usual=None) == GuardState()


def test_what_is_bad_does_not_become_usual() -> None:
    state = after(*[BAD] * 10)
    assert after(*[BAD] * 100, state=state, usual=0.4).health is Health.WORSE
    assert after(*[BAD] * 100, state=state, usual=None).health is Health.WORSE


ENDS: Mapping[str, tuple[list[Look], Health]] = {
    "nine good minutes": ([GOOD] * 9, Health.WORSE),
    "ten good minutes": ([GOOD] * 10, Health.WELL),
    "good and bad by turns": ([GOOD, BAD] * 50, Health.WORSE),
    "nobody asks anything": ([SILENT] * 1000, Health.WORSE),
    "nobody is there": ([{}] * 1000, Health.WORSE),
}


@pytest.mark.parametrize(("looks", "health"), ENDS.values(), ids=ENDS)
def test_when_it_is_over(looks: list[Look], health: Health) -> None:
    assert after(*looks, state=after(*[BAD] * 30)).health is health


def alarm(health: Health) -> Alarm:
    return Alarm(health, ago(3600), USUAL, Tally(500, 1000))


BEGUN: Mapping[str, tuple[Alarm, list[Look], Health, bool]] = {
    "at once": (alarm(Health.WORSE), [], Health.WORSE, False),
    "still bad": (alarm(Health.WORSE), [BAD] * 10, Health.WORSE, True),
    "bad for a minute": (alarm(Health.WORSE), [BAD], Health.WORSE, False),
    "still one sick pod": (alarm(Health.SICK_POD), [SICK] * 100, Health.SICK_POD, False),
    "a sick pod is not proven by a new process alone": (alarm(Health.SICK_POD), [BAD] * 9, Health.SICK_POD, False),
    "well again": (alarm(Health.WORSE), [GOOD] * 10, Health.WELL, False),
}


@pytest.mark.parametrize(("known", "looks", "health", "proven"), BEGUN.values(), ids=BEGUN)
def test_a_new_process_goes_on_from_the_status(
    known: Alarm,
    looks: list[Look],
    health: Health,
    proven: bool,  # noqa: FBT001 - a table's column
) -> None:
    found = guard.found(after(*looks, state=guard.begun(known), usual=None), GUARDING)
    assert (found.health, found.proven) == (health, proven)
    assert found.health is Health.WELL or (found.since, found.usual) == (known.since, known.usual)


def test_a_new_pod_is_known_no_better_than_the_others() -> None:
    """All but the sick one are replaced by new ones: nothing is proven without it."""
    replaced = {"pod-0": Tally(90, 100), "new-1": Tally(1, 100), "new-2": Tally(1, 100)}
    found = guard.found(after(*[SICK] * 10, *[replaced] * 5), GUARDING)
    assert (found.health, found.pod, found.proven) == (Health.SICK_POD, "pod-0", False)


looks = st.lists(
    st.dictionaries(
        st.sampled_from(["pod-0", "pod-1", "pod-2"]),
        st.integers(0, 50).flatmap(lambda total: st.builds(Tally, st.integers(0, total), st.just(total))),
    ),
    max_size=40,
)


@given(looks, st.none() | st.floats(0, 1))
def test_it_is_total_and_bounded(seen: list[Look], usual: float | None) -> None:
    state = GuardState()
    for one in seen:
        before = state
        state = guard.looked(state, one, usual, SETTINGS, NOW)
        assert 0 <= state.evidence <= BAR
        assert state.evidence - before.evidence <= BAR / FEWEST_LOOKS + 1e-9
        assert (state.since is None) == (not state.evidence)
        guard.found(state, GUARDING)


@given(looks)
def test_runs_that_are_all_good_never_open_anything(seen: list[Look]) -> None:
    good = [{pod: Tally(0, tally.total) for pod, tally in one.items()} for one in seen]
    assert after(*good) == GuardState()


def test_a_rate_at_the_limit_is_hardly_ever_too_high() -> None:
    """The bound: a false alarm in a million looks on average. Of 20,000 looks at the limit itself none gives one."""
    state = GuardState()
    for bad in np.random.default_rng(1).binomial(60, 0.05, 20_000).tolist():
        state = guard.looked(state, {"pod-0": Tally(bad, 60)}, 0.0, SETTINGS, NOW)
        assert state.health is Health.WELL
