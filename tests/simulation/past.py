"""What was stored a moment ago: for reads and lists that an API server answers which lags behind the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentteam_operator.kube.resources import Resource

KEPT_SECONDS = 20.0

JsonObject = dict[str, Any]
Key = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object, as a watch tells it."""

    resource: Resource
    before: JsonObject | None
    after: JsonObject | None

    @property
    def key(self) -> Key:
        return self.resource.kind, (self.after or self.before or {})["metadata"]["name"]


@dataclass(slots=True)
class Past:
    """The changes of the last seconds."""

    changes: deque[tuple[float, Change]] = field(default_factory=deque)

    def note(self, seconds: float, change: Change) -> None:
        """A change is stored just now."""
        self.changes.append((seconds, change))
        while self.changes[0][0] < seconds - KEPT_SECONDS:
            self.changes.popleft()

    def since(self, seconds: float) -> Iterator[Change]:
        """The changes after a moment, the oldest first."""
        return (change for moment, change in self.changes if moment > seconds)

    def objects(self, present: Mapping[Key, JsonObject], seconds: float) -> dict[Key, JsonObject]:
        """What was stored at a moment, from what is stored now."""
        found = dict(present)
        for change in reversed(list(self.since(seconds))):
            if change.before is None or change.after is None:
                found.pop(change.key, None)
            if change.before is not None:
                found[change.key] = change.before
        return found

    def version(self, present: int, seconds: float) -> int:
        """The resource version of a list at that moment: each change counts one."""
        return present - sum(1 for _ in self.since(seconds))
