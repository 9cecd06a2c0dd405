"""What a check's last words are taken for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from agentteam_operator.core.pairs import PairsObserved
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


def _pairs(**fields: object) -> dict[str, object]:
    return {"target": "http://10.0.0.7:8000", "pairs": 3, "failed": 1, "controlFailed": 0, **fields}


@pytest.mark.parametrize(
    ("words", "cost", "pairs"),
    [
        pytest.param({"cost": 0.25, "pairs": [_pairs()]}, 0.25, (PairsObserved("10.0.0.7", 3, 1, 0),), id="a-round"),
        pytest.param(
            {"pairs": [_pairs(target="http://[fd00::7]:8000")]}, None, (PairsObserved("fd00::7", 3, 1, 0),), id="ipv6"
        ),
        pytest.param({"cost": 1}, 1.0, (), id="a-whole-amount"),
        pytest.param({"cost": -1}, None, (), id="a-negative-amount"),
        pytest.param({"cost": True}, None, (), id="no-amount"),
        pytest.param({"cost": "1"}, None, (), id="an-amount-in-words"),
        pytest.param({"cost": 10**400}, None, (), id="too-much"),
        pytest.param({"cost": float("nan")}, None, (), id="not-a-number"),
        pytest.param({"pairs": {}}, None, (), id="no-list"),
        pytest.param({"pairs": [1]}, None, (), id="no-object"),
        pytest.param({"pairs": [_pairs(), _pairs()]}, None, (), id="a-pod-twice"),
        pytest.param({"pairs": [_pairs(), _pairs(target="elsewhere")]}, None, (), id="no-address"),
        pytest.param({"pairs": [_pairs(failed=4)]}, None, (), id="more-failed-than-there-are"),
        pytest.param({"pairs": [_pairs(controlFailed=-1)]}, None, (), id="fewer-than-none"),
        pytest.param({"pairs": [_pairs(pairs=0, failed=0)]}, None, (), id="none-at-all"),
        pytest.param({"pairs": [_pairs(pairs=True)]}, None, (), id="a-truth"),
        pytest.param({"pairs": [_pairs(target=f"http://10.0.0.{n}:8000") for n in range(21)]}, None, (), id="too-many"),
    ],
)
def test_what_a_round_says(words: dict[str, object], cost: float | None, pairs: tuple[PairsObserved, ...]) -> None:
    found = read_verdict(json.dumps(words))
    assert (found.cost, found.pairs) == (cost, pairs)


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
