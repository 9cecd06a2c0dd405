"""Why AutoGen stopped a run: it says so in words only."""

from __future__ import annotations

import re

from agent_server.conversation import StopCause

_WORDS = {
    StopCause.MAX_TURNS: re.compile(r"Maximum number of turns \d+ reached\."),
    StopCause.MAX_MESSAGES: re.compile(r"Maximum number of messages \d+ reached, current message count: \d+"),
    StopCause.TEXT_MENTION: re.compile(r"Text '.*' mentioned", re.DOTALL),
    StopCause.TIMEOUT: re.compile(r"Timeout of [\d.]+ seconds reached"),
    StopCause.TOKEN_USAGE: re.compile(
        r"Token usage limit reached, total token count: \d+, prompt token count: \d+, completion token count: \d+\."
    ),
}


def stop_cause(stop_reason: str) -> StopCause:
    """The one cause that AutoGen's words name; OTHER for several at once, and for what isn't known."""
    return next((cause for cause, words in _WORDS.items() if words.fullmatch(stop_reason)), StopCause.OTHER)
