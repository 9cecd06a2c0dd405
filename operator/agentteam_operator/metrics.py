"""The operator's own metrics."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agentteam_operator.api.status import Phase

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NO_ROLLOUT = "None"


@dataclass(frozen=True, slots=True)
class TeamAgents:
    """How many agents of a team should be there, and how many pods that run them."""

    namespace: str
    team: str
    agents: int
    """Agents in each pod."""
    wanted_pods: int
    ready_pods: int


class Metrics:
    """All that the operator tells of itself, on a registry of its own."""

    def __init__(self) -> None:
        """Register everything; every label set that is known beforehand begins at 0."""
        self.registry = CollectorRegistry()
        prefix = "agentteam_operator"
        self.ticks = Counter(f"{prefix}_ticks", "Ticks of teams by how they ended.", ["result"], registry=self.registry)
        for result in ("ok", "conflict", "retry", "refused", "held", "crash"):
            self.ticks.labels(result)
        self.tick_seconds = Histogram(
            f"{prefix}_tick_seconds", "How long a tick took.", buckets=_SECONDS, registry=self.registry
        )
        self.actions = Counter(
            f"{prefix}_actions",
            "Writes that were tried, by what, on which kind, and how it ended.",
            ["action", "kind", "result"],
            registry=self.registry,
        )
        self.rollbacks = Counter(
            f"{prefix}_rollbacks", "Rollbacks that began, by reason.", ["reason"], registry=self.registry
        )
        self.notifications = Counter(
            f"{prefix}_notifications",
            "Attempts to tell a notifier: delivered, failed (and tried again), given_up.",
            ["notifier", "result"],
            registry=self.registry,
        )
        self.notifications_pending = Gauge(
            f"{prefix}_notifications_pending", "Deliveries under way.", registry=self.registry
        )
        self.queue_depth = Gauge(f"{prefix}_queue_depth", "Teams waiting for their tick.", registry=self.registry)
        self.loop_age_seconds = Gauge(
            f"{prefix}_loop_age_seconds", "Age of the oldest sign of life; /livez fails on it.", registry=self.registry
        )
        self.leader = Gauge(f"{prefix}_leader", "1 while this replica may act.", registry=self.registry)
        self.prometheus_query_seconds = Histogram(
            f"{prefix}_prometheus_query_seconds",
            "How long a look at Prometheus took, for all teams together.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def know_notifier(self, name: str) -> None:
        """Begin a notifier's counts at 0."""
        for result in ("delivered", "failed", "given_up"):
            self.notifications.labels(name, result)

    def watch_rollouts(self, phases: Callable[[], Iterator[str]]) -> None:
        """Count teams by the phase of their rollout, from the cache, when somebody asks."""
        self.registry.register(_Rollouts(phases))

    def watch_agents(self, teams: Callable[[], Iterator[TeamAgents]]) -> None:
        """Count each team's agents, from the cache, when somebody asks: a pod that is dead can't say so itself."""
        self.registry.register(_Agents(teams))


class _Rollouts(Collector):
    def __init__(self, phases: Callable[[], Iterator[str]]) -> None:
        self._phases = phases

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Each phase with its number of teams, also those with none."""
        tally = Tally(self._phases())
        family = GaugeMetricFamily(
            "agentteam_operator_rollouts", "Teams by the phase of their last rollout.", labels=["phase"]
        )
        for phase in (NO_ROLLOUT, *(phase.value for phase in Phase)):
            family.add_metric([phase], tally.get(phase, 0))
        yield family

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering counts nothing."""
        return iter(())


class _Agents(Collector):
    def __init__(self, teams: Callable[[], Iterator[TeamAgents]]) -> None:
        self._teams = teams

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Each team's agents in ready pods, and those in pods that are missing; nothing of teams that are gone."""
        family = GaugeMetricFamily(
            "autogen_agents_count", "Agents of a team by status.", labels=["namespace", "team", "status"]
        )
        for team in self._teams():
            missing = max(0, team.wanted_pods - team.ready_pods)
            family.add_metric([team.namespace, team.team, "online"], team.ready_pods * team.agents)
            family.add_metric([team.namespace, team.team, "offline"], missing * team.agents)
        yield family

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering counts nothing."""
        return iter(())
