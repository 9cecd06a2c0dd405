"""What must be so in the cluster before the operator acts, looked at again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from agentteam_operator.api.crd import schema_hash
from agentteam_operator.core import names
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import KubeError, NotFound

CRD_NAME = f"{names.PLURAL}.{names.GROUP}"
AGAIN_SECONDS = 60.0
HURRY_SECONDS = 2.0
"""Between two looks while the CRD isn't ours yet: an upgrade may bring it any moment."""

log = structlog.get_logger(__name__)


class Prerequisites:
    """Whether the CRD is the one that this operator was built with, and whether there are PodMonitors.

    With another schema the API server drops fields of the status that it doesn't know, with success: so nothing is
    written until the two agree. Helm doesn't upgrade CRDs by itself, hence the message.
    """

    def __init__(self, client: KubeClient, changed: Callable[[], None]) -> None:
        """`changed` is called after each look that found something else than the one before."""
        self._client = client
        self._changed = changed
        self.crd_matches = asyncio.Event()
        """Set while the CRD in the cluster is ours."""
        self.pod_monitors = False
        """PodMonitors can be made."""
        self._said = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(AGAIN_SECONDS if self.crd_matches.is_set() else HURRY_SECONDS)

    async def look(self) -> None:
        """Look once. An API server that doesn't answer changes nothing."""
        try:
            matches = await self._crd_matches()
            pod_monitors = await self._has_pod_monitors()
        except KubeError as error:
            log.warning("prerequisites_unknown", error=str(error))
            return
        if (matches, pod_monitors) == (self.crd_matches.is_set(), self.pod_monitors):
            return
        self.pod_monitors = pod_monitors
        if matches:
            self.crd_matches.set()
        else:
            self.crd_matches.clear()
        self._changed()

    async def _crd_matches(self) -> bool:
        wanted = schema_hash()
        try:
            crd = await self._client.get(resources.CUSTOM_RESOURCE_DEFINITION, "", CRD_NAME, metadata_only=True)
        except NotFound:
            self._say("crd_missing", mend="install the chart's CRD; waiting for it")
            return False
        found = (crd["metadata"].get("annotations") or {}).get(names.ANNOTATION_SCHEMA_HASH, "")
        if found != wanted:
            self._say("crd_differs", found=found, wanted=wanted, mend="apply this version's CRD; waiting for it")
            return False
        self._said = ""
        return True

    def _say(self, event: str, **details: str) -> None:
        """Once, until it changes."""
        said = f"{event} {details}"
        if said != self._said:
            self._said = said
            log.warning(event, crd=CRD_NAME, **details)

    async def _has_pod_monitors(self) -> bool:
        """Discovery, which everyone may read."""
        try:
            found = await self._client.request(
                "GET", f"/apis/{resources.POD_MONITOR.api_version}", what="look for the PodMonitor API"
            )
        except NotFound:
            return False
        return any(entry.get("name") == resources.POD_MONITOR.plural for entry in found.get("resources") or [])
