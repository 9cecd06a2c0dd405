"""A team and its cluster, as little of it as `decide` observes; what is decided is carried out in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import yaml
from agentteam_operator.api.revision import revision_hash
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.core import names
from agentteam_operator.core.actions import target_in_force
from agentteam_operator.core.decision import Action, ApplyObject, CreateObject, DeleteObject, EmitEvent, ScaleDeployment
from agentteam_operator.core.guard import GuardFinding
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.observed import (
    Environment,
    JobObserved,
    Observed,
    PodCounters,
    PodObserved,
    Refusal,
    RevisionObserved,
    ServiceObserved,
    Snapshot,
    TeamRef,
)
from agentteam_operator.core.telling import Notify

from tests.simulation.specs import spec

TEAM = "chat"
ENVIRONMENT = Environment(default_image="agent:1", builder_version="0.1.0", metrics_configured=True)
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
RUNS_PER_SECOND = 10.0
VERSIONS = ("1", "2", "3")


@cache
def _parsed(text: str) -> Mapping[str, Any]:
    """Parsing takes some milliseconds, and it is always the same few documents."""
    document: Mapping[str, Any] = yaml.safe_load(text)
    return document


@dataclass(slots=True)
class Model:
    """Everything there is. People and the cluster change it by its fields; `carry_out` by what was decided."""

    now: datetime = START
    version: str = "1"
    fields: dict[str, Any] = field(default_factory=dict)
    """Parts of the spec besides the version."""
    status: AgentTeamStatus = field(default_factory=AgentTeamStatus)
    annotations: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, RevisionObserved] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """app.yaml of each revision's ConfigMap."""
    service: ServiceObserved | None = None
    children: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, JobObserved] = field(default_factory=dict)
    strays: frozenset[str] = frozenset()
    refused_kinds: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    runs: dict[str, float] = field(default_factory=dict)
    failures: dict[str, float] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    """Revisions of which half of the runs fail."""
    answers: str = "good"
    """What Prometheus says: "good", "none" (there is no snapshot), or an error."""
    guard: GuardFinding | None = None
    """What the guard says of some revision."""
    count: int = 0

    @property
    def spec(self) -> AgentTeamSpec:
        """What people ask for."""
        return AgentTeamSpec.parse(spec(self.version, **self.fields))

    def observe(self, *, live: bool) -> Observed:
        """What a tick sees."""
        wanted = self.spec
        return Observed(
            team=TeamRef("sim", TEAM, "uid-team", 1, "11", dict(self.annotations)),
            status=self.status,
            spec=wanted,
            target=target_in_force(revision_hash(wanted), self.status),
            spec_target=revision_hash(wanted),
            revisions={
                name: replace(live_one, document=self.documents.get(name) if live else None)
                for name, live_one in self.revisions.items()
            },
            active_service=self.service,
            children=dict(self.children),
            jobs=dict(self.jobs),
            preview_endpoints=self._previewed(),
            stray_pods=self.strays,
            snapshot=self.snapshot(),
            guard=self.guard,
            refusals=self.refusals,
            live=live,
        )

    def _previewed(self) -> frozenset[str]:
        preview = self.children.get(("Service", names.preview_service(TEAM)))
        return frozenset(self.selected(preview["spec"]["selector"])) if preview else frozenset()

    def snapshot(self) -> Snapshot | None:
        """What Prometheus says now."""
        if self.answers == "none":
            return None
        if self.answers != "good":
            return Snapshot(self.now, {}, error=self.answers)
        pods = {pod.name: self._counters(pod.name) for live in self.revisions.values() for pod in live.pods}
        return Snapshot(self.now, pods)

    def _counters(self, pod: str) -> PodCounters:
        runs, failed = (float(int(counts.get(pod, 0.0))) for counts in (self.runs, self.failures))
        return PodCounters(runs, runs - failed, failed, tuple(runs for _ in DURATION_BOUNDS_SECONDS))

    # --- what the cluster does by itself ---

    def pass_time(self, seconds: float) -> None:
        """Time goes by, and people send requests to whoever the Service holds."""
        self.now += timedelta(seconds=seconds)
        endpoints = sorted(self.service.endpoints) if self.service else []
        for pod in endpoints:
            runs = min(seconds, 600.0) * RUNS_PER_SECOND / len(endpoints)
            self.runs[pod] = self.runs.get(pod, 0.0) + runs
            if any(revision in pod for revision in self.failing):
                self.failures[pod] = self.failures.get(pod, 0.0) + runs / 2

    def catch_up(self) -> None:
        """Deployments make and take away pods, and the EndpointSlices follow."""
        for name, live in list(self.revisions.items()):
            staying = sorted((pod for pod in live.pods if not pod.terminating), key=lambda pod: not pod.ready)
            pods = staying[: live.replicas if live.deployment_uid else 0]
            while len(pods) < live.replicas and live.deployment_uid:
                pods.append(self._pod(name))
            self.revisions[name] = replace(live, pods=tuple(pods))
        if self.service is not None:
            self.service = replace(self.service, endpoints=frozenset(self.selected(self.service.selector)))

    def _pod(self, revision: str) -> PodObserved:
        self.count += 1
        name = f"{TEAM}-{revision}-{self.count:05d}"
        return PodObserved(name, f"10.0.{self.count // 250}.{self.count % 250}", False, False, self.now)  # noqa: FBT003

    def selected(self, selector: Mapping[str, str]) -> Iterator[str]:
        """Ready pods behind a selector."""
        revision = selector.get(names.LABEL_REVISION)
        for name, live in self.revisions.items():
            if revision in {None, name}:
                yield from (pod.name for pod in live.ready_pods)
        if revision is None:
            yield from self.strays

    def set_pods(self, revision: str, *, most: int = 99, **changes: Any) -> None:  # noqa: ANN401 - any fields of a pod
        """The pods of a revision change, or the first ones of them."""
        live = self.revisions.get(revision)
        if live is not None:
            changed = tuple(self._changed(pod, changes) for pod in live.pods[:most])
            self.revisions[revision] = replace(live, pods=changed + live.pods[most:])

    def _changed(self, pod: PodObserved, changes: Mapping[str, Any]) -> PodObserved:
        """The pod after some changes, of which the cluster says when it stopped being ready."""
        after = replace(pod, **changes)
        lost_since = (self.now if pod.ready else pod.lost_since) if not after.ready else None
        return replace(after, lost_since=lost_since)

    # --- what the operator does ---

    def carry_out(self, action: Action) -> None:
        """Do what was decided, unless the API server refuses this kind."""
        match action:
            case EmitEvent() | Notify():
                return
            case CreateObject(manifest) | ApplyObject(manifest):
                key = manifest["kind"], manifest["metadata"]["name"]
            case ScaleDeployment(name):
                key = "Deployment", name
            case DeleteObject(_, kind, name):
                key = kind, name
        if key[0] in self.refused_kinds:
            self.refusals = (*self.refusals, Refusal(*key, "refused by a policy", final=False))
            return
        self.count += 1
        match action:
            case CreateObject(manifest) | ApplyObject(manifest):
                self._store(key, dict(manifest))
            case ScaleDeployment(name, replicas):
                revision = self._revision_of(name)
                self.revisions[revision] = replace(
                    self.revisions[revision], replicas=replicas, resource_version=str(self.count)
                )
            case DeleteObject():
                self._remove(key)

    def _revision_of(self, name: str) -> str:
        return name.removeprefix(f"{TEAM}-")

    def _store(self, key: tuple[str, str], manifest: dict[str, Any]) -> None:
        kind, name = key
        metadata = {**manifest["metadata"], "uid": f"uid-{self.count}", "resourceVersion": str(self.count)}
        self.children[key] = {**manifest, "metadata": metadata}
        if key == ("Service", names.active_service(TEAM)):
            held = self.service.endpoints if self.service else frozenset()
            self.service = ServiceObserved(dict(manifest["spec"]["selector"]), str(self.count), held)
        elif kind == "Job":
            self.jobs[name] = JobObserved(finished=False, succeeded=False, created_at=self.now)
        elif kind in {"Deployment", "ConfigMap"}:
            self._make_revision(kind, self._revision_of(name), manifest)

    def _make_revision(self, kind: str, revision: str, manifest: Mapping[str, Any]) -> None:
        live = self.revisions.get(revision)
        if live is None:
            version = manifest["metadata"]["labels"].get(names.LABEL_VERSION, "")
            live = RevisionObserved(revision, self.now, "", 0, "agent:1", version)
        if kind == "ConfigMap":
            self.documents[revision] = _parsed(manifest["data"][names.CONFIG_KEY])
            live = replace(live, config_uid=f"uid-{self.count}")
        else:
            replicas = manifest["spec"]["replicas"]
            live = replace(
                live, deployment_uid=f"uid-{self.count}", replicas=replicas, resource_version=str(self.count)
            )
        self.revisions[revision] = live

    def _remove(self, key: tuple[str, str]) -> None:
        kind, name = key
        self.children.pop(key, None)
        if kind == "Job":
            self.jobs.pop(name, None)
        revision = self._revision_of(name)
        live = self.revisions.get(revision)
        if live is None or kind not in {"Deployment", "ConfigMap"}:
            return
        live = replace(live, config_uid="") if kind == "ConfigMap" else replace(live, deployment_uid="", replicas=0)
        self.revisions[revision] = live
        if not live.config_uid and not live.deployment_uid:
            del self.revisions[revision]
