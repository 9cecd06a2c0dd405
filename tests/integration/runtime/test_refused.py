"""What the API server refuses: said in the team's status, and no longer waited for when waiting mends nothing."""

from __future__ import annotations

from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.team import QUICK, Team, rolled_out
from tests.integration.runtime.until import until

PATIENT = {**QUICK, "readyTimeoutSeconds": 300}
NO_AFFINITY: dict[str, object] = {
    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
}


async def test_a_first_revision_that_is_invalid_fails_at_once_and_says_why(
    team: Team, start_operator: StartOperator
) -> None:
    start_operator()
    await team.create(rollout=PATIENT, pod={"affinity": NO_AFFINITY})
    await until(team.is_in("Failed"), what="the rollout to be given up")
    status = await team.status()
    assert (status["phase"], status["reason"]) == ("Failed", "WriteRefused")
    assert "nodeSelectorTerms" in status["message"]
    await team.patch({"spec": {"pod": {"affinity": None}}})
    await rolled_out(team)


async def test_an_invalid_change_is_rolled_back_at_once_also_after_a_restart(
    team: Team, start_operator: StartOperator
) -> None:
    first = start_operator("first")
    await team.create(rollout=PATIENT)
    blue = await rolled_out(team)
    first.kill()
    await team.patch({"spec": {"pod": {"affinity": NO_AFFINITY}}})
    start_operator("second")
    await until(team.is_in("RolledBack"), what="the change to be rolled back")
    status = await team.status()
    assert (status["activeRevision"], status["reason"]) == (blue, "WriteRefused")
    assert "nodeSelectorTerms" in status["message"]


async def test_what_a_quota_refuses_is_said_while_it_is_waited_for(team: Team, start_operator: StartOperator) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"count/deployments.apps": "0"}},
    }
    path = f"/api/v1/namespaces/{team.namespace}/resourcequotas"
    await team.kube.request("POST", path, what="create a quota", body=quota)
    start_operator()
    await team.create(rollout=PATIENT)

    async def says_so() -> bool:
        status = await team.status()
        return status.get("phase") == "Progressing" and "exceeded quota: none" in status.get("message", "")

    await until(says_so, what="the status to name the quota")
    await team.kube.request("DELETE", f"{path}/none", what="delete the quota")
    await rolled_out(team)
