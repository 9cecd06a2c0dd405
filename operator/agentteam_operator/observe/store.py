"""What the watches have told so far: small copies of all teams and their children, by team.

An object is replaced only by a newer version of itself, whoever brings it: a watch, a list, or the answer to a write of
our own (so that what was just written is read back). Resource versions of one kind grow; that they may be compared is
promised since Kubernetes 1.35, and was true for etcd before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.claims import ObjectKey
from agentteam_operator.observe.trim import JsonObject, trim

TeamKey = tuple[str, str]
"""Namespace and name of a team."""

Listed = tuple[TeamKey | None, str]
"""What is remembered of an item of a list: its team, and its name."""

MAX_TOMBSTONES = 20_000


@dataclass(slots=True)
class Entry:
    """What is held of one team."""

    team: JsonObject | None = None
    """The AgentTeam itself; None when it is gone, or not seen yet."""
    children: dict[ObjectKey, JsonObject] = field(default_factory=dict)
    foreign: frozenset[ObjectKey] = frozenset()
    """Names of ours that were found to belong to somebody else."""
    names_checked_at: str = ""
    """The team's version for which all names were found to be free, or ours."""


class Store:
    """The cache. Every change wakes its team; what is older than what is held changes nothing."""

    def __init__(self, wake: Callable[[TeamKey], None]) -> None:
        """`wake` is called with each team that something changed of."""
        self._wake = wake
        self._entries: dict[TeamKey, Entry] = {}
        self._tombstones: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def entry(self, key: TeamKey) -> Entry | None:
        """What is held of a team, if anything."""
        return self._entries.get(key)

    def teams(self) -> list[TeamKey]:
        """All teams that exist."""
        return [key for key, entry in self._entries.items() if entry.team is not None]

    def known(self, namespace: str = "") -> list[TeamKey]:
        """All teams that anything is held of, in one namespace or ("") in all."""
        return [key for key in self._entries if not namespace or key[0] == namespace]

    def put(self, resource: Resource, item: Mapping[str, Any]) -> bool:
        """Hold an object, unless it is older than what is held or belongs to no team. True when it changed."""
        key = team_key(resource, item)
        if key is None:
            return False
        kept = trim(resource, item)
        name = kept["metadata"]["name"]
        buried = self._tombstones.get((resource.kind, *_identity(kept)), -1)
        if version(kept) <= max(buried, _held_version(self._entries.get(key), resource, name)):
            return False
        entry = self._entries.setdefault(key, Entry())
        if resource.kind == names.KIND:
            entry.team = kept
        else:
            entry.children[resource.kind, name] = kept
        self._wake(key)
        return True

    def remove(self, resource: Resource, item: Mapping[str, Any]) -> bool:
        """Forget a deleted object; its version at deletion keeps late news of it out. True when it changed."""
        key = team_key(resource, item)
        name = item["metadata"]["name"]
        if key is None:
            return False
        self._bury(resource, item)
        entry = self._entries.get(key)
        held = _held(entry, resource, name)
        if entry is None or held is None or version(held) > version(item):
            return False
        if resource.kind == names.KIND:
            entry.team = None
        else:
            del entry.children[resource.kind, name]
        if entry.team is None and not entry.children:
            del self._entries[key]
        self._wake(key)
        return True

    def scaled(self, key: TeamKey, resource: Resource, name: str, *, replicas: int, resource_version: str) -> None:
        """Note the answer of a scale subresource, which isn't the object itself."""
        entry = self._entries.get(key)
        held = _held(entry, resource, name)
        if held is not None and version(held) < int(resource_version or 0):
            held["spec"] = {**held["spec"], "replicas": replicas}
            held["metadata"] = {**held["metadata"], "resourceVersion": resource_version}

    def replace(
        self,
        resource: Resource,
        items: Iterable[Mapping[str, Any]],
        list_version: str,
        teams: Iterable[TeamKey],
    ) -> None:
        """Make what is held of one kind, of the given teams, what a list at `list_version` holds."""
        self.keep(resource, [self.take(resource, item) for item in items], list_version, teams)

    def take(self, resource: Resource, item: Mapping[str, Any]) -> Listed:
        """Hold one item of a list; gives what `keep` wants to know of it."""
        self.put(resource, item)
        return team_key(resource, item), item["metadata"]["name"]

    def keep(self, resource: Resource, listed: Iterable[Listed], list_version: str, teams: Iterable[TeamKey]) -> None:
        """Forget the objects of one kind, of the given teams, that a list at `list_version` doesn't hold.

        This is how deletions are seen that no watch told of. What is newer than the list stays.
        """
        there = set(listed)
        for key in teams:
            for held in _of_kind(self._entries.get(key), resource):
                if (key, held["metadata"]["name"]) not in there and version(held) <= int(list_version or 0):
                    self.remove(resource, held)

    def set_foreign(self, key: TeamKey, foreign: frozenset[ObjectKey], checked_at: str = "") -> None:
        """Remember which names of ours belong to somebody else, as of this version of the team."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.foreign = foreign
            entry.names_checked_at = "" if foreign else checked_at

    def add_foreign(self, key: TeamKey, foreign: ObjectKey) -> None:
        """Remember one more name of ours that belongs to somebody else, found when it was to be written."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.foreign |= {foreign}
            entry.names_checked_at = ""

    def _bury(self, resource: Resource, item: Mapping[str, Any]) -> None:
        grave = (resource.kind, *_identity(item))
        self._tombstones[grave] = max(version(item), self._tombstones.pop(grave, -1))
        if len(self._tombstones) > MAX_TOMBSTONES:
            self._tombstones.popitem(last=False)


def team_key(resource: Resource, item: Mapping[str, Any]) -> TeamKey | None:
    """The team that an object belongs to by its labels; None if to none."""
    metadata = item.get("metadata", {})
    namespace = metadata.get("namespace", "")
    if resource.kind == names.KIND:
        return namespace, metadata["name"]
    team = (metadata.get("labels") or {}).get(names.LABEL_TEAM)
    return (namespace, team) if team else None


def version(item: Mapping[str, Any]) -> int:
    """The object's resource version as a number; 0 when it has none."""
    text = item.get("metadata", {}).get("resourceVersion", "")
    return int(text) if text.isdecimal() else 0


def _identity(item: Mapping[str, Any]) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _held(entry: Entry | None, resource: Resource, name: str) -> JsonObject | None:
    if entry is None:
        return None
    return entry.team if resource.kind == names.KIND else entry.children.get((resource.kind, name))


def _held_version(entry: Entry | None, resource: Resource, name: str) -> int:
    held = _held(entry, resource, name)
    return -1 if held is None else version(held)


def _of_kind(entry: Entry | None, resource: Resource) -> list[JsonObject]:
    if entry is None:
        return []
    if resource.kind == names.KIND:
        return [entry.team] if entry.team is not None else []
    return [held for (kind, _), held in entry.children.items() if kind == resource.kind]
