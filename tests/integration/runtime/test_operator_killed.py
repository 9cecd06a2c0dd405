"""The operator dies, and another one goes on: the same replica restarted, or the one that stood by."""

from __future__ import annotations

import pytest
from agentteam_operator.core import names
from agentteam_operator.kube.resources import LEASE

from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.stand_in_node import StandInNode
from tests.integration.runtime.team import Team, rolled_out
from tests.integration.runtime.until import until


@pytest.mark.parametrize(
    "phase",
    ["Preparing", "Shifting", "Switching", "Settling"],  # each phase, on a real node, in tests/e2e
)
async def test_killed_and_restarted_it_goes_on(
    team: Team, node: StandInNode, start_operator: StartOperator, phase: str
) -> None:
    operator = start_operator()
    await team.create()
    blue = await rolled_out(team)
    node.behaviour = lambda _: "starting"
    await team.change("two")
    await until(team.is_in("Preparing"), what="Preparing")
    if phase != "Preparing":
        node.behaviour = lambda _: "ready"
        await node.treat_all()

        async def has_entered() -> bool:
            entered = (await team.status())["rollout"]["transitions"]
            return any(entry["phase"] == phase for entry in entered)

        await until(has_entered, what=phase)
    operator.kill()
    node.behaviour = lambda _: "ready"
    await node.treat_all()
    operator.restart()
    await until(team.is_in("Completed", active_is_not=blue), what="the rollout to complete all the same")
    assert await team.selector() == names.server_selector(team.name, (await team.status())["activeRevision"])


async def test_two_replicas_one_acts_and_the_other_takes_over(team: Team, start_operator: StartOperator) -> None:
    quick = {"LEASE_DURATION_SECONDS": "3", "LEASE_RENEW_DEADLINE_SECONDS": "2", "LEASE_RETRY_SECONDS": "0.5"}
    first = start_operator("first", **quick)
    await until(first.wrote("lease_held"), what="the first replica to hold the lease")
    second = start_operator("second", **quick)
    await until(second.wrote("operator_started"), what="the second replica to start")
    await team.create()
    blue = await rolled_out(team)
    assert second.events("rollout_phase") == [], "the second replica must not act"
    first.kill()
    await team.change("two")
    await until(team.is_in("Completed", active_is_not=blue), what="the second replica to take over")
    assert second.events("lease_held")
    lease = await team.kube.get(LEASE, team.namespace, "agentteam-operator")
    assert lease["spec"]["holderIdentity"] == "second"


async def test_a_replica_that_ends_gives_the_lease_back(team: Team, start_operator: StartOperator) -> None:
    operator = start_operator()
    await until(operator.wrote("lease_held"), what="the lease to be held")
    assert await operator.end() == 0
    lease = await team.kube.get(LEASE, team.namespace, "agentteam-operator")
    assert not lease["spec"].get("holderIdentity")
