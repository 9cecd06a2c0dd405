"""Bugs of the kinds that controllers are known for, to be planted one at a time. The explorer must find each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest import mock

from agentteam_operator import reconcile
from agentteam_operator.api.status import AgentTeamStatus, Phase
from agentteam_operator.apply import ClusterWriter, Executed, KubeWriter, Notifier, execute
from agentteam_operator.core import (
    beginning,
    entering,
    guarding,
    incidents,
    last_verdicts,
    names,
    notices,
    plan,
    rounds,
    verdicts,
    view,
)
from agentteam_operator.core import decide as table
from agentteam_operator.core.build import deployment, hpa
from agentteam_operator.core.decide import Rule
from agentteam_operator.core.decision import ApplyObject, Decision, DeleteObject, EmitEvent
from agentteam_operator.core.gates import Finding, pods, traffic
from agentteam_operator.core.observed import Environment, Manifest, Observed, TeamRef
from agentteam_operator.core.plan import children, events, revisions
from agentteam_operator.core.telling import Notify
from agentteam_operator.core.view import View
from agentteam_operator.kube.errors import Conflict
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe import assemble
from agentteam_operator.observe.observer import Observer

from tests.simulation.faults import Fault

Planting = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, how it is planted, and where the explorer has to look for it."""

    name: str
    plant: Planting
    scenario: str
    faults: tuple[Fault, ...] = ()
    """None: the undisturbed scenario finds it."""


def _table(phase: Phase, *rules: Rule) -> Planting:
    """Other rules of one phase."""
    return lambda: mock.patch.object(table, "TRANSITIONS", {**table.TRANSITIONS, phase: rules})


def _decided(change: Callable[[Decision], Decision]) -> Planting:
    """Whatever is decided, changed."""
    right = table.decide

    def wrong(observed: Observed, environment: Environment, now: datetime) -> Decision:
        return change(right(observed, environment, now))

    return lambda: mock.patch.object(reconcile, "decide", wrong)


def _without_live_read() -> AbstractContextManager[object]:
    """What can't be taken back is done on the cache's word."""
    return _decided(lambda decision: replace(decision, needs_live_read=False))()


def _effect_before_intent() -> AbstractContextManager[object]:
    right = execute

    async def wrong(
        decision: Decision,
        observed: Observed,
        writer: ClusterWriter,
        *rest: Any,  # noqa: ANN401 - whatever the right one takes
        notifier: Notifier,
    ) -> Executed:
        await right(replace(decision, status=observed.status), observed, writer, *rest, notifier=notifier)
        return await right(replace(decision, actions=()), observed, writer, *rest, notifier=notifier)

    return mock.patch.object(reconcile, "execute", wrong)


def _status_without_precondition() -> AbstractContextManager[object]:
    right = KubeWriter.write_status

    async def wrong(self: KubeWriter, team: TeamRef, status: AgentTeamStatus, resource_version: str) -> None:
        try:
            await right(self, team, status, resource_version)
        except Conflict:
            live = await self._client.get(table_resource, team.namespace, team.name)
            await right(self, team, status, live["metadata"]["resourceVersion"])

    table_resource = Resource(names.KIND, names.API_VERSION, names.PLURAL)
    return mock.patch.object(KubeWriter, "write_status", wrong)


def _takes_what_is_not_its_own() -> AbstractContextManager[object]:
    async def own(self: KubeWriter, team: TeamRef, resource: Resource, name: str) -> dict[str, Any]:
        return await self._client.get(resource, team.namespace, name)

    async def blind(self: Observer, *_: object) -> None:
        del self

    def force(view: View, manifest: Manifest) -> Iterator[Any]:
        del view
        yield ApplyObject(manifest)

    return _both(
        mock.patch.object(KubeWriter, "_own", own),
        mock.patch.object(Observer, "_check_names", blind),
        mock.patch.object(children, "_apply_if_different", force),
    )


@contextmanager
def _both(*patches: AbstractContextManager[object]) -> Iterator[None]:
    with patches[0]:
        if patches[1:]:
            with _both(*patches[1:]):
                yield
        else:
            yield


def _blue_goes_with_the_switch() -> AbstractContextManager[object]:
    right = revisions.wanted_sizes

    def wrong(view: View) -> dict[str, int]:
        sizes = right(view)
        return sizes | {view.rollout.base_revision: 0} if view.rollout and view.phase is Phase.SETTLING else sizes

    return mock.patch.object(revisions, "wanted_sizes", wrong)


def _scaler_is_not_held() -> AbstractContextManager[object]:
    right = hpa.build
    return mock.patch.object(hpa, "build", lambda *args, **rest: right(*args, **{**rest, "frozen": False}))


def _templates_follow_the_builders() -> AbstractContextManager[object]:
    right = children.in_place

    def wrong(view: View) -> Iterator[Any]:
        yield from right(view)
        document = revisions.document_of(view, view.status.active_revision, None)
        if document and view.active:
            yield ApplyObject(deployment.build(view.observed.team, document, replicas=view.full_size))

    return mock.patch.object(children, "in_place", wrong)


def _deadline_moves() -> AbstractContextManager[object]:
    def change(decision: Decision) -> Decision:
        rollout = decision.status.rollout
        if rollout is None or rollout.deadline is None:
            return decision
        later = rollout.deadline.replace(microsecond=(rollout.deadline.microsecond + 1000) % 1_000_000)
        status = decision.status.model_copy(update={"rollout": rollout.model_copy(update={"deadline": later})})
        return replace(decision, status=status)

    return _decided(change)()


def _rollback_waits_for_green() -> Planting:
    def restored(view: View) -> Finding | None:
        return traffic.restored(view) if view.green and view.green.ready_pods else None

    return _table(Phase.ROLLING_BACK, Rule(restored, Phase.ROLLED_BACK))


def _no_probe() -> Planting:
    return _table(Phase.PREPARING, Rule(pods.ready, Phase.SHIFTING))


def _prunes_what_is_retained() -> AbstractContextManager[object]:
    def wrong(view: View) -> Iterator[Any]:
        for live in view.observed.revisions.values():
            if live.hash != view.status.active_revision and live.deployment_uid:
                name = names.revision_object(view.observed.team.name, live.hash)
                yield DeleteObject("apps/v1", "Deployment", name, live.deployment_uid)

    return mock.patch.object(plan.revisions, "pruning", wrong)


def _switches_at_once() -> Planting:
    def ready(view: View) -> Finding | None:
        return None if view.committed else Finding("ReadyToSwitch", "surely")

    others = tuple(rule for rule in table.TRANSITIONS[Phase.SWITCHING] if rule.gate is not traffic.sized)
    return _table(Phase.SWITCHING, *others, Rule(ready, Phase.SWITCHING))


def _events_are_named_by_the_minute() -> AbstractContextManager[object]:
    """An Event's name depends on when it is told."""
    right = KubeWriter.create_event

    async def wrong(self: KubeWriter, team: TeamRef, event: EmitEvent) -> None:
        told = replace(event, key=f"{event.key}/{len(self._told)}")
        await right(self, team, told)

    return mock.patch.object(KubeWriter, "create_event", wrong)


def _no_more_than_one_telling() -> AbstractContextManager[object]:
    """An Event is only offered in the tick of its transition."""
    right = events.recent

    def wrong(view: View) -> Iterator[Any]:
        yield from (event for event in right(view) if getattr(event, "at", None) == view.now)

    return mock.patch.object(events, "recent", wrong)


def _drift_is_left() -> AbstractContextManager[object]:
    right = children.traffic

    def wrong(view: View) -> Iterator[Any]:
        yield from () if view.phase in {Phase.PREPARING, Phase.HEALTH_CHECKING} else right(view)

    return mock.patch.object(children, "traffic", wrong)


def _steps_that_gave_way_are_dropped() -> AbstractContextManager[object]:
    right = beginning.begun
    return mock.patch.object(table, "begun", lambda view: right(view).model_copy(update={"earlier": []}))


def _last_verdicts_are_of_one_rollout() -> AbstractContextManager[object]:
    right = last_verdicts.noted

    def wrong(view: View, to: Phase, found: Finding) -> AgentTeamStatus:
        status = right(view, to, found)
        own = [entry for entry in status.last_verdicts if view.rollout and entry.revision == view.rollout.revision]
        return status.model_copy(update={"last_verdicts": own})

    return mock.patch.object(last_verdicts, "noted", wrong)


def _notifiers_are_asked_in_one_tick_only() -> AbstractContextManager[object]:
    right = plan.notices.actions

    def wrong(view: View) -> Iterator[Any]:
        fresh = any(notice.at == view.now for notice in view.status.notifications)
        yield from (action for action in right(view) if fresh or not isinstance(action, Notify))

    return mock.patch.object(plan.notices, "actions", wrong)


def _told_before_it_is_stored() -> AbstractContextManager[object]:
    right = execute

    async def wrong(
        decision: Decision,
        observed: Observed,
        writer: ClusterWriter,
        *rest: Any,  # noqa: ANN401 - whatever the right one takes
        notifier: Notifier,
    ) -> Executed:
        for action in decision.actions:
            if isinstance(action, Notify):
                notifier.offer(observed.team, action)
        return await right(decision, observed, writer, *rest, notifier=notifier)

    return mock.patch.object(reconcile, "execute", wrong)


def _shares_on_the_way_back() -> AbstractContextManager[object]:
    """The candidate keeps its share until the deadline."""
    right = children.traffic_selector

    def wrong(seen: View) -> dict[str, str] | None:
        waits = seen.phase is Phase.ROLLING_BACK and not seen.overdue
        return names.server_selector(seen.observed.team.name) if waits else right(seen)

    return mock.patch.object(children, "traffic_selector", wrong)


BUGS = (
    Bug("effect before intent", _effect_before_intent, "upgrade-by-steps"),
    Bug("no live read before what can't be taken back", _without_live_read, "upgrade-by-steps", (Fault.NEWS_LOST,)),
    Bug(
        "status written without precondition",
        _status_without_precondition,
        "upgrade-by-two-operators",
        (Fault.WATCH_STALLS,),
    ),
    Bug("an Event's name changes", _events_are_named_by_the_minute, "create", (Fault.CRASH_AFTER,)),
    Bug("foreign objects taken over", _takes_what_is_not_its_own, "create-name-conflict"),
    Bug(
        "selector widened over strays",
        lambda: mock.patch.object(view.View, "stray_pods", frozenset()),
        "upgrade-with-a-stray-pod",
    ),
    Bug("blue scaled down at the switch", _blue_goes_with_the_switch, "upgrade-by-steps"),
    Bug("autoscaler not held", _scaler_is_not_held, "upgrade-autoscaled-load-falls"),
    Bug("pod templates follow the builders", _templates_follow_the_builders, "upgrade-operator-upgraded-in-Completed"),
    Bug("deadline moved", _deadline_moves, "upgrade-by-steps"),
    Bug("rollback waits for green", _rollback_waits_for_green(), "upgrade-crash-after-switch"),
    Bug("both serve until the way back is late", _shares_on_the_way_back, "upgrade-errors"),
    Bug("traffic without the health gate", _no_probe(), "upgrade-unhealthy"),
    Bug("retained revisions pruned", _prunes_what_is_retained, "upgrade-back-to-a-retained-revision"),
    Bug("switched before green can carry it", _switches_at_once(), "upgrade-by-one-small-step"),
    Bug("events told in one tick only", _no_more_than_one_telling, "create", (Fault.CRASH_BEFORE,)),
    Bug("drift of the selector left", _drift_is_left, "upgrade-selector-tampered-while-preparing"),
    Bug(
        "a new process forgets the verdicts",
        lambda: mock.patch.object(verdicts, "_is_news", return_value=True),
        "upgrade-by-steps",
        (Fault.CRASH_BEFORE,),
    ),
    Bug(
        "given up on the cache's word",
        lambda: mock.patch.object(table, "_is_weighty", return_value=False),
        "create",
        (Fault.NEWS_LOST,),
    ),
    Bug(
        "steps of a rollout that gave way are dropped",
        _steps_that_gave_way_are_dropped,
        "upgrade-superseded-in-Switching",
        (Fault.CRASH_AFTER,),
    ),
    Bug("the last verdicts begin anew", _last_verdicts_are_of_one_rollout, "upgrade-by-steps"),
    Bug(
        "a former team's objects are somebody else's",
        lambda: mock.patch.object(assemble, "goes_with_former", return_value=False),
        "created-again",
    ),
    Bug(
        "a former team's pods are the new one's",
        lambda: mock.patch.object(assemble, "_former_pods", return_value=frozenset()),
        "created-again",
    ),
    Bug(
        "notifiers are asked in one tick only",
        _notifiers_are_asked_in_one_tick_only,
        "upgrade-errors",
        (Fault.DIES_UNSAID,),
    ),
    Bug(
        "nobody writes down who was told",
        lambda: mock.patch.object(notices, "with_outcomes", lambda view: view),
        "upgrade-errors",
    ),
    Bug("told before it is stored", _told_before_it_is_stored, "upgrade-errors", (Fault.SERVER_ERROR,)),
    Bug(
        "a rollback opens no incident",
        lambda: mock.patch.object(incidents, "_given_up", return_value=None),
        "upgrade-errors",
    ),
    Bug(
        "the end of the guard's incident ends a rollback's",
        lambda: mock.patch.object(incidents, "_left_so", return_value=()),
        "upgrade-guarded-rolled-back-and-much-worse",
    ),
    Bug(
        "a lost status makes a new team",
        lambda: mock.patch.object(table, "adopted", lambda view: view),
        "upgrade-status-lost-while-preparing",
    ),
    Bug(
        "a round of conversations is counted again",
        lambda: mock.patch.object(rounds, "_ended", lambda _, state: state),
        "upgrade-quiet-repeated-acquitted",
    ),
    Bug(
        "rounds of conversations go on beyond the cap",
        lambda: mock.patch.object(rounds, "stopped", return_value=("", "")),
        "upgrade-quiet-repeated-cap-reached",
    ),
    Bug(
        "a round of conversations outlives its rollout",
        lambda: mock.patch.object(rounds, "closed", lambda view: view),
        "upgrade-quiet-repeated-aborted",
    ),
    Bug(
        "what is ordered is called by the spec's version",
        lambda: mock.patch.object(entering, "version_of", lambda seen, _: seen.spec.version),
        "upgrade-ordered-back",
    ),
    Bug(
        "the guard goes to and fro",
        lambda: mock.patch.object(guarding, "_stays", return_value=""),
        "upgrade-guarded-gone-back-and-retried",
    ),
    Bug(
        "the guard goes on during a rollout",
        lambda: mock.patch.object(guarding, "_at_rest", return_value=True),
        "upgrade-guarded-and-mended",
    ),
)
