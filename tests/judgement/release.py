"""One release, from the gates on: the product's `decide` over a small cluster, to its end.

The release begins when the health gate has passed. Of the cluster there is as much as a rollout observes: pods that
take some seconds to get ready, the Deployment's size, and whom the active Service selects. A person who is asked
(AwaitingPromotion) looks for a minute, and then says to go on.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, RevisionStatus, RolloutStatus, Transition
from agentteam_operator.core import names
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Action, ApplyObject, ScaleDeployment
from agentteam_operator.core.observed import (
    Environment,
    JobObserved,
    Observed,
    PodObserved,
    RevisionObserved,
    ServiceObserved,
    Snapshot,
    TeamRef,
)
from agentteam_operator.core.view import View

from tests.judgement import shortcut
from tests.judgement.faults import HORIZON_SECONDS, Faults, generator
from tests.judgement.kinds import Kind
from tests.judgement.traffic import Traffic

START = datetime(2026, 1, 1, tzinfo=UTC)
TEAM, BLUE, GREEN = "chat", "b" * 10, "a" * 10
ENVIRONMENT = Environment(default_image="agent:1", builder_version="0.1.0", metrics_configured=True)

PERSON_SECONDS = 60.0
POD_START_SECONDS = (4.0, 12.0)
LOOK_JITTER_SECONDS = 0.3
_MOST_TICKS = 6
"""In a row at one moment: more would be a circle."""

_ENDS = frozenset({Phase.COMPLETED, Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED})
_HEALTHY = {
    names.check_job(TEAM, GREEN, names.CHECK_HEALTH, attempt): JobObserved(finished=True, succeeded=True)
    for attempt in range(1, 10)
}
"""The health check's Job, before the traffic and after the switch."""


@dataclass(frozen=True)
class End:
    """How one release ended."""

    rolled_back: bool
    seconds: float
    """From the candidate's first traffic on."""
    asked: str
    """Why a person was asked, if one was."""
    reason: str
    message: str


@dataclass
class _Pod:
    number: int
    name: str
    created_at: float
    ready_at: float


def spec_of(kind: Kind) -> AgentTeamSpec:
    """The team's spec."""
    return AgentTeamSpec.parse(
        {
            "version": "2",
            "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["hello"]}}],
            "team": {
                "type": "RoundRobin",
                "maxTurns": 2,
                "agents": [{"name": "clerk", "description": "answers", "systemMessage": "Answer.", "model": "main"}],
            },
            "replicas": kind.replicas,
            "rollout": dict(kind.rollout),
        }
    )


def _moment(seconds: float) -> datetime:
    return START + timedelta(milliseconds=round(seconds * 1000))


class Release:
    """A release under way; `play` brings it to its end."""

    def __init__(self, kind: Kind, seed: int, *, skips_planning: bool = True) -> None:
        self.kind, self.skips_planning, self._changed = kind, skips_planning, True
        self.faults = Faults(kind, seed)
        self.traffic = Traffic(self.faults, seed)
        self._random = generator(kind, seed, "cluster")
        self._spec = spec_of(kind)
        self.blue = [_Pod(index, f"blue-{index}", -3600.0, -3600.0) for index in range(kind.replicas)]
        self.green: list[_Pod] = []
        self._selects: str | None = BLUE
        self._annotations: dict[str, str] = {}
        self._snapshot: Snapshot | None = None
        self._cluster: Observed | None = None
        """As it was last seen; None once something in it has changed."""
        self._asked = ""
        self._events: list[float] = []
        immediate = kind.rollout.get("traffic", {}).get("mode") == "Immediate"
        self._grow(kind.replicas if immediate else 1, -20.0)
        self.status = self._first_status(mode="Immediate" if immediate else "Gradual")
        for spans in self.faults.restarts:
            for begin, end in spans.tolist():
                self._events += [begin, end]
        self._events = [moment for moment in self._events if moment > 0]
        heapq.heapify(self._events)

    def _first_status(self, mode: str) -> AgentTeamStatus:
        since = _moment(0)
        rollout = RolloutStatus.parse(
            {"phase": "HealthChecking", "revision": GREEN, "baseRevision": BLUE, "mode": mode}
            | {"startedAt": _moment(-20).isoformat(), "phaseStartedAt": since.isoformat()}
        )
        rollout = rollout.model_copy(
            update={
                "deadline": _moment(300),
                "transitions": [Transition(phase=Phase.HEALTH_CHECKING, at=since, reason="PodsReady")],
            }
        )
        known = [
            RevisionStatus(hash=BLUE, created_at=_moment(-3600), outcome=Outcome.SUCCESSFUL),
            RevisionStatus(hash=GREEN, created_at=_moment(-20)),
        ]
        return AgentTeamStatus(active_revision=BLUE, rollout=rollout, revisions=known)

    def play(self) -> End:
        """The end of the release.

        Raises:
            AssertionError: it came to no end.
        """
        interval = self._spec.rollout.analysis.interval_seconds
        now, next_look = 0.0, float(interval)
        while now < HORIZON_SECONDS - 1:
            end = self._ticks(now)
            if end:
                return end
            now = min(next_look, self._events[0] if self._events else next_look)
            serving = [pod.number for pod in self._serving(now - 1e-6)]
            self.traffic.advance(int(now), serving)
            while self._events and self._events[0] <= now:
                heapq.heappop(self._events)
                self._changed, self._cluster = True, None
            if now == next_look:
                self._look(now)
                due = round(next_look / interval + 1) * interval
                next_look = due + self._random.uniform(0, LOOK_JITTER_SECONDS)
        raise AssertionError(f"{self.kind.name}: no end after {now} s: {self.status.rollout}")

    def _ticks(self, now: float) -> End | None:
        """Decide until nothing changes any more."""
        for _ in range(_MOST_TICKS):
            self._person(now)
            observed = self._observed(now)
            if self.skips_planning and not self._changed:
                looked = View(observed, ENVIRONMENT, _moment(now), observed.spec, observed.status)
                status = shortcut.after_look(looked) or shortcut.without_a_plan(looked)
                if status is not None:
                    self.status = status
                    return None
            decision = decide(observed, ENVIRONMENT, _moment(now))
            before, self.status = self.status.rollout, decision.status
            rollout = decision.status.rollout
            if rollout is None:
                raise AssertionError("the rollout is gone")
            if rollout.phase in _ENDS:
                worse = rollout.phase is not Phase.COMPLETED
                return End(worse, now, self._asked, rollout.reason, rollout.message)
            if rollout.phase is Phase.AWAITING_PROMOTION and before and before.phase is not rollout.phase:
                self._asked = self._asked or f"{rollout.reason}: {rollout.message}"
                heapq.heappush(self._events, now + PERSON_SECONDS)
            self._changed = self._carry_out(decision.actions, now)
            self._cluster = None if self._changed else self._cluster
            if not self._changed and before is not None and before.phase is rollout.phase:
                return None
        return None

    def _person(self, now: float) -> None:
        rollout = self.status.rollout
        if rollout is None:
            return
        waited = (_moment(now) - rollout.phase_started_at).total_seconds()
        if rollout.phase is Phase.AWAITING_PROMOTION and waited >= PERSON_SECONDS - 0.5:
            word = names.action_annotation(ActionName.PROMOTE)
            self._annotations = {word: f"{GREEN}/{rollout.phase_started_at.timestamp():.0f}"}

    def _carry_out(self, actions: Iterable[Action], now: float) -> bool:
        """Change the cluster; True if traffic or sizes changed."""
        changed = False
        for action in actions:
            if isinstance(action, ScaleDeployment) and action.name == names.revision_object(TEAM, GREEN):
                self._grow(action.replicas, now)
                changed = True
            elif isinstance(action, ApplyObject) and action.manifest["metadata"]["name"] == names.active_service(TEAM):
                selector = action.manifest["spec"]["selector"]
                choices = (None, BLUE, GREEN)
                self._selects = next(one for one in choices if names.server_selector(TEAM, one) == selector)
                changed = True
        return changed

    def _grow(self, size: int, now: float) -> None:
        for index in range(len(self.green), size):
            ready_at = now if now < 0 else now + self._random.uniform(*POD_START_SECONDS)
            self.green.append(_Pod(self.kind.replicas + index, f"green-{index}", now - 1e-3, ready_at))
            heapq.heappush(self._events, ready_at)

    def _ready(self, pod: _Pod, now: float) -> bool:
        spans = self.faults.restarts[pod.number]
        if not len(spans):
            return pod.ready_at <= now
        down = ((spans[:, 0] <= now) & (now < spans[:, 1]) & (spans[:, 0] > pod.ready_at)).any()
        return pod.ready_at <= now and not bool(down)

    def _serving(self, now: float) -> list[_Pod]:
        colours = {BLUE: self.blue, GREEN: self.green, None: [*self.blue, *self.green]}
        return [pod for pod in colours[self._selects] if self._ready(pod, now)]

    def _look(self, now: float) -> None:
        pods = {pod.name: self.traffic.scraped(pod.number, now, pod.ready_at) for pod in (*self.blue, *self.green)}
        self._snapshot = Snapshot(_moment(now), {name: found for name, found in pods.items() if found is not None})

    def _observed(self, now: float) -> Observed:
        if self._cluster is None:
            self._cluster = self._looked_at(now)
        team = TeamRef("sim", TEAM, "uid-team", 1, "11", self._annotations)
        return replace(self._cluster, team=team, status=self.status, snapshot=self._snapshot)

    def _looked_at(self, now: float) -> Observed:
        return Observed(
            team=TeamRef("sim", TEAM, "uid-team", 1, "11", self._annotations),
            status=self.status,
            spec=self._spec,
            target=GREEN,
            revisions={BLUE: self._revision(BLUE, self.blue, now), GREEN: self._revision(GREEN, self.green, now)},
            active_service=ServiceObserved(
                names.server_selector(TEAM, self._selects), "5", frozenset(pod.name for pod in self._serving(now))
            ),
            spec_target=GREEN,
            jobs=_HEALTHY,
            snapshot=self._snapshot,
            live=True,
        )

    def _revision(self, name: str, pods: list[_Pod], now: float) -> RevisionObserved:
        return RevisionObserved(
            hash=name,
            created_at=_moment(pods[0].created_at),
            deployment_uid=f"uid-{name}",
            replicas=len(pods),
            image="agent:1",
            version="1",
            pods=tuple(self._pod(pod, now) for pod in pods),
            resource_version="7",
            config_uid=f"config-{name}",
        )

    def _pod(self, pod: _Pod, now: float) -> PodObserved:
        ready = self._ready(pod, now)
        spans = self.faults.restarts[pod.number]
        restarted = int(((spans[:, 0] <= now) & (spans[:, 0] > pod.ready_at)).sum())
        seen = PodObserved(
            pod.name, f"10.0.0.{pod.number}", ready, terminating=False, created_at=_moment(pod.created_at)
        )
        lost = _moment(spans[spans[:, 0] <= now][-1, 0]) if restarted and not ready else None
        return replace(seen, restarts=restarted, lost_since=lost)
