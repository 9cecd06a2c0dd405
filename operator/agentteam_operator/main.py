"""kopf's part: it watches the AgentTeams, begins with the operator and ends with it. No logic of rollouts in here.

Only `on.event` handlers: kopf's timers, daemons and change handlers would put finalizers and annotations on objects.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

import kopf
import structlog

from agentteam_operator.app import App, prometheus_of
from agentteam_operator.core import names
from agentteam_operator.kube.client import KubeClient, NoClusterError, load_configuration
from agentteam_operator.kube.resources import AGENT_TEAM
from agentteam_operator.logs import configure_logging
from agentteam_operator.providers.notifications import InvalidNotifiersError, NotifierConfig, load_notifiers
from agentteam_operator.settings import InvalidSettingsError, Settings, load_settings

STREAM_SECONDS = 600
API_SERVER_PATIENCE_SECONDS = (1, 1, 2, 3, 5, 8, 13, *[30] * 2880)
"""Pauses between tries while the API server answers with errors: for a day, rather than a minute. A restart of the
operator mends nothing of it, and would lose the cache.
"""

log = structlog.get_logger(__name__)


def run() -> None:
    """The console entry `agentteam-operator`: serve until SIGTERM."""
    try:
        settings = load_settings()
        notifiers = load_notifiers(settings.notifiers_file)
    except (InvalidSettingsError, InvalidNotifiersError) as error:
        sys.exit(f"agentteam-operator: {error}")
    configure_logging(settings.log_level, settings.log_format)
    try:
        sys.exit(asyncio.run(serve(settings, notifiers)))
    except NoClusterError as error:
        sys.exit(f"agentteam-operator: {error}")


async def serve(settings: Settings, notifiers: Sequence[NotifierConfig] = ()) -> int:
    """Serve until a signal tells to stop; the process' exit code."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(KubeClient(await load_configuration()))
        prometheus = prometheus_of(settings)
        if prometheus is not None:
            await stack.enter_async_context(prometheus)
        app = App(settings, client, prometheus, notifiers)
        await stack.enter_async_context(app.running())
        operator = asyncio.create_task(_operator(app), name="kopf")
        app.on_failure(operator.cancel)
        await asyncio.wait([operator])
        if not operator.cancelled() and (error := operator.exception()) is not None:
            raise error
        return 1 if operator.cancelled() else 0


async def _operator(app: App) -> None:
    """Kopf, which also listens to signals; it ends when one comes."""
    await kopf.operator(
        registry=handlers(app),
        settings=kopf_settings(),
        # Unless told, kopf looks for the user's name, and a container's user id has none.
        identity=cast("Any", app.settings.pod_name),
        standalone=True,
        clusterwide=not app.settings.watch_namespaces,
        namespaces=app.settings.watch_namespaces,
    )


def handlers(app: App) -> kopf.OperatorRegistry:
    """What kopf calls."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's own convention
        return kopf.login_via_client(**kwargs)

    @kopf.on.startup(registry=registry)
    async def start(**_: object) -> None:
        await app.start()
        log.info("operator_started", namespaces=app.settings.watch_namespaces or "all")

    @kopf.on.cleanup(registry=registry)
    async def end(**_: object) -> None:
        await app.stop()

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def seen(event: kopf.RawEvent, **_: object) -> None:
        if event["type"] == "DELETED":
            app.store.remove(AGENT_TEAM, event["object"])
        else:
            app.store.put(AGENT_TEAM, event["object"])

    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Settings for kopf without what we don't use: no Events of its own, no scanning for namespaces and CRDs."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout = STREAM_SECONDS
    settings.networking.connect_timeout = 5.0
    settings.networking.request_timeout = 60.0
    settings.networking.error_backoffs = API_SERVER_PATIENCE_SECONDS
    return settings
