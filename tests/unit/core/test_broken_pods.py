"""When a candidate's pod that restarts is given up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.gates import pods

from tests.unit.core.situations import CALM, GREEN, revision_of


@pytest.mark.parametrize(
    ("restarts", "waiting_reason", "ready", "broken"),
    [
        pytest.param(2, "", 0, False, id="borne"),
        pytest.param(3, "", 0, True, id="too-many"),
        pytest.param(3, "", 1, False, id="ready-after-all"),
        pytest.param(1, "CrashLoopBackOff", 0, True, id="the-kubelet-sees-a-loop"),
    ],
)
def test_restarts_are_borne_until_they_are_a_loop(
    *, restarts: int, waiting_reason: str, ready: int, broken: bool
) -> None:
    green = revision_of(GREEN, ready, 1 - ready, waiting_reason)
    green = replace(green, pods=tuple(replace(pod, restarts=restarts) for pod in green.pods))
    found = pods.broken(replace(CALM[Phase.PREPARING], green=green).view())
    assert (found.reason if found else "") == ("CrashLoop" if broken else "")


@pytest.mark.parametrize(
    ("exit_code", "ready", "terminating", "reason"),
    [
        pytest.param(78, 0, False, "TeamRefused", id="the-server-says-that-it-never-can"),
        pytest.param(1, 0, False, "", id="another-end-may-be-chance"),
        pytest.param(None, 0, False, "", id="never-ended"),
        pytest.param(78, 1, False, "", id="ready-after-all"),
        pytest.param(78, 0, True, "", id="on-its-way-out"),
    ],
)
def test_a_team_that_the_server_refuses_is_given_up_at_once(
    *, exit_code: int | None, ready: int, terminating: bool, reason: str
) -> None:
    green = revision_of(GREEN, ready, 1 - ready)
    refusing = (replace(pod, exit_code=exit_code, terminating=terminating) for pod in green.pods)
    found = pods.broken(replace(CALM[Phase.PREPARING], green=replace(green, pods=tuple(refusing))).view())
    assert (found.reason if found else "") == reason
