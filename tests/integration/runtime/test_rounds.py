"""Golden conversations repeated during the watch: their Jobs, and what is kept of them, on the real API server."""

from __future__ import annotations

from typing import Any

from agentteam_operator.core import names
from agentteam_operator.kube.resources import JOB

from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.stand_in_node import CONVERSATIONS_COST
from tests.integration.runtime.team import QUICK, Team, rolled_out, spec_of
from tests.integration.runtime.until import until

PRICE = {"inputPerMillionTokens": 1, "outputPerMillionTokens": 2}
REPEATED: dict[str, Any] = {
    **QUICK,
    "watchSeconds": 300,
    "conversations": [
        {"name": "refund", "turns": [{"user": "my money back"}], "samples": 2, "repeatDuringWatch": True}
    ],
    "maxSyntheticCost": 2 * CONVERSATIONS_COST,
}


def _models(answer: str) -> list[dict[str, Any]]:
    return [{**model, "price": PRICE} for model in spec_of(answer)["models"]]


async def _rounds(team: Team) -> dict[str, Any]:
    return (await team.status())["rollout"].get("rounds") or {}


async def test_rounds_are_had_one_by_one_and_counted_once(team: Team, start_operator: StartOperator) -> None:
    """Without a Prometheus there is nobody else to ask; the operator is killed while the first round is under way."""
    operator = start_operator()
    await team.create(rollout=REPEATED, models=_models("one"))
    await rolled_out(team)
    await team.patch({"spec": {"models": _models("two")}})

    async def has_begun() -> bool:
        return bool((await _rounds(team)).get("begun"))

    await until(has_begun, seconds=60, what="the first round")
    operator.kill()
    operator.restart()

    async def both_are_counted() -> bool:
        return (await _rounds(team)).get("counted") == 2

    await until(both_are_counted, seconds=90, what="as many rounds as the cap allows")
    found = await _rounds(team)
    assert (found["begun"], found["ended"], found["pairs"]) == (2, 2, 4)
    assert found["spent"] == 2 * CONVERSATIONS_COST
    assert sum(int(packed.split()[0]) for packed in found["pods"].values()) == 4
    gates = {gate["name"]: gate for gate in (await team.status())["rollout"]["gates"]}
    assert (gates[names.GATE_ROUNDS]["verdict"], gates[names.GATE_ROUNDS]["reason"]) == (
        "Inconclusive",
        "CostCapReached",
    )

    async def no_job_is_left() -> bool:
        jobs = (await team.kube.list(JOB, team.namespace))["items"]
        return all(job["metadata"]["annotations"][names.ANNOTATION_CHECK] != names.CHECK_ROUND for job in jobs)

    await until(no_job_is_left, what="the rounds' Jobs to go")
