"""A team on the real control plane: what people do to it, and what they see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.client import MERGE_PATCH, KubeClient
from agentteam_operator.kube.resources import AGENT_TEAM, SERVICE

from tests.integration.runtime.until import until

QUICK = {
    "readyTimeoutSeconds": 30,
    "traffic": {"steps": [{"weight": 33, "holdSeconds": 1}, {"weight": 50, "holdSeconds": 0}]},
    "watchSeconds": 1,
    "settleSeconds": 1,
    "drainSeconds": 1,
}


def spec_of(answer: str, **fields: object) -> dict[str, Any]:
    return {
        "replicas": 2,
        "models": [{"name": "main", "provider": "Replay", "replay": {"answers": [answer]}}],
        "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "greeter", "model": "main"}]},
        "rollout": QUICK,
        **fields,
    }


class Team:
    """A team in the cluster, by what people do to it and see of it."""

    def __init__(self, kube: KubeClient, namespace: str, name: str = "chat") -> None:
        self.kube = kube
        self.namespace = namespace
        self.name = name

    async def create(self, answer: str = "one", **fields: object) -> None:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": self.name},
            "spec": spec_of(answer, **fields),
        }
        await self.kube.request("POST", AGENT_TEAM.path(self.namespace), what="create the team", body=body)

    async def change(self, answer: str) -> None:
        await self.patch({"spec": {"models": spec_of(answer)["models"]}})

    async def patch(self, body: object) -> None:
        path = AGENT_TEAM.path(self.namespace, self.name)
        await self.kube.request("PATCH", path, what="change the team", body=body, content_type=MERGE_PATCH)

    async def status(self) -> dict[str, Any]:
        return (await self.kube.get(AGENT_TEAM, self.namespace, self.name)).get("status") or {}

    def is_in(self, *phases: str, active_is_not: str = "") -> Callable[[], Awaitable[bool]]:
        """A condition: the rollout is in one of these phases, and the active revision isn't that one."""

        async def condition() -> bool:
            status = await self.status()
            return (status.get("rollout") or {}).get("phase") in phases and (
                not active_is_not or status.get("activeRevision") != active_is_not
            )

        return condition

    async def selector(self) -> dict[str, str]:
        found: dict[str, str] = (await self.kube.get(SERVICE, self.namespace, self.name))["spec"]["selector"]
        return found


async def rolled_out(team: Team) -> str:
    """The revision that serves after the first rollout."""
    await until(team.is_in("Completed"), what="the first rollout to complete")
    return str((await team.status())["activeRevision"])
