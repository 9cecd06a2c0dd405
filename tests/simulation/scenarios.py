"""The scenarios: what a team's life may bring."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase

from tests.simulation.behaviour import Behaviour
from tests.simulation.created_again import AGAIN, CREATED_AGAIN
from tests.simulation.damaged import DAMAGED
from tests.simulation.guarded import GUARDED
from tests.simulation.lost_pods import LOST_PODS
from tests.simulation.meddling import (
    load,
    lose_status,
    operator_upgrade,
    remove_blue,
    remove_service,
    scale_blue,
    stranger,
    stray_pod,
    tamper,
)
from tests.simulation.ordered import ORDERS, PAUSES, REFUSED
from tests.simulation.refusals import REFUSALS
from tests.simulation.repeated import REPEATED_CONVERSATIONS
from tests.simulation.scenario import (
    End,
    Scenario,
    Step,
    after,
    all_do,
    annotate,
    apply,
    at_once,
    delete,
    in_phase,
)
from tests.simulation.stories import (
    AUTO,
    AUTOSCALED,
    BAD,
    CRASHING,
    CRASHING_ALONE,
    CREATED,
    IMMEDIATE,
    LEAKING,
    NEVER_READY,
    NO_IMAGE,
    PLAIN,
    QUIET,
    SLOW,
    SUPERSEDED,
    UNHEALTHY,
    UPGRADED,
    create,
    given_up,
    rolled_back,
    upgrade,
)
from tests.simulation.table import EVERY_RULE
from tests.simulation.tested import MANUAL_PROMOTIONS, TESTED, TESTS_CUT_SHORT
from tests.simulation.told import TOLD
from tests.simulation.unreadable import UNREADABLE
from tests.simulation.world import ENVIRONMENT

ON_TRIAL = (Phase.PREPARING, Phase.HEALTH_CHECKING, Phase.SHIFTING, Phase.WATCHING, Phase.SWITCHING, Phase.SETTLING)

CREATE = Scenario("create", (Step(at_once, apply("1")),), CREATED, first=None)

CREATIONS = (
    CREATE,
    create("never-ready", given_up("ReadyTimeout"), NEVER_READY),
    create("image-not-found", given_up("ImagePullFailed"), NO_IMAGE),
    create("crash-loop", given_up("CrashLoop"), CRASHING),
    create("ready-too-late", CREATED, Behaviour(ready_after_seconds=45.0)),
    *(
        Scenario(
            f"create-superseded-in-{phase.value}",
            (Step(at_once, apply("1")), Step(in_phase(phase), apply("2"))),
            replace(UPGRADED, outcomes={"1": Outcome.CANCELLED, "2": Outcome.SUCCESSFUL}),
            first=None,
        )
        for phase in (Phase.PREPARING, Phase.HEALTH_CHECKING, Phase.SWITCHING)
    ),
    *(
        Scenario(
            f"create-aborted-in-{phase.value}",
            (Step(at_once, apply("1")), Step(in_phase(phase), annotate("abort", "1"))),
            given_up("Aborted"),
            first=None,
            # The Service is made in Switching: it is there or not when the abort is heard.
            may_differ=("objects.Service chat", "endpoints", "status.rollout") if phase is Phase.SWITCHING else (),
        )
        for phase in (Phase.PREPARING, Phase.HEALTH_CHECKING, Phase.SWITCHING)
    ),
    Scenario(
        "create-aborted-and-replaced",
        (
            Step(at_once, apply("1")),
            Step(in_phase(Phase.SWITCHING), annotate("abort", "1")),
            Step(in_phase(Phase.FAILED), apply("2")),
        ),
        replace(UPGRADED, outcomes={"1": Outcome.FAILED, "2": Outcome.SUCCESSFUL}),
        first=None,
    ),
    Scenario(
        "create-name-conflict",
        (Step(at_once, all_do(stranger, apply("1"))),),
        End(Phase.FAILED, reason="NameConflict"),
        first=None,
    ),
)

UPGRADE = upgrade("by-steps")

GOOD_UPGRADES = (
    UPGRADE,
    upgrade("auto", rollout=AUTO),
    upgrade("immediate", rollout=IMMEDIATE),
    upgrade("by-one-small-step", rollout={"traffic": {"steps": [{"weight": 25, "holdSeconds": 5}]}}),
    upgrade("slow-starts", two=SLOW, rollout={"readyTimeoutSeconds": 300}),
    # Who waits for nothing takes the verdicts as they come.
    replace(
        upgrade("no-waiting", rollout={"watchSeconds": 0, "settleSeconds": 0, "drainSeconds": 0}),
        may_differ=("status.gates",),
    ),
    # Plain: all at once, without a judge or a wait. Readiness and health stay.
    upgrade("plain", rollout=PLAIN),
    upgrade("single-replica", replace(UPGRADED, sizes={"2": 1}), replicas=1, rollout=AUTO),
    replace(upgrade("without-prometheus"), environment=replace(ENVIRONMENT, metrics_configured=False)),
    upgrade("quiet-promoted", runs_per_second=QUIET, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
    )),
    upgrade("quiet-immediate-promoted", runs_per_second=QUIET, rollout=IMMEDIATE, then=(
        Step(in_phase(Phase.AWAITING_PROMOTION), annotate("promote", "2")),
    )),
    upgrade("quiet-promoted-by-setting", runs_per_second=QUIET, rollout={"analysis": {"onInconclusive": "Promote"}}),
)  # fmt: skip

ROLLBACK = upgrade("errors", rolled_back("WorseThanBlue"), two=BAD)

BAD_UPGRADES = (
    ROLLBACK,
    upgrade("errors-immediate", rolled_back("AboveLimit"), two=BAD, rollout=IMMEDIATE),
    upgrade("errors-single-replica", rolled_back("WorseThanBlue", size=1), two=BAD, replicas=1, rollout=AUTO),
    upgrade("memory", rolled_back("AboveLimit"), two=LEAKING),
    upgrade("never-ready", rolled_back("ReadyTimeout"), two=NEVER_READY),
    upgrade("image-not-found", rolled_back("ImagePullFailed"), two=NO_IMAGE),
    upgrade("crash-loop", rolled_back("CrashLoop"), two=CRASHING),
    upgrade("crash-after-switch", rolled_back("EndpointsLost"), two=CRASHING_ALONE),
    upgrade("crash-after-immediate-switch", rolled_back("EndpointsLost"), two=CRASHING_ALONE, rollout=IMMEDIATE),
    upgrade("unhealthy", rolled_back("HealthCheckFailed"), two=UNHEALTHY),
    upgrade("quiet-rollback-by-setting", rolled_back("Inconclusive"), runs_per_second=QUIET,
            rollout={"analysis": {"onInconclusive": "Rollback"}}),
    upgrade("quiet-nobody-promotes", rolled_back("PromotionTimeout"), runs_per_second=QUIET,
            rollout={"promotionTimeoutSeconds": 30}),
)  # fmt: skip

ABORTED = rolled_back("Aborted")

ABORTS = tuple(
    upgrade(f"aborted-in-{phase.value}", ABORTED, then=(Step(in_phase(phase), annotate("abort", "2")),))
    for phase in ON_TRIAL
)

SUPERSESSIONS = tuple(
    upgrade(f"superseded-in-{phase.value}", SUPERSEDED, then=(Step(in_phase(phase), apply("3")),)) for phase in ON_TRIAL
)

REVERTED = End(
    Phase.COMPLETED,
    active="1",
    outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED},
    sizes={"1": 3},
)

REVERSIONS = (
    *(upgrade(f"reverted-in-{phase.value}", REVERTED, then=(Step(in_phase(phase), apply("1")),)) for phase in ON_TRIAL),
    upgrade(
        "back-to-a-retained-revision",
        replace(UPGRADED, active="1", sizes={"1": 3}),
        then=(Step(in_phase(Phase.COMPLETED, "2"), apply("1")),),
    ),
    *(
        upgrade(
            f"back-to-a-revision-with-a-stale-{word}",
            replace(UPGRADED, active="1", sizes={"1": 3}),
            rollout=IMMEDIATE,
            then=(Step(in_phase(Phase.COMPLETED, "2"), all_do(annotate(word, "1"), apply("1", rollout=IMMEDIATE))),),
        )
        for word in ("abort", "promote")
    ),
    upgrade(
        "way-back-superseded",
        replace(UPGRADED, active="3", outcomes={**UPGRADED.outcomes, "3": Outcome.SUCCESSFUL}, sizes={"3": 3}),
        then=(
            Step(in_phase(Phase.COMPLETED, "2"), apply("1")),
            Step(in_phase(Phase.SETTLING, "1"), apply("3")),
        ),
    ),
    upgrade(
        "way-back-aborted",
        replace(UPGRADED, phase=Phase.ROLLED_BACK, reason="Aborted"),
        then=(
            Step(in_phase(Phase.COMPLETED, "2"), apply("1")),
            Step(in_phase(Phase.SETTLING, "1"), annotate("abort", "1")),
        ),
    ),
    upgrade(
        "back-after-a-rollback",
        replace(rolled_back(""), phase=Phase.COMPLETED),
        two=BAD,
        then=(Step(in_phase(Phase.ROLLED_BACK), apply("1")),),
    ),
)

DELETION = replace(upgrade("deleted-in-Watching", then=(Step(in_phase(Phase.WATCHING), delete),)), end=None)

DELETIONS = tuple(
    replace(upgrade(f"deleted-in-{phase.value}", two=two, then=(Step(in_phase(phase), delete),)), end=None)
    for phase, two in (
        *((phase, None) for phase in (*ON_TRIAL, Phase.COMPLETED)),
        (Phase.ROLLING_BACK, BAD),
        (Phase.ROLLED_BACK, BAD),
    )
)

SCALING = (
    upgrade("scaled-up-in-mid-rollout", replace(UPGRADED, sizes={"2": 5}), then=(
        Step(in_phase(Phase.WATCHING), apply("2", replicas=5)),
    )),
    upgrade("scaled-down-in-mid-rollout", replace(UPGRADED, sizes={"2": 2}), then=(
        Step(in_phase(Phase.SHIFTING), apply("2", replicas=2)),
    )),
    upgrade("autoscaled", replace(UPGRADED, sizes={"2": 8}), then=(
        Step(in_phase(Phase.WATCHING), load(8)),
    ), **AUTOSCALED),
    upgrade("autoscaled-load-falls", replace(UPGRADED, sizes={"2": 3}), then=(
        Step(in_phase(Phase.PREPARING), load(8)),
        Step(after(5, in_phase(Phase.WATCHING)), load(3)),
    ), **AUTOSCALED),
    upgrade("autoscaled-shrunk-by-hand", replace(UPGRADED, sizes={"2": 6}), then=(
        Step(in_phase(Phase.PREPARING), scale_blue(6)),
        Step(in_phase(Phase.SHIFTING), scale_blue(1)),
    ), **AUTOSCALED),
    upgrade("autoscaled-errors", rolled_back("WorseThanBlue", size=8), two=BAD, then=(
        Step(in_phase(Phase.PREPARING), load(8)),
    ), **AUTOSCALED),
)  # fmt: skip

MEDDLING = (
    upgrade("selector-tampered-while-preparing", then=(Step(in_phase(Phase.PREPARING), tamper),)),
    upgrade("selector-tampered-while-watching", then=(Step(in_phase(Phase.WATCHING), tamper),)),
    upgrade("service-removed-while-watching", then=(Step(in_phase(Phase.WATCHING), remove_service),)),
    Scenario("status-lost", (Step(at_once, lose_status),), replace(CREATED, reason="Adopted")),
    upgrade("status-lost-while-preparing", then=(Step(in_phase(Phase.PREPARING), lose_status),)),
    upgrade("status-lost-while-watching", then=(Step(in_phase(Phase.WATCHING), lose_status),)),
    upgrade(
        "status-lost-while-settling",
        replace(UPGRADED, reason="Adopted", outcomes={"2": Outcome.SUCCESSFUL}),
        then=(Step(in_phase(Phase.SETTLING), lose_status),),
    ),
    upgrade("with-a-stray-pod", rolled_back("StrayPods"), then=(Step(in_phase(Phase.PREPARING), stray_pod),)),
    upgrade(
        "with-a-stray-pod-while-watching",
        rolled_back("Inconclusive"),
        then=(Step(in_phase(Phase.WATCHING), stray_pod),),
        rollout={"analysis": {"intervalSeconds": 5, "onInconclusive": "Rollback"}},
    ),
    upgrade("blue-removed-while-preparing", then=(Step(in_phase(Phase.PREPARING), remove_blue),)),
)

OPERATORS = (
    *(
        upgrade(f"operator-upgraded-in-{phase.value}", then=(Step(in_phase(phase), operator_upgrade),))
        for phase in (*ON_TRIAL, Phase.COMPLETED)
    ),
    replace(upgrade("by-two-operators"), operators=2),
    replace(upgrade("errors-by-two-operators", rolled_back("WorseThanBlue"), two=BAD), operators=2),
    upgrade("suspended-and-resumed", then=(
        Step(in_phase(Phase.SHIFTING), apply("2", suspend=True)),
        Step(after(30, in_phase(Phase.SHIFTING)), apply("2")),
    )),
)  # fmt: skip

ALL = {
    scenario.name: scenario
    for scenario in (
        *CREATIONS,
        *CREATED_AGAIN,
        *GOOD_UPGRADES,
        *BAD_UPGRADES,
        *ABORTS,
        *SUPERSESSIONS,
        *REVERSIONS,
        *TESTED,
        *TESTS_CUT_SHORT,
        *MANUAL_PROMOTIONS,
        *PAUSES,
        *REFUSED,
        *ORDERS,
        *DELETIONS,
        *SCALING,
        *MEDDLING,
        *DAMAGED,
        *UNREADABLE,
        *REFUSALS,
        *LOST_PODS,
        *TOLD,
        *GUARDED,
        *OPERATORS,
        *REPEATED_CONVERSATIONS,
        *EVERY_RULE,
    )
}

EXPLORED = (CREATE, UPGRADE, ROLLBACK, DELETION, AGAIN)
"""Disturbed at every request and every piece of news."""
