"""List and watch one kind of child, for ever, into the store.

Not by kopf, which serves the AgentTeams themselves: its streams keep some KiB for every object that they ever saw,
fetch ConfigMaps whole, and don't tell of objects that went while a stream was broken. A list here replaces what was
held, so that such objects go too. Why in full: docs/adr/0008.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog

from agentteam_operator.kube.errors import Gone, KubeError, Retryable, Silent
from agentteam_operator.kube.reader import KubeReader
from agentteam_operator.kube.resources import CONFIG_MAP, Resource
from agentteam_operator.observe.claims import label_selector
from agentteam_operator.observe.store import Listed, Store

PAGE_SIZE = 200
STREAM_SECONDS = 600
IDLE_SECONDS = 90.0
"""The API server sends a bookmark about every minute, but not always: a stream that is silent for longer may be dead.

It is normal where there is little of a kind; a new stream from the same version on costs little and loses nothing.
"""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
FAILURES_BEFORE_LIST = 5
"""Failures in a row after which the version to go on from is given up: it may be the reason for them."""

log = structlog.get_logger(__name__)


class Watch:
    """The stream of one kind in one namespace (or in all: "")."""

    def __init__(
        self, client: KubeReader, store: Store, resource: Resource, namespace: str, seen: Callable[[], None]
    ) -> None:
        """`seen` is called whenever the loop turns, so that one that hangs shows. An API server's outage is no hang."""
        self._client = client
        self._store = store
        self._resource = resource
        self._namespace = namespace
        self._seen = seen
        self._metadata_only = resource == CONFIG_MAP
        self._labels = label_selector(resource)
        self.synced = asyncio.Event()
        """Set once all that there was at the start is in the store."""

    async def run(self) -> None:
        """Keep the store up to date until cancelled; failures are logged, and tried again with growing pauses."""
        since = ""
        failures = 0
        while True:
            self._seen()
            try:
                if not since:
                    since = await self._list()
                async for version in self._stream(since):
                    since, failures = version, 0
                await asyncio.sleep(_pause_seconds(1))
            except Silent:
                log.debug("watch_idle", kind=self._resource.kind)  # a kind without objects gets no bookmarks
            except Gone:
                since = ""
            except (KubeError, ValueError, KeyError) as error:
                failures += 1
                log.warning("watch_failed", kind=self._resource.kind, error=str(error), failures=failures)
                if not isinstance(error, Retryable) or failures % FAILURES_BEFORE_LIST == 0:
                    since = ""
                await asyncio.sleep(_pause_seconds(failures))

    async def _list(self) -> str:
        """Fill the store from a list, page by page, so that never more than a page is in memory whole.

        Gives the version to watch from.
        """
        listed: list[Listed] = []
        version: str = ""
        more = ""
        while True:
            query = {"limit": str(PAGE_SIZE), **({"continue": more} if more else {})}
            page = await self._client.list(
                self._resource, self._namespace, labels=self._labels, metadata_only=self._metadata_only, extra=query
            )
            self._seen()
            listed.extend(self._store.take(self._resource, item) for item in page.get("items") or [])
            version, more = str(page["metadata"]["resourceVersion"]), page["metadata"].get("continue", "")
            if not more:
                break
        self._store.keep(self._resource, listed, version, self._store.known(self._namespace))
        self.synced.set()
        return version

    async def _stream(self, since: str) -> AsyncIterator[str]:
        """Watch from a version on; yields each version that is passed."""
        query = {
            "allowWatchBookmarks": "true",
            "labelSelector": self._labels,
            "resourceVersion": since,
            # Streams end at different times, so that not all begin anew at once.
            "timeoutSeconds": str(random.randint(STREAM_SECONDS // 2, STREAM_SECONDS)),  # noqa: S311
        }
        lines = self._client.watch(
            self._resource,
            self._namespace,
            query=query,
            metadata_only=self._metadata_only,
            idle_seconds=IDLE_SECONDS,
        )
        async for line in lines:
            self._seen()
            yield self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> str:
        """Put one event into the store; the version that it brings."""
        item = event["object"]
        if event["type"] == "ERROR":
            message = f"watch {self._resource.plural}: {item.get('message', item)}"
            raise Gone(message) if item.get("code") == 410 else Retryable(message)  # noqa: PLR2004 - HTTP Gone
        if event["type"] == "DELETED":
            self._store.remove(self._resource, item)
        elif event["type"] in {"ADDED", "MODIFIED"}:
            self._store.put(self._resource, item)
        return str(item["metadata"]["resourceVersion"])


def _pause_seconds(failures: int) -> float:
    """Growing with each failure in a row, and scattered."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - scatter, not secrecy
