"""The safety net: now and then every team gets a tick, and teams that went while nobody watched are forgotten.

Nothing relies on it in good times. It mends what a lost event would leave behind: kopf, after listing anew, doesn't
tell of AgentTeams that are no longer there (the children's own watches do).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from agentteam_operator.kube.errors import KubeError
from agentteam_operator.kube.reader import KubeReader
from agentteam_operator.kube.resources import AGENT_TEAM
from agentteam_operator.observe.store import Store, TeamKey, version

STEP_SECONDS = 30.0
"""Longest sleep between two signs of life."""

log = structlog.get_logger(__name__)


class Resync:
    """Goes round all teams once in an interval, evenly, so that there is never a burst."""

    def __init__(
        self,
        client: KubeReader,
        store: Store,
        wake: Callable[[TeamKey], None],
        *,
        interval_seconds: float,
        namespaces: Sequence[str],
    ) -> None:
        """`namespaces` are those that are served; ("",) for all."""
        self._client = client
        self._store = store
        self._wake = wake
        self._interval_seconds = interval_seconds
        self._namespaces = namespaces

    async def run(self, alive: Callable[[], None]) -> None:
        """Go round until cancelled; `alive` is called now and then."""
        while True:
            teams = self._store.teams()
            pause = self._interval_seconds / max(1, len(teams))
            if not teams:
                await _sleep(pause, alive)
            for key in teams:
                await _sleep(pause, alive)
                self._wake(key)
            await self.forget_lost()

    async def forget_lost(self) -> None:
        """Drop the teams that the API server no longer has."""
        for namespace in self._namespaces:
            try:
                found = await self._client.list(AGENT_TEAM, namespace, metadata_only=True)
            except KubeError as error:
                log.warning("resync_failed", error=str(error))
                return
            there = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in found.get("items") or []}
            for key in self._store.known(namespace):
                entry = self._store.entry(key)
                team = entry.team if entry else None
                if key not in there and team is not None and version(team) <= version(found):
                    self._store.remove(AGENT_TEAM, team)


async def _sleep(seconds: float, alive: Callable[[], None]) -> None:
    while seconds > 0:
        alive()
        await asyncio.sleep(min(seconds, STEP_SECONDS))
        seconds -= STEP_SECONDS
