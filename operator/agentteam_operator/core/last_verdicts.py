"""The last verdicts that decided something: they outlive the rollout whose candidate they were given on.

A verdict decides when a phase is left on it. Back goes what failed; a person is asked, or `onInconclusive` obeyed, for
what was inconclusive; on goes what passed. A metric that passed at a traffic step hasn't decided yet: the watch says it
of more answers. What a person ordered no gate decided.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.status import (
    MAX_LAST_VERDICT_MESSAGE,
    MAX_LAST_VERDICTS,
    AgentTeamStatus,
    GateStatus,
    LastVerdict,
    Phase,
    Verdict,
)
from agentteam_operator.core import checks
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.verdicts import NO_VERDICT, gate_of_phase
from agentteam_operator.core.view import View

_ACQUITTED = frozenset({"NoWorse", "Settled"})
"""Reasons to go on for which metrics are asked."""
_UNDECIDED = "Inconclusive"


def noted(view: View, to: Phase, found: Finding) -> AgentTeamStatus:
    """The status with what decides this transition put to the last verdicts; at most ten are kept.

    To be called when `verdicts.record` has brought the gates up to date, before the phase is entered.
    """
    rollout = view.rollout
    if rollout is None or to is rollout.phase or found.reason in NO_VERDICT:
        return view.status
    news = [
        LastVerdict(
            at=view.now,
            revision=rollout.revision,
            gate=gate.name,
            phase=rollout.phase,
            verdict=gate.verdict,
            reason=gate.reason,
            value=gate.value,
            threshold=gate.threshold,
            samples=gate.samples,
            detectable=gate.detectable,
            message=gate.message[:MAX_LAST_VERDICT_MESSAGE],
        )
        for gate in _deciding(view, to, found)
    ]
    if not news:
        return view.status
    kept = [*view.status.last_verdicts, *news][-MAX_LAST_VERDICTS:]
    return view.status.model_copy(update={"last_verdicts": kept})


def _deciding(view: View, to: Phase, found: Finding) -> Iterator[GateStatus]:
    back = to in {Phase.ROLLING_BACK, Phase.FAILED}
    judged = {one.name: one.verdict for one in view.judgement.verdicts} if view.judgement else {}
    own = {gate_of_phase(view.phase, to), *checks.wanted(view)}
    for gate in view.rollout.gates if view.rollout else ():
        by_metric = judged.get(gate.name) is gate.verdict  # else it was told while both served
        if gate.name not in own and not by_metric:
            continue
        decides = {
            Verdict.FAILED: back,
            Verdict.INCONCLUSIVE: found.reason in {_UNDECIDED, gate.reason},
            Verdict.PASSED: not back and (not by_metric or found.reason in _ACQUITTED),
        }
        if decides.get(gate.verdict, False):
            yield gate
