"""The reading half of the client: all that `observe` is given, so that it can't write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from agentteam_operator.kube.resources import Resource

JsonObject = dict[str, Any]


class KubeReader(Protocol):
    """Reads from the API server. `KubeClient` is one. Every method raises a `KubeError`."""

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """One object, or None."""

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """The whole list object (`metadata.resourceVersion`, `items`); the items bear no kind of their own."""

    def watch(
        self, resource: Resource, namespace: str, *, query: Mapping[str, str], metadata_only: bool, idle_seconds: float
    ) -> AsyncIterator[bytes]:
        """A watch's lines as they come; Silent when none came for `idle_seconds`, Retryable when the stream broke."""
