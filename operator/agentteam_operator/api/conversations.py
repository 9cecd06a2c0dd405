"""`spec.rollout.conversations`: golden conversations, which a new revision has to get through before any traffic."""

from __future__ import annotations

import json
import math
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ATOMIC, SET, ApiModel, DnsLabel, Rule, list_map

MAX_CONVERSATION_BYTES = 100 * 1024
"""Most that one conversation may have as JSON: it travels in an environment variable, and Linux takes 128 KiB."""

MAX_CONVERSATIONS_BYTES = 512 * 1024
"""Most that all of a team may have together: they travel in one Job, and etcd takes 1.5 MiB."""

ENVIRONMENT_PREFIX = "AGENTTEAM_CONVERSATION_"
"""The n-th conversation, from 0, is in the variable of this name and n, as JSON."""

_ROUNDING = 1e-9
"""So that 0.3 of 10 samples are 3, though 0.3 * 10 is a little more in binary."""

ExpectedText = Annotated[str, Field(min_length=1, max_length=256)]


class UserTurn(ApiModel):
    """One thing that the user says."""

    user: Annotated[str, Field(min_length=1, max_length=4096)]
    """What the user says; the team's answer is waited for before the next turn."""


class Expectation(ApiModel):
    """What a sample must show: all that is set. With nothing set, an answer to each turn is enough."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            # The value is of no interest: an expression that can't be compiled is an error, and so a refusal.
            "!has(self.matches) || ''.matches(self.matches) in [true, false]",
            "matches must be a regular expression in RE2's syntax: correct it",
        ),
    )

    contains: Annotated[tuple[ExpectedText, ...], Field(max_length=10, json_schema_extra=ATOMIC)] = ()
    """Texts that the last answer must contain, each of them, in the same case."""
    not_contains: Annotated[tuple[ExpectedText, ...], Field(max_length=10, json_schema_extra=ATOMIC)] = ()
    """Texts that no answer may contain, to whichever turn, in the same case."""
    matches: Annotated[str, Field(max_length=512)] = ""
    """Regular expression in RE2's syntax that must be found in the last answer; (?i) in front of it ignores case, ^ and
    $ bind it to the whole answer. Empty: none."""
    agents_spoke: Annotated[tuple[DnsLabel, ...], Field(max_length=50, json_schema_extra=SET)] = ()
    """Agents that must each have spoken, in whichever turn."""
    stop_reason: Annotated[str, Field(max_length=256)] = ""
    """Text that must be in the reason for which the last run stopped, such as the text of a textMention. Empty: any
    reason is right."""
    json_schema: Annotated[str, Field(max_length=8192)] = ""
    """JSON Schema (draft 2020-12) as JSON text; the last answer must be JSON that is valid under it. References lead
    within the schema. Empty: none."""
    max_turns: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most messages of agents in one answer's run; each answer is held against it."""
    max_tokens: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Most tokens of the whole sample, all turns and all calls to models together. An endpoint that reports no usage
    fails it."""
    max_latency_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Longest time for one whole answer, in seconds; each answer is held against it."""


class Conversation(ApiModel):
    """One golden conversation, had several times, since agents don't answer alike twice."""

    name: DnsLabel
    """Name of the conversation, unique in the team; verdicts speak of it."""
    turns: Annotated[tuple[UserTurn, ...], Field(min_length=1, max_length=10, json_schema_extra=ATOMIC)]
    """What the user says, turn by turn, in one chat."""
    samples: Annotated[int, Field(ge=1, le=20)] = 3
    """How often the conversation is had, each time anew."""
    min_pass_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the samples that must pass, rounded up to whole ones: 0.6 of 3 is 2."""
    expect: Expectation = Expectation()
    """What each sample must show; without it, an answer to each turn."""
    repeat_during_watch: bool = False
    """Whether it is had again and again with both revisions while both serve, for a team whose own runs are too few to
    judge by. Needs maxSyntheticCost, and a price at each model."""

    @property
    def passes_needed(self) -> int:
        """The least number of samples that must pass."""
        return max(1, math.ceil(self.min_pass_rate * self.samples - _ROUNDING))

    @property
    def tolerated(self) -> float:
        """The share of samples that may fail."""
        return 1 - self.passes_needed / self.samples

    def to_json(self) -> str:
        """The conversation as it travels in an environment variable."""
        return json.dumps(self.to_document(), ensure_ascii=False, separators=(",", ":"))


Conversations = Annotated[tuple[Conversation, ...], Field(max_length=20, json_schema_extra=list_map("name"))]
