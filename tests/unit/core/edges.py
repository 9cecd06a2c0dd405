"""Views of a phase's calm situation with parts of it put otherwise: what a gate is asked about at its edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.status import Phase, Verdict
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.metric_verdict import Judgement, MetricVerdict
from agentteam_operator.core.view import View

from tests.unit.core.situations import CALM, ENVIRONMENT, Situation

Gate = Callable[[View], Finding | None]
COUNTS = ColourCounts(started=50, finished=50)


def said_by(*verdicts: tuple[str, Verdict, str]) -> Judgement:
    """A judgement of several metrics on enough answers, each with its words."""
    found = [MetricVerdict(name=name, verdict=what, reason="Said", message=words) for name, what, words in verdicts]
    return Judgement(AnalysisStatus(blue=COUNTS, green=COUNTS), tuple(found))


def seen(
    phase: Phase,
    *,
    team_status: Mapping[str, object] | None = None,
    rollout_status: Mapping[str, object] | None = None,
    said: frozenset[ActionName] = frozenset(),
    prometheus: bool = True,
    **situation: Any,  # noqa: ANN401 - parts of a Situation
) -> View:
    """A phase's calm situation with parts put over it, over the team's status and over its rollout's."""
    view = replace(CALM.get(phase) or Situation(phase), **situation).view()
    assert view.rollout is not None
    rollout = view.rollout.model_copy(update=dict(rollout_status or {}))
    status = view.status.model_copy(update={"rollout": rollout, **(team_status or {})})
    environment = replace(ENVIRONMENT, metrics_configured=prometheus)
    return replace(view.with_status(status), said=said, environment=environment)


def message_of(gate: Gate, view: View) -> str:
    """What a gate says that finds something."""
    found = gate(view)
    assert found is not None
    return found.message
