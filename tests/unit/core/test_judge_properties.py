"""What holds for the judge whatever the answers are: which colour is called green, restarts, missed scrapes, order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentteam_operator.core.analysis import Judgement
from agentteam_operator.core.evidence import ERRORS_AGAINST_BLUE, SLOWNESS_AGAINST_BLUE
from agentteam_operator.core.observed import PodCounters
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.judging import BLUE, GREEN, Judging, counters, plus

PODS = (*BLUE, *GREEN)
Look = Mapping[str, PodCounters]
MOST_LOOKS = 6
FEW = settings(max_examples=12)

RUNS = st.builds(
    counters, st.integers(0, 12), st.integers(0, 6), seconds=st.sampled_from([0.2, 1.0, 3.0]), hanging=st.integers(0, 2)
)
LOOKS = st.lists(st.fixed_dictionaries(dict.fromkeys(PODS, RUNS)), min_size=1, max_size=MOST_LOOKS)
SOME_PODS = st.lists(st.frozensets(st.sampled_from(PODS)), min_size=MOST_LOOKS, max_size=MOST_LOOKS)
MANY = counters(1000, 1000)


def judged(looks: Sequence[Look], missing: Sequence[frozenset[str]] = ()) -> tuple[Judging, list[Judgement]]:
    """All looks, one after the other, after one at which every pod had many runs behind it."""
    judging = Judging()
    found = [judging.look(dict.fromkeys(PODS, MANY))]
    for number, look in enumerate(looks):
        found.append(judging.look(dict(look), missing=missing[number] if missing else frozenset()))
    return judging, found


def mirrored(look: Look) -> Look:
    colours = dict(zip(BLUE + GREEN, GREEN + BLUE, strict=True))
    return {colours[pod]: runs for pod, runs in look.items()}


@FEW
@given(LOOKS)
def test_at_no_look_both_colours_gain_evidence(looks: list[Look]) -> None:
    """What speaks against green as the worse one doesn't speak against it as the better one."""
    _, found = judged(looks)
    _, swapped = judged([mirrored(look) for look in looks])
    before = [0.0, 0.0]
    for one, other in zip(found, swapped, strict=True):
        now = [judgement.state.log_evidence.get(ERRORS_AGAINST_BLUE, 0.0) for judgement in (one, other)]
        assert not all(later > earlier for earlier, later in zip(before, now, strict=True))
        before = now


@FEW
@given(LOOKS)
def test_two_colours_that_answer_alike_are_told_apart_by_nothing(looks: list[Look]) -> None:
    alike = [{**look, **{green: look[blue] for blue, green in zip(BLUE, GREEN, strict=True)}} for look in looks]
    judging = Judging()
    judging.look()  # or blue's first runs would be its baseline, and green's would count
    for look in alike:
        judging.look(dict(look))
        for test in (ERRORS_AGAINST_BLUE, SLOWNESS_AGAINST_BLUE):
            assert judging.state.log_evidence.get(test, 0.0) == 0


@FEW
@given(LOOKS, SOME_PODS)
def test_a_restart_loses_no_run_and_makes_none(looks: list[Look], restarts: list[frozenset[str]]) -> None:
    """At a look at which a block has just ended; what an open block has counted is lost with the counters."""
    busy = [{pod: plus(runs, counters(1)) for pod, runs in look.items()} for look in looks]
    first = dict.fromkeys(PODS, counters(1))
    undisturbed, _ = judged([first, *busy])
    judging, _ = judged([first])
    for look, restarted in zip(busy, restarts, strict=False):
        judging.totals |= dict.fromkeys(restarted, counters())
        judging.look(dict(look))
    for colour in ("blue", "green"):
        seen, expected = getattr(judging.state, colour), getattr(undisturbed.state, colour)
        assert (seen.started, seen.finished, seen.failed, seen.durations) == (
            expected.started,
            expected.finished,
            expected.failed,
            expected.durations,
        )
    assert judging.state.log_evidence == undisturbed.state.log_evidence


@FEW
@given(LOOKS, SOME_PODS)
def test_missed_scrapes_only_delay_what_is_counted(looks: list[Look], missing: list[frozenset[str]]) -> None:
    last = dict.fromkeys(PODS, counters(1))  # so that the last block ends, and has all in it
    judging, _ = judged([*looks, last], [*missing[: len(looks)], frozenset()])
    undisturbed, _ = judged([*looks, last])
    for colour in ("blue", "green"):
        seen, expected = getattr(judging.state, colour), getattr(undisturbed.state, colour)
        assert (seen.started, seen.finished, seen.failed) == (expected.started, expected.finished, expected.failed)


@FEW
@given(LOOKS, st.permutations(BLUE), st.permutations(GREEN))
def test_names_and_order_of_pods_mean_nothing(looks: list[Look], blue: list[str], green: list[str]) -> None:
    renamed = dict(zip(PODS, (*blue, *green), strict=True))
    judging, found = judged(looks)
    other, same = judged([{renamed[pod]: runs for pod, runs in look.items()} for look in looks])
    assert other.state.log_evidence == judging.state.log_evidence
    assert (other.state.blue, other.state.green) == (judging.state.blue, judging.state.green)
    without = {renamed[pod]: packed for pod, packed in judging.state.log_evidence_without.items()}
    assert other.state.log_evidence_without == without
    for one, two in zip(found, same, strict=True):
        assert [verdict.verdict for verdict in one.verdicts] == [verdict.verdict for verdict in two.verdicts]
