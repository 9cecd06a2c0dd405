"""What is counted of runs that succeed, and of the processor: the raw material of the operator's metrics."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from agent_server.conversation import Conversation, RunResult, StopCause, TokenUsage
from agent_server.errors import RunStatus
from agent_server.team.metered import cost_of
from agent_server.team.runner import TeamRunner
from agent_server.team.stops import stop_cause
from agent_server.telemetry.cpu import CpuReader
from agent_server.telemetry.metrics import ModelLabels, ServerMetrics
from agentteam_operator.api.models import Price
from agentteam_operator.api.run_metrics import BOUND_STOPS, BOUNDS, COST, TOKENS, TURNS

from tests.support.agent_server import replay_model, runner_of, sample, team_spec

PRICE = {"inputPerMillionTokens": 2.5, "outputPerMillionTokens": 10}


async def _result(runner: TeamRunner) -> RunResult:
    try:
        return await runner.run(Conversation("go"))
    finally:
        await runner.close()


def _team(*, answers: list[str], max_turns: int | None = None, **termination: object) -> dict[str, Any]:
    spec = team_spec([replay_model(*answers)])
    spec["team"] |= {"maxTurns": max_turns} if max_turns else {}
    if max_turns is None:
        spec["team"].pop("maxTurns", None)
    if termination:
        spec["team"]["termination"] = {"any": [{name: value} for name, value in termination.items()]}
    return spec


@pytest.mark.parametrize(
    ("spec", "cause", "turns"),
    [
        pytest.param(_team(answers=["a", "b"], max_turns=2), StopCause.MAX_TURNS, 2, id="maxTurns"),
        pytest.param(_team(answers=["a", "b"], maxMessages=3), StopCause.MAX_MESSAGES, 2, id="maxMessages"),
        pytest.param(_team(answers=["a", "OK"], textMention="OK", max_turns=9), StopCause.TEXT_MENTION, 2, id="text"),
        pytest.param(_team(answers=["a a a"] * 3, tokenUsage=1), StopCause.TOKEN_USAGE, 1, id="tokenUsage"),
        pytest.param(
            _team(answers=["a", "OK"], textMention="OK", maxMessages=3), StopCause.OTHER, 2, id="done, and at its bound"
        ),
    ],
)
async def test_autogens_words_for_a_stop_are_known(spec: dict[str, Any], cause: StopCause, turns: int) -> None:
    """On the real AutoGen: a new version that says it otherwise must be noticed here, not in a metric gone quiet."""
    result = await _result(runner_of(spec)[0])
    assert (result.stop_cause, len(result.speakers)) == (cause, turns), result.stop_reason


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("Timeout of 120 seconds reached", StopCause.TIMEOUT),
        ("Text 'Maximum number of turns 3 reached.' mentioned", StopCause.TEXT_MENTION),
        ("External termination requested", StopCause.OTHER),
        ("", StopCause.OTHER),
    ],
)
def test_other_words_for_a_stop(reason: str, cause: StopCause) -> None:
    assert stop_cause(reason) is cause


def test_the_bounds_that_end_a_run_are_the_servers_own_words() -> None:
    assert set(BOUND_STOPS) == {StopCause.MAX_TURNS, StopCause.MAX_MESSAGES}


@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS.keys())
def test_buckets_rise_and_none_is_wide(bounds: tuple[float, ...]) -> None:
    finite = bounds[:-1]
    assert list(finite) == sorted(set(finite))
    assert max(upper / lower for lower, upper in itertools.pairwise(finite)) <= 2.5


def test_a_run_that_succeeds_is_counted_by_what_it_took() -> None:
    metrics = ServerMetrics(agents=[], models=[], run_cost=True)
    result = RunResult("x", "words", ("clerk",) * 3, TokenUsage(900, 100), StopCause.MAX_TURNS, cost=0.02)
    metrics.run_finished(RunStatus.SUCCESS, 1.0, result)
    metrics.run_finished(RunStatus.ERROR, 1.0)
    for name, total in ((TURNS, 3), (TOKENS, 1000), (COST, 0.02)):
        assert (sample(metrics, f"{name}_count"), sample(metrics, f"{name}_sum")) == (1, total)
    assert sample(metrics, f"{TOKENS}_bucket", le="1000.0") == 1
    assert sample(metrics, f"{TOKENS}_bucket", le="700.0") == 0
    assert sample(metrics, "autogen_runs_stopped_total", stop_reason="max_turns") == 1
    assert sample(metrics, "autogen_runs_stopped_total", stop_reason="text_mention") == 0


def test_without_all_prices_a_run_has_no_cost() -> None:
    assert COST not in ServerMetrics(agents=[], models=[]).exposition().decode()


def test_the_queue_is_shown_as_it_is() -> None:
    metrics = ServerMetrics(agents=[], models=[])
    waiting = [0]
    metrics.watch_queue(lambda: waiting[0])
    assert sample(metrics, "autogen_queued_runs") == 0
    waiting[0] = 7
    assert sample(metrics, "autogen_queued_runs") == 7


def test_cost_by_price() -> None:
    assert cost_of(TokenUsage(1_000_000, 200_000), Price.parse(PRICE)) == pytest.approx(4.5)


@pytest.mark.parametrize("priced", [True, False], ids=["priced", "without a price"])
async def test_calls_to_models_cost_what_the_spec_says(*, priced: bool) -> None:
    model = replay_model("one two three") | ({"price": PRICE} if priced else {})
    runner, metrics = runner_of(team_spec([model]))
    result = await _result(runner)
    expected = cost_of(result.usage, Price.parse(PRICE)) if priced else 0.0
    assert result.usage.completion_tokens > 0
    assert result.cost == pytest.approx(expected)
    if priced:
        [labels] = [ModelLabels(model.get("model") or "main", "replay")]
        counted = sample(
            metrics,
            "autogen_model_cost_total",
            gen_ai_provider_name=labels.provider,
            gen_ai_request_model=labels.request_model,
        )
        assert counted == pytest.approx(expected)
    assert (COST in metrics.exposition().decode()) is priced


@pytest.mark.parametrize(
    ("files", "used", "limit"),
    [
        pytest.param({"cpu.stat": "usage_usec 2500000\nuser_usec 1\n", "cpu.max": "50000 100000"}, 2.5, 0.5, id="v2"),
        pytest.param({"cpu.stat": "usage_usec 2500000\n", "cpu.max": "max 100000"}, None, None, id="v2, unlimited"),
        pytest.param({"cpu.stat": "", "cpu.max": "200000 100000"}, None, 2.0, id="v2, without usage"),
        pytest.param(
            {
                "cpu/cpu.cfs_quota_us": "150000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "cpuacct/cpuacct.usage": "3000000000\n",
            },
            3.0,
            1.5,
            id="v1",
        ),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000", "cpuacct/cpuacct.usage": "9"},
            None,
            None,
            id="v1, unlimited",
        ),
        pytest.param({}, None, None, id="no cgroup"),
    ],
)
def test_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], used: float | None, limit: float | None
) -> None:
    monkeypatch.setattr("time.process_time", lambda: 0.25)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    reader = CpuReader(tmp_path)
    assert (reader.used_seconds(), reader.limit_cores()) == (0.25 if used is None else used, limit)
    metrics = ServerMetrics(agents=[], models=[], cpu=reader)
    assert sample(metrics, "autogen_cpu_seconds_total") == reader.used_seconds()
    assert sample(metrics, "autogen_uptime_seconds") >= 0
    assert ("autogen_cpu_limit_cores" in metrics.exposition().decode()) is (limit is not None)
