"""From spec to AutoGen's parts."""

from __future__ import annotations

from typing import Any

import pytest
from agent_server.conversation import AgentMessage, AgentText, Conversation, RunEvent, Speaker, Utterance
from agent_server.team.build import autogen_name, build_condition, build_termination, context_messages
from agent_server.team.check import component_problems
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.team import Termination, TerminationCondition
from autogen_agentchat.messages import TextMessage
from autogen_core.models import RequestUsage

from tests.support.agent_server import replay_model, runner_of, sample, team_spec


@pytest.mark.parametrize(
    ("condition", "messages", "stops"),
    [
        pytest.param({"maxMessages": 2}, [("user", "hi"), ("a", "ho")], True, id="maxMessages-counts-the-task"),
        pytest.param({"maxMessages": 3}, [("user", "hi"), ("a", "ho")], False, id="maxMessages-not-yet"),
        pytest.param({"textMention": "DONE"}, [("a", "I am DONE")], True, id="textMention-by-an-agent"),
        pytest.param(
            {"textMention": "DONE"}, [("user", "say DONE")], False, id="textMention-by-the-user-does-not-count"
        ),
        pytest.param({"tokenUsage": 10}, [("a", "x", 6, 4)], True, id="tokenUsage-reached"),
        pytest.param({"tokenUsage": 10}, [("a", "x", 6, 3)], False, id="tokenUsage-below"),
        pytest.param({"timeoutSeconds": 3600}, [("a", "x")], False, id="timeoutSeconds-not-yet"),
    ],
)
async def test_condition(condition: dict[str, Any], messages: list[Any], *, stops: bool) -> None:
    built = build_condition(TerminationCondition.parse(condition), ["a"])
    said = [TextMessage(source=m[0], content=m[1], models_usage=_usage(m[2:])) for m in messages]
    assert (await built(said) is not None) is stops


def _usage(tokens: tuple[int, ...]) -> RequestUsage | None:
    return RequestUsage(*tokens) if tokens else None


async def test_any_of_several_conditions_ends_a_run() -> None:
    spec = Termination.parse({"any": [{"maxMessages": 99}, {"textMention": "STOP"}]})
    built = build_termination(spec, ["a"])
    assert built is not None
    assert await built([TextMessage(source="a", content="STOP")]) is not None


def test_no_condition_is_none() -> None:
    assert build_termination(Termination(), ["a"]) is None


def test_condition_without_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"termination\.any"):
        build_condition(TerminationCondition.model_construct(), ["a"])


@pytest.mark.parametrize(("name", "expected"), [("tier-2", "tier_2"), ("a", "a"), ("a-b-c", "a_b_c")])
def test_agent_names_become_identifiers(name: str, expected: str) -> None:
    assert autogen_name(name) == expected
    assert autogen_name(name).isidentifier()


def test_context_puts_the_clients_instructions_first() -> None:
    conversation = Conversation(
        "now", (Utterance(Speaker.USER, "before"), Utterance(Speaker.TEAM, "answer")), "be brief"
    )
    kinds = [(type(message).__name__, message.content) for message in context_messages(conversation)]
    assert kinds == [
        ("SystemMessage", "be brief"),
        ("UserMessage", "before"),
        ("AssistantMessage", "answer"),
    ]


SELECTOR = {
    "type": "Selector",
    "selector": {"model": "chooser"},
    "maxTurns": 2,
}


async def test_selector_lets_its_model_choose_the_speaker() -> None:
    models = [replay_model("from b", "from a"), replay_model("b", "a", name="chooser")]
    runner, _ = runner_of(team_spec(models, ["a", "b"], **SELECTOR))
    result = await runner.run(Conversation("who?"))
    assert result.answer == "from a"
    assert result.speakers == ("b", "a")


@pytest.mark.parametrize("synthetic", [False, True], ids=["real", "synthetic"])
async def test_the_turns_of_a_synthetic_run_are_not_counted_but_its_tokens_are(*, synthetic: bool) -> None:
    runner, metrics = runner_of(team_spec([replay_model("one", "two")], ["tier-1", "tier-2"]))
    result = await runner.run(Conversation("hi", synthetic=synthetic))
    assert result.speakers == ("tier-1", "tier-2")
    counted = 0 if synthetic else 1
    for agent in result.speakers:
        assert sample(metrics, "autogen_requests_total", agent_name=agent, status="success") == counted
        assert sample(metrics, "autogen_request_duration_seconds_count", agent_name=agent) == counted
    labels = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "replay", "gen_ai_request_model": "main"}
    assert sample(metrics, "gen_ai_client_operation_duration_seconds_count", **labels, error_type="") == 2


async def test_history_neither_counts_as_messages_nor_ends_the_run() -> None:
    spec = team_spec(
        [replay_model("first", "second")],
        ["a", "b"],
        maxTurns=None,
        termination={"any": [{"maxMessages": 3}, {"textMention": "APPROVE"}]},
    )
    runner, _ = runner_of(spec)
    history = tuple(Utterance(Speaker.TEAM, "APPROVE") for _ in range(20))
    result = await runner.run(Conversation("please APPROVE", history))
    assert (result.answer, result.speakers) == ("second", ("a", "b"))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_replay_answers_start_over_for_each_run(*, stream: bool) -> None:
    runner, _ = runner_of(team_spec([replay_model("one", "two")], ["a", "b"]))
    for _ in range(3):
        events: list[RunEvent] = []
        result = await runner.run(Conversation("hi"), events.append if stream else None)
        assert result.answer == "two"
        expected = [AgentText("a", "one"), AgentMessage("a", "one"), AgentText("b", "two"), AgentMessage("b", "two")]
        assert events == (expected if stream else [])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(team_spec([replay_model("x")]), [], id="good"),
        pytest.param(
            team_spec([{"name": "m", "provider": "OpenAI", "model": "my-own", "baseURL": "http://llm.example/v1"}]),
            ["spec.models[0].modelInfo (my-own): AutoGen doesn't know this model"],
            id="unknown-model-without-modelInfo",
        ),
        pytest.param(
            team_spec([{"name": "m", "provider": "OpenAI", "model": "gpt-4o", "baseURL": "http://llm.example/v1"}]),
            [],
            id="known-model",
        ),
    ],
)
def test_component_problems(spec: dict[str, Any], expected: list[str]) -> None:
    found = list(component_problems(AgentTeamSpec.parse(spec)))
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True))
