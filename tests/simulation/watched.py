"""What the invariants remember of a run, and what several of them rest on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from agentteam_operator.api.status import AgentTeamStatus, Phase, RolloutStatus, Verdict
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.past import Change, JsonObject
from tests.simulation.pods import is_ready
from tests.simulation.world import TEAM, Violation, World

SHARED_PHASES = frozenset(
    {Phase.SHIFTING, Phase.WATCHING, Phase.AWAITING_PROMOTION, Phase.SWITCHING, Phase.ROLLING_BACK}
)


@dataclass(slots=True)
class Watched:
    """A world, and what it has said so far."""

    world: World
    uids: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Names of the Events that the transitions seen so far call for."""
    forgotten: set[str] = field(default_factory=set)
    """Those that stood in a status that is gone."""
    named: dict[tuple[Phase, datetime], str] = field(default_factory=dict)
    """The revision that each transition was first said to be of."""
    statuses: list[AgentTeamStatus] = field(default_factory=list)
    """The last two that were stored."""
    to_tell: set[tuple[str, str]] = field(default_factory=set)
    """Which notifier is to be told what, by the notice's id."""
    notices: dict[tuple[object, ...], str] = field(default_factory=dict)
    """Ids by what they tell of."""

    def note_status(self, change: Change) -> None:
        """Remember what a new status says."""
        team = change.after
        if team is None:
            return
        if team["metadata"]["uid"] not in self.uids or self.world.people_meddle:
            self.forgotten |= self.told  # what people took away, before it was told, nobody can tell
        if team["metadata"]["uid"] not in self.uids:
            self.uids.add(team["metadata"]["uid"])
            self.statuses = []
        status = self.world.status
        self.statuses = [*self.statuses[-1:], status]
        for entry in (*status.rollout.earlier, *status.rollout.transitions) if status.rollout else ():
            revision = entry.revision or (status.rollout.revision if status.rollout else "")
            key = f"{team['metadata']['uid']}/{revision}/{entry.phase}/{entry.at.timestamp():.3f}"
            if self.named.setdefault((entry.phase, entry.at), revision) != revision:
                raise broken("every_transition_is_told_once", f"{entry.phase} at {entry.at} is told of {revision}, too")
            self.told.add(f"{TEAM}.{hashlib.sha256(key.encode()).hexdigest()[:16]}")
        for notice in status.notifications:
            subject = (team["metadata"]["uid"], notice.kind, notice.revision, notice.at)
            if self.notices.setdefault(subject, notice.id) != notice.id:
                raise broken("every_notifier_is_told", f"{notice.kind} of {notice.revision} has two ids")
            self.to_tell |= {(delivery.notifier, notice.id) for delivery in notice.deliveries}

    @property
    def rollout(self) -> RolloutStatus | None:
        """The stored one."""
        return self.world.status.rollout


def broken(name: str, words: str) -> Violation:
    """The error that a check raises."""
    return Violation(f"{name}: {words}")


def intended_selectors(world: World) -> list[dict[str, str]]:
    """Selectors of the active Service that follow from the stored status and who answers.

    The candidate may be selected alone when it already serves, and none of the old revision's pods answers.
    """
    active, rollout = world.status.active_revision, world.status.rollout
    found = [names.server_selector(TEAM, active)]
    if rollout is None:
        return found
    answering = {revision_of(pod) for pod in world.server.of_kind(resources.POD) if is_ready(pod)}
    stranded = rollout.base_revision not in answering
    if rollout.phase not in SHARED_PHASES | ({Phase.ROLLED_BACK} if stranded else set()):
        return found
    found.append(names.server_selector(TEAM))
    if stranded and rollout.revision in answering:
        found.append(names.server_selector(TEAM, rollout.revision))
    return found


def cleared(rollout: RolloutStatus, tests: set[str] | None = None) -> bool:
    """All gates before traffic have passed; a test that fails for both revisions alike lets pass who is let pass."""
    passed = {gate.name for gate in rollout.gates if gate.verdict in {Verdict.PASSED, Verdict.INCONCLUSIVE}}
    return rollout.gates_skipped or {"validation", "readiness", "health"} | (tests or set()) <= passed


def revision_of(item: JsonObject) -> str:
    """The revision that an object is labelled with."""
    return str(item["metadata"]["labels"].get(names.LABEL_REVISION))
