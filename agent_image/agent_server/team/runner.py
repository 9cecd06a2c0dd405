"""Runs conversations on fresh AutoGen teams, and stops them for good when they are cancelled."""

from __future__ import annotations

import asyncio

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import CancellationToken

from agent_server.config import ServedTeam
from agent_server.conversation import Conversation, EventSink, RunResult
from agent_server.errors import ErrorCode, RunError
from agent_server.runtime.secrets import SecretFiles
from agent_server.team.build import autogen_name, build_team
from agent_server.team.metered import MeteredClient, RunRecord, TextSink
from agent_server.team.models import ModelPool, model_labels
from agent_server.team.stops import stop_cause
from agent_server.telemetry.metrics import ServerMetrics

_CANCEL_GRACE_SECONDS = 5.0


class TeamRunner:
    """The team of one revision. Each run gets an instance of its own; model clients and their connections are shared.

    An AutoGen team can't run twice at once, and one whose token was cancelled doesn't recover: a new one costs 0.1 ms.
    """

    def __init__(self, team: ServedTeam, secrets: SecretFiles, metrics: ServerMetrics) -> None:
        """Build the model clients, and one team to see that AutoGen takes it.

        Raises:
            ValueError: AutoGen refuses the team or a model.
        """
        self._team = team
        self._metrics = metrics
        self._models = ModelPool(team.spec.models, secrets)
        self.check_build()

    def check_build(self) -> None:
        """Build a team as a run would.

        Raises:
            ValueError: AutoGen refuses it.
        """
        self._build(Conversation(task=""), RunRecord())

    async def check_models(self, timeout_seconds: float) -> dict[str, str]:
        """For each model what keeps it from being called, or an empty string; all are asked at once."""
        names = [spec.name for spec in self._team.spec.models]
        errors = await asyncio.gather(*(self._models.check(name, timeout_seconds) for name in names))
        return dict(zip(names, errors, strict=True))

    async def close(self) -> None:
        """Close the models' connections."""
        await self._models.close()

    async def run(self, conversation: Conversation, on_event: EventSink | None = None) -> RunResult:
        """Run `conversation` to its end; `on_event` makes the agents stream and is called with all that they say.

        Cancelling this call stops the team and the calls to models under way. AutoGen's own run, when cancelled, waits
        for the model first; so it runs in a task of its own and is stopped through AutoGen's token.

        Raises:
            RunError: a model failed, or no agent said anything.
        """
        record = RunRecord()
        team = self._build(conversation, record, on_event)
        token = CancellationToken()
        drive = asyncio.create_task(
            team.run(task=conversation.task, cancellation_token=token, output_task_messages=False)
        )
        try:
            result = await asyncio.shield(drive)
        except asyncio.CancelledError:
            token.cancel()
            await _ended(drive)
            raise
        except Exception:
            if record.failure is not None:
                raise _charged(record.failure, conversation, record) from None
            raise
        try:
            return self._outcome(result, record)
        except RunError as error:
            raise _charged(error, conversation, record) from None

    def _build(self, conversation: Conversation, record: RunRecord, on_event: EventSink | None = None) -> BaseGroupChat:
        shared = self._models.clients()

        def client(model: str, on_text: TextSink | None) -> MeteredClient:
            spec = self._models.spec(model)
            return MeteredClient(
                shared[model],
                name=model,
                labels=model_labels(spec),
                timeout_seconds=spec.timeout_seconds,
                record=record,
                metrics=self._metrics,
                price=spec.price,
                on_text=on_text,
            )

        return build_team(self._team.spec.team, client, conversation, self._metrics, on_event)

    def _outcome(self, result: TaskResult, record: RunRecord) -> RunResult:
        messages = [message for message in result.messages if isinstance(message, BaseChatMessage)]
        if not messages:
            raise RunError(
                ErrorCode.NO_ANSWER,
                "the team stopped before an agent spoke: raise maxMessages or timeoutSeconds in spec.team.termination",
            )
        names = {autogen_name(agent.name): agent.name for agent in self._team.spec.team.agents}
        reason = result.stop_reason or ""
        return RunResult(
            answer=messages[-1].to_text(),
            stop_reason=reason,
            speakers=tuple(names.get(message.source, message.source) for message in messages),
            usage=record.usage,
            stop_cause=stop_cause(reason),
            cost=record.cost,
            cost_known=record.cost_known,
        )


def _charged(error: RunError, conversation: Conversation, record: RunRecord) -> RunError:
    """The error of a run with what it cost, which only those hear that try the team out."""
    error.cost = record.cost if conversation.synthetic and record.cost_known else None
    return error


def server_metrics(team: ServedTeam) -> ServerMetrics:
    """Metrics with a label set for each agent and model of `team`."""
    return ServerMetrics(
        agents=[agent.name for agent in team.spec.team.agents],
        models=[model_labels(model) for model in team.spec.models],
        priced_models=[model_labels(model) for model in team.spec.models if model.price is not None],
        run_cost=all(model.price is not None for model in team.spec.models),
    )


async def _ended(task: asyncio.Task[TaskResult]) -> None:
    """Wait for a stopped run to be over; one that doesn't heed the token is cancelled outright."""
    _, pending = await asyncio.wait({task}, timeout=_CANCEL_GRACE_SECONDS)
    if pending:
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_GRACE_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()  # seen, so that asyncio doesn't report it as lost
