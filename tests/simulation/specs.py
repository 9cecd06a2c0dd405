"""The specs that scenarios roll out: one small team with short times."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from agentteam_operator.api.revision import restarted_hash, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec

VERSIONS = ("1", "2", "3", "1+", "1@again", "2@again")
"""Versions of specs. `1+` is 1 with other resources, which isn't another behaviour; `1@again` is 1, restarted."""

READY_TIMEOUT_SECONDS = 30
WATCH_SECONDS = 10
SETTLE_SECONDS = 5
DRAIN_SECONDS = 5

PRICE = {"inputPerMillionTokens": 1, "outputPerMillionTokens": 2}

STEPS = ({"weight": 25, "holdSeconds": 5}, {"weight": 50, "holdSeconds": 0})


def spec(version: str, *, rollout: object = None, **fields: object) -> dict[str, Any]:
    """A valid spec; `fields` and `rollout` replace parts of it."""
    name, more = version.removesuffix("+"), version.endswith("+")
    document = {
        "version": name,
        "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["hello"]}, "price": PRICE}],
        "team": {
            "type": "RoundRobin",
            "maxTurns": 2,
            "agents": [{"name": "clerk", "description": "answers", "systemMessage": "Answer.", "model": "main"}],
        },
        "replicas": 3,
        "rollout": {
            "readyTimeoutSeconds": READY_TIMEOUT_SECONDS,
            "watchSeconds": WATCH_SECONDS,
            "settleSeconds": SETTLE_SECONDS,
            "drainSeconds": DRAIN_SECONDS,
            "traffic": {"steps": list(STEPS)},
            "analysis": {"intervalSeconds": 5},
            **(rollout if isinstance(rollout, Mapping) else {}),
        },
        **({"resources": {"limits": {"memory": "2Gi"}}} if more else {}),
        **fields,
    }
    return {field: value for field, value in document.items() if value is not None}


@cache
def revision(version: str) -> str:
    """The hash of the revision that `spec(version)` asks for; with @ and a nonce, once it was restarted by that."""
    name, _, nonce = version.partition("@")
    plain = revision_hash(AgentTeamSpec.parse(spec(name)))
    return restarted_hash(plain, f"{plain}/{nonce}") if nonce else plain
