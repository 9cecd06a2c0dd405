"""`observe`: one team's whole state, from the cache or, before what can't be taken back, from the API server."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import yaml

from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.guard import GuardFinding
from agentteam_operator.core.observed import Manifest, Observed, Snapshot
from agentteam_operator.kube import resources
from agentteam_operator.kube.errors import KubeError, NotFound
from agentteam_operator.kube.reader import KubeReader
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.assemble import assemble, controlled, goes_with_former
from agentteam_operator.observe.claims import claimed_names, fixed_names, label_selector
from agentteam_operator.observe.pods import is_starting, read_time
from agentteam_operator.observe.reading import SpecReading, parse_spec
from agentteam_operator.observe.store import Entry, Store, TeamKey

DECISIVE = (
    resources.DEPLOYMENT,
    resources.POD,
    resources.SERVICE,
    resources.ENDPOINT_SLICE,
    resources.CONFIG_MAP,
    resources.JOB,
)
"""What an irreversible step depends on; the other kinds are only compared with their manifests."""

_CHECKED = frozenset({Phase.TESTING, Phase.HEALTH_CHECKING, Phase.SETTLING})

STUCK_AFTER_SECONDS = 5.0
WORDS_KEPT_SECONDS = 10.0
SPECS_REMEMBERED = 512
DOCUMENTS_REMEMBERED = 512


class Snapshots(Protocol):
    """Who knows the latest look at a team's metrics."""

    def latest(self, key: TeamKey) -> Snapshot | None:
        """The latest snapshot; None before the first."""


class Findings(Protocol):
    """Who watches over what serves."""

    def finding(self, key: TeamKey) -> GuardFinding | None:
        """What the guard says of a team; None while it isn't watched."""


class Observer:
    """Reads teams. Remembers what it parsed, and for some seconds what Events said of pods that don't start."""

    def __init__(
        self,
        client: KubeReader,
        store: Store,
        snapshots: Snapshots,
        clock: Callable[[], datetime],
        guard: Findings | None = None,
    ) -> None:
        """`clock` gives the present, aware of its zone; without a `guard` nothing is said of what serves."""
        self._client = client
        self._store = store
        self._snapshots = snapshots
        self._clock = clock
        self._guard = guard
        self._specs: OrderedDict[tuple[str, int], SpecReading] = OrderedDict()
        self._words: dict[str, tuple[datetime, str]] = {}
        self._parsed: OrderedDict[str, Mapping[str, Any] | None] = OrderedDict()

    async def observe(self, key: TeamKey, *, live: bool = False) -> Observed | None:
        """One team's state; None if there is no such team, or it is on its way out.

        Args:
            key: namespace and name.
            live: read the team and its decisive objects from the API server first.

        Raises:
            KubeError: when a read failed.
            UnknownStatus: when the stored status can't be read.
        """
        documents = await self.refresh(key, DECISIVE) if live else {}
        entry = self._store.entry(key)
        if entry is None or entry.team is None or "deletionTimestamp" in entry.team["metadata"]:
            return None
        words = await self._words_of(entry)
        observed = self._assemble(entry, documents, words, live=live)
        checked = entry.names_checked_at == observed.team.resource_version
        if (_begins(observed) and not checked) or entry.foreign or (live and observed.former):
            await self._check_names(key, entry, observed)
            observed = self._assemble(entry, documents, words, live=live)
        return self._with_lost_documents(observed)

    async def refresh(self, key: TeamKey, kinds: tuple[Resource, ...]) -> dict[str, Mapping[str, Any]]:
        """Bring the store up to date with the API server for one team; the revisions' documents, by hash.

        This also finds what went while nobody watched.
        """
        namespace, name = key
        before = self._store.entry(key)
        held = before.team if before else None  # what comes while we read is newer than an answer that there is none
        team, *lists = await asyncio.gather(
            self._client.find(resources.AGENT_TEAM, namespace, name),
            *(self._client.list(kind, namespace, labels=label_selector(kind, name)) for kind in kinds),
        )
        documents: dict[str, Mapping[str, Any]] = {}
        for kind, found in zip(kinds, lists, strict=True):
            if found is None:
                continue
            items = found.get("items") or []
            self._store.replace(kind, items, found["metadata"]["resourceVersion"], [key])
            if kind == resources.CONFIG_MAP:
                documents = self._documents(items)
        if team is not None:
            self._store.put(resources.AGENT_TEAM, team)
        elif held is not None:
            self._store.remove(resources.AGENT_TEAM, held)
        return documents

    def _assemble(
        self, entry: Entry, documents: Mapping[str, Mapping[str, Any]], words: Mapping[str, str], *, live: bool
    ) -> Observed:
        team = entry.team
        if team is None:
            raise NotFound("the team went while it was read")
        key = team["metadata"]["namespace"], team["metadata"]["name"]
        return assemble(
            team,
            entry.children,
            foreign=entry.foreign,
            documents=documents,
            pod_words=words,
            snapshot=self._snapshots.latest(key),
            guard=self._guard.finding(key) if self._guard else None,
            live=live,
            read_spec=self._read_spec,
        )

    def _read_spec(self, team: Manifest) -> SpecReading:
        """`parse_spec`, once for each generation: the spec is all that a generation counts."""
        metadata = team["metadata"]
        mark = (metadata["uid"], metadata.get("generation", 0))
        reading = self._specs.pop(mark, None) or parse_spec(team)
        self._specs[mark] = reading
        if len(self._specs) > SPECS_REMEMBERED:
            self._specs.popitem(last=False)
        return reading

    def _documents(self, config_maps: list[dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """app.yaml of each revision's ConfigMap; what isn't YAML is passed over as if it weren't there."""
        documents: dict[str, Mapping[str, Any]] = {}
        for item in config_maps:
            revision = (item["metadata"].get("labels") or {}).get(names.LABEL_REVISION, "")
            document = self._document(item) if revision else None
            if document is not None:
                documents[revision] = document
        return documents

    def _document(self, config_map: dict[str, Any]) -> Mapping[str, Any] | None:
        """Parsed once for each ConfigMap that says that it never changes: parsing takes some milliseconds."""
        if not config_map.get("immutable"):
            return _parse(config_map)
        uid = config_map["metadata"]["uid"]
        document = self._parsed.pop(uid) if uid in self._parsed else _parse(config_map)
        self._parsed[uid] = document
        if len(self._parsed) > DOCUMENTS_REMEMBERED:
            self._parsed.popitem(last=False)
        return document

    def _with_lost_documents(self, observed: Observed) -> Observed:
        """With the documents of ConfigMaps that are gone, as far as this process ever read them."""
        lost = {revision for revision, live in observed.revisions.items() if not live.config_uid}
        if not lost:
            return observed
        whose = {"name": observed.team.name, "namespace": observed.team.namespace}
        revisions = dict(observed.revisions)
        for document in self._parsed.values():
            metadata = document.get("metadata") if document else None
            if not isinstance(metadata, dict) or any(metadata.get(field) != text for field, text in whose.items()):
                continue
            revision = str(metadata.get("revision"))
            if revision in lost:
                revisions[revision] = replace(revisions[revision], document=document)
        return replace(observed, revisions=revisions)

    async def _check_names(self, key: TeamKey, entry: Entry, observed: Observed) -> None:
        """Look up, one by one, the names that this team needs and doesn't hold: a foreign object bears no label."""
        team = observed.team
        claimed = claimed_names(team.name, observed.spec, observed.target, observed.status)
        wanted = fixed_names(team.name, observed.spec, observed.target) | (entry.foreign & claimed) | observed.former
        missing = sorted(name for name in wanted if name[0] != "Pod" and name not in observed.children)
        held_before = [entry.children.get(name) for name in missing]
        found = await asyncio.gather(
            *(self._client.find(resources.BY_KIND[kind], key[0], name) for kind, name in missing)
        )
        foreign = set()
        for (kind, name), held, item in zip(missing, held_before, found, strict=True):
            resource = resources.BY_KIND[kind]
            if item is None:
                if held is not None:
                    self._store.remove(resource, held)
                continue
            if controlled(item, team.uid) or (_is_watched(item, team.name) and goes_with_former(item, team)):
                self._store.put(resource, item)
            else:
                foreign.add((kind, name))
        self._store.set_foreign(key, frozenset(foreign), observed.team.resource_version)

    async def _words_of(self, entry: Entry) -> dict[str, str]:
        """What Events say of pods and probes that are starting for too long; one small read for each, now and then."""
        now = self._clock()
        stuck = [
            item
            for (kind, _), item in entry.children.items()
            if ((kind == "Pod" and is_starting(item)) or (kind == "Job" and _lacks_its_pod(item, entry)))
            and (now - read_time(item["metadata"]["creationTimestamp"])).total_seconds() >= STUCK_AFTER_SECONDS
        ]
        self._words = {
            uid: (at, text)
            for uid, (at, text) in self._words.items()
            if (now - at).total_seconds() < WORDS_KEPT_SECONDS
        }
        words: dict[str, str] = {}
        for item in stuck:
            uid = item["metadata"]["uid"]
            if uid not in self._words:
                self._words[uid] = (now, await self._ask_events(item))
            words[item["metadata"]["name"]] = self._words[uid][1]
        return words

    async def _ask_events(self, item: Manifest) -> str:
        """The latest warning about a pod, or why a Job's isn't made; nothing if it can't be had: it only explains."""
        metadata = item["metadata"]
        kind = "type=Warning" if item["kind"] == "Pod" else "reason=FailedCreate"
        try:
            found = await self._client.list(
                resources.EVENT, metadata["namespace"], fields=f"involvedObject.uid={metadata['uid']},{kind}"
            )
        except KubeError:
            return ""
        events = sorted(found.get("items") or [], key=_told_at)
        return f"{events[-1].get('reason', '')}: {events[-1].get('message', '')}" if events else ""


def _lacks_its_pod(job: Manifest, entry: Entry) -> bool:
    """The running check has no pod: none was ever made, or it is gone with the Job's time."""
    status = (entry.team or {}).get("status") or {}
    if (status.get("rollout") or {}).get("phase") not in _CHECKED or job.get("status", {}).get("conditions"):
        return False
    pods = (item for (kind, _), item in entry.children.items() if kind == "Pod")
    owners = (owner for pod in pods for owner in pod["metadata"].get("ownerReferences") or [])
    return all(owner.get("uid") != job["metadata"]["uid"] for owner in owners)


def awaits_words(observed: Observed) -> bool:
    """Some pod isn't ready and nothing says why yet: worth another look, though no event will come of it."""
    if any(not job.finished and not job.message for job in observed.jobs.values()):
        return True
    return any(
        not pod.ready and not pod.terminating and not pod.message
        for revision in observed.revisions.values()
        for pod in revision.pods
    )


def _begins(observed: Observed) -> bool:
    """A rollout is about to begin, or couldn't for somebody else's object: then names matter."""
    rollout = observed.status.rollout
    if observed.spec.suspend:
        return False
    return rollout is None or rollout.revision != observed.target or rollout.reason == "NameConflict"


def _is_watched(item: Manifest, team: str) -> bool:
    """It bears the labels by which a team's objects are watched, so that its end will be told."""
    labels = item["metadata"].get("labels") or {}
    return labels.get(names.LABEL_TEAM) == team and labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY


def _parse(config_map: dict[str, Any]) -> Mapping[str, Any] | None:
    """app.yaml, or None if it isn't YAML."""
    try:
        document = yaml.safe_load((config_map.get("data") or {}).get(names.CONFIG_KEY, ""))
    except yaml.YAMLError:
        return None
    return document if isinstance(document, dict) else None


def _told_at(event: Mapping[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])
