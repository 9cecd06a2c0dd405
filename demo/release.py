"""The operator's Helm release, installed or brought up to date whatever state an earlier run left it in."""

from __future__ import annotations

import json

from .errors import DemoError
from .kube import Tools

# Helm gives up before we would kill it: a killed Helm leaves its release locked.
HELM_SECONDS = 180
_KILL_SECONDS = HELM_SECONDS + 60.0
_PENDING = "pending-"


def upgrade_arguments(release: str, chart: str, namespace: str) -> list[str]:
    """``helm upgrade --install``, as one would type it."""
    wait = ["--wait", "--timeout", f"{HELM_SECONDS}s"]
    return ["upgrade", "--install", release, chart, "-n", namespace, "--create-namespace", *wait]


def upgrade(tools: Tools, arguments: list[str]) -> None:
    """Run the upgrade, after freeing a release that an interrupted run left locked."""
    release, namespace = arguments[2], arguments[arguments.index("-n") + 1]
    state = _state(tools, release, namespace)
    if state == f"{_PENDING}install":
        tools.helm("uninstall", release, "-n", namespace)
    elif state.startswith(_PENDING):
        tools.helm("rollback", release, "-n", namespace)
    tools.helm(*arguments, timeout_seconds=_KILL_SECONDS)


def _state(tools: Tools, release: str, namespace: str) -> str:
    """Helm's word for the release's state, such as ``deployed``; empty when there is none."""
    try:
        document = json.loads(tools.helm("status", release, "-n", namespace, "-o", "json"))
    except DemoError as error:
        if "not found" in str(error):
            return ""
        raise
    return str(document["info"]["status"])
