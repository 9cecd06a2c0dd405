"""What Kubernetes' own garbage collector leaves standing for a while."""

from __future__ import annotations

from agentteam_operator.kube.resources import AGENT_TEAM

from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.team import Team, rolled_out
from tests.integration.runtime.until import until


async def test_a_team_that_is_made_again_at_once_waits_for_the_garbage_of_the_first(
    team: Team, start_operator: StartOperator
) -> None:
    operator = start_operator()
    await team.create()
    revision = await rolled_out(team)
    first = await team.kube.get(AGENT_TEAM, team.namespace, team.name)
    await team.kube.request("DELETE", AGENT_TEAM.path(team.namespace, team.name), what="delete the team")
    await team.create()

    async def serves_again() -> bool:
        held = await team.kube.get(AGENT_TEAM, team.namespace, team.name)
        status = held.get("status") or {}
        assert status.get("phase") != "Failed", status["message"]
        return held["metadata"]["uid"] != first["metadata"]["uid"] and status.get("phase") == "Healthy"

    await until(serves_again, what="the second team to serve")
    assert (await team.status())["activeRevision"] == revision
    # A write that met the deletion itself is no fault; one into the first team's leavings is.
    conflicts = [event["error"] for event in operator.events("write_conflict")]
    assert not [error for error in conflicts if "has still to go" in error]
