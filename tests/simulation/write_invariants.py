"""What is checked of a write, just before the API server carries it out, against what is stored at that moment."""

from __future__ import annotations

from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.view import IN_PROGRESS
from agentteam_operator.kube import resources
from agentteam_operator.observe.assemble import controlled

from tests.simulation.api_server import Request, matches
from tests.simulation.pods import is_ready
from tests.simulation.watched import Watched, broken, cleared, intended_selectors, revision_of
from tests.simulation.world import TEAM, World


def only_own_objects_are_written(watch: Watched, request: Request) -> None:
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


def what_a_revision_is_made_of_is_written_once(watch: Watched, request: Request) -> None:
    """Invariant 10: no pod template and no configuration of an existing revision is written."""
    del watch
    whole = request.method == "PATCH" and not request.subresource
    if whole and request.resource.kind in {"Deployment", "ConfigMap"}:
        raise broken("what_a_revision_is_made_of_is_written_once", request.words)


def nothing_holds_up_deletion(watch: Watched, request: Request) -> None:
    """Invariant 9: no finalizer is set, on anything."""
    del watch
    metadata = request.body.get("metadata", {}) if isinstance(request.body, dict) else {}
    if metadata.get("finalizers"):
        raise broken("nothing_holds_up_deletion", f"{request.words} sets a finalizer")


def traffic_follows_intent(watch: Watched, request: Request) -> None:
    """The stored status says so before the active Service does; its selector is never empty."""
    selector = _new_selector(request)
    if selector is None or watch.world.team is None:
        return
    if not selector:
        raise broken("traffic_follows_intent", "the active Service's selector is empty")
    if selector not in intended_selectors(watch.world):
        active, phase = watch.world.status.active_revision, watch.world.phase
        raise broken("traffic_follows_intent", f"{selector} while {active} is active, in phase {phase}")


def traffic_goes_where_somebody_answers(watch: Watched, request: Request) -> None:
    """Invariant 1: a Service with ready pods is never pointed away from all of them at pods that aren't."""
    before, after = watch.world.selector(), _new_selector(request)
    if not before or not after:
        return
    ready = [pod for pod in watch.world.server.of_kind(resources.POD) if is_ready(pod)]
    if any(matches(before, pod) for pod in ready) and not any(matches(after, pod) for pod in ready):
        raise broken("traffic_goes_where_somebody_answers", f"{after} has no ready pod in phase {watch.world.phase}")


def traffic_goes_to_no_stranger(watch: Watched, request: Request) -> None:
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


def no_traffic_before_the_gates(watch: Watched, request: Request) -> None:
    """Invariant 4: a candidate is only selected when every gate has passed on that very revision."""
    selector = _new_selector(request)
    rollout = watch.rollout
    if not selector or rollout is None or selector.get(names.LABEL_REVISION, rollout.revision) != rollout.revision:
        return
    tests = set() if rollout.only_health else _tests(watch.world)
    if rollout.phase in {Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED} or cleared(rollout, tests):
        return
    raise broken("no_traffic_before_the_gates", f"{rollout.revision} is selected in phase {rollout.phase.value}")


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


def the_switch_waits_until_green_can_carry_it(watch: Watched, request: Request) -> None:
    """The candidate gets all the traffic with as many ready pods as the old revision has, never with fewer."""
    selector, rollout = _new_selector(request), watch.rollout
    if not selector or rollout is None or not rollout.base_revision or rollout.phase is not Phase.SWITCHING:
        return
    blue = watch.world.deployment(rollout.base_revision)
    pods = watch.world.server.of_kind(resources.POD)
    ready = sum(1 for pod in pods if is_ready(pod) and revision_of(pod) == rollout.revision)
    if selector.get(names.LABEL_REVISION) == rollout.revision and blue and ready < blue["spec"]["replicas"]:
        raise broken("the_switch_waits_until_green_can_carry_it", f"{ready} pods for {blue['spec']['replicas']}")


def what_serves_is_never_taken_away(watch: Watched, request: Request) -> None:
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
