"""What the gates of judgement make of the edges: when a verdict is there, when one should be, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Phase, Verdict
from agentteam_operator.core.gates import asking, judgement
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.view import View

from tests.unit.core.edges import Gate, message_of, said_by, seen
from tests.unit.core.situations import GREEN, revision_of, verdict

WATCHING, SHIFTING, SETTLING, PAUSE = (
    Phase.WATCHING,
    Phase.SHIFTING,
    Phase.SETTLING,
    Phase.AWAITING_PROMOTION,
)
IMMEDIATE = {"traffic": {"mode": "Immediate"}}
READY = revision_of(GREEN, 3)
PASSED = verdict(Verdict.PASSED)
PROBED = JobObserved(finished=True, succeeded=True)


SKIPPED = said_by(("memory", Verdict.SKIPPED, "no limit is set"))


@pytest.mark.parametrize(
    ("view", "judged"),
    [
        (seen(WATCHING), True),
        (seen(WATCHING, prometheus=False), False),
        (seen(WATCHING, base=""), False),
        (seen(WATCHING, gates_skipped=True), False),
        (seen(PAUSE), True),
        (seen(PAUSE, paused_in=Phase.TESTING), False),
    ],
    ids=["watched", "no-Prometheus", "first-revision", "passed-before", "paused", "paused-before-any-traffic"],
)
def test_whether_there_is_anything_to_ask_and_to_hold_it_against(view: View, *, judged: bool) -> None:
    assert judgement.judged(view) is judged


WATCHED: dict[str, Any] = {"in_phase_seconds": 600.0}
STEP: dict[str, Any] = {"step_held_seconds": 60.0, "endpoints": (GREEN,)}
UNHELD = {**IMMEDIATE, "traffic": {"mode": "Gradual", "steps": [{"weight": 50, "holdSeconds": 0}]}}
TWO_STEPS = {"traffic": {"steps": [{"weight": 25, "holdSeconds": 60}, {"weight": 50, "holdSeconds": 0}]}}
ONE_SECOND = {"traffic": {"mode": "Gradual", "steps": [{"weight": 50, "holdSeconds": 1}]}}


def held_back(**situation: Any) -> View:  # noqa: ANN401 - parts of a Situation
    """A step lacked a verdict, so that a person was asked; since then it came."""
    return seen(PAUSE, **{"paused_in": SHIFTING, "judgement": PASSED, "rollout": TWO_STEPS, **STEP, **situation})


@pytest.mark.parametrize(
    ("gate", "view", "message"),
    [
        (judgement.worse, seen(WATCHING, judgement=verdict(Verdict.FAILED)), "errorRate: as said"),
        (
            judgement.worse,
            seen(
                WATCHING,
                judgement=said_by(("errorRate", Verdict.PASSED, "fine"), ("memory", Verdict.FAILED, "too much")),
            ),
            "memory: too much",
        ),
        (
            judgement.acquitted,
            seen(WATCHING, prometheus=False),
            "no Prometheus is configured: judged by readiness alone",
        ),
        (
            judgement.acquitted,
            seen(WATCHING, judgement=SKIPPED),
            "none of the metrics of spec.rollout.analysis can be judged here",
        ),
        (
            judgement.acquitted,
            seen(
                WATCHING,
                judgement=said_by(
                    ("errorRate", Verdict.PASSED, "fine"),
                    ("slowness", Verdict.PASSED, ""),
                    ("memory", Verdict.PASSED, "enough"),
                ),
            ),
            "errorRate: fine; memory: enough",
        ),
        (
            judgement.acquitted,
            seen(WATCHING, judgement=said_by(("errorRate", Verdict.PASSED, ""))),
            "no metric speaks against the new revision",
        ),
        (
            judgement.acquitted_while_serving,
            seen(PAUSE, active=GREEN, said=frozenset({ActionName.PROMOTE})),
            "promoted by a person",
        ),
        (
            judgement.acquitted_while_serving,
            seen(PAUSE, active=GREEN, green=READY, judgement=PASSED, **WATCHED),
            "errorRate: as said",
        ),
        (judgement.acquitted_in_pause, seen(PAUSE, judgement=PASSED, **WATCHED), "errorRate: as said"),
        (
            judgement.acquitted_in_pause,
            seen(PAUSE, judgement=PASSED, rollout={"watchSeconds": 600}, **WATCHED),
            "errorRate: as said",
        ),
        (judgement.step_held_in_pause, held_back(), "held 100 % for 60 s, no worse so far"),
        (judgement.last_step_held_in_pause, held_back(step=1), "reached 100 %, which isn't to be held"),
        (judgement.step_held, seen(SHIFTING, judgement=PASSED, **STEP), "held 100 % for 60 s, no worse so far"),
        (judgement.step_held, seen(SHIFTING, prometheus=False, **STEP), "held 100 % for 60 s"),
        (judgement.step_held, seen(SHIFTING, judgement=SKIPPED, **STEP), "held 100 % for 60 s"),
        (
            judgement.step_held,
            seen(SHIFTING, step_held_seconds=0.0, rollout=UNHELD, endpoints=(GREEN,)),
            "reached 100 %, which isn't to be held",
        ),
        (
            judgement.step_held,
            seen(SHIFTING, step_held_seconds=1.0, rollout=ONE_SECOND, judgement=PASSED),
            "held 0 % for 1 s, no worse so far",
        ),
        (
            judgement.last_step_held,
            seen(SHIFTING, step=1, prometheus=False, **STEP),
            "reached 100 %, which isn't to be held",
        ),
        (judgement.watched, seen(WATCHING, rollout={"watchSeconds": 0}), "spec.rollout.watchSeconds is 0: not watched"),
        (judgement.watched, seen(WATCHING, judgement=PASSED, **WATCHED), "errorRate: as said"),
        (
            judgement.watched,
            seen(WATCHING, prometheus=False, rollout_status={"judged_seconds": 0.0}, **WATCHED),
            "no Prometheus is configured: judged by readiness alone",
        ),
        (
            judgement.watched,
            seen(WATCHING, judgement=SKIPPED, rollout_status={"judged_seconds": 0.0}, **WATCHED),
            "none of the metrics of spec.rollout.analysis can be judged here",
        ),
        (
            judgement.settled,
            seen(SETTLING, in_phase_seconds=120.0, green=READY, probe=PROBED),
            "carried all traffic for 120 s",
        ),
        (
            judgement.settled,
            seen(SETTLING, in_phase_seconds=600.0, green=READY, probe=PROBED, rollout=IMMEDIATE, judgement=PASSED),
            "errorRate: as said",
        ),
        (
            judgement.settled,
            seen(SETTLING, in_phase_seconds=0.0, green=READY, probe=PROBED, rollout={**IMMEDIATE, "watchSeconds": 0}),
            "carried all traffic for 0 s",
        ),
        (
            judgement.settled,
            seen(SETTLING, in_phase_seconds=120.0, green=READY, probe=PROBED, rollout=IMMEDIATE, gates_skipped=True),
            "carried all traffic for 120 s",
        ),
        (
            judgement.settled,
            seen(SETTLING, in_phase_seconds=120.0, green=READY, probe=PROBED, rollout=IMMEDIATE, only_health=True),
            "carried all traffic for 120 s",
        ),
        (judgement.settled_in_the_end, seen(SETTLING, overdue=True), "1 of 3 pods ready"),
        (
            judgement.settled_in_the_end,
            seen(SETTLING, overdue=True, green=READY, in_phase_seconds=700.0),
            "carried all traffic for 700 s",
        ),
        (judgement.nobody_promoted, seen(PAUSE, overdue=True), "nobody promoted it within 86400 s"),
    ],
    ids=[
        "worse",
        "worse-in-the-second-metric",
        "nobody-to-ask",
        "nothing-to-ask-about",
        "acquitted-by-all-that-say-something",
        "acquitted-without-a-word",
        "promoted-while-serving-though-pods-are-missing",
        "acquitted-while-serving",
        "acquitted-in-pause",
        "acquitted-in-pause-after-the-whole-watch",
        "step-held-in-pause",
        "last-step-held-in-pause",
        "step-held",
        "step-held-with-nobody-to-ask",
        "step-held-with-nothing-to-ask-about",
        "step-not-to-be-held",
        "step-held-for-a-second",
        "last-step-held",
        "not-watched",
        "watched",
        "watched-by-the-clock-with-nobody-to-ask",
        "watched-by-the-clock-with-nothing-to-ask-about",
        "settled",
        "settled-after-all-at-once",
        "settled-at-once-unwatched",
        "settled-after-going-back-at-once",
        "settled-after-a-small-change",
        "settled-in-the-end-with-pods-missing",
        "settled-in-the-end",
        "nobody-promoted",
    ],
)
def test_says_what_it_found(gate: Gate, view: View, message: str) -> None:
    assert message_of(gate, view) == message


@pytest.mark.parametrize(
    ("gate", "view"),
    [
        (judgement.worse, seen(WATCHING, judgement=PASSED)),
        (judgement.worse, seen(WATCHING)),
        (judgement.acquitted, seen(WATCHING)),
        (judgement.acquitted, seen(WATCHING, judgement=verdict(Verdict.PENDING))),
        (judgement.acquitted_while_serving, seen(PAUSE, said=frozenset({ActionName.PROMOTE}))),
        (judgement.acquitted_while_serving, seen(PAUSE, active=GREEN, judgement=PASSED, **WATCHED)),
        (judgement.acquitted_in_pause, seen(PAUSE, active=GREEN, green=READY, judgement=PASSED, **WATCHED)),
        (judgement.acquitted_in_pause, seen(PAUSE, paused_in=Phase.TESTING, judgement=PASSED, **WATCHED)),
        (judgement.acquitted_in_pause, seen(PAUSE, reason=asking.PAUSED, judgement=PASSED, **WATCHED)),
        (judgement.acquitted_in_pause, seen(PAUSE, paused_in=SHIFTING, judgement=PASSED, **WATCHED, **STEP)),
        (judgement.step_held_in_pause, seen(PAUSE, judgement=PASSED, **STEP)),
        (judgement.step_held_in_pause, held_back(active=GREEN)),
        (judgement.step_held_in_pause, held_back(reason=asking.PAUSED)),
        (judgement.step_held_in_pause, held_back(judgement=verdict(Verdict.PASSED, answers=19))),
        (judgement.step_held_in_pause, held_back(judgement=verdict(Verdict.PENDING))),
        (judgement.step_held_in_pause, held_back(step_held_seconds=59.0)),
        (judgement.step_held_in_pause, held_back(step_held_seconds=None)),
        (judgement.step_held_in_pause, held_back(stray_pods=frozenset({"debug"}))),
        (judgement.last_step_held_in_pause, held_back()),
        (judgement.last_step_held_in_pause, held_back(reason=asking.PAUSED, step=1)),
        (judgement.acquitted_in_pause, seen(PAUSE, **WATCHED)),
        (judgement.acquitted_in_pause, seen(PAUSE, judgement=PASSED, in_phase_seconds=599.0)),
        (judgement.acquitted_in_pause, seen(PAUSE, judgement=verdict(Verdict.PASSED, answers=19), **WATCHED)),
        (judgement.step_held, seen(SHIFTING, judgement=PASSED, step_held_seconds=59.0)),
        (judgement.step_held, seen(SHIFTING, judgement=PASSED)),
        (judgement.step_held, seen(SHIFTING, judgement=PASSED, stray_pods=frozenset({"debug"}), **STEP)),
        (judgement.step_held, seen(SHIFTING, **STEP)),
        (judgement.step_held, seen(SHIFTING, judgement=verdict(Verdict.PASSED, answers=19), **STEP)),
        (judgement.last_step_held, seen(SHIFTING, step=0, prometheus=False, **STEP)),
        (judgement.watched, seen(WATCHING, rollout={"watchSeconds": 0}, stray_pods=frozenset({"debug"}))),
        (judgement.watched, seen(WATCHING, judgement=PASSED, in_phase_seconds=599.0)),
        (judgement.watched, seen(WATCHING, judgement=PASSED, rollout_status={"judged_seconds": 599.0}, **WATCHED)),
        (judgement.settled, seen(SETTLING, in_phase_seconds=119.0, green=READY, probe=PROBED)),
        (judgement.settled, seen(SETTLING, in_phase_seconds=120.0, green=READY)),
        (judgement.settled, seen(SETTLING, in_phase_seconds=120.0, probe=PROBED)),
        (judgement.settled, seen(SETTLING, in_phase_seconds=600.0, green=READY, probe=PROBED, rollout=IMMEDIATE)),
        (
            judgement.settled,
            seen(
                SETTLING,
                in_phase_seconds=600.0,
                green=READY,
                probe=PROBED,
                rollout=IMMEDIATE,
                judgement=PASSED,
                rollout_status={"judged_seconds": 599.0},
            ),
        ),
        (judgement.settled_in_the_end, seen(SETTLING, green=READY)),
        (judgement.nobody_promoted, seen(PAUSE)),
        (judgement.settings_unread, seen(SHIFTING, overdue=True)),
        (judgement.settings_unread, seen(SHIFTING, unread=frozenset({"rollout"}))),
        (judgement.settings_unread, seen(SHIFTING, overdue=True, unread=frozenset({"team"}))),
    ],
    ids=[
        "none-is-worse",
        "not-judged-yet-is-not-worse",
        "not-judged-yet-is-not-acquitted",
        "pending-is-not-acquitted",
        "promoted-without-all-the-traffic",
        "acquitted-while-serving-but-pods-are-missing",
        "acquitted-in-pause-but-it-serves-already",
        "acquitted-in-pause-before-any-traffic",
        "acquitted-but-a-person-holds-it",
        "acquitted-in-the-pause-of-a-step",
        "step-held-in-the-pause-of-a-watch",
        "step-held-in-pause-but-it-serves-already",
        "step-held-but-a-person-holds-it",
        "step-held-in-pause-on-too-few-answers",
        "step-held-in-pause-by-what-is-pending",
        "step-held-in-pause-a-second-too-short",
        "step-not-reached-before-the-pause",
        "step-held-in-pause-by-others-pods",
        "not-the-last-step-in-pause",
        "last-step-held-but-a-person-holds-it",
        "not-judged-in-pause",
        "acquitted-in-pause-a-second-too-soon",
        "acquitted-in-pause-on-too-few-answers",
        "step-held-a-second-too-short",
        "step-not-reached",
        "step-held-by-others-pods",
        "step-held-but-not-judged-yet",
        "step-held-on-too-few-answers",
        "not-the-last-step",
        "strays-keep-an-unwatched-candidate-from-its-traffic",
        "watched-a-second-too-short",
        "watched-without-answers-for-a-second",
        "settling-a-second-too-short",
        "settling-unprobed",
        "settling-with-pods-missing",
        "settling-after-all-at-once-not-judged-yet",
        "settling-after-all-at-once-without-answers-for-a-second",
        "settling-with-time-left",
        "pause-with-time-left",
        "settings-read",
        "settings-unread-with-time-left",
        "another-part-unread",
    ],
)
def test_finds_nothing(gate: Gate, view: View) -> None:
    assert gate(view) is None


PENDING = verdict(Verdict.PENDING, answers=3)
TWO_OPEN = said_by(
    ("errorRate", Verdict.PASSED, "fine"),
    ("memory", Verdict.INCONCLUSIVE, "unread"),
    ("slowness", Verdict.PENDING, "too few"),
)
TOO_LONG: dict[str, Any] = {"in_phase_seconds": 660.0, "judgement": PENDING}
"""A watch of 600 s, and a minute more for a verdict."""
SETTLED_TOO_LONG: dict[str, Any] = {
    "in_phase_seconds": 660.0,
    "judgement": PENDING,
    "rollout": IMMEDIATE,
    "green": READY,
    "probe": PROBED,
}
HELD_TOO_LONG: dict[str, Any] = {"in_phase_seconds": 9000.0, "step_held_seconds": 720.0, "judgement": PENDING}
"""A step of 60 s, a watch's time more for its verdict, and the minute."""


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (seen(WATCHING, **TOO_LONG), "errorRate: as said"),
        (seen(WATCHING, **{**TOO_LONG, "in_phase_seconds": 659.0}), None),
        (
            seen(WATCHING, **{**TOO_LONG, "judgement": None}),
            "nothing speaks against it, but it was watched for 660 of 600 s",
        ),
        (
            seen(WATCHING, rollout_status={"judged_seconds": 0.0}, **{**TOO_LONG, "judgement": None}),
            "Prometheus has given no answer yet",
        ),
        (seen(WATCHING, snapshot=None, **TOO_LONG), None),
        (seen(WATCHING, prometheus=False, **TOO_LONG), None),
        (
            seen(WATCHING, stray_pods=frozenset({"debug"}), **TOO_LONG),
            "pods of neither revision would get traffic: debug; errorRate: as said",
        ),
        (seen(WATCHING, rollout_status={"judged_seconds": 599.0}, **{**TOO_LONG, "judgement": PASSED}), None),
        (
            seen(WATCHING, overdue=True, rollout_status={"judged_seconds": 599.0}, **{**TOO_LONG, "judgement": PASSED}),
            "nothing speaks against it, but it was watched for 599 of 600 s",
        ),
        (seen(WATCHING, overdue=True, **{**TOO_LONG, "in_phase_seconds": 1.0}), "errorRate: as said"),
        (seen(WATCHING, **{**TOO_LONG, "judgement": TWO_OPEN}), "memory: unread; slowness: too few"),
        (seen(SHIFTING, **HELD_TOO_LONG), "errorRate: as said"),
        (seen(SHIFTING, **{**HELD_TOO_LONG, "step_held_seconds": 719.0}), None),
        (seen(SHIFTING, **{**HELD_TOO_LONG, "step_held_seconds": None}), None),
        (seen(SHIFTING, overdue=True, **{**HELD_TOO_LONG, "step_held_seconds": None}), None),
        (seen(SHIFTING, **{**HELD_TOO_LONG, "in_phase_seconds": 719.0}), None),
        (seen(SETTLING, **SETTLED_TOO_LONG), "errorRate: as said"),
        (seen(SETTLING, **{**SETTLED_TOO_LONG, "in_phase_seconds": 659.0}), None),
        (seen(SETTLING, **{**SETTLED_TOO_LONG, "probe": None}), None),
        (seen(SETTLING, overdue=True, **{**SETTLED_TOO_LONG, "probe": None}), "errorRate: as said"),
        (
            seen(SETTLING, **{**SETTLED_TOO_LONG, "green": revision_of(GREEN, 1, 2)}, stray_pods=frozenset({"debug"})),
            "1 of 3 pods ready; errorRate: as said",
        ),
        (
            seen(WATCHING, stray_pods=frozenset({"debug"}), **{**TOO_LONG, "judgement": TWO_OPEN}),
            "pods of neither revision would get traffic: debug; memory: unread; slowness: too few",
        ),
        (seen(WATCHING, step=1, **TOO_LONG), "errorRate: as said"),
        (
            seen(SHIFTING, rollout_status={"judged_seconds": 10.0}, **{**HELD_TOO_LONG, "judgement": PASSED}),
            "nothing speaks against it, but it was watched for 10 of 660 s",
        ),
        (
            seen(SETTLING, **{**SETTLED_TOO_LONG, "green": revision_of(GREEN, 1, 2), "judgement": TWO_OPEN}),
            "1 of 3 pods ready; memory: unread; slowness: too few",
        ),
        (
            seen(
                SETTLING,
                rollout_status={"judged_seconds": 600.0},
                **{**SETTLED_TOO_LONG, "green": revision_of(GREEN, 1, 2), "judgement": PASSED},
            ),
            None,
        ),
        (
            seen(
                SETTLING,
                overdue=True,
                rollout_status={"judged_seconds": 599.0},
                **{**SETTLED_TOO_LONG, "green": revision_of(GREEN, 1, 2), "judgement": PASSED},
            ),
            "1 of 3 pods ready",
        ),
        (seen(SETTLING, **{**SETTLED_TOO_LONG, "rollout": {}}), None),
    ],
    ids=[
        "watch-and-the-minute-are-over",
        "minute-is-not-over",
        "no-metric-speaks",
        "no-answer",
        "process-has-not-asked-yet",
        "nobody-to-ask",
        "strays",
        "a-second-without-answers-is-made-up-for",
        "but-not-for-ever",
        "deadline-ends-the-minute",
        "only-the-open-metrics-are-named",
        "step-a-watch-and-the-minute-are-over",
        "steps-minute-is-not-over",
        "step-was-not-reached",
        "step-was-not-reached-at-the-deadline",
        "nobody-looked-in-most-of-the-step",
        "settling-and-the-minute-are-over",
        "settlings-minute-is-not-over",
        "probe-may-decide-it",
        "probe-had-its-time",
        "missing-pods-are-named-first",
        "strays-are-named-first",
        "pods-that-the-watch-lacks-are-not-named",
        "a-step-that-nobody-watched-is-not-made-up-for",
        "missing-pods-are-named-before-all-metrics",
        "watched-whole-and-only-pods-are-missing",
        "not-watched-whole-and-pods-are-missing",
        "judged-before-the-switch",
    ],
)
def test_when_a_verdict_is_no_longer_waited_for(view: View, message: str | None) -> None:
    found = judgement.undecided(view)
    assert (found.message if found else None) == message


LACKING = revision_of(GREEN, 1, 2)
GRADUAL = {"traffic": {"mode": "Gradual"}}


@pytest.mark.parametrize(
    ("gate", "parts", "fires"),
    [
        (judgement.undecided_rollback, {}, True),
        (judgement.undecided_rollback, {"green": LACKING}, True),
        (judgement.undecided_rollback, {"green": LACKING, "judgement": PASSED}, False),
        (judgement.undecided_rollback, {"green": LACKING, "rollout": GRADUAL}, False),
        (judgement.undecided_rollback, {"green": LACKING, "prometheus": False, "overdue": True}, False),
        (judgement.undecided_promote, {}, True),
        (judgement.undecided_promote, {"green": LACKING}, False),
    ],
    ids=[
        "back-for-want-of-a-verdict",
        "back-for-want-of-a-verdict-though-pods-are-missing",
        "pods-alone-are-missing",
        "pods-are-missing-and-the-verdict-was-given-before",
        "nobody-to-ask-is-no-want-of-a-verdict",
        "on-without-a-verdict",
        "not-on-while-pods-are-missing",
    ],
)
def test_what_the_spec_says_to_make_of_silence_after_the_switch(
    gate: Gate, parts: dict[str, Any], *, fires: bool
) -> None:
    action = "Rollback" if gate is judgement.undecided_rollback else "Promote"
    settings = {**parts.get("rollout", IMMEDIATE), "analysis": {"onInconclusive": action}}
    assert bool(gate(seen(SETTLING, **{**SETTLED_TOO_LONG, **parts, "rollout": settings}))) is fires


@pytest.mark.parametrize(
    ("gate", "action"), [(judgement.undecided_rollback, "Rollback"), (judgement.undecided_promote, "Promote")]
)
def test_pods_that_the_watch_lacks_are_no_reason_to_wait(gate: Gate, action: str) -> None:
    assert gate(seen(WATCHING, step=1, rollout={"analysis": {"onInconclusive": action}}, **TOO_LONG))
