"""Values: what is documented is what is there, and what is wrong is refused in words that name the mend."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from tests.unit.chart.chart import CHART, Manifest, RenderError, render
from tests.unit.chart.values_table import Value, documented_values, undocumented_leaves

README = (CHART / "README.md").read_text()
VALUES = list(documented_values())


def test_every_value_is_documented() -> None:
    assert undocumented_leaves() == []


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.path)
def test_readme_lists_every_value_with_its_default(value: Value) -> None:
    assert value.row in README.splitlines(), "print the table with `python -m tests.unit.chart.values_table`"


def test_readme_lists_no_value_that_is_gone() -> None:
    rows = [line for line in README.partition("## Values")[2].splitlines() if line.startswith("| `")]
    assert rows == [value.row for value in VALUES]


def test_schema_accepts_the_defaults() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), schema)


SLACK = {"name": "chat", "kind": "Slack", "url": "https://hooks.example/key"}
REFUSED = {
    "notifier of no kind": (
        {"notifiers": [{**SLACK, "kind": "Pager"}]},
        "at '/notifiers/0/kind': value must be one of",
    ),
    "notifier with a typo": (
        {"notifiers": [{**SLACK, "on": ["IncidentOpened"]}]},
        "at '/notifiers/0': additional properties 'on' not allowed",
    ),
    "webhook without a key": (
        {"notifiers": [{**SLACK, "kind": "Webhook"}]},
        'notifier "chat" is a Webhook and needs a secret to sign with',
    ),
    "key that signs nothing": (
        {"notifiers": [{**SLACK, "secret": "whsec_AAAA"}]},
        'notifier "chat" is no Webhook: remove its secret, with which nothing would be signed',
    ),
    "notifiers twice": (
        {"notifiers": [SLACK], "notifiersSecret": {"name": "mine"}},
        'notifiers and notifiersSecret.name="mine" exclude each other',
    ),
    "typo at the top": ({"relpicas": 2}, "additional properties 'relpicas' not allowed"),
    "typo below": ({"prometheus": {"instal": True}}, "at '/prometheus': additional properties 'instal' not allowed"),
    "typo in resources": ({"resources": {"limit": {}}}, "at '/resources': additional properties 'limit' not allowed"),
    "unknown log level": ({"logLevel": "verbose"}, "at '/logLevel': value must be one of"),
    "replicas as text": ({"replicas": "2"}, "at '/replicas': got string, want integer"),
    "negative replicas": ({"replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
    "digest without its algorithm": ({"image": {"digest": "abc"}}, "at '/image/digest': 'abc' does not match pattern"),
    "URL without a scheme": (
        {"prometheus": {"url": "prometheus:9090"}},
        "at '/prometheus/url': 'prometheus:9090' does",
    ),
    "no namespace name": ({"watchNamespaces": ["Team_A"]}, "at '/watchNamespaces/0': 'Team_A' does not match pattern"),
    "namespace named twice": ({"watchNamespaces": ["a", "a"]}, "at '/watchNamespaces': items at 0 and 1 are equal"),
    "scraping each 0 s": ({"prometheus": {"scrapeIntervalSeconds": 0}}, "minimum: got 0, want 1"),
    "two Prometheus": (
        {"prometheus": {"install": True, "url": "http://prometheus:9090"}},
        'prometheus.install=true and prometheus.url="http://prometheus:9090" exclude each other: unset one of them',
    ),
    "token for no Prometheus": (
        {"prometheus": {"bearerTokenSecret": {"name": "token"}}},
        "are for a Prometheus of your own: set prometheus.url too",
    ),
    "replicas without a Lease": (
        {"replicas": 2, "leaderElection": {"enabled": False}},
        "replicas=2 needs leaderElection.enabled=true: only one replica may act at a time",
    ),
    "no ServiceAccount": (
        {"serviceAccount": {"create": False}},
        "serviceAccount.name is required with serviceAccount.create=false: name the ServiceAccount that the operator",
    ),
    "ServiceMonitor of nothing": (
        {"metrics": {"service": {"enabled": False}, "serviceMonitor": {"enabled": True}}},
        "metrics.serviceMonitor.enabled=true needs metrics.service.enabled=true",
    ),
}


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(values: Manifest, message: str) -> None:
    with pytest.raises(RenderError) as refusal:
        render(values)
    assert message in str(refusal.value)


def test_takes_what_helm_adds_to_a_dependency() -> None:
    assert render({"global": {"imageRegistry": "registry.example"}}).of_kind("Deployment")
