from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from agentteam_operator import reconcile
from agentteam_operator.api.status import AgentTeamStatus, Phase, RolloutStatus
from agentteam_operator.core.state import (
    Action,
    CreateObject,
    Decision,
    DeleteObject,
    EmitEvent,
    Environment,
    Manifest,
    Observed,
    ScaleDeployment,
    TeamRef,
)
from agentteam_operator.kube import errors
from agentteam_operator.kube.resources import Resource
from agentteam_operator.metrics import Metrics
from agentteam_operator.observe.assemble import UnknownStatus
from agentteam_operator.observe.sampler import Sampling
from agentteam_operator.queue import TeamKey, WakeQueue

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ("support", "chat")
TEAM = TeamRef("support", "chat", "uid", 1, "7")
CREATE = CreateObject({"kind": "ConfigMap", "metadata": {"name": "chat-x"}})


def decision(*actions: Action, phase: Phase | None = None, **fields: object) -> Decision:
    rollout = phase and RolloutStatus(
        phase=phase, revision="0123456789", started_at=NOW, phase_started_at=NOW, reason="Because"
    )
    return Decision(status=AgentTeamStatus(rollout=rollout), actions=actions, **fields)  # type: ignore[arg-type]


@dataclass
class Script:
    """An observer, a decider and a writer that do as the test says, and remember what they were asked."""

    decisions: list[Decision] = field(default_factory=list)
    observation_fails: Exception | None = None
    write_fails: Exception | None = None
    exists: bool = True
    live_reads: list[bool] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    async def observe(self, key: TeamKey, *, live: bool = False) -> Observed | None:
        assert key == KEY
        self.live_reads.append(live)
        if self.observation_fails:
            raise self.observation_fails
        return Observed(team=TEAM, status=AgentTeamStatus(), spec=None, live=live) if self.exists else None

    def decide(self, observed: Observed, environment: Environment, now: datetime) -> Decision:
        assert (observed.team, environment.default_image, now) == (TEAM, "agent:1", NOW)
        return self.decisions.pop(0) if self.decisions else decision()

    def want(self, key: TeamKey, sampling: Sampling | None) -> None:
        pass

    def _write(self, what: str) -> None:
        if self.write_fails:
            raise self.write_fails
        self.written.append(what)

    async def write_status(self, team: TeamRef, status: AgentTeamStatus, resource_version: str) -> None:
        assert (team, resource_version) == (TEAM, "7")
        self._write(f"status {status.rollout.phase if status.rollout else ''}")

    async def create(self, team: TeamRef, manifest: Manifest) -> None:
        self._write(f"create {team.name} {manifest['kind']}")

    async def apply(self, team: TeamRef, manifest: Manifest, resource_version: str) -> None:
        self._write(f"apply {team.name} {manifest['kind']} {resource_version}")

    async def scale(self, team: TeamRef, name: str, replicas: int, resource_version: str) -> None:
        self._write(f"scale {team.name} {name} {replicas} {resource_version}")

    async def delete(self, team: TeamRef, resource: Resource, name: str, uid: str) -> None:
        self._write(f"delete {team.name} {resource.kind} {name} {uid}")

    async def create_event(self, team: TeamRef, event: EmitEvent) -> None:
        self.written.append(f"event {team.name} {event.reason}")


class Appointments(WakeQueue):
    """A queue that only notes for when each team was put down."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wake_after(self, key: TeamKey, seconds: float) -> None:
        assert key == KEY
        self.seconds.append(seconds)


@dataclass
class Bench:
    script: Script
    queue: Appointments
    metrics: Metrics
    reconciler: reconcile.Reconciler

    def ticks(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("agentteam_operator_ticks_total", {"result": result}) or 0


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    script, queue, metrics = Script(), Appointments(), Metrics()
    monkeypatch.setattr(reconcile, "decide", script.decide)
    reconciler = reconcile.Reconciler(
        observer=script,
        writer=script,
        sampler=script,
        queue=queue,
        environment=lambda: Environment(default_image="agent:1", builder_version="test"),
        clock=lambda: NOW,
        metrics=metrics,
        scatter=lambda: 1.0,
    )
    return Bench(script, queue, metrics, reconciler)


async def test_a_steady_team_writes_nothing_and_makes_no_appointment(bench: Bench) -> None:
    await bench.reconciler.tick(KEY)
    assert bench.script.written == []
    assert bench.queue.seconds == []
    assert bench.ticks("ok") == 1


async def test_intent_is_written_before_its_effect(bench: Bench) -> None:
    actions = (
        CREATE,
        ScaleDeployment("chat-x", 2, "9"),
        DeleteObject("batch/v1", "Job", "chat-x-health-1", "uid-of-job"),
        EmitEvent("k", "Normal", "Preparing", "m", NOW),
    )
    bench.script.decisions = [decision(*actions, phase=Phase.PREPARING)]
    await bench.reconciler.tick(KEY)
    assert bench.script.written == [
        "status Preparing",
        "create chat ConfigMap",
        "scale chat chat-x 2 9",
        "delete chat Job chat-x-health-1 uid-of-job",
        "event chat Preparing",
    ]
    assert bench.queue.seconds == [0.0], "no watch tells of our own writes: look again at once"


async def test_what_cannot_be_taken_back_is_decided_on_a_live_read(bench: Bench) -> None:
    bench.script.decisions = [decision(CREATE, needs_live_read=True), decision()]
    await bench.reconciler.tick(KEY)
    assert bench.script.live_reads == [False, True]
    assert bench.script.written == [], "the live read showed that there was nothing to do"


@pytest.mark.parametrize(
    ("make", "result", "pause"),
    [
        pytest.param(lambda: errors.Conflict("c"), "conflict", 0.05, id="conflict"),
        pytest.param(lambda: errors.NotFound("n"), "conflict", 0.05, id="gone-meanwhile"),
        pytest.param(lambda: errors.Retryable("r"), "retry", 0.2, id="no-answer"),
        pytest.param(lambda: errors.Retryable("r", retry_after_seconds=7), "retry", 7, id="servers-own-wish"),
        pytest.param(TimeoutError, "retry", 0.2, id="too-slow"),
        pytest.param(lambda: errors.Terminal("quota exceeded"), "refused", 0.2, id="refused"),
        pytest.param(lambda: ValueError("bug"), "crash", 0.2, id="crash"),
    ],
)
async def test_failures_are_tried_again_on_a_live_read(
    bench: Bench, make: Callable[[], Exception], result: str, pause: float
) -> None:
    bench.script.decisions = [decision(CREATE)]
    bench.script.write_fails = make()
    await bench.reconciler.tick(KEY)
    assert bench.ticks(result) == 1
    assert bench.queue.seconds == [pause]
    bench.script.write_fails = None
    bench.script.live_reads.clear()
    await bench.reconciler.tick(KEY)
    assert bench.script.live_reads == [True]
    await bench.reconciler.tick(KEY)
    assert bench.script.live_reads == [True, False]


async def test_pauses_grow_and_end(bench: Bench) -> None:
    bench.script.observation_fails = errors.Retryable("down")
    for _ in range(10):
        await bench.reconciler.tick(KEY)
    assert bench.queue.seconds == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    bench.script.observation_fails = None
    await bench.reconciler.tick(KEY)
    bench.script.observation_fails = errors.Retryable("down again")
    await bench.reconciler.tick(KEY)
    assert bench.queue.seconds[-1] == 0.2, "a good tick makes up for the bad ones"


async def test_a_refused_write_is_told_to_people(bench: Bench) -> None:
    bench.script.decisions = [decision(CREATE)]
    bench.script.write_fails = errors.Terminal("create Deployment support/chat-x: exceeded quota (HTTP 403)")
    await bench.reconciler.tick(KEY)
    assert bench.script.written == ["event chat WriteRefused"]


async def test_a_status_of_a_newer_operator_is_held(bench: Bench) -> None:
    bench.script.observation_fails = UnknownStatus("status.rollout.phase is Testing")
    await bench.reconciler.tick(KEY)
    assert bench.ticks("held") == 1
    assert bench.queue.seconds == []


async def test_a_team_that_is_gone_is_let_go(bench: Bench) -> None:
    bench.script.exists = False
    await bench.reconciler.tick(KEY)
    assert bench.script.written == []
    assert bench.queue.seconds == []


async def test_a_team_that_never_comes_to_rest_is_slowed_down(bench: Bench) -> None:
    bench.script.decisions = [decision(CREATE) for _ in range(25)]
    for _ in range(25):
        await bench.reconciler.tick(KEY)
    assert bench.queue.seconds == [0.0] * 20 + [1.0] * 5


async def test_rollbacks_are_counted_by_reason(bench: Bench) -> None:
    bench.script.decisions = [decision(phase=Phase.ROLLING_BACK)]
    await bench.reconciler.tick(KEY)
    value = bench.metrics.registry.get_sample_value("agentteam_operator_rollbacks_total", {"reason": "Because"})
    assert value == 1


async def test_writes_are_counted_by_how_they_ended(bench: Bench) -> None:
    bench.script.decisions = [decision(CREATE), decision(CREATE)]
    await bench.reconciler.tick(KEY)
    bench.script.write_fails = errors.Conflict("c")
    await bench.reconciler.tick(KEY)

    def count(result: str) -> float | None:
        labels = {"action": "CreateObject", "kind": "ConfigMap", "result": result}
        return bench.metrics.registry.get_sample_value("agentteam_operator_actions_total", labels)

    assert (count("ok"), count("Conflict")) == (1, 1)


async def test_nobody_is_ticked_while_another_replica_acts(bench: Bench) -> None:
    bench.queue.wake(KEY)
    worker = asyncio.create_task(bench.reconciler.work())
    await asyncio.sleep(0.01)
    assert bench.script.live_reads == []
    bench.reconciler.acting.set()
    await asyncio.sleep(0.01)
    assert bench.script.live_reads == [False]
    bench.reconciler.acting.clear()
    bench.queue.wake(KEY)
    await asyncio.sleep(0.01)
    assert bench.script.live_reads == [False]
    assert len(bench.queue) == 1, "the wake is kept for whoever acts next"
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
