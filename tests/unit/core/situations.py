"""Small factories for what a tick may see: a calm situation of each phase, in which no rule has anything to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.api.field_problems import FieldProblem
from agentteam_operator.api.rollout import TrafficMode
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import (
    AgentTeamStatus,
    Outcome,
    Phase,
    RevisionStatus,
    RolloutStatus,
    Transition,
    Verdict,
)
from agentteam_operator.core import names
from agentteam_operator.core.analysis import Judgement, MetricVerdict
from agentteam_operator.core.observed import (
    Environment,
    JobObserved,
    Observed,
    PodObserved,
    Refusal,
    RevisionObserved,
    ServiceObserved,
    Snapshot,
    TeamRef,
)
from agentteam_operator.core.view import View

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TEAM = "chat"
BLUE, GREEN, OTHER = "b" * 10, "a" * 10, "c" * 10
ENVIRONMENT = Environment(default_image="agent:1", builder_version="0.1.0", metrics_configured=True)

SPEC: Mapping[str, Any] = {
    "version": "2",
    "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["hello"]}}],
    "team": {
        "type": "RoundRobin",
        "maxTurns": 2,
        "agents": [{"name": "clerk", "description": "answers", "systemMessage": "Answer.", "model": "main"}],
    },
}


TESTED: Mapping[str, Any] = {
    "conversations": [{"name": "refund", "turns": [{"user": "I want my money back"}]}],
    "hooks": [{"name": "smoke", "job": {"image": "smoke:1"}}],
}
"""Settings of a rollout that has golden conversations and a hook before its shift."""


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def pods(revision: str, ready: int, unready: int = 0, waiting_reason: str = "") -> tuple[PodObserved, ...]:
    """Pods of a revision."""
    good = [
        PodObserved(f"{TEAM}-{revision}-{index}", f"10.0.0.{index}", ready=True, terminating=False, created_at=ago(30))
        for index in range(ready)
    ]
    bad = [
        PodObserved(
            f"{TEAM}-{revision}-x{index}",
            "",
            ready=False,
            terminating=False,
            created_at=ago(30),
            waiting_reason=waiting_reason,
        )
        for index in range(unready)
    ]
    return (*good, *bad)


def revision_of(name: str, ready: int = 3, unready: int = 0, waiting_reason: str = "") -> RevisionObserved:
    """A revision with its Deployment, ConfigMap and pods."""
    return RevisionObserved(
        hash=name,
        created_at=ago(3600),
        deployment_uid=f"uid-{name}",
        replicas=ready + unready,
        image="agent:1",
        version="1",
        pods=pods(name, ready, unready, waiting_reason),
        resource_version="7",
        config_uid=f"uid-config-{name}",
    )


def verdict(found: Verdict, answers: int = 50) -> Judgement:
    """A judgement of one metric."""
    counts = ColourCounts(started=answers, finished=answers)
    metric = MetricVerdict(name="errorRate", verdict=found, reason="Said", message="as said")
    return Judgement(AnalysisStatus(blue=counts, green=counts), (metric,))


@dataclass(frozen=True)
class Situation:
    """What a tick sees of a team with a blue and a green revision. Calm: half of green is ready, nothing is due."""

    phase: Phase | None
    target: str = GREEN
    base: str = BLUE
    active: str = BLUE
    reason: str = "Because"
    annotations: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[FieldProblem, ...] = ()
    rollout: Mapping[str, Any] = field(default_factory=dict)
    """Parts of `spec.rollout`."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Other parts of the spec."""
    in_phase_seconds: float = 1.0
    overdue: bool = False
    step: int = 0
    step_held_seconds: float | None = None
    gates_skipped: bool = False
    took_traffic: bool = False
    """The candidate has been in Shifting before."""
    blue: RevisionObserved | None = field(default_factory=lambda: revision_of(BLUE))
    green: RevisionObserved | None = field(default_factory=lambda: revision_of(GREEN, 1, 2))
    selects: str | None = None
    """Revision that the active Service selects; None for both colours."""
    endpoints: tuple[str, ...] = ()
    """Revisions whose ready pods are the active Service's endpoints."""
    probe: JobObserved | None = None
    """The Job of the health check."""
    jobs: Mapping[str, JobObserved] = field(default_factory=dict)
    """Jobs of the other checks, by the check."""
    attempt: int = 1
    rechecks: int = 0
    paused_in: Phase | None = None
    held_by_person: bool = False
    only_health: bool = False
    previewed: bool = True
    judgement: Judgement | None = None
    snapshot: Snapshot | None = field(default_factory=lambda: Snapshot(ago(5), {}))
    stray_pods: frozenset[str] = frozenset()
    rounds: RoundsStatus | None = None
    unread: frozenset[str] = frozenset()
    foreign: frozenset[tuple[str, str]] = frozenset()
    former: frozenset[tuple[str, str]] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=lambda: {BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.PENDING})

    def view(self) -> View:
        """The situation as the gates see it."""
        observed = self.observed()
        return View(observed, ENVIRONMENT, NOW, observed.spec, observed.status, self.judgement)

    def observed(self) -> Observed:
        """The situation as it was observed."""
        revisions = {found.hash: found for found in (self.blue, self.green) if found}
        endpoints = [pod.name for name in self.endpoints for pod in revisions[name].ready_pods]
        return Observed(
            team=TeamRef("sim", TEAM, "uid-team", 1, "11", self.annotations),
            status=self.status(),
            spec=AgentTeamSpec.parse({**SPEC, **self.spec, "rollout": dict(self.rollout)}),
            problems=self.problems,
            unread=self.unread,
            target=self.target,
            revisions=revisions,
            active_service=ServiceObserved(names.server_selector(TEAM, self.selects), "5", frozenset(endpoints)),
            spec_target=self.target,
            jobs=self._jobs(),
            preview_endpoints=frozenset({f"{TEAM}-{GREEN}-0"} if self.previewed else set()),
            stray_pods=self.stray_pods,
            snapshot=self.snapshot,
            foreign=self.foreign,
            former=self.former,
            refusals=self.refusals,
            live=True,
        )

    def _jobs(self) -> dict[str, JobObserved]:
        found = dict(self.jobs) | ({names.CHECK_HEALTH: self.probe} if self.probe else {})
        number = {names.CHECK_ROUND: self.rounds.begun if self.rounds else 1}
        return {
            names.check_job(TEAM, GREEN, check, number.get(check, self.attempt)): job for check, job in found.items()
        }

    def status(self) -> AgentTeamStatus:
        """The stored status."""
        revisions = [
            RevisionStatus(hash=name, created_at=ago(3600), outcome=end) for name, end in self.outcomes.items()
        ]
        return AgentTeamStatus(active_revision=self.active, rollout=self._rollout(), revisions=revisions)

    def _rollout(self) -> RolloutStatus | None:
        if self.phase is None:
            return None
        since = ago(self.in_phase_seconds)
        held = self.step_held_seconds
        return RolloutStatus(
            phase=self.phase,
            revision=GREEN,
            base_revision=self.base,
            gates_skipped=self.gates_skipped,
            attempt=self.attempt,
            rechecks=self.rechecks,
            paused_in=self.paused_in,
            held_by_person=self.held_by_person,
            only_health=self.only_health,
            mode=self.rollout.get("traffic", {}).get("mode", TrafficMode.GRADUAL),
            attended_seconds=self.in_phase_seconds,
            judged_seconds=self.in_phase_seconds,
            started_at=ago(self.in_phase_seconds + 60),
            phase_started_at=since,
            deadline=ago(1) if self.overdue else NOW + timedelta(seconds=60),
            step=self.step,
            step_started_at=None if held is None else ago(held),
            reason=self.reason,
            rounds=self.rounds,
            transitions=[
                *([Transition(phase=Phase.SHIFTING, at=ago(self.in_phase_seconds + 30))] if self.took_traffic else []),
                Transition(phase=self.phase, at=since, reason=self.reason),
            ],
        )


CALM: Mapping[Phase | None, Situation] = {
    None: Situation(None, target="", active="", base=""),
    Phase.PREPARING: Situation(Phase.PREPARING, selects=BLUE, green=revision_of(GREEN, 0, 1)),
    Phase.TESTING: Situation(Phase.TESTING, selects=BLUE, rollout=TESTED),
    Phase.HEALTH_CHECKING: Situation(Phase.HEALTH_CHECKING, selects=BLUE),
    Phase.SHIFTING: Situation(Phase.SHIFTING, selects=BLUE),
    Phase.WATCHING: Situation(Phase.WATCHING),
    Phase.AWAITING_PROMOTION: Situation(Phase.AWAITING_PROMOTION, paused_in=Phase.WATCHING),
    Phase.SWITCHING: Situation(Phase.SWITCHING),
    Phase.SETTLING: Situation(Phase.SETTLING, active=GREEN, selects=GREEN),
    Phase.ROLLING_BACK: Situation(Phase.ROLLING_BACK, selects=BLUE, took_traffic=True),
    Phase.COMPLETED: Situation(Phase.COMPLETED, active=GREEN, selects=GREEN),
    Phase.ROLLED_BACK: Situation(
        Phase.ROLLED_BACK,
        selects=BLUE,
        took_traffic=True,
        outcomes={BLUE: Outcome.SUCCESSFUL, GREEN: Outcome.FAILED},
    ),
    Phase.FAILED: Situation(Phase.FAILED, active="", base="", blue=None, outcomes={GREEN: Outcome.FAILED}),
}
"""A situation of each phase in which nothing happens; Validating has none, for it is left at once."""
