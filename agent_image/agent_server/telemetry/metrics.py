"""The server's Prometheus metrics, by the names that alert rules, dashboards and the operator's judge read.

Identity (namespace, pod) comes from the scrape target. Labels are bounded by the spec: agents and models. Every label
set exists from the start with 0, so that a first failure is an increase that `rate()` sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

from agentteam_operator.api import run_metrics
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent_server.conversation import RunResult, StopCause, TokenUsage
from agent_server.errors import MODEL_ERROR_CODES, TURN_ERROR_CODES, ErrorCode, RunError, RunStatus
from agent_server.telemetry.cpu import CpuReader
from agent_server.telemetry.memory import MemoryReader

RUN_DURATION_BUCKETS_SECONDS = (
    *(0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75, 1, 1.35, 1.8, 2.4, 3.2, 4.3, 5.6, 7.5),
    *(10, 13.5, 18, 24, 32, 43, 56, 75, 100, 135, 180, 240, 320),
)
"""Steps of a third, so that a run that takes 1.3 times as long falls into another bucket."""

OPERATION_DURATION_BUCKETS_SECONDS = tuple(0.01 * 2**i for i in range(14))
"""0.01 to 81.92, doubling: OpenTelemetry's GenAI conventions for gen_ai.client.operation.duration."""

TOKEN_BUCKETS = tuple(4**i for i in range(14))
"""1 to 67108864, by 4: OpenTelemetry's GenAI conventions for gen_ai.client.token.usage."""

_DURATION_STATUSES = (RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.TIMEOUT)
_TURN_STATUSES = ("success", "error", "cancelled")
_CALL_ERROR_TYPES = ("", *MODEL_ERROR_CODES, ErrorCode.CANCELLED, ErrorCode.INTERNAL)


@dataclass(frozen=True, slots=True)
class ModelLabels:
    """What of a model becomes labels: its name at the endpoint (or in the spec), and the provider."""

    request_model: str
    provider: str


class ServerMetrics:
    """All metrics of one server process, in a registry of their own."""

    def __init__(
        self,
        *,
        agents: Iterable[str],
        models: Iterable[ModelLabels],
        priced_models: Iterable[ModelLabels] = (),
        run_cost: bool = False,
        memory: MemoryReader | None = None,
        cpu: CpuReader | None = None,
    ) -> None:
        """Create every label set for `agents` (names as in the spec) and `models`.

        `priced_models` are those whose calls' cost is counted; `run_cost`: every model has a price, so that the cost of
        a run is known.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._make_run_metrics()
        self._make_result_metrics(run_cost=run_cost)
        self._make_cost_metrics(frozenset(priced_models))
        self._make_agent_metrics(tuple(agents))
        self._make_model_metrics(frozenset(models))
        self.registry.register(_MemoryCollector(memory or MemoryReader()))
        self.registry.register(_CpuCollector(cpu or CpuReader()))

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def run_started(self, *, synthetic: bool = False) -> None:
        """Count a run at its acceptance; a rejected one counts too, so started minus finished is what is in flight."""
        (self._synthetic_started if synthetic else self._runs_started).inc()

    def run_finished(
        self, status: RunStatus, seconds: float, result: RunResult | None = None, *, synthetic: bool = False
    ) -> None:
        """Count the end of a run; `seconds` is measured from its acceptance, waiting in the queue included.

        `result` is what a run that succeeded came to.
        """
        if synthetic:
            self._synthetic_finished.labels(status).inc()
            return
        self._runs_finished.labels(status).inc()
        if status in _DURATION_STATUSES:
            self._run_duration.observe(seconds)
        if result is None:
            return
        self._runs_stopped.labels(result.stop_cause).inc()
        self._run_turns.observe(len(result.speakers))
        self._run_tokens.observe(result.usage.prompt_tokens + result.usage.completion_tokens)
        if self._run_cost is not None:
            self._run_cost.observe(result.cost)

    def watch_queue(self, queued: Callable[[], int]) -> None:
        """From now on, show how many runs wait."""
        self._queued_runs.set_function(queued)

    def model_cost(self, model: ModelLabels, cost: float) -> None:
        """Count what a call to one of the priced models cost."""
        self._model_cost.labels(model.provider, model.request_model).inc(cost)

    @contextmanager
    def agent_turn(self, agent: str) -> Iterator[None]:
        """Count and time one turn of `agent`; an exception that leaves the block is a failed turn."""
        started = time.monotonic()
        status = "success"
        self._active_agents.inc()
        try:
            yield
        except RunError as error:
            status = "error"
            self._turns_failed.labels(agent, error.code).inc()
            raise
        except Exception:
            status = "error"
            self._turns_failed.labels(agent, ErrorCode.INTERNAL).inc()
            raise
        except BaseException:  # a cancelled task, or a generator that nobody reads on
            status = "cancelled"
            raise
        finally:
            self._active_agents.dec()
            self._turns.labels(agent, status).inc()
            self._turn_duration.labels(agent).observe(time.monotonic() - started)

    def model_call_finished(self, model: ModelLabels, seconds: float, usage: TokenUsage, error_type: str) -> None:
        """Record a call to a model; `error_type` is empty for a good one, else an ErrorCode."""
        labels = ("chat", model.provider, model.request_model)
        self._operation_duration.labels(*labels, error_type).observe(seconds)
        if usage.prompt_tokens:
            self._token_usage.labels(*labels, "input").observe(usage.prompt_tokens)
        if usage.completion_tokens:
            self._token_usage.labels(*labels, "output").observe(usage.completion_tokens)

    def _make_run_metrics(self) -> None:
        self._runs_started = Counter(
            "autogen_runs_started", "Runs accepted or rejected so far.", registry=self.registry
        )
        self._runs_finished = Counter(
            "autogen_runs_finished",
            "Runs ended so far, by outcome; error, timeout and rejected count as failed.",
            ["status"],
            registry=self.registry,
        )
        self._run_duration = Histogram(
            "autogen_run_duration_seconds",
            "Time from acceptance to the end of runs that succeeded, failed or timed out.",
            buckets=RUN_DURATION_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._synthetic_started = Counter(
            "autogen_synthetic_runs_started", "Synthetic runs accepted or rejected so far.", registry=self.registry
        )
        self._synthetic_finished = Counter(
            "autogen_synthetic_runs_finished",
            "Synthetic runs ended so far, by outcome; the other metrics of runs and turns leave them out.",
            ["status"],
            registry=self.registry,
        )
        for status in RunStatus:
            self._runs_finished.labels(status)
            self._synthetic_finished.labels(status)

    def _make_result_metrics(self, *, run_cost: bool) -> None:
        def histogram(name: str, what: str) -> Histogram:
            return Histogram(name, what, buckets=run_metrics.BOUNDS[name], registry=self.registry)

        self._runs_stopped = Counter(
            run_metrics.STOPPED.removesuffix("_total"),
            "Runs that succeeded, by what made the team stop.",
            [run_metrics.STOP_LABEL],
            registry=self.registry,
        )
        for cause in StopCause:
            self._runs_stopped.labels(cause)
        self._run_turns = histogram(run_metrics.TURNS, "Messages of agents in a run that succeeded.")
        self._run_tokens = histogram(run_metrics.TOKENS, "Tokens of all calls to models in a run that succeeded.")
        self._run_cost = histogram(run_metrics.COST, "Cost of a run that succeeded, by prices.") if run_cost else None
        self._queued_runs = Gauge("autogen_queued_runs", "Runs that wait for a place now.", registry=self.registry)

    def _make_cost_metrics(self, models: frozenset[ModelLabels]) -> None:
        self._model_cost = Counter(
            "autogen_model_cost",
            "Cost of calls to models that have a price, in the price's currency.",
            ["gen_ai_provider_name", "gen_ai_request_model"],
            registry=self.registry,
        )
        for model in models:
            self._model_cost.labels(model.provider, model.request_model)

    def _make_agent_metrics(self, agents: tuple[str, ...]) -> None:
        self._turns = Counter(
            "autogen_requests", "Turns of agents, by outcome.", ["agent_name", "status"], registry=self.registry
        )
        self._turns_failed = Counter(
            "autogen_requests_failed",
            "Failed turns of agents, by kind of error.",
            ["agent_name", "error_type"],
            registry=self.registry,
        )
        self._turn_duration = Histogram(
            "autogen_request_duration_seconds",
            "Time of an agent's turn.",
            ["agent_name"],
            buckets=OPERATION_DURATION_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._active_agents = Gauge(
            "autogen_active_agents", "Agents that are at work on a turn right now.", registry=self.registry
        )
        for agent in agents:
            self._turn_duration.labels(agent)
            for status in _TURN_STATUSES:
                self._turns.labels(agent, status)
            for code in TURN_ERROR_CODES:
                self._turns_failed.labels(agent, code)

    def _make_model_metrics(self, models: frozenset[ModelLabels]) -> None:
        names = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"]
        self._token_usage = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of calls to models, as the endpoint reported them.",
            [*names, "gen_ai_token_type"],
            buckets=TOKEN_BUCKETS,
            registry=self.registry,
        )
        self._operation_duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Time of calls to models; error_type is empty for a good one.",
            [*names, "error_type"],
            buckets=OPERATION_DURATION_BUCKETS_SECONDS,
            registry=self.registry,
        )
        for model, token_type in product(models, ("input", "output")):
            self._token_usage.labels("chat", model.provider, model.request_model, token_type)
        for model, error_type in product(models, _CALL_ERROR_TYPES):
            self._operation_duration.labels("chat", model.provider, model.request_model, error_type)


class _MemoryCollector(Collector):
    """Reads memory at the scrape, so that nothing polls it in between."""

    def __init__(self, reader: MemoryReader) -> None:
        self._reader = reader

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "autogen_memory_usage_bytes",
            "Working set of the container, or the process's resident memory outside one.",
            value=self._reader.usage_bytes(),
        )
        limit = self._reader.limit_bytes()
        if limit is not None:
            yield GaugeMetricFamily("autogen_memory_limit_bytes", "Memory limit of the container.", value=limit)


class _CpuCollector(Collector):
    """Reads processor time at the scrape, together with the time since the start: two scrapes give the share used."""

    def __init__(self, reader: CpuReader) -> None:
        self._reader = reader
        self._started_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "autogen_cpu_seconds",
            "Processor time of the container, or of the process where the container has no limit.",
            value=self._reader.used_seconds(),
        )
        yield GaugeMetricFamily(
            "autogen_uptime_seconds", "Time since the server started.", value=time.monotonic() - self._started_at
        )
        limit = self._reader.limit_cores()
        if limit is not None:
            yield GaugeMetricFamily("autogen_cpu_limit_cores", "Processor limit of the container.", value=limit)
