"""What the API server refuses of the candidate's objects: final or for now, and said in both cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core import progress
from agentteam_operator.core.gates import checks, pods
from agentteam_operator.core.observed import Refusal

from tests.unit.core.situations import CALM, GREEN, OTHER, TEAM, Situation

WORDS = "create Deployment sim/chat: exceeded quota: small (HTTP 403)"
PREPARING = replace(CALM[Phase.PREPARING], green=None)


def refused(name: str = f"{TEAM}-{GREEN}", kind: str = "Deployment", *, final: bool = False) -> Refusal:
    return Refusal(kind, name, WORDS, final=final)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(refused(), id="it-may-pass"),
        pytest.param(refused(f"{TEAM}-{OTHER}", final=True), id="another-revision"),
        pytest.param(refused(TEAM, "Ingress", final=True), id="nothing-that-pods-need"),
    ],
)
def test_the_rollout_waits_unless_what_it_needs_is_refused_for_good(refusal: Refusal) -> None:
    assert pods.refused(replace(PREPARING, refusals=(refusal,)).view()) is None


def test_what_was_refused_before_this_phase_is_tried_again() -> None:
    situation = replace(PREPARING, refusals=(refused(final=True),))
    assert pods.refused(situation.view()) is not None
    assert pods.refused(replace(situation, in_phase_seconds=0).view()) is None


@pytest.mark.parametrize(
    ("situation", "refusal"),
    [
        pytest.param(PREPARING, refused(), id="Deployment"),
        pytest.param(PREPARING, refused(kind="ConfigMap"), id="ConfigMap"),
        pytest.param(PREPARING, refused(TEAM, "ServiceAccount"), id="ServiceAccount"),
        pytest.param(CALM[Phase.HEALTH_CHECKING], refused(f"{TEAM}-{GREEN}-health-1", "Job"), id="Job"),
    ],
)
def test_the_status_and_the_end_say_what_is_refused(situation: Situation, refusal: Refusal) -> None:
    view = replace(situation, refusals=(refusal,)).view()
    assert view.rollout is not None
    assert progress.words(view, view.rollout).endswith(f": {WORDS}")
    late = replace(situation, refusals=(refusal,), overdue=True).view()
    found = pods.not_ready_in_time(late) if situation.phase is Phase.PREPARING else checks.late(late)
    assert found is not None
    assert found.message.endswith(f"; {WORDS}")
