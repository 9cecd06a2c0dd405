"""From a team's objects to one `Observed`: pure, so that a simulated cluster reads as the real one does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.core import names
from agentteam_operator.core.actions import target_in_force
from agentteam_operator.core.guard import GuardFinding
from agentteam_operator.core.observed import (
    JobObserved,
    Manifest,
    Observed,
    PodObserved,
    RevisionObserved,
    ServiceObserved,
    Snapshot,
    TeamRef,
)
from agentteam_operator.observe.claims import ObjectKey, claimed_names
from agentteam_operator.observe.pods import is_over, read_pod, read_time, speaker_of, termination_message
from agentteam_operator.observe.reading import SpecReading, parse_spec
from agentteam_operator.observe.services import read_service
from agentteam_operator.observe.trim import EDITED
from agentteam_operator.observe.verdict import read_verdict

Objects = Mapping[ObjectKey, Manifest]

_NOT_CHILDREN = frozenset({"Pod", "EndpointSlice"})
"""Watched, but made and owned by Kubernetes' own controllers."""


class UnknownStatus(Exception):  # noqa: N818 - a state of things, not a fault of ours
    """The stored status can't be read: a newer operator's, or edited by hand. The team is held as it is."""


def assemble(
    team: Manifest,
    objects: Objects,
    *,
    foreign: frozenset[ObjectKey] = frozenset(),
    documents: Mapping[str, Mapping[str, Any]] | None = None,
    pod_words: Mapping[str, str] | None = None,
    snapshot: Snapshot | None = None,
    guard: GuardFinding | None = None,
    live: bool = False,
    read_spec: Callable[[Manifest], SpecReading] | None = None,
) -> Observed:
    """The whole state of one team.

    Args:
        team: the AgentTeam object.
        objects: all objects that bear the team's label, by (kind, name).
        foreign: (kind, name) of objects without our labels that stand, or stood, where one of ours should.
        documents: app.yaml of each revision, parsed, by revision; only on a live read.
        pod_words: what Events say of pods that don't start, by the pod's name.
        snapshot: the latest look at Prometheus.
        guard: what the guard says of the serving revision.
        live: read from the API server for this tick.
        read_spec: another `parse_spec`, such as one that remembers.

    Raises:
        UnknownStatus: when the stored status holds what this version can't read.
    """
    reading, status = (read_spec or parse_spec)(team), read_status(team)
    observed = Observed(
        team=team_ref(team),
        status=status,
        spec=reading.spec,
        problems=reading.problems,
        target=target_in_force(reading.target, status),
        spec_target=reading.target,
        unread=reading.unread,
        snapshot=snapshot,
        guard=guard,
        live=live,
    )
    return _with_objects(observed, objects, foreign, documents or {}, pod_words or {})


def _with_objects(
    observed: Observed,
    objects: Objects,
    foreign: frozenset[ObjectKey],
    documents: Mapping[str, Mapping[str, Any]],
    pod_words: Mapping[str, str],
) -> Observed:
    """The state with all that the team owns, and all that is in its way."""
    ref, status = observed.team, observed.status
    claimed = claimed_names(ref.name, observed.spec, observed.target, status)
    own = {key: item for key, item in objects.items() if key[0] not in _NOT_CHILDREN and controlled(item, ref.uid)}
    others = {key for key in objects if key[0] not in _NOT_CHILDREN and key not in own} & claimed
    former = frozenset(key for key in others if goes_with_former(objects[key], ref))
    pods = _server_pods(objects, pod_words)
    revisions = _revisions(ref, own, pods, documents)
    mine = {pod.name for revision in revisions.values() for pod in revision.pods if revision.deployment_uid}
    return replace(
        observed,
        revisions=revisions,
        active_service=read_service(names.active_service(ref.name), own, objects),
        preview_endpoints=_endpoints(read_service(names.preview_service(ref.name), own, objects)),
        children=own,
        foreign=((foreign & claimed) | others) - former,
        former=former | _former_pods(pods, mine, claimed),
        jobs=_jobs(own, objects, pod_words),
        stray_pods=frozenset(pod.name for _, pod in pods if pod.name not in mine and not pod.terminating),
    )


def team_ref(team: Manifest) -> TeamRef:
    """The AgentTeam's identity and version."""
    metadata = team["metadata"]
    return TeamRef(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        resource_version=metadata.get("resourceVersion", ""),
        annotations=metadata.get("annotations") or {},
    )


def read_status(team: Manifest) -> AgentTeamStatus:
    """The stored status; the default one when there is none yet."""
    try:
        return AgentTeamStatus.parse(team.get("status") or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnknownStatus(
            f"status.{where} is {json.dumps(first['input'], default=str)[:80]}, which this operator doesn't know "
            f"({first['msg']}): run the operator that wrote it, or clear the team's status"
        ) from error


def controlled(item: Manifest, uid: str) -> bool:
    """The object's controller is this very team, not a namesake of another time."""
    owners = item.get("metadata", {}).get("ownerReferences") or []
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)


def goes_with_former(item: Manifest, team: TeamRef) -> bool:
    """The object is on its way out, or will be soon: it is an AgentTeam's of the same name that is gone."""
    metadata = item.get("metadata", {})
    owners = metadata.get("ownerReferences") or []
    return "deletionTimestamp" in metadata or any(
        (owner.get("kind"), owner.get("name")) == (names.KIND, team.name) and owner.get("uid") != team.uid
        for owner in owners
    )


def _former_pods(
    pods: list[tuple[Manifest, PodObserved]], mine: set[str], claimed: frozenset[ObjectKey]
) -> frozenset[ObjectKey]:
    """Pods of Deployments that are gone and whose names are wanted: a new one's can't be told from them by name."""
    deployments = [name for kind, name in claimed if kind == "Deployment"]
    return frozenset(
        ("Pod", pod.name)
        for item, pod in pods
        if pod.name not in mine and not pod.terminating and any(_made_by(item, name) for name in deployments)
    )


def _server_pods(objects: Objects, words: Mapping[str, str]) -> list[tuple[Manifest, PodObserved]]:
    return [
        (item, read_pod(item, words.get(name, "")))
        for (kind, name), item in sorted(objects.items())
        if kind == "Pod" and _label(item, names.LABEL_ROLE) == names.ROLE_SERVER and not is_over(item)
    ]


def _revisions(
    ref: TeamRef,
    children: Objects,
    pods: list[tuple[Manifest, PodObserved]],
    documents: Mapping[str, Mapping[str, Any]],
) -> dict[str, RevisionObserved]:
    """Each revision by its Deployment, its ConfigMap, or both, under their one name."""
    hashes = {
        _label(item, names.LABEL_REVISION)
        for (kind, name), item in children.items()
        if kind in {"Deployment", "ConfigMap"}
        and name == names.revision_object(ref.name, _label(item, names.LABEL_REVISION))
    }
    return {revision: _revision(ref, revision, children, pods, documents.get(revision)) for revision in sorted(hashes)}


def _revision(
    ref: TeamRef,
    revision: str,
    children: Objects,
    pods: list[tuple[Manifest, PodObserved]],
    document: Mapping[str, Any] | None,
) -> RevisionObserved:
    name = names.revision_object(ref.name, revision)
    deployment, config = children.get(("Deployment", name)), children.get(("ConfigMap", name))
    first = deployment or config or {}
    spec = deployment["spec"] if deployment else {}
    containers = spec.get("template", {}).get("spec", {}).get("containers", [])
    return RevisionObserved(
        hash=revision,
        created_at=read_time(first["metadata"]["creationTimestamp"]),
        deployment_uid=deployment["metadata"]["uid"] if deployment else "",
        replicas=spec.get("replicas", 0),
        image=containers[0]["image"] if containers else "",
        version=_label(first, names.LABEL_VERSION),
        pods=tuple(pod for item, pod in pods if _made_by(item, name)) if deployment else (),
        resource_version=deployment["metadata"]["resourceVersion"] if deployment else "",
        config_uid=config["metadata"]["uid"] if config else "",
        document=document,
        message=_replica_failure(deployment) if deployment else "",
        edited=bool(deployment and deployment.get(EDITED)),
    )


def _endpoints(service: ServiceObserved | None) -> frozenset[str]:
    return service.endpoints if service else frozenset()


def _replica_failure(deployment: Manifest) -> str:
    """Why the Deployment's pods aren't even made."""
    for condition in deployment.get("status", {}).get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return ""


def _made_by(pod: Manifest, deployment: str) -> bool:
    """The pod is of one of the Deployment's ReplicaSets, which bear its name and a suffix without a dash."""
    owners = pod["metadata"].get("ownerReferences") or []
    return any(
        owner.get("kind") == "ReplicaSet" and owner.get("name", "").rpartition("-")[0] == deployment for owner in owners
    )


def _jobs(children: Objects, objects: Objects, event_words: Mapping[str, str]) -> dict[str, JobObserved]:
    """What each of the team's Jobs has found."""
    return {name: _job(name, item, objects, event_words) for (kind, name), item in children.items() if kind == "Job"}


def _job(name: str, job: Manifest, objects: Objects, event_words: Mapping[str, str]) -> JobObserved:
    ended = {
        condition["type"]: condition
        for condition in job.get("status", {}).get("conditions") or []
        if condition.get("status") == "True" and condition.get("type") in {"Complete", "Failed"}
    }
    failed = ended.get("Failed", {})
    parts = [failed.get("reason", ""), failed.get("message", ""), without_secrets(event_words.get(name, ""))]
    pod = _pod_of(job, objects)
    verdict = read_verdict(termination_message(pod) if pod else "", of_hook=names.is_hook(_check_of(job)))
    waiting = read_pod(pod) if pod and not ended and pod.get("status", {}).get("phase") == "Pending" else None
    return JobObserved(
        finished=bool(ended),
        succeeded="Complete" in ended,
        waiting_reason=waiting.waiting_reason if waiting else "",
        message=verdict.message or ": ".join(filter(None, [*_stuck(waiting), *parts])),
        created_at=read_time(job["metadata"]["creationTimestamp"]),
        inconclusive=verdict.inconclusive,
        reason=verdict.reason,
        value=verdict.value,
        threshold=verdict.threshold,
        samples=verdict.samples,
        cost=verdict.cost,
        pairs=verdict.pairs,
    )


def _check_of(job: Manifest) -> str:
    return str((job["metadata"].get("annotations") or {}).get(names.ANNOTATION_CHECK, ""))


def _stuck(pod: PodObserved | None) -> tuple[str, str]:
    """What keeps a check's pod from starting, but for what keeps every pod for a moment."""
    return (pod.waiting_reason, pod.message) if pod and pod.message else ("", "")


def _pod_of(job: Manifest, objects: Objects) -> Manifest | None:
    uid = job["metadata"]["uid"]
    return speaker_of(
        pod
        for (kind, _), pod in objects.items()
        if kind == "Pod" and any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences") or [])
    )


def _label(item: Manifest, label: str) -> str:
    return str((item.get("metadata", {}).get("labels") or {}).get(label, ""))
