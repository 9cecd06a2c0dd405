"""Metrics, memory and logs."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog
from agent_server.conversation import TokenUsage
from agent_server.errors import ErrorCode, RunError
from agent_server.telemetry.logging import configure_logging
from agent_server.telemetry.memory import MemoryReader
from agent_server.telemetry.metrics import ModelLabels, ServerMetrics

from tests.support.agent_server import sample

MODEL = ModelLabels("gpt-4o", "openai")


@pytest.fixture
def metrics() -> ServerMetrics:
    return ServerMetrics(agents=["a", "b"], models=[MODEL])


def test_every_series_is_there_from_the_start(metrics: ServerMetrics) -> None:
    lines = metrics.exposition().decode().splitlines()
    series = {line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#") and "_bucket" not in line}
    expected = {
        "autogen_runs_started_total",
        *(
            f'autogen_runs_finished_total{{status="{status}"}}'
            for status in ("success", "error", "timeout", "cancelled", "rejected")
        ),
        "autogen_synthetic_runs_started_total",
        'autogen_synthetic_runs_finished_total{status="error"}',
        "autogen_run_duration_seconds_count",
        'autogen_requests_total{agent_name="b",status="error"}',
        'autogen_requests_failed_total{agent_name="b",error_type="model_timeout"}',
        'autogen_request_duration_seconds_count{agent_name="a"}',
        "autogen_active_agents",
        "autogen_memory_usage_bytes",
    }
    unordered = {_sorted_labels(line) for line in series}
    assert {_sorted_labels(line) for line in expected} <= unordered
    assert sample(metrics, "gen_ai_client_token_usage_count", **_model("input")) == 0
    assert not [line for line in series if "_created" in line]


def _sorted_labels(line: str) -> str:
    name, _, labels = line.partition("{")
    return name + ",".join(sorted(labels.rstrip("}").split(",")))


def _model(token_type: str | None = None) -> dict[str, str]:
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "gpt-4o",
    }
    return labels if token_type is None else {**labels, "gen_ai_token_type": token_type}


def test_no_series_appears_later(metrics: ServerMetrics) -> None:
    before = _names(metrics)
    metrics.run_started()
    for code in (ErrorCode.MODEL_ERROR, ErrorCode.MODEL_TIMEOUT):
        with pytest.raises(RunError), metrics.agent_turn("a"):
            raise RunError(code, "x")
    with pytest.raises(ZeroDivisionError), metrics.agent_turn("b"):
        _ = 1 / 0
    metrics.model_call_finished(MODEL, 0.1, TokenUsage(5, 7), ErrorCode.CANCELLED)
    metrics.model_call_finished(MODEL, 0.1, TokenUsage(5, 7), "")
    assert _names(metrics) == before


def _names(metrics: ServerMetrics) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in metrics.exposition().decode().splitlines() if not line.startswith("#")}


def test_model_calls(metrics: ServerMetrics) -> None:
    metrics.model_call_finished(MODEL, 0.5, TokenUsage(10, 3), "")
    assert sample(metrics, "gen_ai_client_token_usage_sum", **_model("input")) == 10
    assert sample(metrics, "gen_ai_client_token_usage_sum", **_model("output")) == 3
    assert sample(metrics, "gen_ai_client_operation_duration_seconds_sum", **_model(), error_type="") == 0.5


@pytest.mark.parametrize(
    ("files", "usage", "limit"),
    [
        pytest.param(
            {"memory.current": "1000", "memory.max": "5000", "memory.stat": "anon 1\ninactive_file 300\n"},
            700,
            5000,
            id="v2",
        ),
        pytest.param(
            {
                "memory/memory.usage_in_bytes": "1000",
                "memory/memory.limit_in_bytes": "4000",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
            },
            800,
            4000,
            id="v1",
        ),
        pytest.param(
            {"memory.current": "1000", "memory.max": "max", "memory.stat": ""}, 3 * 4096, None, id="v2-unlimited"
        ),
        pytest.param(
            {"memory/memory.usage_in_bytes": "9", "memory/memory.limit_in_bytes": "9223372036854771712"},
            3 * 4096,
            None,
            id="v1-unlimited",
        ),
        pytest.param({}, 3 * 4096, None, id="no-cgroup"),
    ],
)
def test_memory(tmp_path: Path, files: dict[str, str], usage: int, limit: int | None) -> None:
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    for name, text in {**{f"cgroup/{name}": text for name, text in files.items()}, "proc/statm": "9 3 1"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    reader = MemoryReader(root, proc)
    assert (reader.usage_bytes(), reader.limit_bytes()) == (usage, limit)
    exposition = ServerMetrics(agents=[], models=[], memory=reader).exposition().decode()
    assert ("autogen_memory_limit_bytes" in exposition) is (limit is not None)


@pytest.fixture
def _restored_logging() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("_restored_logging")
def test_json_lines_with_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json", team="hello", revision="abc")
    structlog.get_logger().info("served", port=1)
    structlog.get_logger().debug("hidden")
    line = json.loads(capsys.readouterr().err)
    assert {key: line[key] for key in ("event", "team", "revision", "level", "port")} == {
        "event": "served",
        "team": "hello",
        "revision": "abc",
        "level": "info",
        "port": 1,
    }


@pytest.mark.usefixtures("_restored_logging")
def test_libraries_keep_their_tracebacks_and_autogen_its_conversations_to_themselves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("debug", "json")
    logging.getLogger("autogen_core").error("conversation: top secret")
    logging.getLogger("autogen_core.events").critical("top secret")
    try:
        int("top secret")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Unhandled exception")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["error"]) for line in lines] == [("Unhandled exception", "ValueError")]
    assert "top secret" not in json.dumps(lines)
