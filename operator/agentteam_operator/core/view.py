"""One team at one moment, with the facts that the gates and the transition table ask for.

A `View` adds to what was observed only what follows from it; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.rollout import RolloutSettings, TrafficMode
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, RolloutStatus
from agentteam_operator.api.weights import nearest_green_pods
from agentteam_operator.core import names
from agentteam_operator.core.analysis import Judgement
from agentteam_operator.core.observed import Environment, JobObserved, Observed, PodObserved, RevisionObserved

AUTO_FIRST_STEP_SECONDS = 60
"""With automatic steps: how long one new pod serves beside the old ones."""

IN_PROGRESS = frozenset(Phase) - {Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED}
"""Phases in which a candidate is on trial."""

BEFORE_TRAFFIC = frozenset({Phase.VALIDATING, Phase.PREPARING, Phase.TESTING, Phase.HEALTH_CHECKING})
"""Phases in which the candidate gets no traffic yet."""

JUDGED = frozenset({Phase.SHIFTING, Phase.WATCHING, Phase.AWAITING_PROMOTION, Phase.SWITCHING, Phase.SETTLING})
"""Phases in which the candidate serves and its metrics speak."""


_WITH_TRAFFIC = frozenset({Phase.SHIFTING, Phase.WATCHING, Phase.SWITCHING, Phase.SETTLING})

STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Waiting reasons of every container for a moment."""


@dataclass(frozen=True)
class Step:
    """One traffic step: so many candidate pods, for so long."""

    pods: int
    hold_seconds: float


@dataclass(frozen=True)
class View:
    """What is known of one team, and what it means. `status` is the one being written in this tick."""

    observed: Observed
    environment: Environment
    now: datetime
    spec: AgentTeamSpec
    status: AgentTeamStatus
    judgement: Judgement | None = None
    said: frozenset[ActionName] = frozenset()
    """What a person told the operator to do, heard in this tick and found to make sense."""

    def with_status(self, status: AgentTeamStatus) -> View:
        """The same moment after the status moved on."""
        return replace(self, status=status)

    @cached_property
    def settings(self) -> RolloutSettings:
        """How changes go out."""
        return self.spec.rollout

    @cached_property
    def settings_unread(self) -> bool:
        """A part of `spec.rollout` can't be read, and isn't in `settings`: nothing follows from what is missing."""
        return "rollout" in self.observed.unread

    @cached_property
    def rollout(self) -> RolloutStatus | None:
        """The rollout under way, or the last one."""
        return self.status.rollout

    @cached_property
    def phase(self) -> Phase | None:
        """The rollout's phase; None before the first."""
        return self.rollout.phase if self.rollout else None

    @cached_property
    def in_progress(self) -> bool:
        """A candidate is on trial."""
        return self.phase in IN_PROGRESS

    @cached_property
    def green(self) -> RevisionObserved | None:
        """The candidate's objects; the active revision's once it completed."""
        return self._revision(self.rollout.revision) if self.rollout else None

    def job(self, check: str) -> JobObserved | None:
        """The Job of a check, in its current attempt: an earlier one's says nothing any more."""
        if self.rollout is None:
            return None
        name = names.check_job(self.observed.team.name, self.rollout.revision, check, self.rollout.attempt)
        return self.observed.jobs.get(name)

    @cached_property
    def blue(self) -> RevisionObserved | None:
        """The objects of the revision that the candidate replaces; None at creation."""
        return self._revision(self.rollout.base_revision) if self.rollout else None

    @cached_property
    def active(self) -> RevisionObserved | None:
        """The objects of the revision that traffic is meant for."""
        return self._revision(self.status.active_revision)

    def _revision(self, revision: str) -> RevisionObserved | None:
        return self.observed.revisions.get(revision) if revision else None

    @cached_property
    def has_base(self) -> bool:
        """There is an old revision to go back to."""
        return bool(self.rollout and self.rollout.base_revision)

    @cached_property
    def gradual(self) -> bool:
        """Both colours serve for a time."""
        if self.rollout is None or self.rollout.gates_skipped or self.rollout.only_health:
            return False
        return self.has_base and self.rollout.mode is TrafficMode.GRADUAL

    @cached_property
    def awaits_first_traffic(self) -> bool:
        """A person is asked before the candidate gets any traffic."""
        if self.rollout is None or self.phase is not Phase.AWAITING_PROMOTION:
            return False
        return self.rollout.paused_in in BEFORE_TRAFFIC

    @cached_property
    def committed(self) -> bool:
        """All traffic is meant for the candidate."""
        return self.rollout is not None and self.status.active_revision == self.rollout.revision

    @cached_property
    def took_traffic(self) -> bool:
        """The candidate had passed its gates, and was given traffic."""
        entered = {entry.phase for entry in self.rollout.transitions} if self.rollout else set()
        return bool(entered & _WITH_TRAFFIC)  # of a long rollout the first ones are forgotten

    @cached_property
    def stranded(self) -> bool:
        """On the way back, or after it: no pod of the old revision is ready, and some of the candidate's are.

        Only of a candidate that took traffic: one that never passed its gates gets none, whatever becomes of the old
        revision.
        """
        if self.phase not in {Phase.ROLLING_BACK, Phase.ROLLED_BACK} or not self.has_base or self.committed:
            return False
        return self.took_traffic and self.only_green_answers

    @cached_property
    def only_green_answers(self) -> bool:
        """Of the two colours, only the candidate has ready pods."""
        return not (self.blue and self.blue.ready_pods) and bool(self.green and self.green.ready_pods)

    @cached_property
    def superseded(self) -> bool:
        """Something else than the candidate is asked for."""
        return self.rollout is not None and self.observed.target != self.rollout.revision

    def retained(self, revision: str) -> bool:
        """The revision passed before and is still there as it was, so that going back to it needs no gates."""
        live = self._revision(revision)
        passed = any(known.hash == revision and known.outcome is Outcome.SUCCESSFUL for known in self.status.revisions)
        whole = live is not None and bool(live.deployment_uid) and bool(live.config_uid)
        return passed and whole and not (live and live.edited)

    def failed_before(self, revision: str) -> bool:
        """The revision was rolled back, and is remembered for it."""
        return any(known.hash == revision and known.outcome is Outcome.FAILED for known in self.status.revisions)

    # --- sizes -------------------------------------------------------------------------------------------------------

    @cached_property
    def full_size(self) -> int:
        """Pods that carry all the traffic: what blue has, or had in this rollout, and never less than the spec says."""
        wanted = self.spec.desired_replicas()
        serving = self.blue if self.in_progress and self.blue else self.active
        current = serving.replicas if serving else 0
        if self.in_progress and self.rollout:
            current = max(current, self.rollout.base_replicas)
        if self.in_progress or self.spec.autoscaling:
            return max(wanted, current)
        return wanted

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The traffic steps as numbers of candidate pods; the watch follows at the last one's."""
        blue = self.full_size
        if self.settings.traffic.steps:
            return tuple(
                Step(nearest_green_pods(step.weight, blue), step.hold_seconds) for step in self.settings.traffic.steps
            )
        if blue == 1:
            return (Step(1, 0),)
        return (Step(1, AUTO_FIRST_STEP_SECONDS), Step(blue, 0))

    @cached_property
    def step(self) -> Step:
        """The current traffic step."""
        index = self.rollout.step if self.rollout else 0
        step = self.steps[min(index, len(self.steps) - 1)]
        if self.settings_unread and self.green:
            return replace(step, pods=min(step.pods, max(1, self.green.replicas)))  # the default steps are no order
        return step

    @cached_property
    def green_needed(self) -> int:
        """Candidate pods that must be ready in this phase. What an autoscaler adds to them isn't waited for."""
        whole = self.phase in {Phase.SWITCHING, Phase.SETTLING} or self.committed or not self.gradual
        return self.full_size if whole else self.step.pods

    @cached_property
    def green_size(self) -> int:
        """Pods that the candidate should have in this phase; it never shrinks while on trial."""
        return max(self.green_needed, self.green.replicas if self.green else 0)

    # --- traffic -----------------------------------------------------------------------------------------------------

    @cached_property
    def green_endpoints(self) -> int:
        """Candidate pods that the active Service really sends traffic to."""
        return self.endpoints_of(self.green)

    @cached_property
    def blue_endpoints(self) -> int:
        """Old pods that the active Service really sends traffic to."""
        return self.endpoints_of(self.blue)

    def endpoints_of(self, revision: RevisionObserved | None) -> int:
        """A revision's pods that the active Service really sends traffic to."""
        service = self.observed.active_service
        if service is None or revision is None:
            return 0
        return len(service.endpoints & {pod.name for pod in revision.pods})

    @cached_property
    def weight_percent(self) -> int:
        """Share of the candidate among the endpoints that serve, in percent."""
        service = self.observed.active_service
        if service is None or not service.endpoints:
            return 0
        return round(100 * self.green_endpoints / len(service.endpoints))

    def selects(self, revision: str | None) -> bool:
        """The active Service's live selector is this revision's, or (None) that of all colours."""
        service = self.observed.active_service
        return service is not None and dict(service.selector) == names.server_selector(
            self.observed.team.name, revision
        )

    @cached_property
    def stray_pods(self) -> frozenset[str]:
        """Pods that would get traffic if the Service selected both colours, though they are of neither."""
        if self.rollout is None:
            return self.observed.stray_pods
        colours = {self.rollout.revision, self.rollout.base_revision}
        others = (known for key, known in self.observed.revisions.items() if key not in colours)
        return self.observed.stray_pods | {pod.name for other in others for pod in other.pods if not pod.terminating}

    # --- time --------------------------------------------------------------------------------------------------------

    def elapsed(self, since: datetime | None) -> float:
        """Seconds since a moment; negative infinity when it never was."""
        return (self.now - since).total_seconds() if since else float("-inf")

    @cached_property
    def in_phase_seconds(self) -> float:
        """How long the phase has lasted."""
        return self.elapsed(self.rollout.phase_started_at) if self.rollout else 0.0

    @cached_property
    def overdue(self) -> bool:
        """The phase's deadline has passed."""
        return bool(self.rollout and self.rollout.deadline and self.now >= self.rollout.deadline)

    def after(self, seconds: float) -> datetime:
        """A moment in the future."""
        return self.now + timedelta(seconds=seconds)


def unready_words(revision: RevisionObserved) -> str:
    """What keeps a revision's pods from being ready, in the cluster's own words: the first that says anything."""
    return revision.message or next(filter(None, (_pod_words(pod) for pod in revision.pods)), "")


def stuck_words(revision: RevisionObserved) -> str:
    """`unready_words` without the states of a normal start, which aren't worth a line."""
    stuck = (pod for pod in revision.pods if pod.message or pod.waiting_reason not in STARTING)
    return revision.message or next(filter(None, (_pod_words(pod) for pod in stuck)), "")


def _pod_words(pod: PodObserved) -> str:
    words = ": ".join(part for part in (pod.waiting_reason, pod.message) if part)
    return f"pod {pod.name}: {words}" if words and not pod.ready else ""
