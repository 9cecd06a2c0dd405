"""A verdict fits a termination message, keeps the worst, and shows no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_server.verdict import MAX_MESSAGE_LENGTH, MAX_VERDICT_BYTES, Outcome, Verdict, one_line, publish

VERDICT = Verdict("health", Outcome.PASSED, "Healthy", "all is well", "2 of 2", "2 of 2", 2, ({"target": "a"},))


@pytest.mark.parametrize(
    ("outcome", "passed", "status"),
    [(Outcome.PASSED, True, 0), (Outcome.FAILED, False, 1), (Outcome.INCONCLUSIVE, False, 3)],
)
def test_outcomes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outcome: Outcome, *, passed: bool, status: int
) -> None:
    log = tmp_path / "termination-log"
    assert publish(replace(VERDICT, outcome=outcome, tokens=5), log) == status
    assert json.loads(log.read_text()) == {
        "gate": "health",
        "verdict": outcome.value,
        "passed": passed,
        "reason": "Healthy",
        "message": "all is well",
        "value": "2 of 2",
        "threshold": "2 of 2",
        "samples": 2,
        "tokens": 5,
        "results": [{"target": "a"}],
    }
    assert capsys.readouterr().out == log.read_text() + "\n"


def _result(name: str, failures: int) -> dict[str, Any]:
    texts = [{"sample": number, "reason": "TextMissing", "message": "é" * 200} for number in range(failures)]
    return {"conversation": name, "passed": not failures, "failures": texts}


@pytest.mark.parametrize(
    ("results", "kept", "failures"),
    [
        pytest.param([_result("a", 2)], 1, 2, id="all-fits"),
        pytest.param([_result("a", 20)], 1, 5, id="some-failures-of-each"),
        pytest.param([_result(name, 20) for name in "ab"], 2, 2, id="few-failures-of-each"),
        pytest.param([_result(str(number), 20) for number in range(20)], 5, 1, id="the-first-results"),
        pytest.param([{"text": "é" * 5000}], 0, 0, id="no-result-fits"),
    ],
)
def test_it_fits_and_keeps_the_first(results: list[dict[str, Any]], kept: int, failures: int) -> None:
    verdict = replace(VERDICT, results=tuple(results), message="é" * 5000)
    text = verdict.fitted()
    assert len(text.encode()) <= MAX_VERDICT_BYTES
    document = json.loads(text)
    assert len(document["message"]) == MAX_MESSAGE_LENGTH
    assert [result["conversation"] for result in document["results"]] == [
        result["conversation"] for result in results[:kept]
    ]
    for result in document["results"]:
        assert len(result["failures"]) == failures
        left_out = len(results[0]["failures"]) - failures
        assert result.get("furtherFailures", 0) == left_out
    assert json.loads(verdict.whole())["results"] == results


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("api_key=hunter2 is wrong", "hunter2"),
        ('"password": "hunter2"', "hunter2"),
        ("the key sk-proj-1234567890 is wrong", "1234567890"),
        ("x" * 500, "x" * 200),
    ],
)
def test_one_line_shows_no_secret(text: str, secret: str) -> None:
    assert secret not in one_line(text)


def test_half_a_surrogate_pair_is_written_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "log"
    publish(replace(VERDICT, message="\ud800"), log)
    assert json.loads(log.read_text())["message"] == "?"
