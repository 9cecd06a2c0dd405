"""What people do by hand to what serves: told, mended where it can be, and never at the cost of a request."""

from __future__ import annotations

from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.client import JSON_PATCH, MERGE_PATCH
from agentteam_operator.kube.resources import CONFIG_MAP, DEPLOYMENT, ENDPOINT_SLICE, POD
from agentteam_operator.observe.edits import ANNOTATION_REVISION

from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.stand_in_node import Pod, StandInNode
from tests.integration.runtime.team import Team, rolled_out
from tests.integration.runtime.until import until

NO_IMAGE = "nowhere.example/none:1"


def image_decides(pod: Pod) -> str:
    return "ImagePullBackOff" if pod["spec"]["containers"][0]["image"] == NO_IMAGE else "ready"


class ByHand:
    """A person with kubectl, and what they see."""

    def __init__(self, team: Team, revision: str) -> None:
        self.team = team
        self.name = names.revision_object(team.name, revision)
        self.path = DEPLOYMENT.path(team.namespace, self.name)

    async def restart(self) -> None:
        """`kubectl rollout restart`."""
        annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
        body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        await self._patch(body, MERGE_PATCH, "kubectl-rollout")

    async def scale(self, replicas: int) -> None:
        """`kubectl scale`, which the operator takes back."""
        body = {"spec": {"replicas": replicas}}
        await self.team.kube.request(
            "PATCH",
            f"{self.path}/scale",
            what="scale",
            body=body,
            content_type=MERGE_PATCH,
            query={"fieldManager": "k"},
        )

    async def set_image(self, image: str) -> None:
        """`kubectl set image`."""
        change = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}
        await self._patch([change], JSON_PATCH, "kubectl-set")

    async def delete_leaving_pods(self) -> None:
        """`kubectl delete --cascade=orphan`."""
        await self.team.kube.request("DELETE", self.path, what="delete it", body={"propagationPolicy": "Orphan"})

    async def _patch(self, body: object, content_type: str, manager: str) -> None:
        query = {"fieldManager": manager}
        await self.team.kube.request(
            "PATCH", self.path, what="edit it", body=body, content_type=content_type, query=query
        )

    async def deployment(self) -> dict[str, Any]:
        return await self.team.kube.get(DEPLOYMENT, self.team.namespace, self.name)

    async def endpoints(self) -> int:
        """Ready addresses behind the active Service."""
        found = await self.team.kube.list(
            ENDPOINT_SLICE, self.team.namespace, labels=f"kubernetes.io/service-name={self.team.name}"
        )
        all_of_them = [endpoint for item in found["items"] for endpoint in item.get("endpoints") or []]
        return sum(endpoint["conditions"].get("ready") is True for endpoint in all_of_them)

    async def restarted(self) -> bool:
        """All pods are of the second template, and the team is well."""
        live = await self.deployment()
        status = live.get("status") or {}
        done = live["metadata"]["annotations"].get(ANNOTATION_REVISION) == "2" and status.get("updatedReplicas") == 2
        return done and status.get("replicas") == 2 and (await self.team.status())["phase"] == "Healthy"

    async def is_told(self) -> bool:
        status = await self.team.status()
        return status["reason"] == "DeploymentEdited" and "ImagePullBackOff" in status["message"]

    async def is_well_again(self) -> bool:
        """The pods serve all the while."""
        assert await self.endpoints() > 0
        found = await self.team.kube.list(POD, self.team.namespace, labels=f"{names.LABEL_ROLE}={names.ROLE_SERVER}")
        gone = all(image_decides(pod) == "ready" for pod in found["items"])
        return gone and (await self.team.status())["phase"] == "Healthy"


async def test_an_edited_deployment_is_told_and_made_anew_without_losing_its_pods(
    team: Team, node: StandInNode, start_operator: StartOperator
) -> None:
    node.behaviour = image_decides
    start_operator()
    await team.create()
    person = ByHand(team, await rolled_out(team))
    await person.scale(3)
    await person.restart()
    await until(person.restarted, what="the restart to be done, and no harm to be seen in it")
    await person.set_image(NO_IMAGE)
    await until(person.is_told, what="the edit to be told")
    await person.delete_leaving_pods()
    await until(person.is_well_again, what="the Deployment to be made anew")


async def test_a_lost_config_map_of_what_serves_is_made_anew(
    team: Team, node: StandInNode, start_operator: StartOperator
) -> None:
    start_operator()
    await team.create()
    blue = await rolled_out(team)
    node.behaviour = lambda pod: "ready" if pod["metadata"]["labels"][names.LABEL_REVISION] == blue else "ErrImagePull"
    name = names.revision_object(team.name, blue)
    made = await team.kube.get(CONFIG_MAP, team.namespace, name)
    await team.change("two")
    await until(team.is_in("RolledBack"), what="the rollback")
    await team.kube.request("DELETE", CONFIG_MAP.path(team.namespace, name), what="delete the ConfigMap")

    async def is_there_again() -> bool:
        found = await team.kube.find(CONFIG_MAP, team.namespace, name)
        return found is not None and found["metadata"]["uid"] != made["metadata"]["uid"]

    await until(is_there_again, what="the ConfigMap to be made anew")
    assert (await team.kube.get(CONFIG_MAP, team.namespace, name))["data"] == made["data"]
