"""What happened between two states of an AgentTeam, in words. Pure, so that it is tested without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

TERMINAL_PHASES = frozenset({"Completed", "RolledBack", "Failed"})
SUCCESS, FAILURE, NEUTRAL = "success", "failure", "neutral"
_PHASE_MOODS = {"Completed": SUCCESS, "RolledBack": FAILURE, "RollingBack": FAILURE, "Failed": FAILURE}
_UNDECIDED = frozenset({"Pending", "Inconclusive"})
_VERDICT_MOODS = {"Passed": SUCCESS, "Failed": FAILURE}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    subject: str
    """What it's about: a phase's, a gate's name, ``traffic``."""
    text: str
    mood: str = NEUTRAL


def rollout(team: Json) -> Json:
    """The rollout under way or the last one; empty before the first."""
    found: Json = team.get("status", {}).get("rollout") or {}
    return found


def phase(team: Json) -> str:
    """The rollout's phase."""
    return str(rollout(team).get("phase", ""))


def has_ended(team: Json, revision_before: str) -> bool:
    """The spec as it stands has been rolled out or given up, by a rollout of another revision than before."""
    latest = rollout(team)
    observed = team.get("status", {}).get("observedGeneration", -1) >= team["metadata"]["generation"]
    return observed and latest.get("phase") in TERMINAL_PHASES and latest.get("revision") != revision_before


def entries(before: Json | None, after: Json) -> list[Entry]:
    """The lines that are due when the team goes from one state to the next."""
    earlier, later = rollout(before or {}), rollout(after)
    if earlier.get("revision") != later.get("revision") or earlier.get("startedAt") != later.get("startedAt"):
        earlier = {}
    return [*_transitions(earlier, later), *_gates(earlier, later), *_weight(earlier, later)]


def _transitions(earlier: Json, later: Json) -> list[Entry]:
    known = {(one["phase"], one["at"]) for one in earlier.get("transitions", [])}
    new = [one for one in later.get("transitions", []) if (one["phase"], one["at"]) not in known]
    return [Entry(one["phase"], _words(one), _PHASE_MOODS.get(one["phase"], NEUTRAL)) for one in new]


def _gates(earlier: Json, later: Json) -> list[Entry]:
    known = {gate["name"]: gate["verdict"] for gate in earlier.get("gates", [])}
    # A gate without a verdict yet isn't news: the panel shows it.
    verdicts = [gate for gate in later.get("gates", []) if gate["verdict"] not in _UNDECIDED]
    due = [gate for gate in verdicts if known.get(gate["name"]) != gate["verdict"]]
    return [Entry(gate["name"], gate_text(gate), _VERDICT_MOODS.get(gate["verdict"], NEUTRAL)) for gate in due]


def _weight(earlier: Json, later: Json) -> list[Entry]:
    before, after = earlier.get("weight", 0), later.get("weight", 0)
    return [Entry("traffic", f"{before} % → {after} % on {later['revision']}")] if before != after else []


def gate_text(gate: Json) -> str:
    """A gate's verdict with what was measured: its message, which has the figures, else the bare figures."""
    limits = [str(gate["threshold"])] if gate.get("threshold") else []
    if gate.get("samples"):
        limits.append(f"{gate['samples']} samples")
    measured = f"{gate.get('value', '')} ({', '.join(limits)})" if limits else str(gate.get("value", ""))
    evidence = gate.get("message") or measured.strip()
    return f"{gate['verdict']}: {evidence}" if evidence else str(gate["verdict"])


def _words(transition: Json) -> str:
    reason, message = transition.get("reason", ""), transition.get("message", "")
    return f"{reason}: {message}" if reason and message else str(reason or message)
