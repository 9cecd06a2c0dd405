"""Carry a decision out, through a port: the one place at which faults are simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, assert_never

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.apply.notifier import Notifier
from agentteam_operator.core import names
from agentteam_operator.core.decision import (
    ApplyObject,
    CreateObject,
    Decision,
    DeleteObject,
    EmitEvent,
    ScaleDeployment,
)
from agentteam_operator.core.observed import Manifest, Observed, Refusal, TeamRef
from agentteam_operator.core.telling import Notify
from agentteam_operator.kube import resources
from agentteam_operator.kube.errors import Conflict, KubeError, Terminal
from agentteam_operator.kube.resources import Resource

Write = ApplyObject | CreateObject | ScaleDeployment | DeleteObject | EmitEvent
"""Actions on the cluster."""

MAX_REFUSAL_CHARACTERS = 1000

_FINAL = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers that speak of the object itself, and not of who may write it, or how much of it."""


class NameConflict(Conflict):
    """An object of this name exists and isn't controlled by the team: it is left as it is."""

    def __init__(self, kind: str, name: str, namespace: str) -> None:
        """Say whose name it is."""
        super().__init__(
            f"{kind} {namespace}/{name} exists and isn't this AgentTeam's: delete or rename it, or rename the team"
        )


class ClusterWriter(Protocol):
    """What can be done to the cluster. Every method raises a `KubeError`; after any of them nothing is half done."""

    async def write_status(self, team: TeamRef, status: AgentTeamStatus, resource_version: str) -> None:
        """Replace the team's status, if the team is still at this version."""

    async def create(self, team: TeamRef, manifest: Manifest) -> None:
        """Create an object; one that is there already and is the team's counts as created."""

    async def apply(self, team: TeamRef, manifest: Manifest, resource_version: str) -> None:
        """Make the team's object as the manifest says, if it is still at this version ("" for any, or none)."""

    async def scale(self, team: TeamRef, name: str, replicas: int, resource_version: str) -> None:
        """Set the replicas of a Deployment, if it is still at this version."""

    async def delete(self, team: TeamRef, resource: Resource, name: str, uid: str) -> None:
        """Delete an object, if it is still this one; one that is gone counts as deleted."""

    async def create_event(self, team: TeamRef, event: EmitEvent) -> None:
        """Tell it, unless it was told already."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What was done, and what couldn't be."""

    wrote_status: bool
    actions: int
    """Actions that changed something; Events not counted."""
    failures: tuple[KubeError, ...] = ()
    """Of the actions that failed, in their order."""
    refusals: tuple[Refusal, ...] = ()
    """What of that somebody has to mend, by object; Events not counted."""

    @property
    def changed(self) -> bool:
        """There is something new to decide on, of which no watch will tell: the answers are in the cache already."""
        return self.wrote_status or self.actions > 0


Count = Callable[[str, str, str], None]
"""Told of each write: what was done, on which kind, and how it ended ("ok", or the error's kind)."""


async def execute(
    decision: Decision,
    observed: Observed,
    writer: ClusterWriter,
    count: Count = lambda *_: None,
    recorded: Callable[[], None] = lambda: None,
    *,
    notifier: Notifier,
) -> Executed:
    """Write the status if it changed, then carry the actions out in order, each whether or not others succeed.

    Intent comes before effect: when the status can't be written, nothing else is. Effects don't wait for each other:
    an Ingress that a policy refuses mustn't keep the traffic on a bad revision. Each rests on what was observed, not on
    the actions before it.

    Args:
        decision: what to do.
        observed: what it was decided on.
        writer: the cluster.
        count: told of each write.
        recorded: called once a changed status is stored, before any action.
        notifier: who tells people.

    Raises:
        KubeError: when the status couldn't be written. What became of the actions is in `Executed.failures`.
    """
    changed = decision.status.to_document() != observed.status.to_document()
    if changed:
        with _counted(count, "WriteStatus", names.KIND):
            await writer.write_status(observed.team, decision.status, observed.team.resource_version)
        recorded()
    done = 0
    failures: list[KubeError] = []
    refusals: list[Refusal] = []
    for action in decision.actions:
        if isinstance(action, Notify):
            notifier.offer(observed.team, action)
            continue
        try:
            with _counted(count, type(action).__name__, _kind(action)):
                await _carry_out(action, observed.team, writer)
        except KubeError as error:
            failures.append(error)
            if isinstance(error, Terminal) and not isinstance(action, EmitEvent):
                refusals.append(_refusal(action, error))
        else:
            done += not isinstance(action, EmitEvent)
    return Executed(wrote_status=changed, actions=done, failures=tuple(failures), refusals=tuple(refusals))


def _refusal(action: ApplyObject | CreateObject | ScaleDeployment | DeleteObject, error: Terminal) -> Refusal:
    name = action.name if isinstance(action, ScaleDeployment | DeleteObject) else action.manifest["metadata"]["name"]
    said = without_secrets(str(error))[:MAX_REFUSAL_CHARACTERS]
    return Refusal(_kind(action), name, said, final=error.status in _FINAL)


async def _carry_out(action: Write, team: TeamRef, writer: ClusterWriter) -> None:
    match action:
        case CreateObject(manifest):
            await writer.create(team, manifest)
        case ApplyObject(manifest, resource_version):
            await writer.apply(team, manifest, resource_version)
        case ScaleDeployment(name, replicas, resource_version):
            await writer.scale(team, name, replicas, resource_version)
        case DeleteObject(_, kind, name, uid):
            await writer.delete(team, resources.BY_KIND[kind], name, uid)
        case EmitEvent():
            await writer.create_event(team, action)
        case _:
            assert_never(action)


@contextmanager
def _counted(count: Count, action: str, kind: str) -> Iterator[None]:
    try:
        yield
    except KubeError as error:
        count(action, kind, type(error).__name__)
        raise
    count(action, kind, "ok")


def _kind(action: Write) -> str:
    match action:
        case CreateObject(manifest) | ApplyObject(manifest):
            return str(manifest["kind"])
        case DeleteObject(_, kind):
            return kind
        case ScaleDeployment():
            return resources.DEPLOYMENT.kind
        case EmitEvent():
            return resources.EVENT.kind
        case _:
            assert_never(action)
