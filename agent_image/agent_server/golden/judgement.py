"""From samples to the gate's verdict: pass rates, and whose fault it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from agent_server.golden.samples import Sample, Samples
from agent_server.verdict import Outcome, Verdict, one_line

GATE = "conversations"
PASSED = "ConversationsPassed"
FAILED = "ConversationFailed"
SHARED_FAULT = "SharedFault"


class ConversationResult:
    """How one conversation fared."""

    def __init__(self, samples: Samples) -> None:
        """Judge `samples`. Controls that no agent server of another revision answered say nothing."""
        self.name = samples.conversation.name
        self._conversation = samples.conversation
        self.candidate = samples.candidate
        self._asked_control = bool(samples.control)
        self._control = tuple(sample for sample in samples.control if sample.is_of_the_team)
        self.tokens = sum(sample.tokens for sample in (*samples.candidate, *samples.control))

    @property
    def needed(self) -> int:
        """How many samples must pass."""
        return self._conversation.passes_needed

    @property
    def passed(self) -> bool:
        """Whether enough samples of the new revision passed."""
        return _passes(self.candidate) >= self.needed

    @property
    def is_shared(self) -> bool:
        """Whether the active revision falls short of the same pass rate, too, and the new one isn't the worse.

        It is if it passes a smaller share of its samples than the active one, by more than one sample.
        """
        if self.passed or not self._control:
            return False
        needed = self._conversation.model_copy(update={"samples": len(self._control)}).passes_needed
        passes, control_passes = _passes(self.candidate), _passes(self._control)
        is_worse = (passes + 1) * len(self._control) < control_passes * len(self.candidate)
        return control_passes < needed and not is_worse

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Each failure of the new revision, as an object."""
        return [
            {"sample": number, "target": sample.target, **asdict(failure)}
            for number, sample in enumerate(self.candidate, start=1)
            for failure in sample.failures
        ]

    def message(self) -> str:
        """What happened, in one line."""
        failed = len(self.candidate) - _passes(self.candidate)
        first = next(failure for sample in self.candidate for failure in sample.failures)
        words = f"conversation {self.name} failed {failed} of {len(self.candidate)} on the new revision"
        if self.is_shared:
            shared = f"{len(self._control) - _passes(self._control)} of {len(self._control)} on the active one, too"
            return f"{words} and {shared}: {first.message}"
        if self._control:
            return f"{words}: {first.message}; the active one passed {_passes(self._control)} of {len(self._control)}"
        if self._asked_control:
            return f"{words}: {first.message}; the active one couldn't be asked"
        return f"{words}: {first.message}"

    def document(self) -> dict[str, Any]:
        """The result as an object of the verdict."""
        compared = {"control": _of(_passes(self._control), len(self._control))} if self._asked_control else {}
        return {
            "conversation": self.name,
            "passed": self.passed,
            "value": _of(_passes(self.candidate), len(self.candidate)),
            "threshold": _of(self.needed, len(self.candidate)),
            **compared,
            "tokens": self.tokens,
            "failures": self.failures,
        }


def conversations_verdict(samples: Sequence[Samples]) -> Verdict:
    """The verdict on all conversations. Those that only the new revision fails come first, then shared faults.

    A fault of both revisions is nobody's verdict: the model's endpoint may be out, or the conversation new.
    """
    results = sorted(map(ConversationResult, samples), key=lambda result: (result.passed, result.is_shared))
    failed = [result for result in results if not result.passed]
    outcome, reason = _outcome(failed)
    total = sum(len(result.candidate) for result in results)
    return Verdict(
        gate=GATE,
        outcome=outcome,
        reason=reason,
        message=_message(results, failed),
        value=f"{_of(sum(_passes(result.candidate) for result in results), total)} passed",
        threshold=_threshold(results, total),
        samples=total,
        tokens=sum(result.tokens for result in results),
        cost=cost_of([sample for each in samples for sample in (*each.candidate, *each.control)]),
        results=tuple(result.document() for result in results),
    )


def cost_of(samples: Sequence[Sample]) -> float | None:
    """What all samples cost; one whose answer never came is taken to be as dear as the dearest.

    None if a server said of an answer that came nothing of its cost, or if no sample's is known.
    """
    if not all(sample.costs_told for sample in samples):
        return None
    known = [sample.cost for sample in samples if sample.cost is not None]
    return sum(known) + (len(samples) - len(known)) * max(known) if known else None


def _outcome(failed: Sequence[ConversationResult]) -> tuple[Outcome, str]:
    if not failed:
        return Outcome.PASSED, PASSED
    if failed[0].is_shared:
        return Outcome.INCONCLUSIVE, SHARED_FAULT
    # Where nothing but the way to the pods failed, its reason says more: a pod may have been replaced meanwhile.
    faults = [sample for result in failed for sample in result.candidate if not sample.passed]
    reasons = {failure.reason for sample in faults for failure in sample.failures}
    on_the_way = len(reasons) == 1 and not any(sample.is_of_the_team for sample in faults)
    return Outcome.FAILED, reasons.pop() if on_the_way else FAILED


def _message(results: Sequence[ConversationResult], failed: Sequence[ConversationResult]) -> str:
    if not failed:
        samples = sum(len(result.candidate) for result in results)
        count = f"all {len(results)} conversations" if len(results) > 1 else f"conversation {results[0].name}"
        return f"{count} passed, {_of(sum(_passes(result.candidate) for result in results), samples)} samples"
    others = [result.name for result in failed[1:]]
    return failed[0].message() + (f"; failed as well: {one_line(', '.join(others))}" if others else "")


def _threshold(results: Sequence[ConversationResult], total: int) -> str:
    """In numbers, where one number says it; else by conversation."""
    if len(results) == 1 or all(result.needed == len(result.candidate) for result in results):
        return _of(sum(result.needed for result in results), total)
    return one_line(", ".join(f"{result.name} {_of(result.needed, len(result.candidate))}" for result in results))


def _passes(samples: Sequence[Sample]) -> int:
    return sum(sample.passed for sample in samples)


def _of(count: int, total: int) -> str:
    return f"{count} of {total}"
