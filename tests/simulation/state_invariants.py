"""What is checked of each change."""

from __future__ import annotations

from agentteam_operator.api.order_status import Orderer
from agentteam_operator.api.status import MAX_LAST_VERDICTS, Outcome, Phase, RolloutStatus
from agentteam_operator.core import names
from agentteam_operator.core.gates.intent import FORMER_GOES_SECONDS
from agentteam_operator.core.view import IN_PROGRESS
from agentteam_operator.kube import resources
from agentteam_operator.observe.assemble import controlled

from tests.simulation.past import Change
from tests.simulation.pods import is_ready
from tests.simulation.round_invariants import dear_rounds, several_rounds_run, wrong_rounds
from tests.simulation.watched import Watched, broken, cleared, revision_of


def pod_templates_never_change(watch: Watched, change: Change) -> None:
    """Invariant 10, seen from the cluster."""
    del watch
    if change.resource.kind != "Deployment" or change.before is None or change.after is None:
        return
    if change.before["spec"]["template"] != change.after["spec"]["template"]:
        raise broken("pod_templates_never_change", str(change.key))


def nothing_shrinks_on_trial(watch: Watched, change: Change) -> None:
    """Invariant 2: neither colour loses size during a rollout, whoever would take it: an autoscaler too."""
    rollout = watch.rollout
    team = watch.world.team
    if change.resource.kind != "Deployment" or change.before is None or rollout is None or team is None:
        return
    if not controlled(change.before, team["metadata"]["uid"]):
        return
    revision = change.before["metadata"]["labels"][names.LABEL_REVISION]
    if rollout.phase not in IN_PROGRESS or revision not in {rollout.revision, rollout.base_revision}:
        return
    size = change.after["spec"]["replicas"] if change.after else 0
    if size < change.before["spec"]["replicas"] and not watch.world.people_meddle:
        raise broken("nothing_shrinks_on_trial", f"{revision} to {size} in phase {rollout.phase.value}")


def every_phase_has_its_deadline(watch: Watched, change: Change) -> None:
    """Invariant 6: absolute, persisted when the phase is entered (a step's: when its weight is), never moved."""
    if change.resource.kind != names.KIND or change.after is None or not watch.statuses:
        return
    rollout = watch.statuses[-1].rollout
    if rollout is None or rollout.phase not in IN_PROGRESS:
        return
    if rollout.deadline is None:
        raise broken("every_phase_has_its_deadline", f"none in phase {rollout.phase.value}")
    before = watch.statuses[-2].rollout if len(watch.statuses) > 1 else None
    if before is not None and _stretch(before) == _stretch(rollout) and before.deadline != rollout.deadline:
        raise broken("every_phase_has_its_deadline", f"moved in phase {rollout.phase.value}")


def _stretch(rollout: RolloutStatus) -> tuple[object, ...]:
    """What a deadline is of: a phase, or a traffic step from the moment when its weight is reached."""
    return rollout.phase, rollout.phase_started_at, rollout.phase is Phase.SHIFTING and rollout.step_started_at


def the_timeline_only_grows(watch: Watched, change: Change) -> None:
    """Invariant 8: nobody writes over what another operator has written: intent that was persisted isn't lost."""
    if change.resource.kind != names.KIND or change.after is None or len(watch.statuses) <= 1:
        return
    before, after = (status.rollout for status in watch.statuses[-2:])
    if watch.world.people_meddle:
        return
    if before is None or after is None or before.started_at > after.started_at:
        lost = before is not None
    else:
        last = before.transitions[-1]
        kept = any((entry.phase, entry.at) == (last.phase, last.at) for entry in after.transitions)
        lost = before.started_at == after.started_at and not kept
    if lost:
        raise broken("the_timeline_only_grows", f"{change.key} was written over by an older status")


def the_last_verdicts_only_grow(watch: Watched, change: Change) -> None:
    """At most ten are kept; none is ever rewritten, and none goes before its turn."""
    if change.resource.kind != names.KIND or change.after is None or len(watch.statuses) <= 1:
        return
    if watch.world.people_meddle:
        return
    before, after = (status.last_verdicts for status in watch.statuses[-2:])
    if len(after) > MAX_LAST_VERDICTS:
        raise broken("the_last_verdicts_only_grow", f"{len(after)} are kept")
    gone = next(number for number in range(len(before) + 1) if before[number:] == after[: len(before) - number])
    if gone and len(after) < MAX_LAST_VERDICTS:
        raise broken("the_last_verdicts_only_grow", f"{gone} of {len(before)} are gone, and {len(after)} are left")


def only_what_passed_is_called_successful(watch: Watched, change: Change) -> None:
    """A cancelled or failed candidate is never on record as Successful, nor one whose gates were not passed."""
    if change.resource.kind != names.KIND or change.after is None or len(watch.statuses) <= 1:
        return
    before, after = watch.statuses[-2:]
    known = {entry.hash for entry in before.revisions if entry.outcome is Outcome.SUCCESSFUL}
    for entry in after.revisions:
        if entry.outcome is not Outcome.SUCCESSFUL or entry.hash in known or entry.reason == "Adopted":
            continue
        rollout = after.rollout
        if rollout is None or rollout.revision != entry.hash or rollout.phase is not Phase.COMPLETED:
            raise broken("only_what_passed_is_called_successful", entry.hash)
        if not cleared(rollout):
            raise broken("only_what_passed_is_called_successful", f"{entry.hash} has not passed its gates")


def each_revision_is_on_record_by_its_own_version(watch: Watched, change: Change) -> None:
    """Whoever ordered it to serve: the history has the version that its Deployment was made with."""
    if change.resource.kind != names.KIND or change.after is None or watch.world.people_meddle:
        return
    for entry in watch.world.status.revisions:
        deployment = watch.world.deployment(entry.hash)
        made = deployment["metadata"]["labels"].get(names.LABEL_VERSION, "") if deployment else entry.version
        if entry.version != made:
            said = f"{entry.hash} is called {entry.version}, and is {made}"
            raise broken("each_revision_is_on_record_by_its_own_version", said)


def readiness_is_of_a_revisions_own_pods(watch: Watched, change: Change) -> None:
    """No gate is passed by pods that a Deployment of this name, now gone, has left behind."""
    rollout = watch.rollout
    if change.resource.kind != names.KIND or rollout is None or rollout.phase is not Phase.HEALTH_CHECKING:
        return
    deployment = watch.world.deployment(rollout.revision)
    pods = [pod for pod in watch.world.server.of_kind(resources.POD) if is_ready(pod)]
    ready = [pod["metadata"]["name"] for pod in pods if revision_of(pod) == rollout.revision]
    own = watch.world.controllers.pods_of(deployment) if deployment else []
    strange = set(ready) - {pod["metadata"]["name"] for pod in own}
    if strange and (rollout.phase_started_at - rollout.started_at).total_seconds() < FORMER_GOES_SECONDS:
        raise broken("readiness_is_of_a_revisions_own_pods", f"{sorted(strange)} are of another Deployment")


def what_goes_with_a_former_team_is_no_conflict(watch: Watched, change: Change) -> None:
    """A team that was made again waits, quietly and not for ever, for the objects of the one before to go."""
    if change.resource.kind != names.KIND or change.after is None or watch.world.phase is not Phase.FAILED:
        return
    if watch.world.status.reason != "NameConflict" or watch.rollout is None:
        return
    strangers = [
        key
        for key, item in watch.world.server.objects.items()
        if key[0] not in {names.KIND, "Pod", "EndpointSlice", "Event"}
        and not any(controlled(item, uid) for uid in watch.uids)
    ]
    waited = (watch.rollout.phase_started_at - watch.rollout.started_at).total_seconds()
    if not strangers and waited < FORMER_GOES_SECONDS:
        raise broken("what_goes_with_a_former_team_is_no_conflict", watch.world.status.message)


def every_fault_is_an_incident(watch: Watched, change: Change) -> None:
    """A rollout that turned back, and not because a person wanted it, has opened an incident, or found one open."""
    rollout = watch.rollout
    if change.resource.kind != names.KIND or change.after is None or rollout is None:
        return
    turned = [entry for entry in rollout.transitions if entry.phase is Phase.ROLLING_BACK]
    seen = [entry.at for status in watch.statuses[:-1] if status.rollout for entry in status.rollout.transitions]
    incident = watch.world.status.last_incident
    for entry in turned:
        wanted = entry.reason not in {"Superseded", "Aborted"}
        if entry.at not in seen and wanted and (incident is None or incident.resolved_at is not None):
            raise broken("every_fault_is_an_incident", f"{entry.reason} at {entry.at}")


def what_was_given_up_stays_an_incident(watch: Watched, change: Change) -> None:
    """A team that isn't what its spec says, and not because a person wanted it, is never left without one."""
    rollout, incident = watch.rollout, watch.world.status.last_incident
    if change.resource.kind != names.KIND or change.after is None or rollout is None or watch.world.people_meddle:
        return
    if rollout.phase not in {Phase.ROLLED_BACK, Phase.FAILED} or rollout.reason in {"Superseded", "Aborted"}:
        return
    if incident is None or incident.resolved_at is not None:
        raise broken("what_was_given_up_stays_an_incident", f"{rollout.revision}: {rollout.reason}")


def rounds_are_had_one_by_one_within_the_cap(watch: Watched, change: Change) -> None:
    """Golden conversations of the watch: each round is counted once at most, and none begins beyond the cap."""
    problems = [several_rounds_run(watch.world), dear_rounds(watch.world)]
    if change.resource.kind == names.KIND and change.after is not None and watch.statuses:
        before = watch.statuses[-2] if len(watch.statuses) > 1 else None
        problems += wrong_rounds(before, watch.statuses[-1])
    for problem in filter(None, problems):
        raise broken("rounds_are_had_one_by_one_within_the_cap", problem)


def the_guard_goes_back_once(watch: Watched, change: Change) -> None:
    """It leaves a revision once, when nothing else is under way, and for one that it hasn't left."""
    if change.resource.kind != names.KIND or change.after is None or len(watch.statuses) < 2:
        return
    before, after = watch.statuses[-2:]
    order = after.rollback_to
    if order is None or order == before.rollback_to or order.by is not Orderer.GUARD:
        return
    left = {entry.hash for entry in before.revisions if entry.left_at}
    in_progress = after.rollout is None or after.rollout.phase is not Phase.COMPLETED
    if in_progress or before.rollback_to or {order.revision, before.active_revision} & left:
        raise broken("the_guard_goes_back_once", f"from {before.active_revision} to {order.revision}")


def the_guard_rests_during_a_rollout(watch: Watched, change: Change) -> None:
    """It finds nothing, and takes nothing back, while a candidate is on trial."""
    if change.resource.kind != names.KIND or change.after is None or len(watch.statuses) < 2:
        return
    before, after = watch.statuses[-2:]
    in_progress = after.rollout is not None and after.rollout.phase in IN_PROGRESS
    if in_progress and after.guard != before.guard:
        raise broken("the_guard_rests_during_a_rollout", f"{before.guard} became {after.guard}")


STATE_CHECKS = (
    rounds_are_had_one_by_one_within_the_cap,
    the_guard_goes_back_once,
    the_guard_rests_during_a_rollout,
    every_fault_is_an_incident,
    what_was_given_up_stays_an_incident,
    pod_templates_never_change,
    nothing_shrinks_on_trial,
    every_phase_has_its_deadline,
    the_timeline_only_grows,
    the_last_verdicts_only_grow,
    only_what_passed_is_called_successful,
    each_revision_is_on_record_by_its_own_version,
    readiness_is_of_a_revisions_own_pods,
    what_goes_with_a_former_team_is_no_conflict,
)
