"""Whether AutoGen takes a spec, found by building each part as a run would, with the path of what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.spec import RevisionSpec
from autogen_core.models import ChatCompletionClient

from agent_server.conversation import Conversation
from agent_server.runtime.secrets import SecretFiles
from agent_server.team.build import build_team
from agent_server.team.models import PROVIDERS, model_labels
from agent_server.telemetry.metrics import ServerMetrics

_UNKNOWN_MODEL = "model_info is required"


def component_problems(spec: RevisionSpec) -> Iterator[str]:
    """One line for each part that AutoGen refuses. Nothing is called and no Secret is read."""
    secrets = SecretFiles()
    clients: dict[str, ChatCompletionClient] = {}
    for index, model in enumerate(spec.models):
        try:
            clients[model.name] = PROVIDERS[model.provider](model, secrets).client()
        except ValueError as error:
            yield f"spec.models[{index}].{_model_problem(model.model, error)}"
    if len(clients) < len(spec.models):
        return
    metrics = ServerMetrics(agents=[], models=[model_labels(model) for model in spec.models])
    try:
        build_team(spec.team, lambda name, _: clients[name], Conversation(task=""), metrics)
    except ValueError as error:
        yield f"spec.team: {error}"


def _model_problem(model: str, error: ValueError) -> str:
    if _UNKNOWN_MODEL in str(error):
        return (
            f"modelInfo ({model}): AutoGen doesn't know this model: say what it can do, "
            "such as modelInfo: {functionCalling: true, jsonOutput: true, family: unknown}"
        )
    return f"model ({model}): {error}"
