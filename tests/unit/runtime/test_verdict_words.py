"""What a check's last words are taken for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from agentteam_operator.observe.verdict import VerdictWords, read_verdict

WHOLE = {
    "verdict": "Failed",
    "reason": "ConversationsFailed",
    "message": "refund failed 2 of 3",
    "value": "1 of 3",
    "threshold": "3 of 3",
    "samples": 3,
}

FAILED = VerdictWords(
    "refund failed 2 of 3", reason="ConversationsFailed", value="1 of 3", threshold="3 of 3", samples=3
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", VerdictWords(), id="nothing"),
        pytest.param("3 tests\nfailed", VerdictWords(message="3 tests failed"), id="plain-text"),
        pytest.param("42", VerdictWords(message="42"), id="a-number"),
        pytest.param(
            json.dumps(WHOLE),
            FAILED,
            id="whole",
        ),
        pytest.param(
            json.dumps({**WHOLE, "verdict": "Inconclusive", "reason": "SharedFault"}),
            replace(FAILED, inconclusive=True, reason="SharedFault"),
            id="inconclusive",
        ),
        pytest.param(json.dumps({"message": "ok"}), VerdictWords(message="ok"), id="only-a-message"),
        pytest.param(
            json.dumps({"message": "m", "samples": -1, "reason": "two words", "value": None}),
            VerdictWords(message="m"),
            id="fields-that-cannot-be",
        ),
        pytest.param(json.dumps({"samples": True, "reason": 7}), VerdictWords(), id="fields-of-other-types"),
        pytest.param('{"message": "key sk-proj-0123456789"}', VerdictWords(message="key [redacted]"), id="a-key"),
        pytest.param('{"value": "' + "9" * 100 + '"}', VerdictWords(value="9" * 64), id="too-long"),
        pytest.param('{"message": "caf\\ud83d"}', VerdictWords(message="caf?"), id="half-a-surrogate-pair"),
        pytest.param(
            '{"samples": 1' + "0" * 30 + "}", VerdictWords(samples=2**53), id="more-than-any-number-of-samples"
        ),
        pytest.param("[" * 5000, VerdictWords(message="[" * 1000), id="nested-without-end"),
    ],
)
def test_last_words(text: str, expected: VerdictWords) -> None:
    assert read_verdict(text) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(WHOLE, replace(FAILED, reason=""), id="what-was-measured"),
        pytest.param({"verdict": "Inconclusive", "reason": "Superseded"}, VerdictWords(), id="no-verdict-of-its-own"),
        pytest.param({"verdict": "Inconclusive", "message": "m"}, VerdictWords(message="m"), id="nor-none"),
    ],
)
def test_a_hook_decides_by_how_it_ends(left: dict[str, object], expected: VerdictWords) -> None:
    assert read_verdict(json.dumps(left), of_hook=True) == expected
