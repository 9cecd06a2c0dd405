"""The same short walk through the state machine in every run; `make state-machine` goes far."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import TeamMachine
from tests.simulation.planted import BUGS

SHORT = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def test_whatever_happens_in_whatever_order_is_borne() -> None:
    run_state_machine_as_test(TeamMachine, settings=SHORT)


# Which of the walks comes to a bug changes with every rule of the machine; these lie near the way that most take.
@pytest.mark.parametrize(
    "name", ["traffic without the health gate", "rollback waits for green", "retained revisions pruned"]
)
def test_a_planted_bug_is_found(name: str) -> None:
    bug = next(bug for bug in BUGS if bug.name == name)
    with bug.plant(), pytest.raises(AssertionError, match=r"^\d: "):  # the number of an invariant
        run_state_machine_as_test(TeamMachine, settings=settings(SHORT, max_examples=1000))
