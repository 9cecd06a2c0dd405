"""`agent-server converse` as a process against started servers, with scripted models behind them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from tests.model_endpoint.server import ModelEndpoint
from tests.support.agent_server import (
    ServerProcess,
    endpoint_model,
    metric,
    replay_model,
    running_server,
    served_team,
    team_spec,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREEN_MODEL, BLUE_MODEL = "scripted-ok", "scripted-ok-ok"
LIMITS = {"maxConcurrent": 2, "maxQueued": 0, "timeoutSeconds": 20}
PRICE = {"inputPerMillionTokens": 100, "outputPerMillionTokens": 400}
REFUND: dict[str, Any] = {
    "name": "refund",
    "turns": [{"user": "I want my money back"}, {"user": "It is order 17"}],
    "samples": 2,
    "expect": {"contains": ["about 'I want my money back'"]},
}
"""The scripted model quotes the first thing that the user said, so it must have been sent along with the second."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the command left behind."""

    status: int
    verdict: dict[str, Any]


async def _converse(folder: Path, *conversations: dict[str, Any], options: tuple[str, ...]) -> Result:
    """Run the command with the conversations in its environment."""
    log = folder / "termination-log"
    variables = {
        f"AGENTTEAM_CONVERSATION_{number}": json.dumps(document) for number, document in enumerate(conversations)
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent_server.cli", "converse", "--termination-log", str(log), *options),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    text = log.read_text(encoding="utf-8")
    assert json.loads(output) == json.loads(text), "so little fits a termination message as it is"
    assert process.returncode is not None
    return Result(process.returncode, json.loads(text))


@dataclass(slots=True)
class World:
    """Two revisions of a team, whose models can be told apart how to fare."""

    green: ServerProcess
    green_revision: str
    blue: ServerProcess
    endpoint: ModelEndpoint
    endpoint_url: str
    folder: Path

    async def behave_like(self, *, green: str = "scripted-ok", blue: str = "scripted-ok") -> None:
        """Let the teams' models behave like others from now on."""
        async with aiohttp.ClientSession() as session:
            for model, behaviour in ((GREEN_MODEL, green), (BLUE_MODEL, blue)):
                url = f"{self.endpoint_url}/admin/models/{model}"
                async with session.put(url, json={"behaveLike": behaviour}) as answer:
                    assert answer.status == 204

    async def converse(
        self, *conversations: dict[str, Any], control: bool = False, more: tuple[str, ...] = ()
    ) -> Result:
        """Have conversations with green, and with blue to compare."""
        compared = ("--control", self.blue.url) if control else ()
        options = ("--target", self.green.url, "--revision", self.green_revision, *compared, *more)
        return await _converse(self.folder, *conversations, options=options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Two started servers for all tests of this module: a start takes seconds."""
    endpoint = ModelEndpoint()
    folder = tmp_path_factory.mktemp("servers")
    (folder / "green").mkdir()
    (folder / "blue").mkdir()
    async with TestServer(endpoint.application()) as model_server:
        url = str(model_server.make_url("/")).rstrip("/")
        specs = [
            team_spec([endpoint_model(model, f"{url}/v1", timeoutSeconds=5, price=PRICE)]) | {"runs": LIMITS}
            for model in (GREEN_MODEL, BLUE_MODEL)
        ]
        async with (
            running_server(specs[0], folder / "green") as green,
            running_server(specs[1], folder / "blue") as blue,
        ):
            yield World(green, served_team(specs[0]).revision, blue, endpoint, url, folder)


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared_world: World) -> World:
    """Both revisions with models that are well."""
    await shared_world.behave_like()
    shared_world.endpoint.calls.clear()
    return shared_world


async def _exposition(server: ServerProcess) -> str:
    async with aiohttp.ClientSession() as session, session.get(server.metrics_url) as answer:
        return await answer.text()


async def _synthetic(server: ServerProcess, status: str) -> float:
    return metric(await _exposition(server), f'autogen_synthetic_runs_finished_total{{status="{status}"}}')


async def test_a_good_revision_passes_and_no_run_is_counted(world: World) -> None:
    before = await _synthetic(world.green, "success")
    found = await world.converse(REFUND, control=True)
    assert (found.status, found.verdict["verdict"], found.verdict["value"]) == (0, "Passed", "2 of 2 passed")
    assert found.verdict["tokens"] > 0
    assert world.endpoint.calls == {GREEN_MODEL: 4, BLUE_MODEL: 4}
    assert await _synthetic(world.green, "success") - before == 4
    for server in (world.green, world.blue):
        assert metric(await _exposition(server), "autogen_runs_started_total") == 0


async def test_the_team_is_told_what_was_said_before(world: World) -> None:
    found = await world.converse({**REFUND, "turns": REFUND["turns"][1:]})
    assert found.status == 1
    assert "answer doesn't contain 'about 'I want my money back'' (said: 'Here is what" in found.verdict["message"]
    assert (await world.converse(REFUND)).status == 0


FAULTS = {
    "an error": ("scripted-fail-100", "ModelError", "its endpoint answered HTTP 500"),
    "a rate limit of the model": ("scripted-fail-100-status-429", "ModelRateLimited", "its rate limit is reached"),
    "garbage": ("scripted-garbage", "ModelError", "answer can't be understood"),
    "a broken answer": ("scripted-truncate", "ModelUnreachable", ""),
}


@pytest.mark.parametrize(("behaviour", "reason", "words"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_of_the_new_revision_alone(world: World, behaviour: str, reason: str, words: str) -> None:
    await world.behave_like(green=behaviour)
    found = await world.converse(REFUND, control=True)
    assert (found.status, found.verdict["reason"]) == (1, "ConversationFailed")
    [result] = found.verdict["results"]
    assert (result["value"], result["control"]) == ("0 of 2", "2 of 2")
    assert {failure["reason"] for failure in result["failures"]} == {reason}
    assert words in found.verdict["message"]
    assert "; the active one passed 2 of 2" in found.verdict["message"]


async def test_a_round_tells_pairs_and_their_cost_whatever_they_show(world: World) -> None:
    good = await world.converse(REFUND, control=True, more=("--round",))
    await world.behave_like(green="scripted-fail-100")
    bad = await world.converse(REFUND, control=True, more=("--round",))
    for found, failed in ((good, 0), (bad, 2)):
        pairs = [{"target": world.green.url, "pairs": 2, "failed": failed, "controlFailed": 0}]
        assert (found.status, found.verdict["reason"], found.verdict["pairs"]) == (0, "RoundHad", pairs)
    assert good.verdict["cost"] > bad.verdict["cost"] > 0
    exposed = (await _exposition(world.green), await _exposition(world.blue))
    assert good.verdict["cost"] <= sum(_cost(text) for text in exposed)


def _cost(exposition: str) -> float:
    """What all calls to models cost, by the server's own metrics."""
    lines = (line for line in exposition.splitlines() if line.startswith("autogen_model_cost_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def test_a_fault_of_both_revisions_is_inconclusive(world: World) -> None:
    await world.behave_like(green="scripted-fail-100", blue="scripted-fail-100")
    found = await world.converse(REFUND, control=True)
    assert (found.status, found.verdict["verdict"], found.verdict["reason"]) == (3, "Inconclusive", "SharedFault")
    assert "failed 2 of 2 on the new revision and 2 of 2 on the active one, too: " in found.verdict["message"]


@pytest.mark.parametrize(
    ("expect", "options", "reason"),
    [
        pytest.param({"maxLatencySeconds": 0.2}, (), "TooSlow", id="slower-than-expected"),
        pytest.param({}, ("--timeout-seconds", "0.2"), "Timeout", id="slower-than-is-waited-for"),
        pytest.param({}, ("--deadline-seconds", "0.2"), "Timeout", id="slower-than-the-time-for-all"),
    ],
)
async def test_slow_answers(world: World, expect: dict[str, Any], options: tuple[str, ...], reason: str) -> None:
    await world.behave_like(green="scripted-ok-delay-500ms")
    conversation = {**REFUND, "turns": REFUND["turns"][:1], "expect": expect}
    found = await world.converse(conversation, more=options)
    [result] = found.verdict["results"]
    assert {failure["reason"] for failure in result["failures"]} == {reason}


async def test_a_full_queue_is_waited_for_once(world: World) -> None:
    await world.behave_like(green="scripted-ok-delay-500ms")
    before = await _synthetic(world.green, "rejected")
    conversation = {**REFUND, "turns": REFUND["turns"][:1], "samples": 4}
    found = await world.converse(conversation, more=("--concurrency", "4"))
    assert (found.status, found.verdict["value"]) == (0, "4 of 4 passed")
    assert await _synthetic(world.green, "rejected") - before == 2


async def test_a_pod_of_another_revision_is_told_as_such(world: World) -> None:
    found = await world.converse(REFUND, more=("--target", world.blue.url))
    assert (found.status, found.verdict["value"]) == (1, "1 of 2 passed")
    assert found.verdict["reason"] == "RevisionMismatch"
    assert f", not '{world.green_revision}'" in found.verdict["message"]


SHAPE = '{"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}'
WORKFLOW: dict[str, Any] = {
    "name": "refund",
    "turns": [{"user": "hi"}],
    "expect": {
        "agentsSpoke": ["router", "tier-2"],
        "stopReason": "Maximum number of turns 2 reached",
        "jsonSchema": SHAPE,
        "maxTurns": 2,
        "matches": "\\b17\\b",
        "maxTokens": 1000,
    },
}


async def test_what_a_team_of_several_agents_is_judged_by(tmp_path: Path) -> None:
    spec = team_spec([replay_model("To the clerk.", '{"amount": 17}')], ["router", "tier-2"])
    strict = {
        **WORKFLOW["expect"],
        "stopReason": "APPROVE",
        "maxTurns": 1,
        "maxTokens": 1,
        "jsonSchema": '{"maxProperties": 0}',
    }
    async with running_server(spec, tmp_path) as server:
        options = ("--target", server.url)
        passed = await _converse(tmp_path, WORKFLOW, options=options)
        failed = await _converse(tmp_path, {**WORKFLOW, "samples": 1, "expect": strict}, options=options)
    assert (passed.status, passed.verdict["value"]) == (0, "3 of 3 passed")
    [result] = failed.verdict["results"]
    assert [failure["reason"] for failure in result["failures"]] == [
        "StopReasonDiffers",
        "SchemaMismatch",
        "TooManyTurns",
        "TooManyTokens",
    ]
