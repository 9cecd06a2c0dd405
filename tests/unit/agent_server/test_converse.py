"""Golden conversations with servers that answer this and that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from agent_server.cli import main
from agent_server.golden.converse import read_conversations
from agent_server.golden.samples import ConverseOptions, Samples, have_all
from agentteam_operator.api.conversations import Conversation
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.waiting import eventually
from tests.unit.api.manifests import Document, team

OPTIONS = ConverseOptions(
    targets=(), controls=(), revision="green", concurrency=4, timeout_seconds=5, deadline_seconds=20
)
GREETING: dict[str, Any] = {"name": "greet", "turns": [{"user": "hi"}], "samples": 1, "expect": {"contains": ["day"]}}


def _good(text: str = "Good day", **fields: object) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
        "usage": {"total_tokens": 7},
        "agentteam": {"stop_reason": "done", "speakers": ["clerk"]},
        **fields,
    }


@dataclass(slots=True)
class Reply:
    """One answer of a server."""

    body: object = field(default_factory=_good)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    """Set before it answers."""


@dataclass(slots=True)
class Asked:
    """A server, and what it was asked."""

    url: str = ""
    messages: list[list[str]] = field(default_factory=list)
    synthetic: set[str | None] = field(default_factory=set)
    running: int = 0
    most_running: int = 0


Serve = Callable[..., Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(*replies: Reply, revision: str | None = "green") -> Asked:
            """Answer with each of `replies` in turn, the last one for ever."""
            left, asked = list(replies or (Reply(),)), Asked()

            async def chat(request: web.Request) -> web.Response:
                reply = left.pop(0) if len(left) > 1 else left[0]
                asked.messages.append([message["content"] for message in (await request.json())["messages"]])
                asked.synthetic.add(request.headers.get("X-AgentTeam-Synthetic"))
                asked.running += 1
                asked.most_running = max(asked.most_running, asked.running)
                await (reply.gate.wait() if reply.gate else asyncio.sleep(0.01))
                asked.running -= 1
                text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                named = {} if revision is None else {"X-AgentTeam-Revision": revision}
                return web.Response(text=text, status=reply.status, headers={**named, **reply.headers})

            app = web.Application()
            app.router.add_post("/v1/chat/completions", chat)
            server = await stack.enter_async_context(TestServer(app))
            asked.url = str(server.make_url("/"))
            return asked

        yield start


async def _have(options: ConverseOptions, *conversations: dict[str, Any]) -> list[Samples]:
    return await have_all([Conversation.parse(document) for document in conversations], options)


def _failed(code: str, message: str = "model 'main': key=sk-abcdefghijk") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


SOON = {"Retry-After": "0"}
LATER = {"Retry-After": "3600"}
FULL = Reply(_failed("queue_full"), 429, SOON)
REPLIES: dict[str, tuple[list[Reply], dict[str, Any], list[str]]] = {
    "as expected": ([Reply()], {}, []),
    "not as expected": ([Reply(_good("Bad"))], {}, ["TextMissing"]),
    "a failed run": ([Reply(_failed("model_timeout"), 504)], {}, ["ModelTimeout"]),
    "an error whose code is none": ([Reply(_failed("sk-abc DEF"), 500)], {}, ["RunFailed"]),
    "told to come back": ([FULL, Reply()], {}, []),
    "told to come back twice": ([FULL, FULL, Reply()], {}, ["QueueFull"]),
    "told to come back too late": ([Reply(_failed("queue_full"), 429, LATER), Reply()], {}, ["QueueFull"]),
    "told to come back, not when": ([Reply(_failed("queue_full"), 429), Reply()], {}, ["QueueFull"]),
    "told to come back while draining": ([Reply(_failed("shutting_down"), 503, SOON), Reply()], {}, ["ShuttingDown"]),
    "sent elsewhere": ([Reply("", 307, {"Location": "/v1/chat/completions"}), Reply()], {}, ["InvalidAnswer"]),
    "no JSON": ([Reply("<html>")], {}, ["InvalidAnswer"]),
    "no object": ([Reply([1])], {}, ["InvalidAnswer"]),
    "without what only agent servers tell": ([Reply(_good(agentteam=None))], {}, ["InvalidAnswer"]),
    "an error without words": ([Reply({}, 500)], {}, ["InvalidAnswer"]),
    "too long": ([Reply("x" * (4 * 1024 * 1024 + 1))], {}, ["InvalidAnswer"]),
    "any revision": ([Reply()], {"revision": ""}, []),
    "another revision": ([Reply()], {"revision": "red"}, ["RevisionMismatch"]),
    "an answer that takes too long": ([Reply(gate=asyncio.Event())], {"timeout_seconds": 0.05}, ["Timeout"]),
    "all that takes too long": ([Reply(gate=asyncio.Event())], {"deadline_seconds": 0.05}, ["Timeout"]),
}


@pytest.mark.parametrize(("replies", "options", "reasons"), REPLIES.values(), ids=REPLIES.keys())
async def test_one_sample(serve: Serve, replies: list[Reply], options: dict[str, Any], reasons: list[str]) -> None:
    asked = await serve(*replies)
    [had] = await _have(replace(OPTIONS, targets=(asked.url,), **options), GREETING)
    [sample] = had.candidate
    assert [failure.reason for failure in sample.failures] == reasons
    assert sample.passed == (not reasons)
    assert asked.synthetic == {"true"}
    assert "sk-abc" not in str(sample.failures)


COSTS: dict[str, tuple[list[Reply], dict[str, Any], float | None]] = {
    "told": ([Reply(_good(agentteam={"stop_reason": "done", "speakers": [], "cost": 0.25}))], {}, 0.25),
    "told by a failed run": ([Reply({**_failed("model_error"), "agentteam": {"cost": 0.5}}, 502)], {}, 0.5),
    "not told by a failed run": ([Reply(_failed("model_error"), 502)], {}, None),
    "turned away": ([Reply(_failed("queue_full"), 429)], {}, 0.0),
    "never answered": ([Reply(gate=asyncio.Event())], {"timeout_seconds": 0.05}, None),
    "negative": ([Reply({**_failed("model_error"), "agentteam": {"cost": -1}}, 502)], {}, None),
    "no number": ([Reply({**_failed("model_error"), "agentteam": {"cost": "NaN"}}, 502)], {}, None),
}


@pytest.mark.parametrize(("replies", "options", "cost"), COSTS.values(), ids=COSTS.keys())
async def test_what_a_sample_costs(
    serve: Serve, replies: list[Reply], options: dict[str, Any], cost: float | None
) -> None:
    asked = await serve(*replies)
    [had] = await _have(replace(OPTIONS, targets=(asked.url,), **options), GREETING)
    assert (had.candidate[0].cost, had.candidate[0].costs_told) == (cost, True)


async def test_a_server_that_tells_no_cost(serve: Serve) -> None:
    asked = await serve()
    [had] = await _have(replace(OPTIONS, targets=(asked.url,)), GREETING)
    assert not had.candidate[0].costs_told


async def test_a_server_that_is_none_of_ours(serve: Serve) -> None:
    asked = await serve(revision=None)
    [had] = await _have(replace(OPTIONS, targets=(asked.url,), revision=""), GREETING)
    assert [failure.reason for failure in had.candidate[0].failures] == ["InvalidAnswer"]


async def test_nobody_is_there(unused_tcp_port: int) -> None:
    [had] = await _have(replace(OPTIONS, targets=(f"http://127.0.0.1:{unused_tcp_port}",)), GREETING)
    [failure] = had.candidate[0].failures
    assert (failure.reason, failure.message) == ("Unreachable", "the pod can't be reached: Connection refused")
    assert not had.candidate[0].is_of_the_team


async def test_the_client_sends_what_was_said_before(serve: Serve) -> None:
    asked = await serve(Reply(_good("Which order?")), Reply(_good("Good day")))
    turns = [{"user": "refund, please"}, {"user": "order 17"}]
    [had] = await _have(replace(OPTIONS, targets=(asked.url,)), {**GREETING, "turns": turns})
    assert had.candidate[0].passed
    assert had.candidate[0].tokens == 14
    assert asked.messages == [["refund, please"], ["refund, please", "Which order?", "order 17"]]


async def test_a_turn_without_an_answer_ends_the_sample(serve: Serve) -> None:
    asked = await serve(Reply(), Reply(_failed("model_error"), 502))
    turns = [{"user": str(number)} for number in range(3)]
    [had] = await _have(replace(OPTIONS, targets=(asked.url,)), {**GREETING, "turns": turns})
    assert [failure.reason for failure in had.candidate[0].failures] == ["ModelError"]
    assert len(asked.messages) == 2
    assert had.candidate[0].tokens == 7


async def test_samples_go_to_the_targets_in_turn(serve: Serve) -> None:
    first, second = await serve(), await serve()
    await _have(
        replace(OPTIONS, targets=(first.url, second.url)), {**GREETING, "samples": 3}, {**GREETING, "name": "again"}
    )
    assert (len(first.messages), len(second.messages)) == (2, 2)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_only_so_many_samples_run_at_once(serve: Serve, concurrency: int) -> None:
    asked = await serve()
    options = replace(OPTIONS, targets=(asked.url,), concurrency=concurrency)
    await _have(options, {**GREETING, "samples": 6}, {**GREETING, "name": "again", "samples": 6})
    assert asked.most_running == concurrency
    assert len(asked.messages) == 12


async def test_a_sample_and_its_control_begin_side_by_side(serve: Serve) -> None:
    gate = asyncio.Event()
    green, blue = await serve(Reply(gate=gate)), await serve(Reply(gate=gate), revision="blue")
    options = replace(OPTIONS, targets=(green.url,), controls=(blue.url,), concurrency=2)
    having = asyncio.create_task(_have(options, {**GREETING, "samples": 3}))
    await eventually(lambda: green.running + blue.running == 2)
    assert (green.running, blue.running) == (1, 1)
    gate.set()
    [had] = await having
    assert len(had.candidate) == len(had.control) == 3


async def test_controls_are_asked_the_same_and_must_be_of_another_revision(serve: Serve) -> None:
    green, blue, moved = await serve(), await serve(revision="blue"), await serve(revision="green")
    options = replace(OPTIONS, targets=(green.url,), controls=(blue.url, moved.url))
    [had] = await _have(options, {**GREETING, "samples": 4})
    assert [sample.passed for sample in had.candidate] == [True] * 4
    assert [sample.passed for sample in had.control] == [True, False, True, False]
    assert [sample.is_of_the_team for sample in had.control] == [True, False, True, False]
    assert blue.messages == green.messages[:2]


WRONG_ENVIRONMENTS = {
    "none": ({}, "no conversation: set AGENTTEAM_CONVERSATION_0 and so on"),
    "no JSON": ({"AGENTTEAM_CONVERSATION_0": "{"}, "AGENTTEAM_CONVERSATION_0: is no JSON"),
    "no conversation": ({"AGENTTEAM_CONVERSATION_3": "[]"}, "AGENTTEAM_CONVERSATION_3: (manifest)"),
    "unknown field": (
        {"AGENTTEAM_CONVERSATION_0": json.dumps({**GREETING, "sample": 1})},
        "AGENTTEAM_CONVERSATION_0: sample: unknown field: did you mean samples?",
    ),
    "a pattern that is none": (
        {"AGENTTEAM_CONVERSATION_0": json.dumps({**GREETING, "expect": {"matches": "("}})},
        "AGENTTEAM_CONVERSATION_0: .expect.matches ((): matches must be a regular expression",
    ),
}


@pytest.mark.parametrize(("environment", "message"), WRONG_ENVIRONMENTS.values(), ids=WRONG_ENVIRONMENTS.keys())
def test_environments_that_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    message: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["converse", "--target", "http://127.0.0.1:1"]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(message)
    assert output.out == ""


def test_conversations_are_read_in_the_order_of_their_numbers() -> None:
    environment = {
        f"AGENTTEAM_CONVERSATION_{number}": Conversation.parse({**GREETING, "name": f"c{number}"}).to_json()
        for number in (10, 2, 0)
    }
    found = read_conversations({**environment, "AGENTTEAM_CONVERSATION_X": "other"})
    assert [conversation.name for conversation in found] == ["c0", "c2", "c10"]


MANIFESTS: dict[str, tuple[Document, int, str]] = {
    "a conversation": ({"rollout": {"conversations": [GREETING]}}, 1, ""),
    "none": ({}, 2, "spec.rollout.conversations is empty: write one"),
    "a wrong one": ({"rollout": {"conversations": [{"name": "greet"}]}}, 2, "conversations[0].turns: is required"),
}


@pytest.mark.parametrize(("spec", "status", "message"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_by_hand_the_conversations_come_from_a_manifest(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    unused_tcp_port: int,
    spec: Document,
    *,
    status: int,
    message: str,
) -> None:
    path = tmp_path / "team.json"
    path.write_text(json.dumps(team(spec)))
    assert main(["converse", str(path), "--target", f"http://127.0.0.1:{unused_tcp_port}"]) == status
    output = capsys.readouterr()
    assert message in output.err
    assert ("conversation greet failed 1 of 1" in output.out) == (status == 1)


@pytest.mark.parametrize("concurrency", ["0", "17", "many"])
def test_a_concurrency_out_of_bounds_is_refused(concurrency: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["converse", "--target", "http://127.0.0.1:1", "--concurrency", concurrency])
    assert caught.value.code == 2


def test_the_command_writes_the_termination_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("AGENTTEAM_CONVERSATION_0", json.dumps(GREETING))
    log = tmp_path / "termination-log"
    target = ["--target", f"http://127.0.0.1:{unused_tcp_port}", "--termination-log", str(log)]
    assert main(["converse", *target]) == 1
    verdict = json.loads(log.read_text())
    assert (verdict["verdict"], verdict["reason"], verdict["value"]) == ("Failed", "Unreachable", "0 of 1 passed")
    assert json.loads(capsys.readouterr().out) == verdict
