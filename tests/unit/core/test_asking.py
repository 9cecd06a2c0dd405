"""What a person who is asked can answer: what most likely is meant comes first, and each answer says what it does."""

from __future__ import annotations

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.gates.asking import INCONCLUSIVE, LONGEST_QUESTION_CHARACTERS, PAUSED, asking
from agentteam_operator.core.gates.intent import SETTINGS_UNREAD

from tests.unit.core.edges import seen
from tests.unit.core.situations import GREEN, NOW

TESTING, HEALTH, SHIFTING, WATCHING, SETTLING = (
    Phase.TESTING,
    Phase.HEALTH_CHECKING,
    Phase.SHIFTING,
    Phase.WATCHING,
    Phase.SETTLING,
)
PAST_THE_STEPS = "to send it all traffic now, without the rest of the steps and of the watch: promote"
PAST_THE_WATCH = "to send it all traffic now, without the rest of the watch: promote"
BACK = "to go back: abort"
KEPT = "to have it wait for a person's word: pause"
BY_ITSELF = "It goes on by itself once enough is seen, with nothing against it"


@pytest.mark.parametrize(
    ("phase", "reason", "answers"),
    [
        pytest.param(
            SHIFTING,
            INCONCLUSIVE,
            [f"{BY_ITSELF}. To begin the step anew: resume", PAST_THE_STEPS, KEPT, BACK],
            id="step-undecided",
        ),
        pytest.param(
            SHIFTING, SETTINGS_UNREAD, ["To begin the step anew: resume", PAST_THE_STEPS, BACK], id="step-unread"
        ),
        pytest.param(SHIFTING, PAUSED, ["To go on: resume", PAST_THE_STEPS, BACK], id="step-paused"),
        pytest.param(
            WATCHING,
            INCONCLUSIVE,
            [f"{BY_ITSELF}. To watch anew: resume", PAST_THE_WATCH, KEPT, BACK],
            id="watch-undecided",
        ),
        pytest.param(WATCHING, PAUSED, ["To go on: resume", PAST_THE_WATCH, BACK], id="watch-paused"),
        pytest.param(
            SETTLING,
            INCONCLUSIVE,
            [f"{BY_ITSELF}. To go on: promote", "to look on: resume", KEPT, BACK],
            id="settling-undecided",
        ),
        pytest.param(SETTLING, PAUSED, ["To go on: promote", "to look on: resume", BACK], id="settling-paused"),
        pytest.param(TESTING, "SharedFault", ["To go on: promote", "to test again: resume", BACK], id="test-undecided"),
        pytest.param(HEALTH, "ManualPromotion", ["To go on: promote", BACK], id="before-any-traffic"),
    ],
)
@pytest.mark.parametrize("asked_already", [False, True], ids=["asked-first", "asked-already"])
def test_what_can_be_answered_and_what_that_does(
    phase: Phase, reason: str, answers: list[str], *, asked_already: bool
) -> None:
    view = seen(Phase.AWAITING_PROMOTION, paused_in=phase) if asked_already else seen(phase)
    found = asking(view, Finding(reason, "as said"))
    assert found is not None
    said = found.message.replace("kubectl annotate --overwrite -n sim agentteam chat agentteam.dev/", "")
    said = said.replace(f"={GREEN}/{NOW.timestamp():.0f}", "").replace("the same with agentteam.dev/", "")
    assert said == ". ".join(["as said", "; ".join(answers)])


@pytest.mark.parametrize("phase", [TESTING, HEALTH, SHIFTING, WATCHING, SETTLING])
def test_whatever_is_said_the_answers_are_not_cut_off(phase: Phase) -> None:
    found = asking(seen(phase), Finding(INCONCLUSIVE, "long " * 400))
    assert found is not None
    assert len(found.message) == LONGEST_QUESTION_CHARACTERS
    assert found.message.startswith("long long long long long long long long")
    assert found.message.endswith("; to go back: the same with agentteam.dev/abort")
