"""`agent-server converse`: has golden conversations with servers and writes the gate's verdict; runs as a Job.

The conversations come from the environment, one JSON document each: AGENTTEAM_CONVERSATION_0 and so on; by hand, from
a manifest. The verdict (agent_server.verdict) has one result for each: {"conversation", "passed", "value", "threshold",
"control" (where the active revision was asked), "tokens", "failures": [{"sample", "target", "reason", "message"}]}.
Of a round of the watch it has the pairs, too: [{"target", "pairs", "failed", "controlFailed"}].
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from agentteam_operator.api.checks import cross_field_problems
from agentteam_operator.api.conversations import ENVIRONMENT_PREFIX, Conversation
from agentteam_operator.api.field_problems import problems_of
from pydantic import ValidationError

from agent_server.config import ConfigError, load_conversations
from agent_server.golden.judgement import conversations_verdict
from agent_server.golden.rounds import round_verdict
from agent_server.golden.samples import ConverseOptions, have_all
from agent_server.verdict import publish

_USED_WRONGLY = 2


def converse(manifest: Path | None, options: ConverseOptions, termination_log: Path | None) -> int:
    """Have the conversations of the manifest, or of the environment; print the verdict, and write it to the log.

    Returns 0 if it's passed, 1 if it's failed, 3 if it's inconclusive, and 2 if there are no conversations to have, or
    nothing to compare a round with.
    """
    if options.is_round and not options.controls:
        print("--round compares: give at least one --control", file=sys.stderr)  # noqa: T201 - the command's output
        return _USED_WRONGLY
    try:
        conversations = read_conversations(os.environ) if manifest is None else load_conversations(manifest)
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command's output
        return _USED_WRONGLY
    judge = round_verdict if options.is_round else conversations_verdict
    return publish(judge(asyncio.run(have_all(conversations, options))), termination_log)


def read_conversations(environment: Mapping[str, str]) -> list[Conversation]:
    """The conversations of the environment, in the order of their numbers.

    Raises:
        ValueError: there is none, or one is wrong; with all that is wrong.
    """
    numbers = sorted(
        int(name.removeprefix(ENVIRONMENT_PREFIX))
        for name in environment
        if name.startswith(ENVIRONMENT_PREFIX) and name.removeprefix(ENVIRONMENT_PREFIX).isdecimal()
    )
    if not numbers:
        raise ValueError(f"no conversation: set {ENVIRONMENT_PREFIX}0 and so on, to one JSON document each")
    return [_read(f"{ENVIRONMENT_PREFIX}{number}", environment) for number in numbers]


def _read(variable: str, environment: Mapping[str, str]) -> Conversation:
    try:
        conversation = Conversation.parse(json.loads(environment[variable]))
    except ValidationError as error:
        raise ValueError("\n".join(f"{variable}: {problem}" for problem in problems_of(error, Conversation))) from None
    except (ValueError, RecursionError):
        raise ValueError(f"{variable}: is no JSON") from None
    problems = list(cross_field_problems(conversation, ""))
    if problems:
        raise ValueError("\n".join(f"{variable}: {problem}" for problem in problems))
    return conversation
