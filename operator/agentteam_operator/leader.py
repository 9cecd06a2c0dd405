"""A Lease in front of the operator: of several replicas only the holder acts, the others keep their caches warm.

The lease spares work; what makes two actors harmless are the preconditions of each write. Times are measured by this
process' own steady clock, from when a change of the lease was seen: clocks of different machines are never compared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from agentteam_operator.core import names
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import AlreadyExists, Conflict, KubeError
from agentteam_operator.kube.resources import LEASE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease lasts, in seconds."""

    duration: float = 15.0
    """After which others may take a lease that wasn't renewed."""
    renew_deadline: float = 10.0
    """After which the holder stops acting when it couldn't renew."""
    retry: float = 2.0
    """Between two tries."""


class Leader:
    """Tries to hold the lease for as long as it runs."""

    def __init__(
        self,
        client: KubeClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes,
        changed: Callable[[bool], None],
        steady_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`changed` is told when this replica begins (True) and stops (False) to be the holder.

        `identity` is the pod's name: its restarted container goes on at once instead of waiting for its own lease.
        """
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times
        self._changed = changed
        self._now = steady_seconds
        self._held_until = float("-inf")
        self._announced = False
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = float("-inf")

    def may_act(self) -> bool:
        """True while the lease is surely ours, even if this process was asleep for a while."""
        return self._now() < self._held_until

    async def run(self) -> None:
        """Get the lease, keep it, and get it again after losing it, until cancelled; then give it back."""
        try:
            while True:
                await self._try()
                self._announce()
                await asyncio.sleep(self._times.retry)
        finally:
            was_held = self.may_act()
            self._held_until = float("-inf")
            self._announce()
            if was_held:
                await asyncio.shield(self._release())

    def _announce(self) -> None:
        held = self.may_act()
        if held != self._announced:
            self._announced = held
            log.info("lease_held" if held else "lease_lost", lease=f"{self._namespace}/{self._name}", by=self._identity)
            self._changed(held)

    async def _try(self) -> None:
        """Take or renew the lease, if it is free or ours."""
        began = self._now()
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                lease = await self._client.find(LEASE, self._namespace, self._name)
                if lease is None:
                    await self._write("POST", LEASE.path(self._namespace), self._body(None))
                elif self._is_mine(lease) or self._is_free(lease):
                    await self._write("PUT", LEASE.path(self._namespace, self._name), self._body(lease))
                else:
                    return
        except (AlreadyExists, Conflict):
            return
        except (KubeError, TimeoutError) as error:
            log.warning("lease_failed", lease=f"{self._namespace}/{self._name}", error=str(error) or repr(error))
            return
        self._held_until = began + self._times.renew_deadline

    def _is_mine(self, lease: dict[str, Any]) -> bool:
        return bool(lease["spec"].get("holderIdentity") == self._identity)

    def _is_free(self, lease: dict[str, Any]) -> bool:
        """Given back, or not renewed for its whole duration since we first saw it so."""
        spec = lease["spec"]
        seen = (str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or ""))
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._now()
        if not seen[0]:
            return True
        duration = float(spec.get("leaseDurationSeconds") or self._times.duration)
        return self._now() - self._seen_at > duration

    def _body(self, lease: dict[str, Any] | None, holder: str | None = None) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = lease["spec"] if lease else {}
        mine = lease is not None and self._is_mine(lease)
        identity = self._identity if holder is None else holder
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": lease["metadata"] if lease else {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": identity,
                "leaseDurationSeconds": max(1, round(self._times.duration)) if identity else 1,
                "acquireTime": old.get("acquireTime", now) if mine else now,
                "renewTime": now,
                "leaseTransitions": int(old.get("leaseTransitions") or 0) + (not mine and lease is not None),
            },
        }

    async def _write(self, method: str, path: str, body: dict[str, Any]) -> None:
        what = f"write Lease {self._namespace}/{self._name}"
        await self._client.request(method, path, what=what, query={"fieldManager": names.FIELD_MANAGER}, body=body)

    async def _release(self) -> None:
        """Let another replica take over at once."""
        try:
            async with asyncio.timeout(self._times.retry):
                lease = await self._client.get(LEASE, self._namespace, self._name)
                if self._is_mine(lease):
                    await self._write("PUT", LEASE.path(self._namespace, self._name), self._body(lease, holder=""))
        except (KubeError, TimeoutError) as error:
            log.warning("lease_not_released", lease=f"{self._namespace}/{self._name}", error=str(error))
