"""What a tick knows: one team, and all of the cluster and of its metrics that decisions about it rest on.

All times are aware datetimes in UTC; all durations are seconds. Everything is immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.api.validation import FieldProblem
from agentteam_operator.core.guard import GuardFinding
from agentteam_operator.core.pairs import PairsObserved
from agentteam_operator.core.telling import Delivery, NotifierFacts

Manifest = Mapping[str, Any]
"""A Kubernetes object as plain JSON."""


@dataclass(frozen=True, slots=True)
class TeamRef:
    """The AgentTeam object itself."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """What the operator's owner decided, as far as decisions and manifests depend on it."""

    default_image: str
    builder_version: str
    cluster_domain: str = "cluster.local"
    metrics_configured: bool = False
    pod_monitors_available: bool = False
    notifiers: tuple[NotifierFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class PodObserved:
    """One server pod of a revision."""

    name: str
    ip: str
    ready: bool
    terminating: bool
    created_at: datetime
    restarts: int = 0
    waiting_reason: str = ""
    """The container's waiting reason, such as ImagePullBackOff or CrashLoopBackOff."""
    message: str = ""
    """The kubelet's or the scheduler's words on why it isn't ready; the last termination message of a crashed one."""
    exit_code: int | None = None
    """The exit status with which its container ended last; None if it never has."""
    lost_since: datetime | None = None
    """When it stopped being ready; None while it is, and when it never was."""


@dataclass(frozen=True, slots=True)
class RevisionObserved:
    """The objects of one revision as they are in the cluster: its Deployment, its ConfigMap, or both."""

    hash: str
    created_at: datetime
    deployment_uid: str
    """Empty when only the ConfigMap is there."""
    replicas: int
    """`spec.replicas` of the Deployment: what is wanted now."""
    image: str
    version: str
    pods: tuple[PodObserved, ...] = ()
    """The revision's server pods, whatever their state."""
    resource_version: str = ""
    """The Deployment's."""
    config_uid: str = ""
    """UID of the ConfigMap; empty when it is gone."""
    document: Mapping[str, Any] | None = None
    """The ConfigMap's app.yaml, parsed; only filled on a live read (it is large, and seldom wanted).

    Of a ConfigMap that is gone: what this process read of it last, if it did, or of another of that name.
    """
    message: str = ""
    """Why pods of it can't even be made, in the cluster's words: a quota, a policy, a webhook."""
    edited: bool = False
    """Somebody edited the Deployment's pod template: its pods aren't, or won't be, what passed the gates."""

    @property
    def ready_pods(self) -> tuple[PodObserved, ...]:
        """Pods that are ready and stay: what may be counted on."""
        return tuple(pod for pod in self.pods if pod.ready and not pod.terminating)


@dataclass(frozen=True, slots=True)
class ServiceObserved:
    """A Service and the ready endpoints that its EndpointSlices really hold."""

    selector: Mapping[str, str]
    resource_version: str
    endpoints: frozenset[str] = frozenset()
    """Names of the pods behind it that are ready and not terminating."""


@dataclass(frozen=True, slots=True)
class JobObserved:
    """A Job that makes a check on the candidate."""

    finished: bool
    succeeded: bool
    message: str = ""
    """In plain words what was found, from the Job's termination message, or from its conditions when it left none; of
    one that isn't finished, why its pod isn't made."""
    created_at: datetime | None = None
    """When the pods that it asks were chosen."""
    waiting_reason: str = ""
    """Of one that isn't finished: its container's waiting reason, such as ImagePullBackOff."""
    inconclusive: bool = False
    """It failed, but says that this isn't the candidate's fault."""
    reason: str = ""
    """A CamelCase word of its own for what it found, if it left one: for its gate, and for nothing to rest on."""
    value: str = ""
    threshold: str = ""
    samples: int = 0
    cost: float | None = None
    """What the conversations cost; None where it isn't known."""
    pairs: tuple[PairsObserved, ...] = ()
    """Of a round of the watch: what is to be counted."""


@dataclass(frozen=True, slots=True)
class CpuCounters:
    """A pod's processor time, and the pod's own clock, which tells how much time lies between two scrapes."""

    used_seconds: float
    uptime_seconds: float
    limit_cores: float | None
    """None where the container has no limit."""


@dataclass(frozen=True, slots=True)
class PodCounters:
    """Raw counters of one pod as scraped: cumulative, never differenced."""

    started: float
    succeeded: float
    failed: float
    """Runs that ended in an error or a timeout."""
    duration_buckets: tuple[float, ...]
    """Cumulative counts of finished runs by upper bound, in the order of `analysis.DURATION_BOUNDS_SECONDS`; the last
    is +Inf."""
    memory_bytes: float | None = None
    memory_limit_bytes: float | None = None
    quantities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Cumulative counts of runs that succeeded, by a metric of `core/quantities.py` and its buckets; only of metrics
    that were asked for."""
    cpu: CpuCounters | None = None
    queued_runs: float | None = None
    """Runs that wait for a place."""
    uptime_seconds: float | None = None
    """How long its server has been up, by its own clock at the scrape."""


@dataclass(frozen=True, slots=True)
class QueryReading:
    """The answer to a query that the team wrote. It has a value, a problem or an error, and never two of them."""

    at: datetime
    """When it was asked."""
    value: float | None = None
    problem: str = ""
    """Why the answer is no number: no series, several, not finite."""
    error: str = ""
    """Why there is no answer."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at Prometheus for one team."""

    at: datetime
    """When it was read."""
    pods: Mapping[str, PodCounters]
    error: str = ""
    """Why nothing could be read: unreachable, refused, malformed. Not the same as no data."""
    queries: Mapping[str, QueryReading] = field(default_factory=dict)
    """The latest answer to each query that was answered, by its metric's name: each is asked by itself."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write of the last look that the API server refused."""

    kind: str
    name: str
    message: str
    """What was tried, and the API server's own words."""
    final: bool
    """The object itself is wrong: it is refused for as long as it is what it is. Else a quota or policy may change."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The whole state of one team at one moment."""

    team: TeamRef
    status: AgentTeamStatus
    spec: AgentTeamSpec
    problems: tuple[FieldProblem, ...] = ()
    """All that is wrong with the spec: while there is any, no rollout of it begins."""
    unread: frozenset[str] = frozenset()
    """Fields of the spec of which a part can't be read, and isn't in `spec`."""
    target: str = ""
    """Hash of the revision that is to serve: what the spec asks for, unless a person ordered otherwise since."""
    spec_target: str = ""
    """Hash of the revision that the spec asks for; of one that can't be read, a hash that no revision has."""
    revisions: Mapping[str, RevisionObserved] = field(default_factory=dict)
    active_service: ServiceObserved | None = None
    children: Mapping[tuple[str, str], Manifest] = field(default_factory=dict)
    """Live objects that this team controls, by (kind, name); trimmed to what is compared."""
    foreign: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of objects that bear a name of ours but aren't controlled by this team's UID."""
    former: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of objects in our way that are about to go: those of an earlier team of this name, and their pods.
    None of them is in `foreign`."""
    preview_endpoints: frozenset[str] = frozenset()
    """Names of the pods behind the preview Service that are ready and not terminating."""
    jobs: Mapping[str, JobObserved] = field(default_factory=dict)
    """This team's Jobs, by name."""
    stray_pods: frozenset[str] = frozenset()
    """Names of pods that `server_selector(team)` matches but that are in no `revisions[...].pods`."""
    snapshot: Snapshot | None = None
    guard: GuardFinding | None = None
    """What the guard says of the serving revision; None while nobody watches it."""
    refusals: tuple[Refusal, ...] = ()
    """Of the last look, and of this process: after a restart each write is tried, and refused, again."""
    deliveries: tuple[Delivery, ...] = ()
    """How notices were delivered, as far as this process knows and the status may not yet."""
    live: bool = False
    """True when read from the API server for this tick, rather than from the watch cache."""
