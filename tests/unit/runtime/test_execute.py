"""What is carried out of a decision, in which order, and what is told of what failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.apply.execute import MAX_REFUSAL_CHARACTERS, Executed, execute
from agentteam_operator.core.decision import (
    Action,
    ApplyObject,
    CreateObject,
    Decision,
    DeleteObject,
    EmitEvent,
    ScaleDeployment,
)
from agentteam_operator.core.observed import Manifest, Observed, TeamRef
from agentteam_operator.core.telling import Delivery, Notify
from agentteam_operator.kube.errors import Conflict, KubeError, Retryable, Terminal
from agentteam_operator.kube.resources import Resource

from tests.unit.runtime import objects

TEAM = TeamRef("support", "chat", "uid", 1, "7")
CREATE = CreateObject({"kind": "ConfigMap", "metadata": {"name": "chat-x"}})
APPLY = ApplyObject({"kind": "Service", "metadata": {"name": "chat"}}, "8")
SCALE = ScaleDeployment("chat-x", 2, "9")
DELETE = DeleteObject("batch/v1", "Job", "chat-x-health-1", "uid-of-job")
EVENT = EmitEvent("k", "Normal", "Preparing", "m", datetime(2026, 1, 1, tzinfo=UTC))
NOTIFY = Notify((), ())


@dataclass
class Cluster:
    """Writes nothing, says what it was asked for, and fails as it is told to."""

    fails: dict[str, KubeError] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    counted: list[tuple[str, str, str]] = field(default_factory=list)

    def _do(self, team: TeamRef, what: str) -> None:
        assert team == TEAM
        if what in self.fails:
            raise self.fails[what]
        self.done.append(what)

    async def write_status(self, team: TeamRef, status: AgentTeamStatus, resource_version: str) -> None:
        assert status.message == "new"
        self._do(team, f"status {resource_version}")

    async def create(self, team: TeamRef, manifest: Manifest) -> None:
        self._do(team, f"create {manifest['kind']}")

    async def apply(self, team: TeamRef, manifest: Manifest, resource_version: str) -> None:
        self._do(team, f"apply {manifest['kind']} {resource_version}")

    async def scale(self, team: TeamRef, name: str, replicas: int, resource_version: str) -> None:
        self._do(team, f"scale {name} {replicas} {resource_version}")

    async def delete(self, team: TeamRef, resource: Resource, name: str, uid: str) -> None:
        self._do(team, f"delete {resource.kind} {name} {uid}")

    async def create_event(self, team: TeamRef, event: EmitEvent) -> None:
        self._do(team, f"event {event.reason}")

    def offer(self, team: TeamRef, notify: Notify) -> None:
        assert notify == NOTIFY
        self._do(team, "offer")

    def outcomes(self, key: tuple[str, str]) -> tuple[Delivery, ...]:
        raise AssertionError(key)

    def forget(self, key: tuple[str, str]) -> None:
        raise AssertionError(key)

    def count(self, action: str, kind: str, result: str) -> None:
        self.counted.append((action, kind, result))

    def recorded(self) -> None:
        self.done.append("recorded")


async def carried_out(cluster: Cluster, *actions: Action, message: str = "") -> Executed:
    """With a message, the status changed."""
    observed = Observed(team=TEAM, status=AgentTeamStatus(), spec=AgentTeamSpec.parse(objects.SPEC))
    decision = Decision(status=AgentTeamStatus(message=message), actions=actions)
    return await execute(decision, observed, cluster, cluster.count, cluster.recorded, notifier=cluster)


async def test_the_status_comes_first_and_each_write_is_counted() -> None:
    cluster = Cluster()
    executed = await carried_out(cluster, NOTIFY, CREATE, APPLY, SCALE, DELETE, EVENT, message="new")
    assert cluster.done == [
        "status 7",
        "recorded",
        "offer",
        "create ConfigMap",
        "apply Service 8",
        "scale chat-x 2 9",
        "delete Job chat-x-health-1 uid-of-job",
        "event Preparing",
    ]
    assert cluster.counted == [
        ("WriteStatus", "AgentTeam", "ok"),
        ("CreateObject", "ConfigMap", "ok"),
        ("ApplyObject", "Service", "ok"),
        ("ScaleDeployment", "Deployment", "ok"),
        ("DeleteObject", "Job", "ok"),
        ("EmitEvent", "Event", "ok"),
    ]
    assert executed == Executed(wrote_status=True, actions=4)


@pytest.mark.parametrize(
    ("actions", "message", "changed"),
    [((), "", False), ((), "new", True), ((CREATE,), "", True), ((EVENT,), "", False), ((NOTIFY,), "", False)],
    ids=["nothing", "status", "action", "event", "notice"],
)
async def test_what_calls_for_another_look(actions: tuple[Action, ...], message: str, *, changed: bool) -> None:
    executed = await carried_out(Cluster(), *actions, message=message)
    assert (executed.changed, executed.wrote_status) == (changed, bool(message))


async def test_nothing_is_done_unless_the_status_says_so() -> None:
    cluster = Cluster(fails={"status 7": Conflict("changed", status=409)})
    with pytest.raises(Conflict):
        await carried_out(cluster, CREATE, message="new")
    assert cluster.done == []
    assert cluster.counted == [("WriteStatus", "AgentTeam", "Conflict")]


@pytest.mark.parametrize(
    ("action", "what", "refused"),
    [
        (CREATE, "create ConfigMap", ("ConfigMap", "chat-x")),
        (APPLY, "apply Service 8", ("Service", "chat")),
        (SCALE, "scale chat-x 2 9", ("Deployment", "chat-x")),
        (DELETE, "delete Job chat-x-health-1 uid-of-job", ("Job", "chat-x-health-1")),
        (EVENT, "event Preparing", None),
    ],
    ids=["create", "apply", "scale", "delete", "event"],
)
async def test_what_is_refused_is_told_by_object_and_keeps_nothing_else_back(
    action: Action, what: str, refused: tuple[str, str] | None
) -> None:
    error = Terminal("quota", status=403)
    cluster = Cluster(fails={what: error})
    other = SCALE if action is CREATE else CREATE
    executed = await carried_out(cluster, action, other)
    assert (executed.actions, executed.failures) == (1, (error,))
    assert [(refusal.kind, refusal.name) for refusal in executed.refusals] == ([refused] if refused else [])


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (Terminal("invalid", status=422), True),
        (Terminal("bad", status=400), True),
        (Terminal("forbidden", status=403), False),
        (Retryable("busy", status=503), None),
        (Conflict("changed", status=409), None),
    ],
    ids=["invalid", "bad", "forbidden", "busy", "changed"],
)
async def test_what_somebody_has_to_mend(error: KubeError, *, final: bool | None) -> None:
    executed = await carried_out(Cluster(fails={"create ConfigMap": error}), CREATE)
    assert [refusal.final for refusal in executed.refusals] == ([] if final is None else [final])
    assert not executed.changed


async def test_what_is_told_of_a_refusal_is_short() -> None:
    error = Terminal("x" * (MAX_REFUSAL_CHARACTERS + 1), status=422)
    executed = await carried_out(Cluster(fails={"create ConfigMap": error}), CREATE)
    assert [len(refusal.message) for refusal in executed.refusals] == [1000]
