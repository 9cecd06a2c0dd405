"""`spec.rollout`: how a change goes out, how it is judged, and when it is taken back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ATOMIC, SET, ApiModel, DnsLabel, Rule, list_map
from agentteam_operator.api.conversations import Conversations
from agentteam_operator.api.hooks import Hook


class HealthComponent(StrEnum):
    """A part of the agent server that the health gate asks about."""

    RUNTIME = "runtime"
    MODELS = "models"


class TrafficMode(StrEnum):
    """How traffic moves to the new revision."""

    GRADUAL = "Gradual"
    IMMEDIATE = "Immediate"


class MetricName(StrEnum):
    """What can be judged."""

    ERROR_RATE = "errorRate"
    SLOWNESS = "slowness"
    P95_LATENCY_SECONDS = "p95LatencySeconds"
    MEMORY_UTILIZATION = "memoryUtilization"
    AGENTS_OFFLINE = "agentsOffline"


class Judge(StrEnum):
    """How a metric is judged."""

    SEQUENTIAL = "Sequential"
    THRESHOLD = "Threshold"


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


class AnalysisMetric(ApiModel):
    """One metric that the new revision is judged by."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.judge) || (self.judge == 'Sequential') == (self.name in ['errorRate', 'slowness'])",
            "errorRate and slowness are judged Sequential, the other metrics Threshold: remove judge or correct it",
            message_expression="self.name + ' is judged ' + (self.name in ['errorRate', 'slowness']"
            " ? 'Sequential' : 'Threshold') + ', not ' + self.judge + ': remove judge or correct it'",
            field_path=".judge",
        ),
        Rule(
            "!has(self.minEffect) || self.name in ['errorRate', 'slowness']",
            "minEffect belongs to errorRate and slowness: remove it, or set max instead",
            field_path=".minEffect",
        ),
        Rule(
            "!has(self.max) || self.name != 'slowness'",
            "slowness is judged against the active revision and has no max: remove it, or set minEffect instead",
            field_path=".max",
        ),
        Rule(
            "!has(self.max) || self.name != 'errorRate' || self.max > 0.0 && self.max < 1.0",
            "the max of errorRate is a share of runs: set it above 0 and below 1",
            field_path=".max",
        ),
        Rule(
            "!has(self.max) || self.name != 'memoryUtilization' || self.max > 0.0 && self.max <= 1.0",
            "the max of memoryUtilization is a share of the container's limit: set it above 0 and at most 1",
            field_path=".max",
        ),
        Rule(
            "self.name != 'p95LatencySeconds' || has(self.max) || has(self.maxIncreasePercent)",
            "p95LatencySeconds needs a limit: set max (seconds), maxIncreasePercent, or both",
        ),
        Rule(
            "!has(self.maxIncreasePercent) || self.name == 'p95LatencySeconds'",
            "maxIncreasePercent belongs to p95LatencySeconds: remove it, or set max instead",
            field_path=".maxIncreasePercent",
        ),
        Rule(
            "!has(self.failureLimit) || !(self.name in ['errorRate', 'slowness'])",
            "failureLimit belongs to metrics judged Threshold: remove it",
            field_path=".failureLimit",
        ),
    )

    name: MetricName
    """What is measured: errorRate (failed, timed-out and rejected runs of all finished ones), slowness (runs slower
    than the active revision's usual ones), p95LatencySeconds, memoryUtilization (share of the container's limit) or
    agentsOffline (agents of pods that are needed and have stayed unready)."""
    judge: Judge | None = None
    """Sequential (statistical, against the active revision at the same time) for errorRate and slowness, Threshold for
    the others; it follows from the name and is here for readers."""
    max: Annotated[float, Field(ge=0, le=86_400)] | None = None
    """Highest value that is still good: for errorRate a share (default 0.05), for p95LatencySeconds seconds, for
    memoryUtilization a share of the limit (default 0.8), for agentsOffline a number (default 0)."""
    min_effect: Annotated[float, Field(ge=0, le=1)] | None = None
    """Smallest difference from the active revision that is worth a rollback, as a share of runs (default 0.005 for
    errorRate, 0.05 for slowness)."""
    max_increase_percent: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Largest increase over the active revision at the same time, in percent; for p95LatencySeconds."""
    failure_limit: Annotated[int, Field(ge=0, le=100)] | None = None
    """How many looks in a row may fail before the metric fails (default 1); for metrics judged Threshold."""

    def resolved(self) -> AnalysisMetric:
        """The same metric with each default of its kind filled in, so that what applies to it is never None."""
        defaults = _DEFAULTS_BY_METRIC[self.name]
        missing = {field: value for field, value in defaults.items() if getattr(self, field) is None}
        return self.model_copy(update=missing)


_DEFAULTS_BY_METRIC: dict[MetricName, dict[str, object]] = {
    MetricName.ERROR_RATE: {"judge": Judge.SEQUENTIAL, "max": 0.05, "min_effect": 0.005},
    MetricName.SLOWNESS: {"judge": Judge.SEQUENTIAL, "min_effect": 0.05},
    MetricName.P95_LATENCY_SECONDS: {"judge": Judge.THRESHOLD, "failure_limit": 1},
    MetricName.MEMORY_UTILIZATION: {"judge": Judge.THRESHOLD, "max": 0.8, "failure_limit": 1},
    MetricName.AGENTS_OFFLINE: {"judge": Judge.THRESHOLD, "max": 0.0, "failure_limit": 1},
}

DEFAULT_METRICS = (
    AnalysisMetric(name=MetricName.ERROR_RATE, max=0.05, min_effect=0.005),
    AnalysisMetric(name=MetricName.SLOWNESS, min_effect=0.05),
    AnalysisMetric(name=MetricName.MEMORY_UTILIZATION, max=0.8),
    AnalysisMetric(name=MetricName.AGENTS_OFFLINE, max=0.0),
)


class AnalysisSettings(ApiModel):
    """How the new revision is judged while both revisions serve."""

    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.001
    """Probability of rolling back a revision that is no worse, over the whole watch."""
    interval_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds between two looks at the metrics."""
    min_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Fewest finished runs of the new revision for a verdict on its runs, good or bad; fewer are inconclusive."""
    metrics: Annotated[tuple[AnalysisMetric, ...], Field(max_length=10, json_schema_extra=list_map("name"))] = (
        DEFAULT_METRICS
    )
    """What the new revision is judged by. A list of your own takes the place of the default one."""
    on_inconclusive: InconclusiveAction = InconclusiveAction.PAUSE
    """What follows when there was too little to judge by: Pause (hold, and ask a person), Rollback or Promote."""
    provider_error_limit: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many failed queries in a row make the judgement inconclusive."""


class RolloutSettings(ApiModel):
    """How a change goes out, how it is judged, and when it is taken back."""

    ready_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Longest time for the new pods to get ready, in seconds; then the change is rolled back."""
    hooks: Annotated[tuple[Hook, ...], Field(max_length=10, json_schema_extra=list_map("name"))] = ()
    """Tests of your own, run as Jobs: before the new revision gets any traffic, or once it has all of it."""
    conversations: Conversations = ()
    """Golden conversations: had with the new pods before they get any traffic, and again once they have all of it.
    Empty: none."""
    conversations_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """Longest time for all golden conversations together, in seconds; then they have failed."""
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
    notifications: Annotated[tuple[DnsLabel, ...], Field(max_length=10, json_schema_extra=SET)] = ()
    """Names of the notifiers that are told of incidents and of what a person is asked, from those that the operator was
    configured with. With none named, those that the operator's owner made the default."""
