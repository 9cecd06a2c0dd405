"""From `spec.team` to AutoGen's team: one function for each kind of part."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

from agentteam_operator.api.team import (
    AgentSpec,
    SelectorSettings,
    TeamSpec,
    TeamType,
    Termination,
)
from agentteam_operator.api.team import TerminationCondition as TerminationSpec
from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.conditions import (
    MaxMessageTermination,
    TextMentionTermination,
    TimeoutTermination,
    TokenUsageTermination,
)
from autogen_agentchat.teams import BaseGroupChat, RoundRobinGroupChat, SelectorGroupChat
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import AssistantMessage, ChatCompletionClient, LLMMessage, SystemMessage, UserMessage

from agent_server.conversation import AgentText, Conversation, EventSink, Speaker
from agent_server.team.metered import MeteredAgent, TextSink
from agent_server.telemetry.metrics import ServerMetrics


def autogen_name(name: str) -> str:
    """The agent's name as AutoGen takes it, a Python identifier: `tier-2` -> `tier_2`."""
    return name.replace("-", "_")


ClientFactory = Callable[[str, TextSink | None], ChatCompletionClient]
"""A client for the model of that name; with a sink, one that streams its text there."""


def build_team(
    spec: TeamSpec,
    client: ClientFactory,
    conversation: Conversation,
    metrics: ServerMetrics,
    on_event: EventSink | None = None,
) -> BaseGroupChat:
    """A new team, which knows the conversation so far, for one run; with `on_event`, one whose agents stream.

    The history goes into the agents' contexts and not into the run's messages, so that it neither counts as
    maxMessages nor ends the run by a text mentioned earlier.

    Raises:
        ValueError: AutoGen refuses the team.
    """
    context = context_messages(conversation)
    counted = None if conversation.synthetic else metrics
    agents = [build_agent(agent, client, context, counted, on_event) for agent in spec.agents]
    termination = build_termination(spec.termination, [agent.name for agent in agents])
    match spec.type:
        case TeamType.ROUND_ROBIN:
            return RoundRobinGroupChat([*agents], termination_condition=termination, max_turns=spec.max_turns)
        case TeamType.SELECTOR:
            selector = _required_selector(spec)
            return SelectorGroupChat(
                [*agents],
                client(selector.model, None),
                termination_condition=termination,
                max_turns=spec.max_turns,
                selector_prompt=selector.prompt,
                allow_repeated_speaker=selector.allow_repeated_speaker,
                model_context=UnboundedChatCompletionContext(initial_messages=list(context)),
            )


def build_agent(
    spec: AgentSpec,
    client: ClientFactory,
    context: list[LLMMessage],
    metrics: ServerMetrics | None,
    on_event: EventSink | None,
) -> MeteredAgent:
    """An agent that begins with `context` behind its own system message; without `metrics` its turns aren't counted."""

    def on_text(text: str) -> None:
        if on_event is not None:
            on_event(AgentText(spec.name, text))

    return MeteredAgent(
        autogen_name(spec.name),
        client(spec.model, None if on_event is None else on_text),
        description=spec.description or spec.name,
        system_message=spec.system_message or None,
        model_context=UnboundedChatCompletionContext(initial_messages=list(context)),
        spec_name=spec.name,
        metrics=metrics,
        on_event=on_event,
    )


def build_termination(spec: Termination, agents: list[str]) -> TerminationCondition | None:
    """The conditions joined by "or"; None if there are none. `agents` are AutoGen's names."""
    conditions = [build_condition(condition, agents) for condition in spec.any]
    return reduce(or_, conditions) if conditions else None


def build_condition(spec: TerminationSpec, agents: list[str]) -> TerminationCondition:
    """One condition. A text counts only where an agent says it: the user may well mention it in the task."""
    if spec.max_messages is not None:
        return MaxMessageTermination(spec.max_messages)
    if spec.text_mention is not None:
        return TextMentionTermination(spec.text_mention, sources=agents)
    if spec.timeout_seconds is not None:
        return TimeoutTermination(spec.timeout_seconds)
    if spec.token_usage is not None:
        return TokenUsageTermination(max_total_token=spec.token_usage)
    raise ValueError("an entry of termination.any sets nothing: set one of its fields")


def context_messages(conversation: Conversation) -> list[LLMMessage]:
    """What was said before the task, as a model reads it.

    The client's instructions come first, right behind the agent's own system message: AutoGen refuses system messages
    further down for most models.
    """
    messages: list[LLMMessage] = []
    if conversation.instructions:
        messages.append(SystemMessage(content=conversation.instructions))
    for utterance in conversation.history:
        if utterance.speaker is Speaker.USER:
            messages.append(UserMessage(content=utterance.text, source=Speaker.USER))
        else:
            messages.append(AssistantMessage(content=utterance.text, source=Speaker.TEAM))
    return messages


def _required_selector(spec: TeamSpec) -> SelectorSettings:
    if spec.selector is None:
        raise ValueError("a Selector team needs selector.model: name the entry of spec.models that chooses")
    return spec.selector
