"""`spec.team`: the agents and how they work together."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ATOMIC, ApiModel, DnsLabel, Rule, list_map

RESERVED_AGENT_NAMES = ("user",)

DEFAULT_SELECTOR_PROMPT = """\
You decide who speaks next in a team. Its members and what each is good at:
{roles}

The conversation so far:
{history}

Choose the one of {participants} who can best carry the conversation on. Answer with that name and nothing else.
"""


class TeamType(StrEnum):
    """How the next speaker is found."""

    ROUND_ROBIN = "RoundRobin"
    SELECTOR = "Selector"


class AgentKind(StrEnum):
    """What an agent is."""

    ASSISTANT = "Assistant"


class SelectorSettings(ApiModel):
    """How a Selector team's next speaker is chosen."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.prompt.replace('{{', '').replace('}}', '').replace('{roles}', '').replace('{history}', '')"
            ".replace('{participants}', '').matches('[{}]')",
            "prompt may hold no braces but {roles}, {history} and {participants}: write others twice, as {{ and }}",
            field_path=".prompt",
        ),
    )

    model: DnsLabel
    """Name of the entry of spec.models that chooses the next speaker."""
    prompt: Annotated[str, Field(min_length=1, max_length=8192)] = DEFAULT_SELECTOR_PROMPT
    """What the choosing model is told. {roles} stands for the agents with their descriptions, {history} for the
    conversation and {participants} for the names to choose from."""
    allow_repeated_speaker: bool = False
    """Whether an agent may speak twice in a row."""


class TerminationCondition(ApiModel):
    """One way in which a run ends; exactly one field is set."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.maxMessages), has(self.textMention), has(self.timeoutSeconds), has(self.tokenUsage)]"
            ".filter(set, set).size() == 1",
            "a termination condition has exactly one of maxMessages, textMention, timeoutSeconds and tokenUsage: "
            "write one entry of the list for each",
        ),
    )

    max_messages: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Ends after this many messages, the task's own included."""
    text_mention: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Ends when a message contains this text."""
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Ends after this many seconds with what has been said so far."""
    token_usage: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Ends after this many tokens, as far as the model's endpoint reports its usage."""

    @property
    def is_bound(self) -> bool:
        """Whether a run surely ends by it: text may never be mentioned, and not every endpoint reports its usage."""
        return self.max_messages is not None or self.timeout_seconds is not None


class Termination(ApiModel):
    """When a run ends."""

    any: Annotated[tuple[TerminationCondition, ...], Field(max_length=10, json_schema_extra=ATOMIC)] = ()
    """The run ends as soon as any of these conditions is met."""


class AgentSpec(ApiModel):
    """One agent of the team."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.name != 'user'",
            "the name user stands for the person who gives the task: give the agent another name",
            field_path=".name",
        ),
    )

    name: DnsLabel
    """Name of the agent, unique in the team; AutoGen gets it with '-' turned into '_'."""
    kind: AgentKind = AgentKind.ASSISTANT
    """What the agent is: Assistant, a language model with a system message."""
    description: Annotated[str, Field(max_length=1024)] = ""
    """What the agent is good at; a Selector chooses by it."""
    system_message: Annotated[str, Field(max_length=32_768)] = "You are a helpful assistant."
    """What the agent's model is told about its part, before the conversation. Empty: nothing."""
    model: DnsLabel
    """Name of the entry of spec.models that this agent speaks with."""


class TeamSpec(ApiModel):
    """The agents and how they work together."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type != 'Selector' || self.agents.size() >= 2",
            "a Selector team needs at least 2 agents to choose from: add one, or set type to RoundRobin",
            field_path=".agents",
        ),
        Rule(
            "self.type != 'Selector' || has(self.selector)",
            "a Selector team needs selector.model: name the entry of spec.models that chooses the next speaker",
            field_path=".selector",
        ),
        Rule(
            "self.type == 'Selector' || !has(self.selector)",
            "selector belongs to type Selector: remove selector, or set type to Selector",
            field_path=".selector",
        ),
        Rule(
            "has(self.maxTurns) || has(self.termination) && has(self.termination.any)"
            " && self.termination.any.exists(t, has(t.maxMessages) || has(t.timeoutSeconds))",
            "a run must have an end: set maxTurns, or maxMessages or timeoutSeconds in termination.any "
            "(textMention and tokenUsage may never be met)",
            field_path=".maxTurns",
        ),
    )

    type: TeamType
    """How the next speaker is found: RoundRobin (in the order of the list) or Selector (a model chooses)."""
    selector: SelectorSettings | None = None
    """How a Selector team's next speaker is chosen; required for type Selector."""
    max_turns: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most turns of agents in one run. A bound is always needed, here or as maxMessages or timeoutSeconds in
    termination."""
    termination: Termination = Termination()
    """When a run ends, besides maxTurns."""
    agents: Annotated[tuple[AgentSpec, ...], Field(min_length=1, max_length=50, json_schema_extra=list_map("name"))]
    """The agents, in their order of speaking."""


class RunsSettings(ApiModel):
    """How many runs one pod takes, and how long one may last."""

    max_concurrent: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Most runs at once in one pod."""
    max_queued: Annotated[int, Field(ge=0, le=100_000)] = 200
    """Most runs that wait for a place in one pod; further ones are answered with 429."""
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Longest time for one run, in seconds; then it fails with a timeout."""


class LogLevel(StrEnum):
    """Least severe level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """Shape of a log line."""

    JSON = "json"
    TEXT = "text"


class TelemetrySettings(ApiModel):
    """What the agent server tells about itself."""

    log_level: LogLevel = LogLevel.INFO
    """Least severe level that is logged: debug, info, warning or error."""
    log_format: LogFormat = LogFormat.JSON
    """Shape of a log line: json, or text for people."""
