"""Which checks a phase makes, with which Jobs, and what is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.status import Outcome, Phase, Verdict
from agentteam_operator.core import checks, names, progress, timing
from agentteam_operator.core.decide import advance, decide
from agentteam_operator.core.decision import CreateObject
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.verdicts import judge

from tests.support.storing import can_be_stored
from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, TESTED, Situation, ago, revision_of, verdict

ALL_READY = revision_of(GREEN, 3)
PASSED = JobObserved(finished=True, succeeded=True, message="9 of 9", value="9 of 9", threshold="6 of 9", samples=9)
AFTER = {**TESTED, "hooks": [*TESTED["hooks"], {"name": "billing", "when": "AfterSwitch", "job": {"image": "b:1"}}]}
HEALTH, CONVERSATIONS = names.CHECK_HEALTH, names.CHECK_CONVERSATIONS

SETTLING = replace(CALM[Phase.SETTLING], green=ALL_READY, rollout=AFTER)
TESTING = replace(CALM[Phase.TESTING], green=ALL_READY)


@pytest.mark.parametrize(
    ("situation", "wanted"),
    [
        pytest.param(replace(TESTING, rollout=AFTER), (CONVERSATIONS, "hook/smoke"), id="before-the-shift"),
        pytest.param(CALM[Phase.HEALTH_CHECKING], (HEALTH,), id="health"),
        pytest.param(SETTLING, (HEALTH, CONVERSATIONS, "hook/billing"), id="after-the-switch"),
        pytest.param(replace(SETTLING, only_health=True), (HEALTH,), id="after-a-small-change"),
        pytest.param(replace(SETTLING, gates_skipped=True), (), id="on-the-way-back"),
        pytest.param(
            replace(SETTLING, rollout={**AFTER, "settleSeconds": 0}), ("hook/billing",), id="without-settling"
        ),
        pytest.param(CALM[Phase.WATCHING], (), id="while-watching"),
        pytest.param(replace(TESTING, rollout=AFTER, only_health=True), (), id="before-a-small-change"),
        pytest.param(replace(SETTLING, base="", blue=None), (), id="of-a-first-revision"),
    ],
)
def test_what_a_phase_checks(situation: Situation, wanted: tuple[str, ...]) -> None:
    assert checks.wanted(situation.view()) == wanted


def made_jobs(situation: Situation) -> dict[str, dict[str, Any]]:
    """Manifests of the Jobs that are made, by check. The candidate's document is what the spec says."""
    observed = situation.observed()
    observed = replace(observed, revisions={k: replace(v, config_uid="") for k, v in observed.revisions.items()})
    actions = decide(observed, ENVIRONMENT, NOW).actions
    manifests = [dict(action.manifest) for action in actions if isinstance(action, CreateObject)]
    return {m["metadata"]["annotations"][names.ANNOTATION_CHECK]: m for m in manifests if m["kind"] == "Job"}


def test_conversations_are_had_with_both_revisions() -> None:
    job = made_jobs(TESTING)[CONVERSATIONS]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    targets = [word for word in container["args"] if word.startswith(("--", "http"))]
    assert targets.count("--target") == targets.count("--control") == 3
    assert [variable["name"] for variable in container["env"]] == ["AUTOGEN_REVISION", "AGENTTEAM_CONVERSATION_0"]


@pytest.mark.parametrize(
    ("service", "port"),
    [
        pytest.param({}, "", id="http"),
        pytest.param({"port": 8080}, ":8080", id="another-port"),
    ],
)
def test_a_hook_is_told_where_to_look(service: dict[str, Any], port: str) -> None:
    """At the port that both Services really listen on."""
    testing, settling = (replace(situation, spec={"service": service}) for situation in (TESTING, SETTLING))
    (container,) = made_jobs(testing)["hook/smoke"]["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in container["env"]}
    assert told["PREVIEW_URL"] == f"http://chat-preview.sim.svc.cluster.local{port}"
    assert told["ACTIVE_URL"] == f"http://chat.sim.svc.cluster.local{port}"
    assert (told["TEAM"], told["NAMESPACE"]) == ("chat", "sim")
    (after,) = made_jobs(settling)["hook/billing"]["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in after["env"]}
    assert told["ACTIVE_URL"] == f"http://chat.sim.svc.cluster.local{port}"
    assert "PREVIEW_URL" not in told


def test_a_hook_waits_until_there_is_something_behind_the_preview() -> None:
    assert set(made_jobs(replace(TESTING, previewed=False))) == {CONVERSATIONS}


def test_each_finding_is_a_gate_with_what_was_measured() -> None:
    judged = judge(replace(TESTING, jobs={CONVERSATIONS: PASSED}).view())
    assert judged.rollout is not None
    (gate,) = judged.rollout.gates
    assert (gate.name, gate.verdict, gate.value, gate.threshold, gate.samples) == (
        CONVERSATIONS,
        Verdict.PASSED,
        "9 of 9",
        "6 of 9",
        9,
    )


def test_a_check_that_ended_before_its_phase_began_is_a_gate_all_the_same() -> None:
    """The status was lost: what its Jobs had found by then is read in the tick that comes to their phase."""
    preparing = replace(CALM[Phase.PREPARING], green=ALL_READY, probe=PASSED)
    rollout = decide(preparing.observed(), ENVIRONMENT, NOW).status.rollout
    assert rollout is not None
    assert rollout.phase is Phase.SHIFTING
    assert {gate.name: gate.verdict for gate in rollout.gates}[HEALTH] is Verdict.PASSED


def test_the_line_for_whoever_was_woken_names_what_is_waited_for() -> None:
    view = replace(TESTING, jobs={CONVERSATIONS: PASSED}).view()
    assert view.rollout is not None
    assert progress.words(view, view.rollout) == f"testing {GREEN}: waiting for hook smoke"


@pytest.mark.parametrize("phase", [Phase.TESTING, Phase.HEALTH_CHECKING])
def test_what_comes_to_no_verdict_is_a_failed_gate(phase: Phase) -> None:
    rollout = advance(replace(CALM[phase], overdue=True).view()).rollout
    assert rollout is not None
    assert rollout.phase is Phase.ROLLING_BACK
    assert {gate.verdict for gate in rollout.gates} == {Verdict.FAILED}


def test_a_hook_whose_image_cannot_be_pulled_is_not_waited_for() -> None:
    stuck = JobObserved(finished=False, succeeded=False, message="ImagePullBackOff: no such image")
    stuck = replace(stuck, waiting_reason="ImagePullBackOff")
    decision = decide(replace(TESTING, jobs={"hook/smoke": stuck}).observed(), ENVIRONMENT, NOW)
    rollout = decision.status.rollout
    assert rollout is not None
    assert (rollout.phase, rollout.reason) == (Phase.ROLLING_BACK, "HookFailed")
    assert rollout.message == "hook smoke failed: ImagePullBackOff: no such image"
    assert {gate.name: gate.verdict for gate in rollout.gates} == {"hook/smoke": Verdict.FAILED}


@pytest.mark.parametrize(
    "left",
    [
        pytest.param({"message": "caf\ud83d", "value": "\ud83d", "threshold": "\udfff"}, id="half-a-surrogate-pair"),
        pytest.param({"samples": 10**30}, id="a-number-beyond-all"),
        pytest.param(dict.fromkeys(("message", "value", "threshold", "reason"), "x" * 5000), id="too-long"),
    ],
)
@pytest.mark.parametrize("phase", [Phase.TESTING, Phase.SETTLING])
def test_no_last_words_keep_a_status_from_being_stored(phase: Phase, left: dict[str, Any]) -> None:
    said = JobObserved(finished=True, succeeded=False, created_at=ago(1), **left)
    situation = replace(TESTING if phase is Phase.TESTING else SETTLING, jobs={CONVERSATIONS: said})
    status = decide(situation.observed(), ENVIRONMENT, NOW).status
    assert status.rollout is not None
    assert {gate.name: gate.verdict for gate in status.rollout.gates}[CONVERSATIONS] is Verdict.FAILED
    can_be_stored(status)


def test_pods_that_are_replaced_after_the_switch_are_asked_within_the_same_deadline() -> None:
    gone = JobObserved(finished=True, succeeded=False, message="Unreachable", created_at=ago(60))
    view = replace(SETTLING, probe=gone, jobs={CONVERSATIONS: PASSED, "hook/billing": PASSED}).view()
    assert view.rollout is not None
    after = advance(view).rollout
    assert after is not None
    assert (after.phase, after.attempt, after.deadline) == (Phase.SETTLING, 2, view.rollout.deadline)


def test_what_both_revisions_fail_after_the_switch_holds_nothing_up() -> None:
    shared = JobObserved(finished=True, succeeded=False, message="both fail", inconclusive=True, reason="SharedFault")
    jobs = {CONVERSATIONS: shared, "hook/billing": PASSED}
    rollout = advance(replace(SETTLING, probe=PASSED, jobs=jobs, in_phase_seconds=120.0).view()).rollout
    assert rollout is not None
    assert rollout.phase is Phase.COMPLETED


@pytest.mark.parametrize("word", ["", "Superseded", "Aborted", "InvalidSpec", "Whatever"])
def test_no_word_of_a_check_is_the_reason_of_a_rollout(word: str) -> None:
    """The reason says whether the revision is tried again, and whether anybody is told: a check's word mustn't."""
    shared = JobObserved(finished=True, succeeded=False, message="both fail", inconclusive=True, reason=word)
    settings = {**TESTED, "analysis": {"onInconclusive": "Rollback"}}
    tested = replace(TESTING, rollout=settings, jobs={CONVERSATIONS: shared, "hook/smoke": PASSED}, endpoints=(BLUE,))
    status = decide(tested.observed(), ENVIRONMENT, NOW).status
    assert status.rollout is not None
    assert (status.rollout.phase, status.rollout.reason) == (Phase.ROLLED_BACK, "SharedFault")
    assert {entry.hash: entry.outcome for entry in status.revisions}[GREEN] is Outcome.FAILED
    assert status.last_incident is not None


@pytest.mark.parametrize(
    ("phase", "check", "reason"),
    [
        pytest.param(Phase.HEALTH_CHECKING, HEALTH, "HealthCheckFailed", id="health"),
        pytest.param(Phase.SETTLING, HEALTH, "HealthCheckFailed", id="health-after-the-switch"),
        pytest.param(Phase.TESTING, "hook/smoke", "HookFailed", id="a-hook"),
    ],
)
def test_only_what_asks_both_revisions_can_be_undecided(phase: Phase, check: str, reason: str) -> None:
    """No rule waits for, or passes over, another check that calls itself so: an image's own probe may say anything."""
    said = JobObserved(finished=True, succeeded=False, inconclusive=True, created_at=ago(1))
    rollout = advance(replace(CALM[phase], green=ALL_READY, jobs={check: said}).view()).rollout
    assert rollout is not None
    assert (rollout.phase, rollout.reason) == (Phase.ROLLING_BACK, reason)
    assert {gate.name: gate.verdict for gate in rollout.gates}[check] is Verdict.FAILED


def test_a_check_that_is_still_to_come_is_not_passed_over_by_the_metrics() -> None:
    """The metrics' time and their hold are over, and their verdict is good: the hook has longer than that."""
    late = replace(SETTLING, probe=PASSED, jobs={CONVERSATIONS: PASSED}, in_phase_seconds=200.0)
    rollout = advance(replace(late, judgement=verdict(Verdict.PASSED)).view()).rollout
    assert rollout is not None
    assert rollout.phase is Phase.SETTLING


def test_settling_has_time_for_its_checks() -> None:
    view = replace(SETTLING, rollout={**AFTER, "settleSeconds": 1}).view()
    longest = 600 + 60 + timing.VERDICT_ALLOWANCE_SECONDS
    assert timing.deadline_seconds(view, Phase.SETTLING) == longest


@pytest.mark.parametrize(
    ("phase", "rechecks", "asked_again"),
    [
        (Phase.HEALTH_CHECKING, checks.CHECKED_AT_MOST - 2, True),
        (Phase.HEALTH_CHECKING, checks.CHECKED_AT_MOST - 1, False),
        (Phase.SETTLING, checks.CHECKED_AT_MOST - 1, True),
    ],
)
def test_how_often_pods_that_go_make_for_another_check(phase: Phase, rechecks: int, *, asked_again: bool) -> None:
    gone = JobObserved(finished=True, succeeded=False, message="Unreachable", created_at=ago(60))
    view = replace(CALM[phase], green=ALL_READY, probe=gone, rechecks=rechecks).view()
    assert checks.replaced(view, gone) is asked_again


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [((), 0), ((CONVERSATIONS,), 660), ((HEALTH,), 115), ((HEALTH, CONVERSATIONS), 660), (("hook/smoke",), 660)],
    ids=["none", "conversations", "health", "the-longest", "hook"],
)
def test_when_the_last_check_is_given_up(wanted: tuple[str, ...], seconds: float) -> None:
    assert checks.deadline_seconds(TESTING.view(), wanted) == seconds
