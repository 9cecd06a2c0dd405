"""What helm says after an install."""

from __future__ import annotations

import textwrap

import pytest
import yaml
from agentteam_operator.api.validation import read_team

from tests.unit.chart.chart import NAMESPACE, RELEASE, Manifest, notes


@pytest.mark.parametrize(
    ("values", "namespace"),
    [pytest.param({}, "default", id="all namespaces"), pytest.param({"watchNamespaces": ["a", "b"]}, "a", id="some")],
)
def test_first_team_is_valid_and_in_a_watched_namespace(values: Manifest, namespace: str) -> None:
    text = notes(values).partition("<<'YAML'\n")[2].partition("  YAML\n")[0]
    team, problems = read_team(yaml.safe_load(textwrap.dedent(text)))
    assert problems == []
    assert team is not None
    assert team.metadata.namespace == namespace


BUNDLED = f"the bundled Prometheus:\n  http://{RELEASE}-prometheus.{NAMESPACE}.svc.cluster.local:9090"


CHAT = {"name": "chat", "kind": "Slack", "url": "https://hooks.example/key"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({}, "so the judgement of each rollout is Skipped", id="no Prometheus"),
        pytest.param({"prometheus": {"install": True}}, BUNDLED, id="bundled"),
        pytest.param({"prometheus": {"url": "http://mine:9090"}}, "from\n  http://mine:9090\n", id="own"),
        pytest.param(
            {"notifiers": [CHAT, {**CHAT, "name": "ops"}]}, "told of incidents by the notifiers chat, ops.\n", id="told"
        ),
        pytest.param(
            {"notifiersSecret": {"name": "mine"}}, "by the notifiers of Secret mine.\n", id="told by a Secret"
        ),
        pytest.param({}, "leaves the teams serving and the CRD in place", id="kept"),
        pytest.param({"crds": {"keep": False}}, "WARNING: crds.keep=false", id="not kept"),
        pytest.param({"watchNamespaces": ["a", "b"]}, "looks after AgentTeams in the namespaces a, b.", id="where"),
    ],
)
def test_says(values: Manifest, told: str) -> None:
    assert told in notes(values)
