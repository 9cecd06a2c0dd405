"""The last verdicts that decided something: which ones are kept, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from agentteam_operator.api.status import MAX_LAST_VERDICTS, AgentTeamStatus, GateStatus, LastVerdict, Phase, Verdict
from agentteam_operator.core.analysis import AnalysisStatus, Judgement, MetricVerdict
from agentteam_operator.core.decide import decide
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.last_verdicts import noted
from agentteam_operator.core.view import View

from tests.unit.core.situations import CALM, ENVIRONMENT, GREEN, NOW, TESTED, Situation, ago

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
METRICS = ("errorRate", "slowness", "memoryUtilization")


def gate(name: str, verdict: Verdict, reason: str = "Said") -> GateStatus:
    return GateStatus(
        name=name,
        verdict=verdict,
        value="8.1 %",
        threshold="5.0 %",
        samples=505,
        reason=reason,
        message="as said " * 100,
        detectable="1.5 points more",
        at=ago(30),
    )


def view_of(situation: Situation, told: Mapping[str, Verdict], now: Mapping[str, Verdict] | None = None) -> View:
    """The situation with these gates in the status; `now` is what the metrics say at this look, if it is another."""
    view = situation.view()
    assert view.rollout is not None
    rollout = view.rollout.model_copy(update={"gates": [gate(name, verdict) for name, verdict in told.items()]})
    said = {name: verdict for name, verdict in {**told, **(now or {})}.items() if name in METRICS}
    judgement = Judgement(AnalysisStatus(), tuple(MetricVerdict(name, verdict) for name, verdict in said.items()))
    judged = replace(view, judgement=judgement if said else None)
    return judged.with_status(view.status.model_copy(update={"rollout": rollout}))


def kept(status: AgentTeamStatus) -> list[tuple[str, Verdict]]:
    return [(entry.gate, entry.verdict) for entry in status.last_verdicts]


WATCH = {"errorRate": PASSED, "slowness": PASSED, "memoryUtilization": Verdict.SKIPPED, "health": PASSED}


@pytest.mark.parametrize(
    ("source", "to", "reason", "told", "expected"),
    [
        pytest.param(
            Phase.VALIDATING, Phase.PREPARING, "Valid", {"validation": PASSED}, {"validation": PASSED}, id="validation"
        ),
        pytest.param(
            Phase.VALIDATING, Phase.FAILED, "Refused", {"validation": FAILED}, {"validation": FAILED}, id="refused"
        ),
        pytest.param(
            Phase.PREPARING,
            Phase.HEALTH_CHECKING,
            "Ready",
            {"validation": PASSED, "readiness": PASSED},
            {"readiness": PASSED},
            id="readiness, and not once more what another phase decided",
        ),
        pytest.param(
            Phase.TESTING,
            Phase.HEALTH_CHECKING,
            "TestsPassed",
            {"readiness": PASSED, "conversations": PASSED, "hook/smoke": PASSED},
            {"conversations": PASSED, "hook/smoke": PASSED},
            id="tests",
        ),
        pytest.param(
            Phase.TESTING,
            Phase.ROLLING_BACK,
            "ConversationsFailed",
            {"conversations": FAILED, "hook/smoke": PASSED},
            {"conversations": FAILED},
            id="back goes what failed",
        ),
        pytest.param(
            Phase.TESTING,
            Phase.AWAITING_PROMOTION,
            "Inconclusive",
            {"conversations": INCONCLUSIVE, "hook/smoke": PASSED},
            {"conversations": INCONCLUSIVE, "hook/smoke": PASSED},
            id="tests that a person is asked about",
        ),
        pytest.param(
            Phase.HEALTH_CHECKING, Phase.AWAITING_PROMOTION, "Held", {"health": PASSED}, {"health": PASSED}, id="held"
        ),
        pytest.param(Phase.SHIFTING, Phase.SHIFTING, "StepHeld", WATCH, {}, id="a step within the phase"),
        pytest.param(Phase.SHIFTING, Phase.WATCHING, "StepHeld", WATCH, {}, id="the last step: the watch decides"),
        pytest.param(
            Phase.SHIFTING,
            Phase.ROLLING_BACK,
            "WorseThanBlue",
            {**WATCH, "errorRate": FAILED},
            {"errorRate": FAILED},
            id="worse at a step",
        ),
        pytest.param(
            Phase.WATCHING,
            Phase.SWITCHING,
            "NoWorse",
            WATCH,
            {"errorRate": PASSED, "slowness": PASSED},
            id="acquitted by the watch; what was skipped decided nothing",
        ),
        pytest.param(Phase.WATCHING, Phase.SWITCHING, "WatchSkipped", WATCH, {}, id="no watch"),
        pytest.param(
            Phase.WATCHING,
            Phase.AWAITING_PROMOTION,
            "Inconclusive",
            {**WATCH, "slowness": INCONCLUSIVE},
            {"slowness": INCONCLUSIVE},
            id="a person is asked for what is inconclusive",
        ),
        pytest.param(
            Phase.WATCHING,
            Phase.AWAITING_PROMOTION,
            "Paused",
            {**WATCH, "slowness": INCONCLUSIVE},
            {},
            id="a person's pause",
        ),
        pytest.param(
            Phase.WATCHING,
            Phase.ROLLING_BACK,
            "PodsBroken",
            {**WATCH, "slowness": INCONCLUSIVE},
            {},
            id="back for another reason",
        ),
        pytest.param(Phase.WATCHING, Phase.ROLLING_BACK, "Superseded", {"errorRate": FAILED}, {}, id="superseded"),
        pytest.param(Phase.AWAITING_PROMOTION, Phase.SWITCHING, "Promoted", WATCH, {}, id="a person's promotion"),
        pytest.param(
            Phase.AWAITING_PROMOTION,
            Phase.SWITCHING,
            "NoWorse",
            WATCH,
            {"errorRate": PASSED, "slowness": PASSED},
            id="acquitted in the pause",
        ),
        pytest.param(
            Phase.SETTLING,
            Phase.COMPLETED,
            "Settled",
            WATCH,
            {"errorRate": PASSED, "slowness": PASSED, "health": PASSED},
            id="settled: health was asked for once more",
        ),
        pytest.param(
            Phase.SETTLING,
            Phase.COMPLETED,
            "Inconclusive",
            {"errorRate": INCONCLUSIVE},
            {"errorRate": INCONCLUSIVE},
            id="inconclusive, and promoted by the settings",
        ),
        pytest.param(
            Phase.FAILED, Phase.HEALTH_CHECKING, "Ready", {"readiness": PASSED}, {"readiness": PASSED}, id="recovered"
        ),
        pytest.param(Phase.FAILED, Phase.VALIDATING, "NewSpec", {"readiness": FAILED}, {}, id="another spec"),
    ],
)
def test_what_decided_is_kept(
    source: Phase, to: Phase, reason: str, told: Mapping[str, Verdict], expected: Mapping[str, Verdict]
) -> None:
    situation = CALM.get(source) or replace(CALM[Phase.PREPARING], phase=source)
    status = noted(view_of(replace(situation, rollout=TESTED), told), to, Finding(reason, ""))
    assert dict(kept(status)) == expected
    assert len(status.last_verdicts) == len(expected)


def test_what_was_told_while_both_served_isnt_told_again() -> None:
    settling = view_of(CALM[Phase.SETTLING], WATCH, now={"slowness": Verdict.SKIPPED})
    assert ("slowness", PASSED) not in kept(noted(settling, Phase.COMPLETED, Finding("Settled", "")))


def test_all_that_the_gate_said_is_kept_and_the_message_cut() -> None:
    status = noted(view_of(CALM[Phase.WATCHING], {"errorRate": PASSED}), Phase.SWITCHING, Finding("NoWorse", ""))
    assert status.last_verdicts == [
        LastVerdict(
            at=NOW,
            revision=GREEN,
            gate="errorRate",
            phase=Phase.WATCHING,
            verdict=PASSED,
            reason="Said",
            value="8.1 %",
            threshold="5.0 %",
            samples=505,
            detectable="1.5 points more",
            message=("as said " * 100)[:256],
        )
    ]


def test_ten_are_kept_and_the_oldest_go_first() -> None:
    status = AgentTeamStatus()
    for number in range(7):
        view = view_of(CALM[Phase.WATCHING], {"errorRate": PASSED, "slowness": PASSED})
        view = replace(view, now=NOW + timedelta(minutes=number))
        view = view.with_status(view.status.model_copy(update={"last_verdicts": status.last_verdicts}))
        before, status = status, noted(view, Phase.SWITCHING, Finding("NoWorse", ""))
        assert status.last_verdicts[:-2] == before.last_verdicts[-(MAX_LAST_VERDICTS - 2) :]
    assert [(entry.gate, entry.at.minute) for entry in status.last_verdicts] == [
        (name, minute) for minute in range(2, 7) for name in ("errorRate", "slowness")
    ]


HELD = LastVerdict(at=ago(9000), revision=GREEN, gate="errorRate", phase=Phase.WATCHING, verdict=FAILED)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        pytest.param(Phase.COMPLETED, [HELD], id="steady"),
        pytest.param(Phase.ROLLED_BACK, [HELD], id="rolled back"),
    ],
)
def test_it_outlives_its_rollout_and_a_restart(phase: Phase, expected: list[LastVerdict]) -> None:
    """Another spec begins a rollout of its own, whose validation decides first."""
    observed = replace(CALM[phase], target="d" * 10).observed()
    stored = AgentTeamStatus.parse(observed.status.model_copy(update={"last_verdicts": [HELD]}).to_document())
    decided = decide(replace(observed, status=stored), ENVIRONMENT, NOW).status
    assert decided.rollout is not None
    assert (decided.rollout.revision, decided.rollout.phase) == ("d" * 10, Phase.PREPARING)
    first, *news = decided.last_verdicts
    assert [first] == expected
    assert [(entry.gate, entry.revision, entry.verdict) for entry in news] == [("validation", "d" * 10, PASSED)]


def test_a_tick_that_moves_nothing_writes_nothing() -> None:
    observed = CALM[Phase.WATCHING].observed()
    decided = decide(observed, ENVIRONMENT, NOW).status
    assert decided.rollout is not None
    assert decided.rollout.phase is Phase.WATCHING
    assert decided.last_verdicts == []
