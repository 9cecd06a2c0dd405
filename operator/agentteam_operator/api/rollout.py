"""`spec.rollout`: how a change goes out, how it is judged, and when it is taken back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ATOMIC, SET, ApiModel, DnsLabel, Rule, list_map
from agentteam_operator.api.conversations import Conversations
from agentteam_operator.api.hooks import Hook
from agentteam_operator.api.metrics import DEFAULT_METRICS, AnalysisMetric
from agentteam_operator.api.repeat_rules import REPEAT_RULES

MAX_QUERIES = 10
TOO_MANY_QUERIES = f"at most {MAX_QUERIES} metrics may have a query: remove some"


class HealthComponent(StrEnum):
    """A part of the agent server that the health gate asks about."""

    RUNTIME = "runtime"
    MODELS = "models"


class TrafficMode(StrEnum):
    """How traffic moves to the new revision."""

    GRADUAL = "Gradual"
    IMMEDIATE = "Immediate"


class InconclusiveAction(StrEnum):
    """What follows when there was too little to judge by."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


class HealthGate(ApiModel):
    """The health gate: each new pod is asked for the health of its components before it gets traffic."""

    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a failing check is tried again."""
    interval_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds between two tries."""
    required: Annotated[tuple[HealthComponent, ...], Field(min_length=1, max_length=2, json_schema_extra=SET)] = (
        HealthComponent.RUNTIME,
        HealthComponent.MODELS,
    )
    """Components that must be healthy: runtime (a team can be built) and models (each model's endpoint answers)."""


class TrafficStep(ApiModel):
    """One step of a gradual shift."""

    weight: Annotated[int, Field(ge=1, le=50)]
    """Share of the traffic that the new revision gets, in percent. It is made by numbers of pods, k new ones beside n
    old ones, so only k/(n+k) can be had, and at most one half."""
    hold_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """How long the step is held before the next one, in seconds."""


class TrafficSettings(ApiModel):
    """How traffic moves to the new revision."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.mode) || self.mode != 'Immediate' || !has(self.steps) || self.steps.size() == 0",
            "mode Immediate has no steps: remove steps, or set mode to Gradual",
            field_path=".steps",
        ),
        Rule(
            "!has(self.steps) || self.steps.all(a, self.steps.filter(b, b.weight == a.weight).size() == 1)"
            " && self.steps.map(s, s.weight).isSorted()",
            "weights must rise from step to step: sort steps by weight and give each weight once",
            field_path=".steps",
        ),
    )

    mode: TrafficMode = TrafficMode.GRADUAL
    """Gradual (by steps, judged at each, both revisions serving) or Immediate (all at once, then watched)."""
    steps: Annotated[tuple[TrafficStep, ...], Field(max_length=20, json_schema_extra=ATOMIC)] = ()
    """Steps of a gradual shift, weights rising; the watch follows at the last one's weight. Empty means automatic: one
    new pod beside the old ones for 60 s, then equal halves for the watch."""


class AnalysisSettings(ApiModel):
    """How the new revision is judged while both revisions serve."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!has(self.metrics) || self.metrics.filter(m, has(m.query)).size() <= {MAX_QUERIES}",
            TOO_MANY_QUERIES,
            field_path=".metrics",
        ),
    )

    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.001
    """Probability of rolling back a revision that is no worse, over the whole watch."""
    interval_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds between two looks at the metrics."""
    min_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Fewest finished runs of the new revision for a verdict on its runs, good or bad; fewer are inconclusive."""
    metrics: Annotated[tuple[AnalysisMetric, ...], Field(max_length=20, json_schema_extra=list_map("name"))] = (
        DEFAULT_METRICS
    )
    """What the new revision is judged by. A list of your own takes the place of the default one."""
    on_inconclusive: InconclusiveAction = InconclusiveAction.PAUSE
    """What follows when there was too little to judge by: Pause (hold, and ask a person), Rollback or Promote."""
    provider_error_limit: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many failed queries in a row make what they ask for inconclusive: each metric with a query by itself, and all
    others together."""


class DegradedAction(StrEnum):
    """What follows when the revision that serves does worse than on its own last day."""

    ALERT = "Alert"
    ROLLBACK = "Rollback"


class GuardSettings(ApiModel):
    """The guard: once a rollout is over, the revision that serves is held against its own last day."""

    enabled: bool = True
    """Whether the error rate of what serves is watched between rollouts. Needs a Prometheus."""
    on_degraded: DegradedAction = DegradedAction.ALERT
    """What follows when it has failed clearly more than usual, and more than errorRate's max, for ten minutes at least:
    Alert (an incident) or Rollback (the same, and back to the last revision that is kept, once; then only alerts)."""


class RolloutSettings(ApiModel):
    """How a change goes out, how it is judged, and when it is taken back."""

    rules: ClassVar[tuple[Rule, ...]] = REPEAT_RULES

    ready_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Longest time for the new pods to get ready, in seconds; then the change is rolled back."""
    hooks: Annotated[tuple[Hook, ...], Field(max_length=10, json_schema_extra=list_map("name"))] = ()
    """Tests of your own, run as Jobs: before the new revision gets any traffic, or once it has all of it."""
    conversations: Conversations = ()
    """Golden conversations: had with the new pods before they get any traffic, and again once they have all of it.
    Empty: none."""
    conversations_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """Longest time for all golden conversations together, in seconds; then they have failed."""
    max_synthetic_cost: Annotated[float, Field(gt=0, le=1_000_000_000)] | None = None
    """Most that the conversations repeated during one rollout's watch may cost, both revisions' runs together, in the
    currency of models[].price. No round of them begins that would pass it by costing as much as the dearest so far."""
    health: HealthGate = HealthGate()
    """The health gate: before any traffic, and again for all pods once they have all of it."""
    traffic: TrafficSettings = TrafficSettings()
    """How traffic moves to the new revision."""
    analysis: AnalysisSettings = AnalysisSettings()
    """How the new revision is judged while both revisions serve."""
    auto_promote: bool = True
    """Whether a new revision that has passed its tests and the health gate gets traffic by itself. If not, the rollout
    waits there for a person's promote."""
    promotion_timeout_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 86_400
    """How long a paused rollout waits for a person, in seconds; then it is rolled back."""
    watch_seconds: Annotated[int, Field(ge=0, le=604_800)] = 600
    """How long both revisions serve, judged, after the last step, in seconds; 0 means not at all."""
    settle_seconds: Annotated[int, Field(ge=0, le=604_800)] = 120
    """How long the old revision is kept whole after all traffic has gone to the new one, in seconds, so that going back
    takes one write."""
    drain_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """How long the old revision's pods stay once the new one is stable, in seconds, to finish what they have begun."""
    revision_history_limit: Annotated[int, Field(ge=0, le=50)] = 5
    """How many old revisions are kept, scaled to 0, to go back to."""
    guard: GuardSettings = GuardSettings()
    """The guard on the revision that serves, between rollouts."""
    notifications: Annotated[tuple[DnsLabel, ...], Field(max_length=10, json_schema_extra=SET)] = ()
    """Names of the notifiers that are told of incidents and of what a person is asked, from those that the operator was
    configured with. With none named, those that the operator's owner made the default."""
