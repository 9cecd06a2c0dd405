"""The rules that span fields, in Python: one function a model.

Each mirrors the CEL rules declared next to the model (`rules`), in the same words; a test table holds them together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from agentteam_operator.api import (
    check_conversations,
    check_metrics,
    check_repeats,
    check_rollout,
    check_team,
    check_workload,
)
from agentteam_operator.api.base import DNS_LABEL_PATTERN, ApiModel
from agentteam_operator.api.conversations import Conversation, Expectation
from agentteam_operator.api.field_problems import FieldProblem, Found, shorten
from agentteam_operator.api.hooks import HookJob
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.models import PRICE_MEND, ModelSpec
from agentteam_operator.api.pod import EnvSource, EnvVar, PodSettings, Toleration
from agentteam_operator.api.resource import MAX_NAME_LENGTH
from agentteam_operator.api.rollout import AnalysisSettings, RolloutSettings, TrafficSettings
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.team import AgentSpec, SelectorSettings, TeamSpec, TerminationCondition
from agentteam_operator.api.volumes import Volume, VolumeMount
from agentteam_operator.api.weights import green_pods_for, nearest_weight
from agentteam_operator.api.workload import Autoscaling, Resources


def name_problems(name: str) -> Iterator[FieldProblem]:
    """What is wrong with the name of a team."""
    if len(name) > MAX_NAME_LENGTH or not re.search(DNS_LABEL_PATTERN, name):
        yield FieldProblem(
            "metadata.name",
            shorten(name),
            f"metadata.name {name} must have at most {MAX_NAME_LENGTH} characters, a-z, 0-9 and '-', and begin with a "
            "letter: shorten or correct it",
        )


def cross_field_problems(model: BaseModel, path: str) -> Iterator[FieldProblem]:
    """What is wrong across the fields of a model and of all that it holds, in the order of the manifest."""
    for relative_path, value, message in _CHECKS.get(type(model), _nothing)(model):
        yield FieldProblem(path + relative_path, shorten(value) if value is not None else "", message)
    for name, alias, hints in _fields(type(model)):
        value = getattr(model, name)
        if isinstance(value, ApiModel):
            yield from cross_field_problems(value, f"{path}.{alias}")
        elif isinstance(value, tuple) and value:
            yield from _list_problems(value, f"{path}.{alias}", hints)


@cache
def _fields(model: type[BaseModel]) -> tuple[tuple[str, str, object], ...]:
    """Name, name in manifests and schema hints of each field."""
    return tuple((name, field.alias or name, field.json_schema_extra) for name, field in model.model_fields.items())


def _list_problems(entries: tuple[object, ...], path: str, hints: object) -> Iterator[FieldProblem]:
    keys = hints.get("x-kubernetes-list-map-keys", []) if isinstance(hints, dict) else []
    if isinstance(hints, dict) and hints.get("x-kubernetes-list-type") == "set":
        yield from _duplicates(path, "entry", map(str, entries))
    for key in keys:
        attribute = {"name": "name", "mountPath": "mount_path", "topologyKey": "topology_key"}[key]
        yield from _duplicates(path, key, (str(getattr(entry, attribute)) for entry in entries))
    for index, entry in enumerate(entries):
        if isinstance(entry, ApiModel):
            yield from cross_field_problems(entry, f"{path}[{index}]")


def _duplicates(path: str, key: str, values: Iterable[str]) -> Iterator[FieldProblem]:
    for value, count in Counter(values).items():
        if count > 1:
            yield FieldProblem(path, shorten(value), f"{key} {value} is there {count} times: give each entry its own")


def check_spec(spec: AgentTeamSpec) -> Found:
    """References to models that are missing, and numbers of pods that contradict one another or the weights."""
    names = {model.name for model in spec.models}
    mend = "spec.models: correct the name or add the model"
    for index, agent in enumerate(spec.team.agents):
        if agent.model not in names:
            message = f"agent {agent.name} speaks with model {agent.model}, which is not in {mend}"
            yield f".team.agents[{index}].model", agent.model, message
    if spec.team.selector is not None and spec.team.selector.model not in names:
        chosen = spec.team.selector.model
        yield ".team.selector.model", chosen, f"the selector's model {chosen} is not in {mend}"
    if spec.replicas is not None and spec.autoscaling is not None:
        yield (
            ".replicas",
            spec.replicas,
            "replicas and autoscaling exclude each other: remove replicas to let load decide, or remove autoscaling",
        )
    yield from _weights(spec)
    yield from check_conversations.check_speakers(spec.rollout, spec.team)
    yield from _unpriced(spec)
    yield from check_repeats.check_prices(spec.rollout, spec.models)


def _unpriced(spec: AgentTeamSpec) -> Found:
    if all(metric.name != MetricName.COST_PER_RUN for metric in spec.rollout.analysis.metrics):
        return
    for index, model in enumerate(spec.models):
        if model.price is None:
            yield (
                f".models[{index}]",
                model.name,
                f"metric costPerRun needs the price of model {model.name}: {PRICE_MEND}",
            )


def _weights(spec: AgentTeamSpec) -> Found:
    blue = spec.desired_replicas()
    for index, step in enumerate(spec.rollout.traffic.steps):
        if green_pods_for(step.weight, blue) is None:
            nearest = nearest_weight(step.weight, blue)
            yield (
                f".rollout.traffic.steps[{index}].weight",
                step.weight,
                f"weight {step.weight} can't be made with that many pods: the nearest that can is {nearest}",
            )


def _check_rollout(rollout: RolloutSettings) -> Found:
    yield from check_conversations.check_size(rollout)
    yield from check_repeats.check_repeats(rollout)


def _nothing(_model: BaseModel) -> Found:
    yield from ()


_CHECKS: dict[type[BaseModel], Callable[[Any], Found]] = {
    AgentTeamSpec: check_spec,
    ModelSpec: check_team.check_model,
    TeamSpec: check_team.check_team,
    SelectorSettings: check_team.check_selector,
    TerminationCondition: check_team.check_termination,
    AgentSpec: check_team.check_agent,
    Autoscaling: check_workload.check_autoscaling,
    Resources: check_workload.check_resources,
    PodSettings: check_workload.check_pod,
    EnvVar: check_workload.check_variable,
    Toleration: check_workload.check_toleration,
    EnvSource: check_workload.check_env_source,
    HookJob: check_workload.check_hook_job,
    Volume: check_workload.check_volume,
    VolumeMount: check_workload.check_mount,
    RolloutSettings: _check_rollout,
    Conversation: check_conversations.check_conversation,
    Expectation: check_conversations.check_expectation,
    TrafficSettings: check_rollout.check_traffic,
    AnalysisSettings: check_rollout.check_analysis,
    AnalysisMetric: check_metrics.check_metric,
}
"""The check of each model whose fields depend on one another."""
