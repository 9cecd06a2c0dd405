"""`AgentTeam.status`: the operator's memory of intent, and what people read first.

Whatever must survive the operator's death is here or in the objects' own labels. Every list is bounded, so a
status stays small (some KiB) for ever.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.base import LenientModel, Time
from agentteam_operator.api.guard_status import GuardStatus
from agentteam_operator.api.incident_status import MAX_NOTICES, IncidentStatus, NoticeStatus
from agentteam_operator.api.order_status import ActionStatus, RestartStatus, RollbackStatus
from agentteam_operator.api.rollout import TrafficMode
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.storable import MAX_TALLY, Tally, Words

MAX_TRANSITIONS = 20
MAX_GATES = 40
MAX_LAST_VERDICTS = 10
MAX_LAST_VERDICT_MESSAGE = 256


class TeamPhase(StrEnum):
    """The team in one word."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    SUSPENDED = "Suspended"


class Phase(StrEnum):
    """Where a rollout stands; the transitions between them are in `core/decide.py`."""

    VALIDATING = "Validating"
    PREPARING = "Preparing"
    TESTING = "Testing"
    HEALTH_CHECKING = "HealthChecking"
    SHIFTING = "Shifting"
    WATCHING = "Watching"
    AWAITING_PROMOTION = "AwaitingPromotion"
    SWITCHING = "Switching"
    SETTLING = "Settling"
    COMPLETED = "Completed"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"


class Verdict(StrEnum):
    """What one gate says of the candidate."""

    PENDING = "Pending"
    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    SKIPPED = "Skipped"


class Outcome(StrEnum):
    """How a revision's rollout ended."""

    PENDING = "Pending"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class GateStatus(LenientModel):
    """One gate's verdict on the candidate, with what it was measured on."""

    name: str = Field(max_length=64, description="The gate, such as validation, readiness, health or errorRate.")
    verdict: Verdict = Field(description="Pending, Passed, Failed, Inconclusive or Skipped.")
    value: Words = Field(default="", max_length=64, description="The measured value, with its unit.")
    threshold: Words = Field(default="", max_length=128, description="What the value was held against.")
    samples: Tally = Field(
        default=0, ge=0, le=MAX_TALLY, description="How many answers of the candidate the verdict rests on."
    )
    reason: Words = Field(default="", max_length=64, description="A CamelCase word for programs.")
    message: Words = Field(default="", max_length=1024, description="The evidence in plain words.")
    detectable: Words = Field(
        default="", max_length=64, description="The smallest difference that so many samples would have shown."
    )
    at: Time = Field(description="When the verdict was last given.")


class LastVerdict(LenientModel):
    """One gate's verdict that decided how a rollout went on."""

    at: Time = Field(description="When it decided.")
    revision: str = Field(max_length=10, description="The candidate that it was given on.")
    gate: str = Field(max_length=64, description="The gate or metric.")
    phase: Phase = Field(description="The phase that was left on it.")
    verdict: Verdict = Field(description="Passed, Failed or Inconclusive.")
    reason: Words = Field(default="", max_length=64, description="A CamelCase word for programs.")
    value: Words = Field(default="", max_length=64, description="The measured value, with its unit.")
    threshold: Words = Field(default="", max_length=128, description="What the value was held against.")
    samples: int = Field(default=0, ge=0, description="How many answers of the candidate it rests on.")
    detectable: Words = Field(
        default="", max_length=64, description="The smallest difference that so many samples would have shown."
    )
    message: Words = Field(
        default="", max_length=MAX_LAST_VERDICT_MESSAGE, description="The evidence in plain words, cut."
    )


class Transition(LenientModel):
    """One step of the rollout's timeline."""

    phase: Phase = Field(description="The phase that was entered.")
    at: Time = Field(description="When it was entered.")
    reason: Words = Field(default="", max_length=64, description="A CamelCase word for programs.")
    message: Words = Field(default="", max_length=1024, description="Why, in plain words.")
    revision: str = Field(default="", max_length=10, description="Its candidate, where it isn't this rollout's.")


class RolloutStatus(LenientModel):
    """The rollout under way, or the last one."""

    phase: Phase = Field(description="The rollout's phase.")
    revision: str = Field(max_length=10, description="The candidate's revision hash (green).")
    base_revision: str = Field(
        default="", max_length=10, description="The revision it replaces (blue); none at creation."
    )
    gates_skipped: bool = Field(default=False, description="True on the way back to a revision that passed before.")
    base_replicas: int = Field(
        default=0,
        ge=0,
        description="Most pods that blue has had in this rollout: it gets them back if somebody takes some.",
    )
    mode: TrafficMode = Field(
        default=TrafficMode.GRADUAL, description="How its traffic goes over: spec.rollout.traffic.mode as it began."
    )
    started_at: Time = Field(description="When the rollout began.")
    only_health: bool = Field(
        default=False,
        description="True when the change touches nothing but resources, telemetry, labels and scheduling: readiness "
        "and health are its gates.",
    )
    held_by_person: bool = Field(default=False, description="True when a person asked to wait before any traffic.")
    paused_in: Phase | None = Field(default=None, description="Where the rollout stood when it began to wait.")
    phase_started_at: Time = Field(description="When its phase began.")
    deadline: Time | None = Field(
        default=None,
        description="When the phase is given up; persisted, never extended. In Shifting, when the step's weight must "
        "be reached; once it is, when the step is given up.",
    )
    attempt: int = Field(
        default=1,
        ge=1,
        description="Number in the names of the present checks' Jobs; it goes on over all rollouts of the revision.",
    )
    rechecks: int = Field(
        default=0,
        ge=0,
        description="How often Testing or HealthChecking began anew since pods that were asked had gone.",
    )
    step: int = Field(default=0, ge=0, description="The traffic step, counted from 0.")
    step_started_at: Time | None = Field(default=None, description="When the step's weight was reached.")
    attended_seconds: float = Field(
        default=0, ge=0, description="Seconds of the phase in which the metrics were asked for, answered or not."
    )
    judged_seconds: float = Field(
        default=0, ge=0, description="Seconds of the phase that the metrics' answers cover: what counts as watched."
    )
    weight: int = Field(default=0, ge=0, le=100, description="Percent of ready serving pods that are the candidate's.")
    reason: Words = Field(default="", max_length=64, description="Why it is in this phase: a CamelCase word.")
    message: Words = Field(default="", max_length=1024, description="Why it is in this phase, in plain words.")
    gates: list[GateStatus] = Field(
        default_factory=list, max_length=MAX_GATES, description="Each gate's latest verdict on the candidate."
    )
    transitions: list[Transition] = Field(
        default_factory=list, max_length=MAX_TRANSITIONS, description="The timeline, oldest first."
    )
    earlier: list[Transition] = Field(
        default_factory=list,
        max_length=MAX_TRANSITIONS,
        description="The last steps of the rollouts just before, until people have surely been told of them.",
    )
    analysis: AnalysisStatus | None = Field(default=None, description="The running judgement's state.")
    rounds: RoundsStatus | None = Field(
        default=None, description="The golden conversations that are repeated during the watch."
    )


class RevisionStatus(LenientModel):
    """One revision of the history."""

    hash: str = Field(max_length=10, description="Hash of all that decides behaviour.")
    version: Words = Field(default="", max_length=64, description="The spec.version it was made from.")
    created_at: Time = Field(description="When its rollout began.")
    outcome: Outcome = Field(default=Outcome.PENDING, description="Pending, Successful, Failed or Cancelled.")
    reason: Words = Field(default="", max_length=64, description="Why it ended so: a CamelCase word.")
    message: Words = Field(default="", max_length=1024, description="Why it ended so, in plain words.")
    image: Words = Field(default="", max_length=512, description="The image that its pods run.")
    left_at: Time | None = Field(
        default=None, description="When the guard went back from it: it does so once, and never to it."
    )


class Condition(LenientModel):
    """A Kubernetes condition."""

    type: str = Field(max_length=64, description="The condition.")
    status: str = Field(max_length=16, description="True, False or Unknown.")
    reason: Words = Field(default="", max_length=64, description="A CamelCase word for programs.")
    message: Words = Field(default="", max_length=1024, description="In plain words.")
    observed_generation: int = Field(default=0, description="The generation that it speaks of.")
    last_transition_time: Time = Field(description="When the status last changed.")


class AgentTeamStatus(LenientModel):
    """What the operator knows of a team, and means to do."""

    observed_generation: int = Field(default=-1, description="The generation that this status speaks of.")
    phase: TeamPhase = Field(default=TeamPhase.PENDING, description="The team in one word.")
    reason: Words = Field(default="", max_length=64, description="Why, in one CamelCase word.")
    message: Words = Field(default="", max_length=1024, description="Why, in one line of plain words.")
    url: str = Field(default="", max_length=512, description="Where the team answers.")
    active_revision: str = Field(default="", max_length=10, description="The revision that traffic is meant for.")
    stable_revision: str = Field(default="", max_length=10, description="The last revision that settled.")
    candidate_revision: str = Field(default="", max_length=10, description="The revision on trial.")
    replicas: int = Field(default=0, ge=0, description="Pods of the active revision.")
    ready_replicas: int = Field(default=0, ge=0, description="Ready pods of the active revision.")
    ready: str = Field(default="", max_length=16, description="Ready and wanted pods of the active revision: 3/3.")
    selector: str = Field(
        default="", max_length=512, description="Label selector of the pods, for the scale subresource."
    )
    rollout: RolloutStatus | None = Field(default=None, description="The rollout under way, or the last one.")
    revisions: list[RevisionStatus] = Field(
        default_factory=list, max_length=64, description="The revision history, newest first."
    )
    actions: list[ActionStatus] = Field(
        default_factory=list, max_length=8, description="The last word of a person of each kind, and what became of it."
    )
    rollback_to: RollbackStatus | None = Field(default=None, description="A person's order to go back, or the guard's.")
    restarted: RestartStatus | None = Field(default=None, description="A person's last order to restart.")
    guard: GuardStatus | None = Field(
        default=None, description="There while the revision that serves does worse than on its own last day."
    )
    conditions: list[Condition] = Field(default_factory=list, max_length=16, description="Standard conditions.")
    last_verdicts: list[LastVerdict] = Field(
        default_factory=list,
        max_length=MAX_LAST_VERDICTS,
        description="The last verdicts that decided something, over the rollouts, oldest first.",
    )
    last_incident: IncidentStatus | None = Field(default=None, description="What went wrong last, resolved or not.")
    notifications: list[NoticeStatus] = Field(
        default_factory=list,
        max_length=MAX_NOTICES,
        description="What notifiers are to be told, or were told last, oldest first.",
    )
