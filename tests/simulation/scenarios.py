"""The scenarios: what a team's life may bring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.behaviour import Behaviour
from tests.simulation.created_again import AGAIN, CREATED_AGAIN
from tests.simulation.lost_pods import LOST_PODS
from tests.simulation.scenario import (
    Deed,
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
from tests.simulation.specs import spec
from tests.simulation.world import ENVIRONMENT, TEAM, World

ON_TRIAL = (Phase.PREPARING, Phase.HEALTH_CHECKING, Phase.SHIFTING, Phase.WATCHING, Phase.SWITCHING, Phase.SETTLING)
IMMEDIATE = {"traffic": {"mode": "Immediate"}}
AUTO: dict[str, Any] = {"traffic": {}}
AUTOSCALED: dict[str, Any] = {
    "replicas": None,
    "autoscaling": {"minReplicas": 3, "maxReplicas": 10, "targetCPUUtilization": 70},
}
QUIET = 0.0
"""Runs per second of a team that nobody asks anything."""

BAD = Behaviour(error_share=0.5)
LEAKING = Behaviour(memory_share=0.95)
NEVER_READY = Behaviour(ready_after_seconds=None)
NO_IMAGE = Behaviour(image_found=False)
CRASHING = Behaviour(crashes_at_start=True)
SLOW = Behaviour(ready_after_seconds=70.0)
CRASHING_ALONE = Behaviour(crashes_alone_after_seconds=2.0)
UNHEALTHY = Behaviour(healthy=False)

CREATED = End(Phase.COMPLETED, active="1", outcomes={"1": Outcome.SUCCESSFUL}, sizes={"1": 3})
UPGRADED = End(Phase.COMPLETED, active="2", outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.SUCCESSFUL}, sizes={"2": 3})


def rolled_back(reason: str, size: int = 3) -> End:
    """Version 1 serves as before, and version 2 is remembered for its fault."""
    outcomes = {"1": Outcome.SUCCESSFUL, "2": Outcome.FAILED}
    return End(Phase.ROLLED_BACK, "1", reason, outcomes, {"1": size})


def given_up(reason: str) -> End:
    """Version 1 never served; its pods stay, for they may get ready yet."""
    return End(Phase.FAILED, reason=reason, outcomes={"1": Outcome.FAILED}, sizes={"1": 3})


def create(name: str, end: End, one: Behaviour) -> Scenario:
    """A team whose first version has a fault."""
    return Scenario(f"create-{name}", (Step(at_once, apply("1")),), end, first=None, behaviours={"1": one})


def upgrade(
    name: str,
    end: End = UPGRADED,
    *,
    two: Behaviour | None = None,
    runs_per_second: float = 40.0,
    then: tuple[Step, ...] = (),
    **fields: object,
) -> Scenario:
    """Version 2 is applied to a team of version 1, both with `fields`."""
    return Scenario(
        f"upgrade-{name}",
        (Step(at_once, apply("2", **fields)), *then),
        end,
        first=spec("1", **fields),
        behaviours={} if two is None else {"2": two},
        runs_per_second=runs_per_second,
    )


# --- meddling ---


def tamper(world: World) -> None:
    """Somebody points the active Service at the candidate alone, past all gates."""
    held = world.server.objects["Service", names.active_service(TEAM)]
    rollout = world.status.rollout
    selector = names.server_selector(TEAM, rollout.revision if rollout else None)
    world.note("somebody changes the active Service's selector")
    world.server.replace(resources.SERVICE, {**held, "spec": {**held["spec"], "selector": selector}})


def lose_status(world: World) -> None:
    """The team comes out of a backup: without its status."""
    held = world.team or {}
    world.note("the status is lost")
    world.people_meddle = True
    world.server.replace(resources.AGENT_TEAM, {key: value for key, value in held.items() if key != "status"})
    world.people_meddle = False


def remove_service(world: World) -> None:
    """Somebody deletes the active Service."""
    world.note("somebody deletes the active Service")
    world.server.remove(resources.SERVICE, names.active_service(TEAM))


def remove_blue(world: World) -> None:
    """Somebody deletes the serving Deployment."""
    world.note("somebody deletes the serving Deployment")
    world.people_meddle = True
    world.server.remove(resources.DEPLOYMENT, names.revision_object(TEAM, world.status.active_revision))
    world.people_meddle = False


def stranger(world: World) -> None:
    """Somebody has a Service of the team's name."""
    metadata = {"name": names.active_service(TEAM), "labels": {"app": "somebody-elses"}}
    world.server.create(resources.SERVICE, {"metadata": metadata, "spec": {"selector": {"app": "theirs"}}})


def stray_pod(world: World) -> None:
    """Somebody runs a pod that the Service selects, with no label more than that takes."""
    world.note("somebody runs a pod that the Service selects")
    world.controllers.run_stray_pod("stray", names.server_selector(TEAM))


def refuse(kind: str) -> Deed:
    """A policy refuses the operator's writes of this kind from now on."""
    return lambda world: world.server.refused_kinds.add(kind)


def load(pods: int) -> Deed:
    """The load comes to need so many pods."""
    return lambda world: world.controllers.set_load(pods)


def operator_upgrade(world: World) -> None:
    """Another operator takes over, with another default image and builders of its own."""
    world.note("the operator is upgraded")
    for process in world.operators:
        process.environment = replace(ENVIRONMENT, default_image="agent:2", builder_version="0.2.0")
        if process.alive:
            process.die()


# --- the scenarios ---

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
    upgrade("no-waiting", rollout={"watchSeconds": 0, "settleSeconds": 0, "drainSeconds": 0}),
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

SUPERSEDED = End(
    Phase.COMPLETED,
    active="3",
    outcomes={"1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED, "3": Outcome.SUCCESSFUL},
    sizes={"3": 3},
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
    upgrade("blue-removed-while-preparing", then=(Step(in_phase(Phase.PREPARING), remove_blue),)),
)


def refused(kind: str, end: End = UPGRADED, *, two: Behaviour | None = None) -> Scenario:
    """The API server takes no write of one kind, for good, from the moment at which version 2 is applied."""
    story = upgrade(f"{kind}-refused{'-and-errors' if two else ''}", end, two=two)
    return replace(story, steps=(Step(at_once, all_do(refuse(kind), apply("2"))),))


REFUSALS = (
    refused("ConfigMap", rolled_back("ReadyTimeout")),
    refused("Deployment", rolled_back("ReadyTimeout")),
    refused("Job", rolled_back("HealthCheckTimeout")),
    refused("PodDisruptionBudget"),
    refused("PodDisruptionBudget", rolled_back("WorseThanBlue"), two=BAD),
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
        *DELETIONS,
        *SCALING,
        *MEDDLING,
        *REFUSALS,
        *LOST_PODS,
        *OPERATORS,
    )
}

EXPLORED = (CREATE, UPGRADE, ROLLBACK, DELETION, AGAIN)
"""Disturbed at every request and every piece of news."""
