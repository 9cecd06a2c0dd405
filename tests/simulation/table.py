"""A scenario for each rule of the transition table that no other story comes to use."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.kube import resources

from tests.simulation.created_again import garbage_stays, served
from tests.simulation.lost_pods import WITHOUT_PROMETHEUS, lose, no_room
from tests.simulation.meddling import stray_pod
from tests.simulation.past import JsonObject
from tests.simulation.pods import is_ready
from tests.simulation.scenario import Deed, Scenario, Step, after, all_do, annotate, apply, at_once, delete, in_phase
from tests.simulation.specs import revision
from tests.simulation.stories import BAD, CREATED, IMMEDIATE, QUIET, UPGRADED, rolled_back, upgrade
from tests.simulation.unreadable import OF_THE_REVISION, SETTINGS
from tests.simulation.world import World

SMALL_STEP = {"traffic": {"steps": [{"weight": 25, "holdSeconds": 5}]}}
"""The switch has to wait for two more pods."""
A_THIRD = {"traffic": {"steps": [{"weight": 33, "holdSeconds": 5}]}}
HALVES = {"traffic": {"steps": [{"weight": 50, "holdSeconds": 20}]}}
HALVES_AT_ONCE = {"traffic": {"steps": [{"weight": 50, "holdSeconds": 0}]}}
"""No step waits for answers: the watch does."""
RUNS_PER_SECOND = 40.0

# --- deeds ---


def breaks(version: str, reason: str = "CrashLoopBackOff") -> Deed:
    """The youngest pod of a version ends, and its container isn't started again."""

    def deed(world: World) -> None:
        youngest = _pods(world, version)[-1]["metadata"]["name"]
        world.note(f"pod {youngest} isn't started again: {reason}")
        world.controllers.wait(youngest, reason)

    return deed


def drained(version: str) -> Deed:
    """A node is drained: its pod of a version is evicted, and another takes its place elsewhere."""

    def deed(world: World) -> None:
        pod = _pods(world, version)[-1]
        world.note(f"pod {pod['metadata']['name']} is evicted")
        world.controllers.terminate(pod)

    return deed


def _pods(world: World, version: str) -> list[JsonObject]:
    deployment = world.deployment(revision(version)) or {"metadata": {"uid": ""}}
    return world.controllers.pods_of(deployment)


def replaced_while_probed(world: World) -> None:
    """A pod of version 2 is deleted while the health check asks it, and another one takes its place."""
    job = next(item["metadata"]["name"] for item in world.server.of_kind(resources.JOB))
    world.note(f"a pod that {job} asks goes away")
    world.controllers.disturbed_jobs.add(job)
    world.controllers.terminate(next(pod for pod in _pods(world, "2") if is_ready(pod)))


def people_ask(runs_per_second: float) -> Deed:
    """From now on people send so many requests."""

    def deed(world: World) -> None:
        world.note(f"people send {runs_per_second:g} requests a second")
        world.load.runs_per_second = runs_per_second

    return deed


def fails(version: str, share: float) -> Deed:
    """From now on such a share of a version's answers is an error."""

    def deed(world: World) -> None:
        world.note(f"version {version} fails {share:.0%} of its runs")
        world.load.fail(version, share)

    return deed


def call_invalid(kind: str) -> Deed:
    """The API server calls the operator's objects of this kind invalid from now on."""
    return lambda world: world.server.invalid_kinds.add(kind)


# --- a pause, and what ends it ---

_IN_PAUSE = in_phase(Phase.AWAITING_PROMOTION)

PAUSES = (
    upgrade("paused-and-aborted", rolled_back("Aborted"), runs_per_second=QUIET, then=(
        Step(_IN_PAUSE, annotate("abort", "2")),
    )),
    upgrade("paused-and-superseded", replace(UPGRADED, active="3", sizes={"3": 3}, outcomes={
        "1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED, "3": Outcome.SUCCESSFUL,
    }), runs_per_second=QUIET, then=(
        Step(_IN_PAUSE, all_do(people_ask(RUNS_PER_SECOND), apply("3"))),
    )),
    *(
        upgrade(f"paused-{where}until-people-come", runs_per_second=QUIET, rollout=rollout, then=(
            Step(_IN_PAUSE, people_ask(RUNS_PER_SECOND)),
        ))
        for where, rollout in (("", {}), ("last-step-", HALVES), ("watch-", HALVES_AT_ONCE))
    ),
    # People come, and yet it waits: without the word it would go out.
    upgrade("paused-in-a-pause", rolled_back("PromotionTimeout"), runs_per_second=QUIET,
            rollout={**HALVES_AT_ONCE, "promotionTimeoutSeconds": 60}, then=(
        Step(_IN_PAUSE, annotate("pause", "2")),
        Step(after(1, _IN_PAUSE), people_ask(RUNS_PER_SECOND)),
    )),
    upgrade("paused-and-found-worse", rolled_back("WorseThanBlue"), two=BAD, runs_per_second=QUIET, then=(
        Step(_IN_PAUSE, people_ask(RUNS_PER_SECOND)),
    )),
    upgrade("paused-and-broken", rolled_back("CrashLoop"), runs_per_second=QUIET, rollout=HALVES_AT_ONCE,
            then=(Step(_IN_PAUSE, breaks("2")),)),
    upgrade("paused-and-lost", rolled_back("EndpointsLost"), runs_per_second=QUIET, then=(
        Step(_IN_PAUSE, lose("2", 3)),
    )),
    upgrade("quiet-watch-promoted-by-setting", runs_per_second=QUIET, rollout={
        **HALVES_AT_ONCE, "analysis": {"onInconclusive": "Promote"},
    }),
    upgrade("quiet-settling-promoted-by-setting", runs_per_second=QUIET, rollout={
        **IMMEDIATE, "analysis": {"onInconclusive": "Promote"},
    }),
    upgrade("quiet-settling-rollback-by-setting", rolled_back("Inconclusive"), runs_per_second=QUIET, rollout={
        **IMMEDIATE, "analysis": {"onInconclusive": "Rollback"},
    }),
    *(
        replace(
            upgrade(f"unreadable-settings-in-{phase.value}", then=(
                Step(in_phase(phase), apply("2", **SETTINGS)),
                Step(_IN_PAUSE, all_do(apply("2"), annotate("promote", "2"))),
            )),
            environment=WITHOUT_PROMETHEUS,
            seconds=2000.0,
        )
        for phase in (Phase.PREPARING, Phase.HEALTH_CHECKING, Phase.SHIFTING, Phase.WATCHING)
    ),
)  # fmt: skip

# --- pods that break, get lost, or never come ---

BREAKDOWNS = (
    *(
        upgrade(f"broken-in-{phase.value}", rolled_back("CrashLoop"), rollout=rollout, then=(
            Step(in_phase(phase), breaks("2")),
        ))
        for phase, rollout in (
            (Phase.HEALTH_CHECKING, {}),
            (Phase.SHIFTING, HALVES),
            (Phase.WATCHING, {}),
            (Phase.SETTLING, {}),
        )
    ),
    upgrade("broken-in-Switching", rolled_back("CrashLoop"), rollout=SMALL_STEP, then=(
        Step(after(1, in_phase(Phase.SWITCHING)), breaks("2")),
    )),
    # What befalls one pod of a good version by its node is no fault of the version.
    *(
        upgrade(f"drained-in-{phase.value}", rollout=SMALL_STEP, then=(Step(in_phase(phase), drained("2")),))
        for phase in (Phase.SHIFTING, Phase.WATCHING)
    ),
    *(
        upgrade(f"without-its-image-in-{phase.value}", then=(
            Step(in_phase(phase), breaks("2", "ImagePullBackOff")), Step(after(5, in_phase(phase)), drained("2")),
        ))
        for phase in (Phase.WATCHING, Phase.SETTLING)
    ),
    *(
        upgrade(f"lost-in-{phase.value}", rolled_back("EndpointsLost"), then=(Step(in_phase(phase), lose("2", 3)),))
        for phase in (Phase.SHIFTING, Phase.WATCHING)
    ),
    upgrade("lost-in-Switching", rolled_back("EndpointsLost"), rollout=SMALL_STEP, then=(
        Step(in_phase(Phase.WATCHING), no_room),
        Step(in_phase(Phase.SWITCHING), lose("2", 3)),
    )),
    upgrade("without-room-in-Shifting", rolled_back("ReadyTimeout"), then=(Step(in_phase(Phase.SHIFTING), no_room),)),
    upgrade("without-room-in-Switching", rolled_back("ReadyTimeout"), rollout=SMALL_STEP, then=(
        Step(in_phase(Phase.WATCHING), no_room),
    )),
    # Two pods that fail, for one alone is held and named: it may be the pod, and not the version.
    upgrade("worse-in-Switching", rolled_back("WorseThanBlue", size=4), replicas=4, rollout=A_THIRD, then=(
        Step(in_phase(Phase.WATCHING), no_room),
        Step(in_phase(Phase.SWITCHING), fails("2", 0.9)),
    )),
    replace(upgrade("both-lose-pods-in-Settling", then=(
        Step(in_phase(Phase.SETTLING), all_do(lose("2", 1), lose("1", 1))),
    )), environment=WITHOUT_PROMETHEUS),
    *(
        upgrade(f"aborted-without-the-old-revision-in-{phase.value}", replace(rolled_back("Aborted"), sizes={"1": 3}),
                then=(Step(in_phase(phase), all_do(lose("1", 3), annotate("abort", "2"))),))
        for phase in (Phase.PREPARING, Phase.HEALTH_CHECKING)
    ),
    replace(upgrade("with-a-stray-pod-for-ever", rolled_back("StrayPods"), then=(
        Step(in_phase(Phase.WATCHING), stray_pod),
    )), environment=WITHOUT_PROMETHEUS),
    upgrade("pod-replaced-while-probed", then=(
        Step(after(1, in_phase(Phase.HEALTH_CHECKING)), replaced_while_probed),
    )),
)  # fmt: skip

# --- what the API server refuses, and what people change in time ---

REFUSED = (
    *(
        replace(
            upgrade(f"{kind}-invalid", rolled_back("WriteRefused")),
            steps=(Step(at_once, all_do(call_invalid(kind), apply("2"))),),
        )
        for kind in ("Deployment", "Job")
    ),
    Scenario(
        "refused-and-reverted",
        (
            Step(at_once, apply("2", **OF_THE_REVISION)),
            Step(in_phase(Phase.FAILED), apply("1")),
        ),
        replace(CREATED, reason="Reverted"),
    ),
    Scenario(
        "created-again-and-changed",
        (
            Step(at_once, all_do(garbage_stays(10.0), delete, apply("1"))),
            Step(in_phase(Phase.VALIDATING), apply("2")),
        ),
        served("2"),
    ),
)

EVERY_RULE = (*PAUSES, *BREAKDOWNS, *REFUSED)
