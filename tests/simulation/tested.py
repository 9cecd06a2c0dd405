"""Golden conversations, hooks and health: before any traffic, and once all of it is on the candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentteam_operator.api.status import Phase

from tests.simulation.behaviour import Behaviour
from tests.simulation.scenario import Scenario, Step, after, all_do, annotate, apply, at_once, in_phase
from tests.simulation.specs import spec
from tests.simulation.stories import CREATED, IMMEDIATE, QUIET, SUPERSEDED, UPGRADED, given_up, rolled_back, upgrade
from tests.simulation.table import breaks, call_invalid, replaced_while_probed
from tests.simulation.unreadable import SETTINGS

CONVERSATIONS: dict[str, Any] = {
    "conversations": [{"name": "refund", "turns": [{"user": "I want my money back"}]}],
    "conversationsTimeoutSeconds": 20,
}
BEFORE: dict[str, Any] = {"name": "smoke", "job": {"image": "smoke:1"}, "timeoutSeconds": 20}
AFTER: dict[str, Any] = {"name": "billing", "when": "AfterSwitch", "job": {"image": "smoke:1"}, "timeoutSeconds": 20}
ALL_TESTS: dict[str, Any] = {**CONVERSATIONS, "hooks": [BEFORE, AFTER]}
MANUAL: dict[str, Any] = {"autoPromote": False}
FORGOTTEN: dict[str, Any] = {"promotionTimeoutSeconds": 30}

MUTE = Behaviour(converses=False)
REFUSED_BY_HOOKS = Behaviour(passes_hooks=False)
SPOILT = Behaviour(spoilt_by_traffic=True)
SHARED = Behaviour(shares_faults=True)

TESTED_UPGRADE = upgrade("tested", rollout=ALL_TESTS)
TESTED_ROLLBACK = upgrade("conversations-fail", rolled_back("ConversationsFailed"), two=MUTE, rollout=ALL_TESTS)


def on_inconclusive(action: str) -> dict[str, Any]:
    return {**CONVERSATIONS, "analysis": {"intervalSeconds": 5, "onInconclusive": action}}


TESTED = (
    TESTED_UPGRADE,
    TESTED_ROLLBACK,
    Scenario("create-tested", (Step(at_once, apply("1", rollout=ALL_TESTS)),), CREATED, first=None),
    Scenario(
        "create-conversations-fail",
        (Step(at_once, apply("1", rollout=ALL_TESTS)),),
        given_up("ConversationsFailed"),
        first=None,
        behaviours={"1": MUTE},
    ),
    Scenario(
        "create-tested-ready-too-late",
        (Step(at_once, apply("1", rollout=ALL_TESTS)),),
        CREATED,
        first=None,
        behaviours={"1": Behaviour(ready_after_seconds=45.0)},
    ),
    upgrade("tested-immediate", rollout={**ALL_TESTS, **IMMEDIATE}),
    upgrade("hook-fails", rolled_back("HookFailed"), two=REFUSED_BY_HOOKS, rollout={"hooks": [BEFORE]}),
    upgrade("hook-fails-after-switch", rolled_back("HookFailed"), two=REFUSED_BY_HOOKS, rollout={"hooks": [AFTER]}),
    upgrade("conversations-fail-after-switch", rolled_back("HealthCheckFailed"), two=SPOILT, rollout=ALL_TESTS),
    upgrade("health-fails-after-switch", rolled_back("HealthCheckFailed"), two=SPOILT),
    upgrade(
        "both-fail-promoted",
        two=SHARED,
        rollout=CONVERSATIONS,
        then=(Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),),
    ),
    upgrade(
        "both-fail-tested-again",
        rolled_back("Aborted"),
        two=SHARED,
        rollout=CONVERSATIONS,
        then=(
            Step(in_phase(Phase.AWAITING_PROMOTION), annotate("resume", "2")),
            Step(in_phase(Phase.TESTING), annotate("resume", "2")),
            Step(in_phase(Phase.AWAITING_PROMOTION), annotate("abort", "2")),
        ),
    ),
    upgrade("both-fail-rolled-back", rolled_back("SharedFault"), two=SHARED, rollout=on_inconclusive("Rollback")),
    upgrade("both-fail-promoted-by-setting", two=SHARED, rollout=on_inconclusive("Promote")),
    Scenario(
        "only-resources-change",
        (Step(at_once, apply("1+", rollout=ALL_TESTS)),),
        replace(
            UPGRADED, active="1+", outcomes={"1": CREATED.outcomes["1"], "1+": CREATED.outcomes["1"]}, sizes={"1+": 3}
        ),
        first=spec("1", rollout=ALL_TESTS),
    ),
)

ENDLESS = Behaviour(hooks_end=False)

TESTS_CUT_SHORT = (
    upgrade("superseded-in-Testing", SUPERSEDED, rollout=CONVERSATIONS, then=(
        Step(in_phase(Phase.TESTING), apply("3", rollout=CONVERSATIONS)),
    )),
    upgrade("aborted-in-Testing", rolled_back("Aborted"), rollout=CONVERSATIONS, then=(
        Step(in_phase(Phase.TESTING), annotate("abort", "2")),
    )),
    upgrade("broken-in-Testing", rolled_back("CrashLoop"), rollout=CONVERSATIONS, then=(
        Step(in_phase(Phase.TESTING), breaks("2")),
    )),
    replace(
        upgrade("tests-invalid", rolled_back("WriteRefused"), rollout=CONVERSATIONS),
        steps=(Step(at_once, all_do(call_invalid("Job"), apply("2", rollout=CONVERSATIONS))),),
    ),
    replace(TESTED_ROLLBACK, name="upgrade-unreadable-settings-in-Testing", steps=(
        *TESTED_ROLLBACK.steps,
        Step(in_phase(Phase.TESTING), apply("2", **SETTINGS)),
        Step(in_phase(Phase.AWAITING_PROMOTION), all_do(apply("2", rollout=ALL_TESTS), annotate("resume", "2"))),
    )),
    upgrade("pod-replaced-while-tested", rollout=CONVERSATIONS, then=(
        Step(after(1, in_phase(Phase.TESTING)), replaced_while_probed),
    )),
    upgrade("hook-never-ends", rolled_back("CheckTimeout"), two=ENDLESS, rollout={"hooks": [BEFORE]}),
    upgrade("hook-never-ends-after-switch", rolled_back("CheckTimeout"), two=ENDLESS, rollout={"hooks": [AFTER]}),
    upgrade("quiet-immediate-looked-at-again", runs_per_second=QUIET, rollout=IMMEDIATE, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("resume", "2")),
        Step(in_phase(Phase.SETTLING), annotate("resume", "2")),
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
    )),
)  # fmt: skip

MANUAL_PROMOTIONS = (
    upgrade("by-hand", rollout=MANUAL, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
    )),
    upgrade("by-hand-immediate", rollout={**MANUAL, **IMMEDIATE}, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
    )),
    upgrade("by-hand-refused", rolled_back("Aborted"), rollout=MANUAL, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("abort", "2")),
    )),
    upgrade("by-hand-forgotten", rolled_back("PromotionTimeout"), rollout={**MANUAL, **FORGOTTEN}),
    Scenario("create-paused-and-forgotten", (
        Step(at_once, apply("1", rollout=FORGOTTEN)),
        Step(in_phase(Phase.PREPARING), annotate("pause", "1")),
    ), given_up("PromotionTimeout"), first=None),
    Scenario("create-by-hand", (Step(at_once, apply("1", rollout=MANUAL)),), CREATED, first=None),
)  # fmt: skip
