"""A revision is called by the version that it was made from, whoever ordered it to serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.order_status import Orderer, RestartStatus, RollbackStatus
from agentteam_operator.api.status import Outcome, Phase, RevisionStatus
from agentteam_operator.core.decide import decide
from agentteam_operator.core.entering import EFFECTS
from agentteam_operator.core.observed import Observed
from agentteam_operator.core.versions import named, version_of
from agentteam_operator.core.view import View

from tests.unit.core.situations import BLUE, CALM, ENVIRONMENT, GREEN, NOW, OTHER, Situation, ago, revision_of

BACK = replace(CALM[Phase.COMPLETED], target=BLUE, active=BLUE, base="", selects=BLUE, endpoints=(BLUE,))
"""Blue, of version 1, is to serve by order; the spec, of version 2, asks for green."""


def ordered(situation: Situation, by: Orderer = Orderer.PERSON, **status: Any) -> Observed:  # noqa: ANN401
    observed = situation.observed()
    order = RollbackStatus(revision=BLUE, instead_of=GREEN, by=by, because="it fails")
    usual = {"rollback_to": order, "stable_revision": BLUE, "revisions": history()}
    return replace(observed, spec_target=GREEN, status=observed.status.model_copy(update=usual | status))


def history() -> list[RevisionStatus]:
    return [
        RevisionStatus(hash=revision, version=version, created_at=ago(3600), outcome=Outcome.SUCCESSFUL)
        for revision, version in ((GREEN, "2"), (BLUE, "1"))
    ]


def view_of(observed: Observed) -> View:
    return View(observed, ENVIRONMENT, NOW, observed.spec, observed.status)


KNOWN: Mapping[str, tuple[Observed, str, str]] = {
    "what the spec asks for": (CALM[Phase.PREPARING].observed(), GREEN, "2"),
    "what the spec asks for, while another one is ordered": (ordered(BACK), GREEN, "2"),
    "what is ordered, by the history": (ordered(BACK), BLUE, "1"),
    "what is ordered, by its Deployment": (ordered(BACK, revisions=[]), BLUE, "1"),
    "what is ordered, and is gone": (ordered(replace(BACK, blue=None, endpoints=()), revisions=[]), BLUE, ""),
    "the spec's, restarted": (
        ordered(BACK, rollback_to=None, restarted=RestartStatus(revision=OTHER, of=GREEN, nonce="n")), OTHER, "2"),
    "another spec's, restarted once": (
        ordered(BACK, rollback_to=None, restarted=RestartStatus(revision=OTHER, of=BLUE, nonce="n")), OTHER, ""),
    "unknown": (ordered(BACK), OTHER, ""),
}  # fmt: skip


@pytest.mark.parametrize(("observed", "revision", "version"), KNOWN.values(), ids=KNOWN)
def test_of_which_version_a_revision_is(observed: Observed, revision: str, version: str) -> None:
    view = view_of(observed)
    assert version_of(view, revision) == version
    assert named(view, revision) == (f"version {version} ({revision})" if version else f"revision {revision}")


SAID = {
    Orderer.PERSON: (
        f"version 1 ({BLUE}) serves, by a person's order; the spec asks for version 2 ({GREEN}):"
        " apply another spec, or retry it"
    ),
    Orderer.GUARD: (
        f"version 1 ({BLUE}) serves, to which the guard went back: it fails; apply another spec, or retry {GREEN}"
    ),
}


@pytest.mark.parametrize("by", Orderer)
def test_after_an_order_each_is_called_by_its_own_version(by: Orderer) -> None:
    status = decide(ordered(BACK, by), ENVIRONMENT, NOW).status
    assert status.message == SAID[by]


@pytest.mark.parametrize("recorded", [history(), []], ids=["recorded", "forgotten"])
def test_the_history_keeps_the_version_of_what_is_gone_back_to(recorded: list[RevisionStatus]) -> None:
    """The spec's version isn't that of what an order makes the candidate."""
    situation = Situation(Phase.PREPARING, target=BLUE, base=GREEN, active=GREEN, green=revision_of(GREEN))
    view = view_of(ordered(situation, revisions=recorded))
    assert view.rollout is not None
    rollout = view.rollout.model_copy(update={"revision": BLUE, "gates_skipped": True})
    entered = EFFECTS[Phase.PREPARING](
        view.with_status(view.status.model_copy(update={"rollout": rollout})), Phase.VALIDATING
    )
    newest = entered.status.revisions[0]
    assert (newest.hash, newest.version) == (BLUE, "1")
