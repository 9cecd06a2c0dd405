"""What happened between two states of an AgentTeam, in words. Pure, so that it is tested without a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

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


@dataclass(frozen=True, slots=True)
class Names:
    """The revisions' names for people: the version that they were made from, where it tells them apart."""

    version_by_hash: Mapping[str, str]

    @classmethod
    def of(cls, team: Json) -> Self:
        """From the team's history, which has the candidate, too."""
        history = team.get("status", {}).get("revisions", [])
        return cls({one["hash"]: one.get("version", "") for one in history})

    def full(self, revision: str) -> str:
        """Version and hash, for the first time that it is spoken of."""
        version = self.version_by_hash.get(revision, "")
        return f"{version} ({revision})" if version else revision

    def short(self, revision: str) -> str:
        """The version alone, unless another revision has the same."""
        version = self.version_by_hash.get(revision, "")
        shared = Counter(self.version_by_hash.values())[version] > 1
        return self.full(revision) if shared or not version else version


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
    steps = _transitions(earlier, later)
    # What a step quotes of a gate isn't said again.
    gates = [entry for entry in _gates(earlier, later) if not any(_quotes(step, entry) for step in steps)]
    return [*steps, *gates, *_weight(earlier, later, Names.of(after))]


def _transitions(earlier: Json, later: Json) -> list[Entry]:
    known = {(one["phase"], one["at"]) for one in earlier.get("transitions", [])}
    new = [one for one in later.get("transitions", []) if (one["phase"], one["at"]) not in known]
    return [Entry(one["phase"], _words(one), _PHASE_MOODS.get(one["phase"], NEUTRAL)) for one in new]


def _quotes(step: Entry, gate: Entry) -> bool:
    evidence = gate.text.partition(": ")[2]
    return bool(evidence) and evidence in step.text


def _gates(earlier: Json, later: Json) -> list[Entry]:
    known = {gate["name"]: gate["verdict"] for gate in earlier.get("gates", [])}
    # A gate without a verdict yet isn't news: the panel shows it.
    verdicts = [gate for gate in later.get("gates", []) if gate["verdict"] not in _UNDECIDED]
    due = [gate for gate in verdicts if known.get(gate["name"]) != gate["verdict"]]
    return [Entry(gate["name"], gate_text(gate), _VERDICT_MOODS.get(gate["verdict"], NEUTRAL)) for gate in due]


def _weight(earlier: Json, later: Json, names: Names) -> list[Entry]:
    before, after = earlier.get("weight", 0), later.get("weight", 0)
    if before == after:
        return []
    name = names.short(later["revision"]) if before else names.full(later["revision"])
    return [Entry("traffic", f"{before} % → {after} % on {name}")]


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
