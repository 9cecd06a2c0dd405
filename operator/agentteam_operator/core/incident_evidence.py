"""What speaks for a fault: the lines that an incident quotes, each with the words of it that need no repetition."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.status import GateStatus, Verdict
from agentteam_operator.core.observed import RevisionObserved
from agentteam_operator.core.words import quantity

_PODS_WORDS = 3
"""Pods whose last words are quoted; more say the same."""


def of_gates(gates: list[GateStatus]) -> Iterator[tuple[str, str]]:
    """Each failed gate with what was measured."""
    for gate in gates:
        if gate.verdict is Verdict.FAILED and (gate.value or gate.threshold):
            on = f" on {quantity(gate.samples, 'sample')}" if gate.samples else ""
            line = f"gate {gate.name}: {gate.value or 'no value'} against {gate.threshold or 'no threshold'}{on}"
            yield line, line


def last_words(revision: RevisionObserved | None) -> tuple[tuple[str, str], ...]:
    """What the cluster says of the pods that aren't ready, and how their containers ended: each thing once."""
    said: dict[str, str] = {}
    for pod in revision.pods if revision else ():
        if pod.message and not pod.ready:
            said.setdefault(pod.message, f"pod {pod.name}: {without_secrets(pod.message)}")
    return tuple((line, words) for words, line in said.items())[:_PODS_WORDS]
