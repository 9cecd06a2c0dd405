"""Golden conversations and hooks as the tests' teams have them: they pass if an answer ends with APPROVE.

The scripted model ends its answers with the last word in capitals of the system message.
"""

from __future__ import annotations

from typing import Any

APPROVING = "Answer. End with APPROVE."
CURT = "Answer."
ASK = """
import json, os, urllib.request
url = os.environ.get("PREVIEW_URL") or os.environ["ACTIVE_URL"]
body = json.dumps({"model": os.environ["TEAM"], "messages": [{"role": "user", "content": "order 17"}]}).encode()
request = urllib.request.Request(f"{url}/v1/chat/completions", body, {"Content-Type": "application/json"})
answer = json.load(urllib.request.urlopen(request, timeout=20))
assert answer["system_fingerprint"] == os.environ["REVISION"], answer["system_fingerprint"]
said = answer["choices"][0]["message"]["content"]
open("/dev/termination-log", "w").write(json.dumps({"message": f"the team said: {said[-24:]}", "samples": 1}))
raise SystemExit(0 if said.endswith("APPROVE") else 1)
"""


def conversation() -> dict[str, Any]:
    """Settings of a rollout with one golden conversation, had twice."""
    entry = {"name": "refund", "turns": [{"user": "order 17"}], "samples": 2, "expect": {"contains": ["APPROVE"]}}
    return {"conversations": [entry], "conversationsTimeoutSeconds": 60}


def hook(image: str, when: str, name: str = "smoke") -> dict[str, Any]:
    """A hook that asks the revision on trial, and no other."""
    job = {"image": image, "command": ["python", "-c", ASK]}
    return {"name": name, "when": when, "job": job, "timeoutSeconds": 60}


def team_spec(message: str) -> dict[str, Any]:
    """The part of a team's spec that says how it answers."""
    agents = [{"name": "clerk", "model": "main", "systemMessage": message}]
    return {"team": {"type": "RoundRobin", "maxTurns": 1, "agents": agents}}
