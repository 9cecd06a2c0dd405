"""The rules of `spec.models` and `spec.team` that span fields, as the API server has them in CEL."""

from __future__ import annotations

import re

from agentteam_operator.api.field_problems import Found
from agentteam_operator.api.models import ModelSpec, Provider
from agentteam_operator.api.team import (
    RESERVED_AGENT_NAMES,
    AgentSpec,
    SelectorSettings,
    TeamSpec,
    TeamType,
    TerminationCondition,
)


def check_model(model: ModelSpec) -> Found:
    """Fields that the provider needs, or that it has no use for."""
    if model.provider is Provider.OPENAI:
        if not model.model:
            yield (
                ".model",
                None,
                "provider OpenAI needs model: set it to the model's name at that endpoint, such as gpt-4o",
            )
        if model.api_key_secret_ref is None and model.base_url is None:
            yield (
                "",
                None,
                (
                    "provider OpenAI needs apiKeySecretRef (the key of the public API) or baseURL (an endpoint of your "
                    "own): set one of them"
                ),
            )
        if model.replay is not None:
            yield ".replay", None, "replay belongs to provider Replay: remove replay, or set provider to Replay"
        return
    if model.replay is None:
        yield ".replay", None, "provider Replay needs replay.answers: list the answers to give"
    if model.base_url is not None or model.api_key_secret_ref is not None:
        yield (
            "",
            model.base_url,
            "provider Replay calls no endpoint: remove baseURL and apiKeySecretRef, or set provider to OpenAI",
        )


def check_team(team: TeamSpec) -> Found:
    """A type without what it needs, and a run without an end."""
    if team.type is TeamType.SELECTOR:
        if len(team.agents) < 2:  # noqa: PLR2004 - one agent leaves nothing to choose
            yield (
                ".agents",
                None,
                "a Selector team needs at least 2 agents to choose from: add one, or set type to RoundRobin",
            )
        if team.selector is None:
            yield (
                ".selector",
                None,
                "a Selector team needs selector.model: name the entry of spec.models that chooses the next speaker",
            )
    elif team.selector is not None:
        yield ".selector", None, "selector belongs to type Selector: remove selector, or set type to Selector"
    if team.max_turns is None and not any(condition.is_bound for condition in team.termination.any):
        yield (
            ".maxTurns",
            None,
            (
                "a run must have an end: set maxTurns, or maxMessages or timeoutSeconds in termination.any "
                "(textMention and tokenUsage may never be met)"
            ),
        )


def check_selector(selector: SelectorSettings) -> Found:
    """Braces that would break the prompt when it is filled in."""
    rest = re.sub(r"\{(roles|history|participants)\}|\{\{|\}\}", "", selector.prompt)
    if re.search("[{}]", rest):
        yield (
            ".prompt",
            selector.prompt,
            "prompt may hold no braces but {roles}, {history} and {participants}: write others twice, as {{ and }}",
        )


def check_termination(condition: TerminationCondition) -> Found:
    """An entry that is none or several conditions."""
    if len(condition.to_document()) != 1:
        yield (
            "",
            condition.to_document(),
            (
                "a termination condition has exactly one of maxMessages, textMention, timeoutSeconds and tokenUsage: "
                "write one entry of the list for each"
            ),
        )


def check_agent(agent: AgentSpec) -> Found:
    """A name that means something else in a conversation."""
    if agent.name in RESERVED_AGENT_NAMES:
        message = f"the name {agent.name} stands for the person who gives the task: give the agent another name"
        yield ".name", agent.name, message
