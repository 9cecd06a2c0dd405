"""What `repeatDuringWatch` needs, as the API server has it in CEL; `check_repeats.py` has the same in Python."""

from __future__ import annotations

from agentteam_operator.api.base import Rule

NEEDS_CAP = "is repeated during the watch, which costs: set maxSyntheticCost to the most that it may cost"
NEEDS_GRADUAL = "is repeated while both revisions serve, which they never do with mode Immediate: set mode to Gradual"
NEEDS_WATCH = "is repeated during the watch, but watchSeconds is 0: set watchSeconds to how long it may take"
NEEDS_PRICE = (
    "has no price, so that nobody knows what repeatDuringWatch costs: set its price, or remove repeatDuringWatch"
)

_REPEATED = "has(c.repeatDuringWatch) && c.repeatDuringWatch"
_NONE = f"!has(self.conversations) || !self.conversations.exists(c, {_REPEATED})"
_FIRST = f"self.conversations[self.conversations.map(c, {_REPEATED}).indexOf(true)]"

IN_SPEC = "self.rollout.conversations.exists(c, c.repeatDuringWatch)"
"""Whether any conversation is repeated, over the whole spec."""


def _rule(right: str, message: str, field_path: str) -> Rule:
    return Rule(
        f"{_NONE} || {right}",
        f"a conversation {message}",
        message_expression=f"'conversation ' + {_FIRST}.name + ' {message}'",
        field_path=field_path,
    )


REPEAT_RULES = (
    _rule("has(self.maxSyntheticCost)", NEEDS_CAP, ".conversations"),
    _rule(
        "!has(self.traffic) || !has(self.traffic.mode) || self.traffic.mode != 'Immediate'", NEEDS_GRADUAL, ".traffic"
    ),
    _rule("!has(self.watchSeconds) || self.watchSeconds > 0", NEEDS_WATCH, ".watchSeconds"),
)
