"""What synthetic runs cost: told by the server in its answers and errors, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from agent_server.conversation import Conversation, RunResult, TokenUsage
from agent_server.errors import ErrorCode, RunError
from aiohttp.test_utils import TestServer

from tests.model_endpoint.server import ModelEndpoint
from tests.support.agent_server import endpoint_model, replay_model, runner_of, team_spec

PRICE = {"inputPerMillionTokens": 0, "outputPerMillionTokens": 1_000_000}
"""One unit for each token of the answer."""


def _priced(*answers: str, **more: object) -> dict[str, Any]:
    return {**replay_model(*answers), "price": PRICE, **more}


async def _cost(spec: dict[str, Any], *, synthetic: bool = True) -> tuple[float, bool]:
    runner, _ = runner_of(spec)
    try:
        result = await runner.run(Conversation("hi", synthetic=synthetic))
        return result.cost, result.cost_known
    finally:
        await runner.close()


async def test_the_cost_of_a_run_is_that_of_its_calls() -> None:
    cost, known = await _cost(team_spec([_priced("one two three", "four")], ["a", "b"]))
    assert (cost > 0, known) == (True, True)


async def test_without_a_price_the_cost_is_not_known() -> None:
    assert await _cost(team_spec([replay_model("one")])) == (0.0, False)


async def test_one_unpriced_model_of_two_leaves_it_unknown() -> None:
    spec = team_spec([_priced("one"), replay_model("two", name="other")], ["a", "b"])
    spec["team"]["agents"][1]["model"] = "other"
    cost, known = await _cost(spec)
    assert (cost > 0, known) == (True, False)


@pytest.mark.parametrize(
    ("synthetic", "told"), [pytest.param(True, True, id="synthetic"), pytest.param(False, False, id="a-clients-own")]
)
async def test_a_failed_run_tells_what_it_cost_until_then(*, synthetic: bool, told: bool) -> None:
    runner, _ = runner_of(team_spec([_priced("only one")], ["a", "b"]))
    with pytest.raises(RunError) as caught:
        await runner.run(Conversation("hi", synthetic=synthetic))
    await runner.close()
    assert (caught.value.cost is not None and caught.value.cost > 0) is told


async def test_a_call_that_was_cut_off_may_be_charged_all_the_same() -> None:
    async with TestServer(ModelEndpoint().application()) as server:
        model = endpoint_model("scripted-hang", str(server.make_url("/v1")), timeoutSeconds=1, price=PRICE)
        runner, _ = runner_of(team_spec([model]))
        with pytest.raises(RunError) as caught:
            await runner.run(Conversation("hi", synthetic=True))
        await runner.close()
    assert (caught.value.code, caught.value.cost) == (ErrorCode.MODEL_TIMEOUT, None)


def test_a_result_knows_its_cost_unless_it_is_said() -> None:
    assert RunResult("fine", "done", ("solo",), TokenUsage(3, 2)).cost_known
