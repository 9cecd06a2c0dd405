"""What must hold at every step, whatever goes wrong: the invariants of a rollout as named checks.

Checks of writes look at a request just before the API server carries it out, and hold it against what is stored at that
moment. Checks of states look at each change. A check raises `Violation`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from agentteam_operator.api.incident_status import DeliveryState
from agentteam_operator.api.order_status import Orderer
from agentteam_operator.api.status import MAX_LAST_VERDICTS, AgentTeamStatus, Outcome, Phase, RolloutStatus, Verdict
from agentteam_operator.core import names
from agentteam_operator.core.gates.intent import FORMER_GOES_SECONDS
from agentteam_operator.core.view import IN_PROGRESS
from agentteam_operator.kube import resources
from agentteam_operator.observe.assemble import controlled
from agentteam_operator.providers.notifications.ledger import RECORD_AFTER

from tests.simulation.api_server import Request, matches
from tests.simulation.faults import Fault
from tests.simulation.operator_process import CATCH_UP_SECONDS, NEVER, RESTART_SECONDS, RESYNC_SECONDS, STALL_SECONDS
from tests.simulation.past import Change, JsonObject
from tests.simulation.pods import is_ready
from tests.simulation.round_invariants import a_round_is_left_running, dear_rounds, several_rounds_run, wrong_rounds
from tests.simulation.world import TEAM, Violation, World

REACTION_SECONDS = 2.0
"""How long the active Service may have no ready endpoint while another revision has some."""

LOOK_SECONDS = 5.0
"""`intervalSeconds` of the simulated teams."""
_RECOVERY_SECONDS = {
    Fault.WATCH_STALLS: STALL_SECONDS,
    Fault.NEWS_LOST: RESYNC_SECONDS + 5.0,
    Fault.STALE_START: RESTART_SECONDS + CATCH_UP_SECONDS + 2.0,
}
_OTHER_RECOVERY_SECONDS = RESTART_SECONDS + 2.0

SHARED_PHASES = frozenset(
    {Phase.SHIFTING, Phase.WATCHING, Phase.AWAITING_PROMOTION, Phase.SWITCHING, Phase.ROLLING_BACK}
)


@dataclass(slots=True)
class Invariants:
    """All checks, and what they have to remember of a run."""

    world: World
    uids: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Names of the Events that the transitions seen so far call for."""
    forgotten: set[str] = field(default_factory=set)
    """Those that stood in a status that is gone."""
    named: dict[tuple[Phase, datetime], str] = field(default_factory=dict)
    """The revision that each transition was first said to be of."""
    statuses: list[AgentTeamStatus] = field(default_factory=list)
    """The last two that were stored."""
    to_tell: set[tuple[str, str]] = field(default_factory=set)
    """Which notifier is to be told what, by the notice's id."""
    notices: dict[tuple[object, ...], str] = field(default_factory=dict)
    """Ids by what they tell of."""
    since: dict[str, float] = field(default_factory=dict)
    """When what must not last began, by what it is."""

    def watch(self) -> Invariants:
        """Be told of everything from now on."""
        self.world.before_write.append(self.before_write)
        self.world.after_change.append(self.after_change)
        self.world.after_step.append(self.after_step)
        return self

    def before_write(self, _: World, request: Request) -> None:
        """Hold a write against what is stored."""
        if request.resource.kind == "Event":
            return
        for check in WRITE_CHECKS:
            check(self, request)

    def after_change(self, _: World, change: Change) -> None:
        """Look at a new state."""
        if change.resource.kind == names.KIND:
            self._note_status(change)
        for check in STATE_CHECKS:
            check(self, change)

    def after_step(self, _: World) -> None:
        """Look at what lasts."""
        for name, is_so in LASTING.items():
            self._bound(name, is_so=is_so(self.world))

    def _bound(self, name: str, *, is_so: bool) -> None:
        """What may be so for `REACTION_SECONDS`, and for as long as it takes to come back from what disturbed it."""
        if not is_so:
            self.since.pop(name, None)
            return
        began = self.since.setdefault(name, self.world.timeline.seconds)
        recoveries = (_RECOVERY_SECONDS.get(strike.fault, _OTHER_RECOVERY_SECONDS) for strike in self.world.struck)
        excused_until = self.world.last_disturbed_at + max(recoveries, default=0.0)
        if self.world.timeline.seconds - max(began, excused_until) > REACTION_SECONDS:
            raise broken(name, f"since {began:.3f}")

    def _note_status(self, change: Change) -> None:
        team = change.after
        if team is None:
            return
        if team["metadata"]["uid"] not in self.uids or self.world.people_meddle:
            self.forgotten |= self.told  # what people took away, before it was told, nobody can tell
        if team["metadata"]["uid"] not in self.uids:
            self.uids.add(team["metadata"]["uid"])
            self.statuses = []
        status = self.world.status
        self.statuses = [*self.statuses[-1:], status]
        for entry in (*status.rollout.earlier, *status.rollout.transitions) if status.rollout else ():
            revision = entry.revision or (status.rollout.revision if status.rollout else "")
            key = f"{team['metadata']['uid']}/{revision}/{entry.phase}/{entry.at.timestamp():.3f}"
            if self.named.setdefault((entry.phase, entry.at), revision) != revision:
                raise broken("every_transition_is_told_once", f"{entry.phase} at {entry.at} is told of {revision}, too")
            self.told.add(f"{TEAM}.{hashlib.sha256(key.encode()).hexdigest()[:16]}")
        for notice in status.notifications:
            subject = (team["metadata"]["uid"], notice.kind, notice.revision, notice.at)
            if self.notices.setdefault(subject, notice.id) != notice.id:
                raise broken("every_notifier_is_told", f"{notice.kind} of {notice.revision} has two ids")
            self.to_tell |= {(delivery.notifier, notice.id) for delivery in notice.deliveries}

    @property
    def rollout(self) -> RolloutStatus | None:
        """The stored one."""
        return self.world.status.rollout


def broken(name: str, words: str) -> Violation:
    """The error that a check raises."""
    return Violation(f"{name}: {words}")


# --- writes ---


def only_own_objects_are_written(watch: Invariants, request: Request) -> None:
    """Invariant 11: what isn't controlled by this team's UID is never written."""
    if request.resource.kind == names.KIND:
        return
    if request.method == "POST":
        if not any(controlled(request.body, uid) for uid in watch.uids):
            raise broken("only_own_objects_are_written", f"{request.words} makes an object of nobody")
        return
    held = watch.world.server.objects.get((request.resource.kind, request.name))
    if held is not None and not any(controlled(held, uid) for uid in watch.uids):
        raise broken("only_own_objects_are_written", f"{request.words}, which isn't this team's")


def what_a_revision_is_made_of_is_written_once(watch: Invariants, request: Request) -> None:
    """Invariant 10: no pod template and no configuration of an existing revision is written."""
    del watch
    whole = request.method == "PATCH" and not request.subresource
    if whole and request.resource.kind in {"Deployment", "ConfigMap"}:
        raise broken("what_a_revision_is_made_of_is_written_once", request.words)


def nothing_holds_up_deletion(watch: Invariants, request: Request) -> None:
    """Invariant 9: no finalizer is set, on anything."""
    del watch
    metadata = request.body.get("metadata", {}) if isinstance(request.body, dict) else {}
    if metadata.get("finalizers"):
        raise broken("nothing_holds_up_deletion", f"{request.words} sets a finalizer")


def traffic_follows_intent(watch: Invariants, request: Request) -> None:
    """The stored status says so before the active Service does; its selector is never empty."""
    selector = _new_selector(request)
    if selector is None or watch.world.team is None:
        return
    if not selector:
        raise broken("traffic_follows_intent", "the active Service's selector is empty")
    if selector not in intended_selectors(watch.world):
        active, phase = watch.world.status.active_revision, watch.world.phase
        raise broken("traffic_follows_intent", f"{selector} while {active} is active, in phase {phase}")


def intended_selectors(world: World) -> list[dict[str, str]]:
    """Selectors of the active Service that follow from the stored status and who answers.

    The candidate may be selected alone when it already serves, and none of the old revision's pods answers.
    """
    active, rollout = world.status.active_revision, world.status.rollout
    found = [names.server_selector(TEAM, active)]
    if rollout is None:
        return found
    answering = {_revision(pod) for pod in world.server.of_kind(resources.POD) if is_ready(pod)}
    stranded = rollout.base_revision not in answering
    if rollout.phase not in SHARED_PHASES | ({Phase.ROLLED_BACK} if stranded else set()):
        return found
    found.append(names.server_selector(TEAM))
    if stranded and rollout.revision in answering:
        found.append(names.server_selector(TEAM, rollout.revision))
    return found


def traffic_goes_where_somebody_answers(watch: Invariants, request: Request) -> None:
    """Invariant 1: a Service with ready pods is never pointed away from all of them at pods that aren't."""
    before, after = watch.world.selector(), _new_selector(request)
    if not before or not after:
        return
    ready = [pod for pod in watch.world.server.of_kind(resources.POD) if is_ready(pod)]
    if any(matches(before, pod) for pod in ready) and not any(matches(after, pod) for pod in ready):
        raise broken("traffic_goes_where_somebody_answers", f"{after} has no ready pod in phase {watch.world.phase}")


def traffic_goes_to_no_stranger(watch: Invariants, request: Request) -> None:
    """A new selector matches pods of the two colours only."""
    selector = _new_selector(request)
    rollout = watch.rollout
    if not selector or rollout is None:
        return
    colours = {rollout.revision, rollout.base_revision, watch.world.status.active_revision}
    for pod in watch.world.server.of_kind(resources.POD):
        revision = pod["metadata"]["labels"].get(names.LABEL_REVISION)
        if matches(selector, pod) and revision not in colours and "deletionTimestamp" not in pod["metadata"]:
            raise broken("traffic_goes_to_no_stranger", f"pod {pod['metadata']['name']} would get traffic")


def no_traffic_before_the_gates(watch: Invariants, request: Request) -> None:
    """Invariant 4: a candidate is only selected when every gate has passed on that very revision."""
    selector = _new_selector(request)
    rollout = watch.rollout
    if not selector or rollout is None or selector.get(names.LABEL_REVISION, rollout.revision) != rollout.revision:
        return
    tests = set() if rollout.only_health else _tests(watch.world)
    if rollout.phase in {Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED} or cleared(rollout, tests):
        return
    raise broken("no_traffic_before_the_gates", f"{rollout.revision} is selected in phase {rollout.phase.value}")


def cleared(rollout: RolloutStatus, tests: set[str] | None = None) -> bool:
    """All gates before traffic have passed; a test that fails for both revisions alike lets pass who is let pass."""
    passed = {gate.name for gate in rollout.gates if gate.verdict in {Verdict.PASSED, Verdict.INCONCLUSIVE}}
    return rollout.gates_skipped or {"validation", "readiness", "health"} | (tests or set()) <= passed


def _tests(world: World) -> set[str]:
    """Gates of the tests that the team's spec asks for before the shift."""
    settings = (world.team or {}).get("spec", {}).get("rollout") or {}
    hooks = (hook for hook in settings.get("hooks") or [] if hook.get("when") != "AfterSwitch")
    found = {names.hook_check(hook["name"]) for hook in hooks}
    return found | ({names.CHECK_CONVERSATIONS} if settings.get("conversations") else set())


def _new_selector(request: Request) -> dict[str, str] | None:
    """What a write makes the active Service select; None if it's about something else."""
    name = request.name or (request.body or {}).get("metadata", {}).get("name", "")
    if request.resource.kind != "Service" or name != names.active_service(TEAM) or not isinstance(request.body, dict):
        return None
    spec = request.body.get("spec")
    return None if spec is None else dict(spec.get("selector") or {})


def the_switch_waits_until_green_can_carry_it(watch: Invariants, request: Request) -> None:
    """The candidate gets all the traffic with as many ready pods as the old revision has, never with fewer."""
    selector, rollout = _new_selector(request), watch.rollout
    if not selector or rollout is None or not rollout.base_revision or rollout.phase is not Phase.SWITCHING:
        return
    blue = watch.world.deployment(rollout.base_revision)
    pods = watch.world.server.of_kind(resources.POD)
    ready = sum(1 for pod in pods if is_ready(pod) and _revision(pod) == rollout.revision)
    if selector.get(names.LABEL_REVISION) == rollout.revision and blue and ready < blue["spec"]["replicas"]:
        raise broken("the_switch_waits_until_green_can_carry_it", f"{ready} pods for {blue['spec']['replicas']}")


def what_serves_is_never_taken_away(watch: Invariants, request: Request) -> None:
    """Invariant 2: a revision that traffic points to, or that may be gone back to, isn't scaled down or deleted."""
    if request.resource.kind != "Deployment" or request.method not in {"PATCH", "DELETE"}:
        return
    held = watch.world.server.objects.get(("Deployment", request.name))
    if held is None or watch.world.team is None:
        return
    size = request.body["spec"]["replicas"] if request.method == "PATCH" else 0
    if size >= held["spec"]["replicas"] and request.method == "PATCH":
        return
    revision = held["metadata"]["labels"][names.LABEL_REVISION]
    status, rollout = watch.world.status, watch.rollout
    selected = (watch.world.selector() or {}).get(names.LABEL_REVISION) == revision
    in_progress = rollout is not None and rollout.phase in IN_PROGRESS
    on_trial = rollout is not None and in_progress and revision in {rollout.revision, rollout.base_revision}
    if on_trial or (selected and size == 0) or (revision == status.active_revision and in_progress):
        raise broken("what_serves_is_never_taken_away", f"{request.words} to {size} in phase {watch.world.phase}")
    if selected and size < watch.world.desired_replicas():
        raise broken("what_serves_is_never_taken_away", f"{request.words} to {size}, below what is asked for")


WRITE_CHECKS = (
    only_own_objects_are_written,
    what_a_revision_is_made_of_is_written_once,
    nothing_holds_up_deletion,
    traffic_follows_intent,
    traffic_goes_where_somebody_answers,
    traffic_goes_to_no_stranger,
    no_traffic_before_the_gates,
    the_switch_waits_until_green_can_carry_it,
    what_serves_is_never_taken_away,
)


# --- states ---


def pod_templates_never_change(watch: Invariants, change: Change) -> None:
    """Invariant 10, seen from the cluster."""
    del watch
    if change.resource.kind != "Deployment" or change.before is None or change.after is None:
        return
    if change.before["spec"]["template"] != change.after["spec"]["template"]:
        raise broken("pod_templates_never_change", str(change.key))


def nothing_shrinks_on_trial(watch: Invariants, change: Change) -> None:
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


def every_phase_has_its_deadline(watch: Invariants, change: Change) -> None:
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


def the_timeline_only_grows(watch: Invariants, change: Change) -> None:
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


def the_last_verdicts_only_grow(watch: Invariants, change: Change) -> None:
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


def only_what_passed_is_called_successful(watch: Invariants, change: Change) -> None:
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


def readiness_is_of_a_revisions_own_pods(watch: Invariants, change: Change) -> None:
    """No gate is passed by pods that a Deployment of this name, now gone, has left behind."""
    rollout = watch.rollout
    if change.resource.kind != names.KIND or rollout is None or rollout.phase is not Phase.HEALTH_CHECKING:
        return
    deployment = watch.world.deployment(rollout.revision)
    pods = [pod for pod in watch.world.server.of_kind(resources.POD) if is_ready(pod)]
    ready = [pod["metadata"]["name"] for pod in pods if _revision(pod) == rollout.revision]
    own = watch.world.controllers.pods_of(deployment) if deployment else []
    strange = set(ready) - {pod["metadata"]["name"] for pod in own}
    if strange and (rollout.phase_started_at - rollout.started_at).total_seconds() < FORMER_GOES_SECONDS:
        raise broken("readiness_is_of_a_revisions_own_pods", f"{sorted(strange)} are of another Deployment")


def what_goes_with_a_former_team_is_no_conflict(watch: Invariants, change: Change) -> None:
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


def every_fault_is_an_incident(watch: Invariants, change: Change) -> None:
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


def rounds_are_had_one_by_one_within_the_cap(watch: Invariants, change: Change) -> None:
    """Golden conversations of the watch: each round is counted once at most, and none begins beyond the cap."""
    problems = [several_rounds_run(watch.world), dear_rounds(watch.world)]
    if change.resource.kind == names.KIND and change.after is not None and watch.statuses:
        before = watch.statuses[-2] if len(watch.statuses) > 1 else None
        problems += wrong_rounds(before, watch.statuses[-1])
    for problem in filter(None, problems):
        raise broken("rounds_are_had_one_by_one_within_the_cap", problem)


def the_guard_goes_back_once(watch: Invariants, change: Change) -> None:
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


def the_guard_rests_during_a_rollout(watch: Invariants, change: Change) -> None:
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
    pod_templates_never_change,
    nothing_shrinks_on_trial,
    every_phase_has_its_deadline,
    the_timeline_only_grows,
    the_last_verdicts_only_grow,
    only_what_passed_is_called_successful,
    readiness_is_of_a_revisions_own_pods,
    what_goes_with_a_former_team_is_no_conflict,
)


# --- what must not last ---


def traffic_is_left_in_the_dark(world: World) -> bool:
    """Invariants 1 and 3: a revision that has served has ready pods, and the active Service has none."""
    selector, team = world.selector(), world.team
    if selector is None or team is None or team["spec"].get("suspend"):
        return False
    ready = [pod for pod in world.server.of_kind(resources.POD) if is_ready(pod)]
    if any(matches(selector, pod) for pod in ready):
        return False
    status, rollout = world.status, world.status.rollout
    rescuers = {entry.hash for entry in status.revisions if entry.outcome is Outcome.SUCCESSFUL}
    if rollout is not None and any(entry.phase in SHARED_PHASES for entry in rollout.transitions):
        rescuers |= {rollout.revision, *(entry.revision for entry in rollout.transitions)}  # better it than nothing
    return any(_revision(pod) in rescuers for pod in ready)


def traffic_drifts(world: World) -> bool:
    """Invariant 4: the active Service is missing or selects something else than the stored status says."""
    team, status = world.team, world.status
    if team is None or team["spec"].get("suspend") or not status.active_revision:
        return False
    return world.selector() not in intended_selectors(world)


def a_deadline_is_not_kept(world: World) -> bool:
    """Invariant 6: the phase is left when its time is over. Judgement may want one more look first."""
    team, rollout = world.team, world.status.rollout
    if team is None or team["spec"].get("suspend") or rollout is None or rollout.phase not in IN_PROGRESS:
        return False
    return rollout.deadline is None or (world.timeline.now - rollout.deadline).total_seconds() > LOOK_SECONDS


def who_was_told_is_not_written_down(world: World) -> bool:
    """One write tells of all notifiers, and waits for the slow ones only so long."""
    team = world.team
    if team is None or team["spec"].get("suspend"):
        return False
    return any(
        delivery.state is DeliveryState.PENDING
        and world.timeline.seconds - world.heard_at.get((delivery.notifier, notice.id), NEVER) > RECORD_AFTER.seconds
        for notice in world.status.notifications
        for delivery in notice.deliveries
    )


def the_way_back_waits(world: World) -> bool:
    """Invariant 3: the old revision can answer, and all traffic isn't its own yet: the bad one goes on serving."""
    team, rollout = world.team, world.status.rollout
    if team is None or team["spec"].get("suspend") or rollout is None or rollout.phase is not Phase.ROLLING_BACK:
        return False
    answering = {_revision(pod) for pod in world.server.of_kind(resources.POD) if is_ready(pod)}
    return rollout.base_revision in answering and world.selector() != names.server_selector(TEAM, rollout.base_revision)


LASTING = {
    "the_way_back_waits": the_way_back_waits,
    "a_round_is_left_running": a_round_is_left_running,
    "who_was_told_is_not_written_down": who_was_told_is_not_written_down,
    "traffic_is_left_in_the_dark": traffic_is_left_in_the_dark,
    "traffic_drifts": traffic_drifts,
    "a_deadline_is_not_kept": a_deadline_is_not_kept,
}


def _revision(item: JsonObject) -> str:
    return str(item["metadata"]["labels"].get(names.LABEL_REVISION))


# --- ends ---


def every_transition_is_told_once(watch: Invariants) -> None:
    """Invariant 7: one Event for each transition, none lost, none repeated."""
    told = {
        item["metadata"]["name"] for item in watch.world.server.of_kind(resources.EVENT) if item["reason"] in set(Phase)
    }
    extra = told - watch.told
    missing = watch.told - told - watch.forgotten if watch.world.team else set()  # nobody hears of a team that is gone
    if missing or extra:
        raise broken("every_transition_is_told_once", f"{len(missing)} not told, {len(extra)} told of nothing")


def every_notifier_is_told(watch: Invariants) -> None:
    """Invariant 7, of notifiers: each that can hear is told all that is stored for it, and nothing else."""
    heard = set(watch.world.heard)
    missing = {(notifier, notice) for notifier, notice in watch.to_tell - heard if notifier not in watch.world.deaf}
    if (missing and watch.world.team) or heard - watch.to_tell:
        raise broken("every_notifier_is_told", f"{len(missing)} not told, {len(heard - watch.to_tell)} told of nothing")
    if not watch.world.struck and len(watch.world.operators) == 1 and len(heard) != len(watch.world.heard):
        raise broken("every_notifier_is_told", "somebody is told twice, though nothing was in the way")
    pending = [
        delivery.notifier
        for notice in watch.world.status.notifications
        for delivery in notice.deliveries
        if delivery.state is DeliveryState.PENDING and delivery.notifier not in watch.world.deaf
    ]
    if pending and watch.world.team:
        raise broken("every_notifier_is_told", f"it isn't written down that {pending} were")


def a_deleted_team_leaves_nothing(watch: Invariants) -> None:
    """Invariant 9: all that it made is gone."""
    left = [key for key in watch.world.server.objects if key[0] != "Event"]
    if watch.world.team is None and left:
        raise broken("a_deleted_team_leaves_nothing", str(left))
