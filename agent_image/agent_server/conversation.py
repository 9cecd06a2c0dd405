"""What goes into a run and what comes out of it, in terms that neither HTTP nor AutoGen colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Speaker(StrEnum):
    """Who said an earlier message of the conversation."""

    USER = "user"
    TEAM = "assistant"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One earlier message of the conversation."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The client's whole view of the conversation: the server keeps nothing between runs.

    `task` is the user's last message, `history` what was said before it, `instructions` what the client put into
    system messages (empty: nothing). A `synthetic` one tries the team out, and is counted apart.
    """

    task: str
    history: tuple[Utterance, ...] = ()
    instructions: str = ""
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class AgentText:
    """A piece of an agent's message, as its model produced it; only in a streamed run."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """A whole message of an agent. In a streamed run its text has been seen before, piece by piece, as AgentText."""

    agent: str
    text: str


RunEvent = AgentText | AgentMessage
EventSink = Callable[[RunEvent], None]


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of all calls to models in one run, the selector's included, as the endpoints reported them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        """Both together."""
        return TokenUsage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


class StopCause(StrEnum):
    """What ended a run that went well, as the `stop_reason` label of autogen_runs_stopped_total."""

    MAX_TURNS = "max_turns"
    MAX_MESSAGES = "max_messages"
    TEXT_MENTION = "text_mention"
    TIMEOUT = "timeout"
    TOKEN_USAGE = "token_usage"  # noqa: S105 - no password
    OTHER = "other"
    """Several conditions at once, or one that isn't the spec's."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended well: the last agent's message, why the team stopped, and what it took.

    `speakers` has the agent of each message, by its name in the spec, in the order of speaking.
    """

    answer: str
    stop_reason: str
    speakers: tuple[str, ...]
    usage: TokenUsage
    stop_cause: StopCause = StopCause.OTHER
    cost: float = 0.0
    """By the prices of the models that were called; 0 where they have none."""
    cost_known: bool = True
    """Whether that is all: each had a price, and told its tokens."""
