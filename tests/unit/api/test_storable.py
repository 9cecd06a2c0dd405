"""What others wrote is made storable by the status' own models, however it gets there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from agentteam_operator.api.base import LenientModel
from agentteam_operator.api.status import AgentTeamStatus, GateStatus, Phase, RevisionStatus, Transition, Verdict
from agentteam_operator.api.storable import MAX_TALLY
from pydantic import ValidationError

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
GATE = GateStatus(name="hook/smoke", verdict=Verdict.FAILED, at=NOW)
REVISION = RevisionStatus(hash="a" * 10, created_at=NOW)


@pytest.mark.parametrize("by", ["construction", "copy"])
@pytest.mark.parametrize(
    ("model", "field", "given", "stored"),
    [
        pytest.param(GATE, "message", "all is well, é 😀", "all is well, é 😀", id="plain"),
        pytest.param(GATE, "message", "caf\ud83d", "caf?", id="half-a-pair"),
        pytest.param(GATE, "message", "\ud83d\ude00", "??", id="two-halves"),
        pytest.param(GATE, "message", "é" * 2000, "é" * 1024, id="too-long"),
        pytest.param(GATE, "reason", "R" * 65, "R" * 64, id="a-long-reason"),
        pytest.param(GATE, "name", "caf\ud83d", "caf?", id="in-a-name"),
        pytest.param(GATE, "samples", 10**30, MAX_TALLY, id="too-many"),
        pytest.param(GATE, "samples", -1, 0, id="fewer-than-none"),
        pytest.param(REVISION, "image", "i" * 600, "i" * 512, id="an-image-put-in-by-hand"),
        pytest.param(AgentTeamStatus(), "message", "x" * 1025, "x" * 1024, id="the-team-in-a-line"),
        pytest.param(
            Transition(phase=Phase.TESTING, at=NOW), "message", "\udc80" * 1025, "?" * 1024, id="both-at-once"
        ),
    ],
)
def test_what_others_wrote(model: LenientModel, field: str, given: Any, stored: Any, by: str) -> None:  # noqa: ANN401
    given = {field: given}
    made = model.model_copy(update=given) if by == "copy" else type(model)(**{**dict(model), **given})
    assert getattr(made, field) == stored
    assert type(model).parse(made.to_document()) == made


def test_what_is_ours_is_not_cut() -> None:
    """A hash that is too long is another operator's, or wrong: half of it would be some other revision's."""
    with pytest.raises(ValidationError):
        RevisionStatus(hash="a" * 11, created_at=NOW)
