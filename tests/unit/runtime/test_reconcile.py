from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from agentteam_operator import reconcile
from agentteam_operator.api.incident_status import NoticeKind, NoticeStatus
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Phase, RolloutStatus, Transition
from agentteam_operator.core.decision import (
    Action,
    ApplyObject,
    CreateObject,
    Decision,
    DeleteObject,
    EmitEvent,
    ScaleDeployment,
)
from agentteam_operator.core.guard import Guarding, GuardSettings
from agentteam_operator.core.observed import Environment, Manifest, Observed, Refusal, TeamRef
from agentteam_operator.core.telling import Delivery, Notify
from agentteam_operator.kube import errors
from agentteam_operator.kube.resources import Resource
from agentteam_operator.metrics import Metrics
from agentteam_operator.observe.assemble import UnknownStatus
from agentteam_operator.observe.sampler import Sampling
from agentteam_operator.queue import TeamKey, WakeQueue
from structlog.testing import capture_logs

from tests.support.waiting import settle
from tests.unit.runtime import objects

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = AgentTeamSpec.parse(objects.SPEC)
KEY = ("support", "chat")
TEAM = TeamRef("support", "chat", "uid", 1, "7")
CREATE = CreateObject({"kind": "ConfigMap", "metadata": {"name": "chat-x"}})


DEPLOYMENT = CreateObject({"kind": "Deployment", "metadata": {"name": "chat-x"}})
INGRESS = CreateObject({"kind": "Ingress", "metadata": {"name": "chat"}})
SERVICE = ApplyObject({"kind": "Service", "metadata": {"name": "chat"}}, "8")


def decision(
    *actions: Action, phase: Phase | None = None, passed: tuple[Phase, ...] = (), **fields: object
) -> Decision:
    """With `phase`, a rollout that went through `passed` to it, all in this tick."""
    rollout = phase and RolloutStatus(
        phase=phase,
        revision="0123456789",
        started_at=NOW,
        phase_started_at=NOW,
        reason="Because",
        transitions=[Transition(phase=step, at=NOW, reason="Because") for step in (*passed, phase)],
    )
    return Decision(status=AgentTeamStatus(rollout=rollout), actions=actions, **fields)  # type: ignore[arg-type]


@dataclass
class Script:
    """An observer, a decider and a writer that do as the test says, and remember what they were asked."""

    decisions: list[Decision] = field(default_factory=list)
    observation_fails: Exception | None = None
    next_observation_fails: Exception | None = None
    """What the observations after that one end with."""
    write_fails: Exception | None = None
    refused: dict[str, Exception] = field(default_factory=dict)
    """Kinds of which no write succeeds."""
    status: AgentTeamStatus = field(default_factory=AgentTeamStatus)
    exists: bool = True
    live_reads: list[bool] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    delivered: tuple[Delivery, ...] = ()
    forgotten: list[TeamKey] = field(default_factory=list)
    """Teams that notifiers were told to forget."""
    guarded: list[Guarding | None] = field(default_factory=list)
    """What the guard was told to watch."""
    told: list[tuple[Refusal, ...]] = field(default_factory=list)
    """What each decision was told of refusals."""

    async def observe(self, key: TeamKey, *, live: bool = False) -> Observed | None:
        assert key == KEY
        self.live_reads.append(live)
        failure = self.observation_fails
        self.observation_fails = self.next_observation_fails or failure
        if failure:
            raise failure
        return Observed(team=TEAM, status=self.status, spec=SPEC, live=live) if self.exists else None

    def decide(self, observed: Observed, environment: Environment, now: datetime) -> Decision:
        assert (observed.team, environment.default_image, now) == (TEAM, "agent:1", NOW)
        self.told.append(observed.refusals)
        return self.decisions.pop(0) if self.decisions else decision()

    def want(self, key: TeamKey, sampling: Sampling | None) -> None:
        pass

    def watch_over(self, key: TeamKey, guarding: Guarding | None) -> None:
        assert key == KEY
        self.guarded.append(guarding)

    def offer(self, team: TeamRef, notify: Notify) -> None:
        self.written.append(f"offer {team.name} {[notice.id for notice in notify.due]}")

    def outcomes(self, key: TeamKey) -> tuple[Delivery, ...]:
        assert key == KEY
        return self.delivered

    def forget(self, key: TeamKey) -> None:
        self.forgotten.append(key)

    def _write(self, what: str) -> None:
        error = self.write_fails or next((self.refused[kind] for kind in self.refused if kind in what), None)
        if error:
            raise error
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

    def rollbacks(self) -> float:
        labels = {"reason": "Because"}
        return self.metrics.registry.get_sample_value("agentteam_operator_rollbacks_total", labels) or 0


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    script, queue, metrics = Script(), Appointments(), Metrics()
    monkeypatch.setattr(reconcile, "decide", script.decide)
    reconciler = reconcile.Reconciler(
        observer=script,
        writer=script,
        notifier=script,
        sampler=script,
        guard=script,
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


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(errors.Terminal("get Service: forbidden (HTTP 403)"), id="forbidden"),
        pytest.param(errors.Retryable("get Service: too many requests (HTTP 429)"), id="throttled"),
        pytest.param(UnknownStatus("status.rollout.phase is Testing"), id="status-unreadable"),
        pytest.param(TimeoutError(), id="no-answer"),
        pytest.param(ValueError("a bug"), id="crash"),
    ],
)
async def test_a_tick_survives_that_a_refusal_cannot_be_told(bench: Bench, failure: Exception) -> None:
    bench.script.observation_fails = errors.Terminal("list Pods: forbidden (HTTP 403)")
    bench.script.next_observation_fails = failure
    await bench.reconciler.tick(KEY)
    assert bench.ticks("refused") == 1
    assert bench.queue.seconds == [0.2]


async def test_a_worker_survives_whatever_a_tick_does(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ticked: list[TeamKey] = []

    async def tick(key: TeamKey) -> None:
        ticked.append(key)
        raise RuntimeError("not even a tick catches this")

    monkeypatch.setattr(bench.reconciler, "tick", tick)
    bench.reconciler.acting.set()
    worker = asyncio.create_task(bench.reconciler.work())
    for _ in range(2):
        bench.queue.wake(KEY)
        await settle()
    assert ticked == [KEY, KEY]
    assert bench.queue.seconds == [reconcile.LONGEST_PAUSE_SECONDS] * 2
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


REFUSED = errors.Terminal("denied by policy (HTTP 403)")
THROTTLED = errors.Retryable("too many requests (HTTP 429)", retry_after_seconds=7)
CHANGED = errors.Conflict("changed since it was read")


async def test_a_team_whose_namespace_is_being_deleted_is_left_alone(bench: Bench) -> None:
    bench.script.refused = {"ConfigMap": errors.NamespaceEnding("create ConfigMap: because it is being terminated")}
    bench.script.decisions = [decision(CREATE, requeue_after_seconds=5), decision(CREATE)]
    with capture_logs() as logs:
        await bench.reconciler.tick(KEY)
        await bench.reconciler.tick(KEY)
    assert [line["event"] for line in logs] == ["namespace_ending"]
    assert bench.queue.seconds == [], "nothing is tried again"
    assert len(bench.script.decisions) == 1, "the second tick decides nothing"
    assert bench.script.written == [], "no Event can be made there either"
    bench.script.exists = False
    await bench.reconciler.tick(KEY)
    bench.script.exists, bench.script.refused = True, {}
    await bench.reconciler.tick(KEY)
    assert bench.script.written == ["create chat ConfigMap"], "a namespace of that name may be made again"


@pytest.mark.parametrize(
    ("refused", "result", "seconds", "told"),
    [
        pytest.param({"Ingress": REFUSED}, "refused", [0.0, 0.2], 1, id="refused"),
        pytest.param({"Ingress": THROTTLED}, "retry", [7], 0, id="throttled"),
        pytest.param({"Ingress": CHANGED}, "conflict", [0.0, 0.05], 0, id="conflict"),
        pytest.param({"Ingress": CHANGED, "ConfigMap": REFUSED}, "refused", [0.0, 0.2], 1, id="conflict-and-refused"),
        pytest.param({"Ingress": THROTTLED, "ConfigMap": REFUSED}, "refused", [7], 1, id="throttled-and-refused"),
        pytest.param({"Ingress": THROTTLED, "ConfigMap": CHANGED}, "retry", [7], 0, id="throttled-and-conflict"),
    ],
)
async def test_one_failed_write_keeps_none_of_the_others_back(
    bench: Bench, refused: dict[str, Exception], result: str, seconds: list[float], told: int
) -> None:
    bench.script.refused = refused
    bench.script.decisions = [decision(INGRESS, CREATE, SERVICE, phase=Phase.ROLLING_BACK)]
    await bench.reconciler.tick(KEY)
    written = ["status RollingBack", *(["create chat ConfigMap"] if "ConfigMap" not in refused else [])]
    assert bench.script.written == [*written, "apply chat Service 8", *["event chat WriteRefused"] * told]
    assert bench.ticks(result) == 1, "the worst decides"
    assert bench.queue.seconds == seconds, "what was done is looked at again at once, unless the API server has enough"
    assert bench.rollbacks() == 1, "the step is in the status, whatever came of the actions"


async def test_what_is_refused_for_good_is_tried_less_and_less_while_the_rest_goes_on(bench: Bench) -> None:
    bench.script.refused = {"Ingress": REFUSED}
    bench.script.decisions = [decision(INGRESS, requeue_after_seconds=60.0) for _ in range(4)]
    for _ in range(4):
        await bench.reconciler.tick(KEY)
    assert [seconds for seconds in bench.queue.seconds if seconds != 60.0] == [0.2, 0.4, 0.8, 1.6]
    assert bench.queue.seconds.count(60.0) == 4, "what is refused keeps no deadline from being kept"


async def test_nothing_is_done_when_intent_cannot_be_written(bench: Bench) -> None:
    bench.script.refused = {"status": CHANGED}
    bench.script.decisions = [decision(SERVICE, phase=Phase.ROLLING_BACK)]
    await bench.reconciler.tick(KEY)
    assert bench.script.written == []
    assert bench.rollbacks() == 0


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


@pytest.mark.parametrize(
    ("phase", "passed", "rollbacks"),
    [
        pytest.param(Phase.ROLLING_BACK, (), 1, id="last-of-its-tick"),
        pytest.param(Phase.ROLLED_BACK, (Phase.SWITCHING, Phase.ROLLING_BACK), 1, id="passed-within-a-tick"),
        pytest.param(Phase.COMPLETED, (Phase.SETTLING,), 0, id="none"),
    ],
)
async def test_each_step_is_logged_once_and_rollbacks_are_counted(
    bench: Bench, phase: Phase, passed: tuple[Phase, ...], rollbacks: int
) -> None:
    stepped = decision(phase=phase, passed=passed)
    bench.script.decisions = [stepped, stepped]
    with capture_logs() as logs:
        await bench.reconciler.tick(KEY)
        bench.script.status = stepped.status
        await bench.reconciler.tick(KEY)
    logged = [(entry["phase"], entry["revision"]) for entry in logs if entry["event"] == "rollout_phase"]
    assert logged == [(step.value, "0123456789") for step in (*passed, phase)]
    assert bench.rollbacks() == rollbacks


async def test_steps_of_a_rollout_that_gave_way_are_not_counted_again(bench: Bench) -> None:
    before = decision(phase=Phase.ROLLING_BACK).status
    assert before.rollout is not None
    told = [entry.model_copy(update={"revision": before.rollout.revision}) for entry in before.rollout.transitions]
    begun = decision(phase=Phase.VALIDATING).status.rollout
    assert begun is not None
    after = AgentTeamStatus(rollout=begun.model_copy(update={"revision": "9876543210", "earlier": told}))
    bench.script.status, bench.script.decisions = before, [Decision(status=after)]
    await bench.reconciler.tick(KEY)
    assert bench.rollbacks() == 0


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
    await settle()
    assert bench.script.live_reads == []
    bench.reconciler.acting.set()
    await settle()
    assert bench.script.live_reads == [False]
    bench.reconciler.acting.clear()
    bench.queue.wake(KEY)
    await settle()
    assert bench.script.live_reads == [False]
    assert len(bench.queue) == 1, "the wake is kept for whoever acts next"
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


@pytest.mark.parametrize(
    ("status", "final"),
    [
        pytest.param(422, True, id="invalid"),
        pytest.param(400, True, id="unreadable"),
        pytest.param(403, False, id="forbidden"),
    ],
)
async def test_the_next_look_knows_what_was_refused(bench: Bench, *, status: int, final: bool) -> None:
    bench.script.refused["Deployment"] = errors.Terminal("no password=hunter2 here", status=status)
    bench.script.decisions = [decision(DEPLOYMENT), decision(DEPLOYMENT), decision(), decision()]
    for _ in range(4):
        await bench.reconciler.tick(KEY)
    refusal = Refusal("Deployment", "chat-x", "no password=[redacted] here", final=final)
    assert bench.script.told == [(), (refusal,), (refusal,), ()]


async def test_what_may_pass_by_itself_is_no_refusal(bench: Bench) -> None:
    bench.script.refused["Deployment"] = errors.Retryable("try later")
    bench.script.decisions = [decision(DEPLOYMENT), decision()]
    for _ in range(2):
        await bench.reconciler.tick(KEY)
    assert bench.script.told == [(), ()]


@pytest.mark.parametrize(
    ("error", "pause_seconds"),
    [
        pytest.param(errors.Terminal("a policy says no", status=403), reconcile.FIRST_PAUSE_SECONDS, id="refused"),
        pytest.param(errors.Retryable("busy", status=429, retry_after_seconds=0.5), 0.5, id="told to wait"),
        pytest.param(errors.Conflict("newer", status=409), reconcile.CONFLICT_PAUSE_SECONDS, id="conflict"),
    ],
)
async def test_more_to_do_is_no_reason_to_try_again_without_a_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, pause_seconds: float
) -> None:
    """Of several actions for later one fails: the decision wants the next tick at once, the failure a pause."""
    queue = WakeQueue()
    monkeypatch.setattr(bench.reconciler, "_queue", queue)
    bench.script.refused = {"delete": error}
    bench.script.decisions = [decision(DeleteObject("apps/v1", "Deployment", "chat-x", "uid"), requeue_after_seconds=0)]
    queue.wake(KEY)
    began = asyncio.get_running_loop().time()
    await bench.reconciler.tick(await queue.take())
    queue.done(KEY)
    async with asyncio.timeout(10):
        assert await queue.take() == KEY
    assert asyncio.get_running_loop().time() - began >= pause_seconds


NOTICE = NoticeStatus(id="notice-1", kind=NoticeKind.INCIDENT_OPENED, at=NOW, since=NOW)


async def test_notifiers_are_asked_only_when_what_they_tell_is_stored(bench: Bench) -> None:
    bench.script.decisions = [decision(Notify((NOTICE,)), phase=Phase.ROLLING_BACK)]
    await bench.reconciler.tick(KEY)
    assert bench.script.written == ["status RollingBack", "offer chat ['notice-1']"]


async def test_nothing_is_told_that_could_not_be_stored(bench: Bench) -> None:
    bench.script.decisions = [decision(Notify((NOTICE,)), phase=Phase.ROLLING_BACK)]
    bench.script.write_fails = errors.Retryable("down")
    await bench.reconciler.tick(KEY)
    assert bench.script.written == []


async def test_a_refused_write_keeps_nobody_from_being_told(bench: Bench) -> None:
    bench.script.decisions = [decision(INGRESS, Notify((NOTICE,)))]
    bench.script.refused = {"Ingress": errors.Terminal("denied by a policy")}
    await bench.reconciler.tick(KEY)
    assert "offer chat ['notice-1']" in bench.script.written


async def test_telling_is_no_change_that_wants_another_look(bench: Bench) -> None:
    bench.script.decisions = [decision(Notify((NOTICE,)))]
    await bench.reconciler.tick(KEY)
    assert bench.queue.seconds == []


async def test_a_team_that_is_gone_is_forgotten_by_notifiers(bench: Bench) -> None:
    bench.script.exists = False
    await bench.reconciler.tick(KEY)
    assert bench.script.forgotten == [KEY]


async def test_the_guard_watches_what_the_decision_says(bench: Bench) -> None:
    guarding = Guarding("a" * 10, GuardSettings(max_rate=0.05, min_effect=0.005, min_runs=20))
    bench.script.decisions = [decision(guarding=guarding), decision()]
    for _ in range(2):
        await bench.reconciler.tick(KEY)
    bench.script.exists = False
    await bench.reconciler.tick(KEY)
    assert bench.script.guarded == [guarding, None, None]
