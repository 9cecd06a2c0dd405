"""Which verdicts reach the status, and which of them stay there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.api.status import GateStatus, Phase, Verdict
from agentteam_operator.core.observed import Snapshot
from agentteam_operator.core.verdicts import judge

from tests.unit.core.situations import CALM, NOW, Situation, ago

ANALYSIS = {
    "analysis": {"metrics": [{"name": "slowness"}, {"name": "p95LatencySeconds", "maxIncreasePercent": 50}]},
}
TOLD = GateStatus(
    name="slowness", verdict=Verdict.PASSED, reason="WithinLimits", message="green has 9.0 % (9 of 100)", at=ago(30)
)


def _gates_after_a_look(situation: Situation, told: Sequence[GateStatus], error: str = "") -> dict[str, GateStatus]:
    view = situation.view()
    assert view.rollout is not None
    state = AnalysisStatus(green=ColourCounts(started=100, finished=100, durations="0 100"))
    rollout = view.rollout.model_copy(update={"gates": list(told), "analysis": state})
    view = view.with_status(view.status.model_copy(update={"rollout": rollout}))
    judged = judge(replace(view, observed=replace(view.observed, snapshot=Snapshot(at=NOW, pods={}, error=error))))
    assert judged.rollout is not None
    return {gate.name: gate for gate in judged.rollout.gates}


SETTLING = replace(CALM[Phase.SETTLING], rollout=ANALYSIS)


@pytest.mark.parametrize("name", ["slowness", "p95LatencySeconds"])
@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.INCONCLUSIVE])
def test_what_was_told_while_both_served_stays_when_green_serves_alone(name: str, verdict: Verdict) -> None:
    told = TOLD.model_copy(update={"name": name, "verdict": verdict})
    assert _gates_after_a_look(SETTLING, [told])[name] == told


def test_where_nothing_was_told_before_green_serves_alone_it_says_so() -> None:
    gates = _gates_after_a_look(SETTLING, [])
    assert {(gate.verdict, gate.reason) for gate in gates.values()} == {(Verdict.SKIPPED, "NoConcurrentControl")}


def test_while_both_serve_the_newest_verdict_counts() -> None:
    gates = _gates_after_a_look(replace(CALM[Phase.WATCHING], rollout=ANALYSIS), [TOLD])
    assert gates["slowness"].verdict is Verdict.INCONCLUSIVE


def test_an_unreadable_prometheus_takes_away_nothing_that_was_told() -> None:
    assert _gates_after_a_look(SETTLING, [TOLD], error="down")["slowness"] == TOLD


def test_an_error_of_prometheus_doesnt_stay_when_it_can_be_read_again() -> None:
    unread = TOLD.model_copy(update={"verdict": Verdict.PENDING, "reason": "PrometheusError"})
    assert _gates_after_a_look(SETTLING, [unread])["slowness"].verdict is Verdict.SKIPPED
