"""A round of the watch: pairs of samples by the new revision's pods, and what all of it cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_server.cli import main
from agent_server.golden.expectations import Failure
from agent_server.golden.judgement import cost_of
from agent_server.golden.rounds import round_verdict
from agent_server.golden.samples import Sample, Samples
from agent_server.verdict import MAX_VERDICT_BYTES
from agentteam_operator.api.conversations import Conversation

FIRST, SECOND, BLUE = "http://10.0.0.1:8000", "http://10.0.0.3:8000", "http://10.0.0.2:8000"
OK: tuple[Failure, ...] = ()
WRONG = (Failure("TextMissing", "answer doesn't contain 'order 17' (said: 'I can…')"),)
GONE = (Failure("Unreachable", "the pod can't be reached: Connection refused"),)

Pair = tuple[str, tuple[Failure, ...], tuple[Failure, ...]]


def _samples(*pairs: Pair) -> Samples:
    conversation = Conversation.parse({"name": "refund", "turns": [{"user": "hi"}], "samples": min(len(pairs), 20)})
    return Samples(
        conversation,
        tuple(Sample(target, candidate, cost=0.01) for target, candidate, _ in pairs),
        tuple(Sample(BLUE, control, cost=0.01) for _, _, control in pairs),
    )


def _of(target: str, pairs: int, failed: int, control_failed: int) -> dict[str, Any]:
    return {"target": target, "pairs": pairs, "failed": failed, "controlFailed": control_failed}


ROUNDS: dict[str, tuple[tuple[Pair, ...], str, list[dict[str, Any]]]] = {
    "all as expected": (((FIRST, OK, OK), (SECOND, OK, OK)), "RoundHad", [_of(FIRST, 1, 0, 0), _of(SECOND, 1, 0, 0)]),
    "what failed isn't its verdict": (((FIRST, WRONG, OK), (FIRST, WRONG, WRONG)), "RoundHad", [_of(FIRST, 2, 2, 1)]),
    "a pair goes with either of it": (
        ((FIRST, GONE, WRONG), (FIRST, WRONG, GONE), (SECOND, WRONG, OK)),
        "RoundHad",
        [_of(SECOND, 1, 1, 0)],
    ),
    "nothing to be counted": (((FIRST, GONE, OK), (SECOND, OK, GONE)), "NoPairs", []),
}


@pytest.mark.parametrize(("pairs", "reason", "counted"), ROUNDS.values(), ids=ROUNDS.keys())
def test_rounds(pairs: tuple[Pair, ...], reason: str, counted: list[dict[str, Any]]) -> None:
    verdict = json.loads(round_verdict([_samples(*pairs)]).fitted())
    assert (verdict["reason"], verdict["pairs"]) == (reason, counted)
    assert verdict["passed"] == bool(counted)
    assert verdict["cost"] == pytest.approx(0.02 * len(pairs))


def test_the_pairs_of_many_pods_fit_the_last_words() -> None:
    pairs = [(f"http://[fd00:1234:5678:9abc:def0:1234:5678:{number:04x}]:8000", WRONG, OK) for number in range(20)]
    text = round_verdict([_samples(*pairs), _samples(*pairs)]).fitted()
    assert len(text.encode()) <= MAX_VERDICT_BYTES
    assert sum(entry["pairs"] for entry in json.loads(text)["pairs"]) == 40


def _sample(cost: float | None, *, told: bool = True) -> Sample:
    return Sample(FIRST, OK, cost=cost, costs_told=told)


COSTS: dict[str, tuple[list[Sample], float | None]] = {
    "all known": ([_sample(0.5), _sample(0.25)], 0.75),
    "an answer that never came is as dear as the dearest": ([_sample(0.5), _sample(0.25), _sample(None)], 1.25),
    "no answer came": ([_sample(None), _sample(None)], None),
    "an answer without its cost": ([_sample(0.5), _sample(0.0, told=False)], None),
}


@pytest.mark.parametrize(("samples", "cost"), COSTS.values(), ids=COSTS.keys())
def test_costs(samples: list[Sample], cost: float | None) -> None:
    assert cost_of(samples) == cost


def test_a_round_needs_somebody_to_compare_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["converse", "--target", FIRST, "--round"]) == 2
    assert "--round compares: give at least one --control" in capsys.readouterr().err
