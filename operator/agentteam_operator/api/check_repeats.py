"""What `repeatDuringWatch` needs, in Python; `repeat_rules.py` has the same in CEL."""

from __future__ import annotations

from agentteam_operator.api.field_problems import Found
from agentteam_operator.api.models import ModelSpec
from agentteam_operator.api.repeat_rules import NEEDS_CAP, NEEDS_GRADUAL, NEEDS_PRICE, NEEDS_WATCH
from agentteam_operator.api.rollout import RolloutSettings, TrafficMode


def check_repeats(rollout: RolloutSettings) -> Found:
    """Conversations to be repeated without a bound on their cost, or without a time in which both revisions serve."""
    first = next((conversation for conversation in rollout.conversations if conversation.repeat_during_watch), None)
    if first is None:
        return
    if rollout.max_synthetic_cost is None:
        yield ".conversations", first.name, f"conversation {first.name} {NEEDS_CAP}"
    if rollout.traffic.mode is TrafficMode.IMMEDIATE:
        yield ".traffic.mode", rollout.traffic.mode.value, f"conversation {first.name} {NEEDS_GRADUAL}"
    if rollout.watch_seconds == 0:
        yield ".watchSeconds", 0, f"conversation {first.name} {NEEDS_WATCH}"


def check_prices(rollout: RolloutSettings, models: tuple[ModelSpec, ...]) -> Found:
    """Models whose runs cost nobody knows how much, though conversations are to be repeated within a bound."""
    if any(conversation.repeat_during_watch for conversation in rollout.conversations):
        for index, model in enumerate(models):
            if model.price is None:
                yield f".models[{index}]", model.name, f"model {model.name} {NEEDS_PRICE}"
