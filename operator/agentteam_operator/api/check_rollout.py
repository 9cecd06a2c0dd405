"""The rules of `spec.rollout` that span fields, as the API server has them in CEL."""

from __future__ import annotations

from agentteam_operator.api.field_problems import Found
from agentteam_operator.api.rollout import (
    MAX_QUERIES,
    TOO_MANY_QUERIES,
    AnalysisSettings,
    TrafficMode,
    TrafficSettings,
)


def check_traffic(traffic: TrafficSettings) -> Found:
    """Steps that contradict the mode or one another."""
    if traffic.mode is TrafficMode.IMMEDIATE and traffic.steps:
        yield ".steps", None, "mode Immediate has no steps: remove steps, or set mode to Gradual"
    weights = [step.weight for step in traffic.steps]
    if weights != sorted(set(weights)):
        message = "weights must rise from step to step: sort steps by weight and give each weight once"
        yield ".steps", weights, message


def check_analysis(analysis: AnalysisSettings) -> Found:
    """More queries than are asked for one team."""
    queries = sum(metric.query is not None for metric in analysis.metrics)
    if queries > MAX_QUERIES:
        yield ".metrics", f"{queries} queries", TOO_MANY_QUERIES
