"""The requests that people send to the team, and the counters that Prometheus reads of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agentteam_operator.core import names
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.observed import PodCounters, Snapshot
from agentteam_operator.core.sequential import Tally
from agentteam_operator.kube import resources
from agentteam_operator.providers.prometheus_queries import TeamKey, TeamPods
from agentteam_operator.providers.prometheus_runs import EndedRuns

from tests.simulation.api_server import ApiServer
from tests.simulation.controllers import Controllers
from tests.simulation.past import JsonObject

MEMORY_LIMIT_BYTES = 2.0**30


class Load:
    """Runs at a steady rate, shared alike by all endpoints of the active Service."""

    def __init__(self, server: ApiServer, controllers: Controllers, team: str, runs_per_second: float) -> None:
        self.runs_per_second = runs_per_second
        self.unavailable = False
        """Prometheus can't be reached."""
        self._error_shares: dict[str, float] = {}
        self._turns: dict[str, tuple[float, int]] = {}
        """Runs and failures of a pod by the moment at which its version began to fail otherwise."""
        self._server = server
        self._controllers = controllers
        self._team = team
        self._since = 0.0
        self._runs: dict[str, float] = {}

    def advance(self, seconds: float) -> None:
        """Count the runs up to a moment; to be called before anything changes at it."""
        elapsed, self._since = seconds - self._since, seconds
        pods = self._serving()
        for name in pods:
            self._runs[name] = self._runs.get(name, 0.0) + elapsed * self.runs_per_second / len(pods)

    def _serving(self) -> list[str]:
        held = self._server.objects.get(("EndpointSlice", self._team))
        return [endpoint["targetRef"]["name"] for endpoint in (held or {}).get("endpoints", []) if _serves(endpoint)]

    def fail(self, version: str, share: float) -> None:
        """From now on such a share of a version's runs fails."""
        for pod in self._server.of_kind(resources.POD):
            if _version(pod) == version:
                name = pod["metadata"]["name"]
                self._turns[name] = self._runs.get(name, 0.0), self._failed(pod)
        self._error_shares[version] = share

    def _failed(self, pod: JsonObject) -> int:
        """Failures of a pod so far."""
        runs = int(self._runs.get(pod["metadata"]["name"], 0.0))
        share = self._error_shares.get(_version(pod))
        if share is None:
            return int(runs * self._controllers.behaviour_of(pod).error_share)
        runs_before, failed_before = self._turns.get(pod["metadata"]["name"], (0.0, 0))
        return failed_before + int((runs - int(runs_before)) * share)

    def snapshot(self) -> Snapshot:
        """What Prometheus says now."""
        now = self._server.timeline.now
        if self.unavailable:
            return Snapshot(at=now, pods={}, error="connection refused")
        pods = [pod for pod in self._server.of_kind(resources.POD) if "-health-" not in pod["metadata"]["name"]]
        return Snapshot(at=now, pods={pod["metadata"]["name"]: self._counters(pod) for pod in pods})

    async def ended(self, requests: Sequence[TeamPods]) -> dict[TeamKey, Mapping[str, EndedRuns]]:
        """What the listed pods have counted by now, for the guard."""
        if self.unavailable:
            return {}
        return {
            request.key: {pod["metadata"]["name"]: self._ended(pod) for pod in self._of(request)}
            for request in requests
        }

    def _of(self, request: TeamPods) -> Iterator[JsonObject]:
        return (pod for pod in self._server.of_kind(resources.POD) if pod["metadata"]["name"] in request.pods)

    def _ended(self, pod: JsonObject) -> EndedRuns:
        counted = self._counters(pod)
        return EndedRuns(round(counted.succeeded), round(counted.failed))

    async def past(self, requests: Sequence[TeamPods]) -> dict[TeamKey, tuple[Tally, ...]]:
        """A day on which the version that serves failed as it did before it turned."""
        if self.unavailable or not self.runs_per_second:
            return {}
        return {request.key: (self._usual(request),) * 96 for request in requests}

    def _usual(self, request: TeamPods) -> Tally:
        share = max((self._controllers.behaviour_of(pod).error_share for pod in self._of(request)), default=0.0)
        return Tally(round(100 * share), 100)

    def _counters(self, pod: JsonObject) -> PodCounters:
        behaviour = self._controllers.behaviour_of(pod)
        runs = int(self._runs.get(pod["metadata"]["name"], 0.0))
        failed = self._failed(pod)
        return PodCounters(
            started=runs,
            succeeded=runs - failed,
            failed=failed,
            duration_buckets=tuple(runs if bound >= behaviour.run_seconds else 0 for bound in DURATION_BOUNDS_SECONDS),
            memory_bytes=behaviour.memory_share * MEMORY_LIMIT_BYTES,
            memory_limit_bytes=MEMORY_LIMIT_BYTES,
        )


def _version(pod: JsonObject) -> str:
    return str(pod["metadata"]["labels"].get(names.LABEL_VERSION, ""))


def _serves(endpoint: Mapping[str, Mapping[str, bool]]) -> bool:
    return endpoint["conditions"]["ready"] and not endpoint["conditions"]["terminating"]
