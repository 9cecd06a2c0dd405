"""docs/judgement.md names all there is, and its queries are ones that may be asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from agentteam_operator.api.checks import cross_field_problems
from agentteam_operator.api.metrics import MetricName
from agentteam_operator.api.rollout import AnalysisSettings

PAGE = Path(__file__).resolve().parents[3].joinpath("docs", "judgement.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(MetricName))
def test_each_metric_is_in_the_table(name: MetricName) -> None:
    assert re.search(rf"^\|.*`{name}`.*\|", PAGE, re.MULTILINE)


def test_the_examples_are_valid() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
    settings = [AnalysisSettings.parse(block["rollout"]["analysis"]) for block in blocks]
    assert any(metric.query for one in settings for metric in one.metrics)
    assert [problem for one in settings for problem in cross_field_problems(one, "analysis")] == []
