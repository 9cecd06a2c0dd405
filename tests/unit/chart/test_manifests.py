"""What the values do to the rendered objects."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from agentteam_operator.api.crd import custom_resource_definition
from agentteam_operator.settings import DEFAULT_AGENT_IMAGE, Settings

from tests.unit.chart.chart import CHART, NAMESPACE, RELEASE, REPOSITORY, Manifest, RenderError, render

KEEP = {"helm.sh/resource-policy": "keep"}
PINNED = f"sha256:{'0' * 64}"


def operator_container(values: Manifest) -> Manifest:
    container: Manifest = render(values).one("Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0]
    return container


def test_chart_carries_the_generated_definition() -> None:
    generated = (REPOSITORY / "crds" / "agentteam.dev_agentteams.yaml").read_text()
    assert (CHART / "files" / "crds" / "agentteams.yaml").read_text() == generated, "run `make crds`"


def test_rendering_leaves_the_definition_as_generated() -> None:
    rendered = render().one("CustomResourceDefinition")
    generated = custom_resource_definition()
    assert rendered["spec"] == generated["spec"]
    assert rendered["metadata"]["annotations"] == generated["metadata"]["annotations"] | KEEP


def test_definition_goes_with_the_release_only_when_asked() -> None:
    assert "helm.sh/resource-policy" not in render({"crds": {"keep": False}}).text
    assert not render({"crds": {"install": False}}).of_kind("CustomResourceDefinition")


def test_chart_without_its_definition_is_refused(tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "chart", ignore=shutil.ignore_patterns("files"))
    with pytest.raises(RenderError, match=r"agentteams\.yaml is missing or unreadable in the chart: run `make crds`"):
        render(chart=chart)


@pytest.mark.parametrize(
    ("values", "image"),
    [
        pytest.param({}, "agentteam/agentteam-operator:0.1.0", id="the chart's version"),
        pytest.param({"repository": "localhost/o", "tag": "dev"}, "localhost/o:dev", id="repository and tag"),
        pytest.param({"repository": "r/o", "tag": "1", "digest": PINNED}, f"r/o@{PINNED}", id="a digest wins"),
    ],
)
def test_images(values: Manifest, image: str) -> None:
    assert operator_container({"image": values})["image"] == image
    agent_image = image.replace("agentteam-operator", "agentteam-agent")
    assert render({"agentImage": values}).environment()["AGENT_IMAGE"] == agent_image


EVERY_SETTING: Manifest = {
    "notifiersSecret": {"name": "notifiers"},
    "watchNamespaces": ["a"],
    "prometheus": {
        "url": "https://prometheus.example",
        "tenant": "agents",
        "bearerTokenSecret": {"name": "token"},
        "caConfigMap": {"name": "ca"},
    },
}


def test_operator_knows_every_variable_that_the_chart_sets() -> None:
    names = {entry["name"] for entry in operator_container(EVERY_SETTING)["env"]}
    assert names <= {name.upper() for name in Settings.model_fields}


def test_ports_are_those_that_the_operator_listens_on() -> None:
    ports = {port["name"]: port["containerPort"] for port in operator_container({})["ports"]}
    fields = Settings.model_fields
    assert ports == {"health": fields["health_port"].default, "metrics": fields["metrics_port"].default}


def test_one_version_for_all() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]
    assert render().environment()["AGENT_IMAGE"] == DEFAULT_AGENT_IMAGE


URL = "https://prometheus.example/select/0"
PROMETHEUS_ENVIRONMENT: dict[str, tuple[Manifest, dict[str, str]]] = {
    "none": ({}, {}),
    "own": ({"url": URL}, {"PROMETHEUS_URL": URL, "PROMETHEUS_TIMEOUT_SECONDS": "10"}),
    "own with all": (
        {
            "url": URL,
            "timeoutSeconds": 2.5,
            "tenant": "agents",
            "bearerTokenSecret": {"name": "token"},
            "caConfigMap": {"name": "ca"},
        },
        {
            "PROMETHEUS_URL": URL,
            "PROMETHEUS_TIMEOUT_SECONDS": "2.5",
            "PROMETHEUS_TENANT": "agents",
            "PROMETHEUS_BEARER_TOKEN_FILE": "/var/run/secrets/prometheus/token",
            "PROMETHEUS_CA_FILE": "/etc/prometheus-ca/ca.crt",
        },
    ),
    "bundled": (
        {"install": True},
        {
            "PROMETHEUS_URL": f"http://{RELEASE}-prometheus.{NAMESPACE}.svc.cluster.local:9090",
            "PROMETHEUS_TIMEOUT_SECONDS": "10",
        },
    ),
}


@pytest.mark.parametrize(("values", "expected"), PROMETHEUS_ENVIRONMENT.values(), ids=PROMETHEUS_ENVIRONMENT)
def test_operator_is_told_of_prometheus(values: Manifest, expected: dict[str, str]) -> None:
    environment = render({"prometheus": values}).environment()
    assert {name: value for name, value in environment.items() if name.startswith("PROMETHEUS_")} == expected


def test_token_and_ca_are_where_the_operator_looks() -> None:
    values = {
        "prometheus": {
            "url": URL,
            "bearerTokenSecret": {"name": "prom", "key": "t"},
            "caConfigMap": {"name": "bundle", "key": "b.pem"},
        }
    }
    pod = render(values).one("Deployment", RELEASE)["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts["prometheus-token"] == "/var/run/secrets/prometheus"
    assert mounts["prometheus-ca"] == "/etc/prometheus-ca"
    assert volumes["prometheus-token"]["secret"] == {"secretName": "prom", "items": [{"key": "t", "path": "token"}]}
    assert volumes["prometheus-ca"]["configMap"] == {"name": "bundle", "items": [{"key": "b.pem", "path": "ca.crt"}]}


@pytest.mark.parametrize(
    ("values", "strategy"),
    [
        pytest.param({}, "RollingUpdate", id="the Lease hands over"),
        pytest.param({"leaderElection": {"enabled": False}}, "Recreate", id="without a Lease never two"),
    ],
)
def test_two_operators_never_act_during_an_update(values: Manifest, strategy: str) -> None:
    assert render(values).one("Deployment", RELEASE)["spec"]["strategy"]["type"] == strategy


def test_leader_election_role_is_bound_to_the_lease_that_the_operator_is_told_of() -> None:
    rendered = render()
    rules = rendered.one("Role", f"{RELEASE}-leader-election")["rules"]
    assert rules[1]["resourceNames"] == [rendered.environment()["LEASE_NAME"]]


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (3, 1)])
def test_disruption_budget_only_with_more_than_one_replica(replicas: int, budgets: int) -> None:
    assert len(render({"replicas": replicas}).of_kind("PodDisruptionBudget")) == budgets


def test_selectors_tell_operator_and_prometheus_apart() -> None:
    rendered = render({"prometheus": {"install": True}})
    labels = {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["metadata"]["labels"]
        for manifest in rendered.of_kind("Deployment")
    }
    services = {manifest["metadata"]["name"]: manifest["spec"]["selector"] for manifest in rendered.of_kind("Service")}

    def selected(service: str) -> list[str]:
        return [name for name, own in labels.items() if services[service].items() <= own.items()]

    assert selected(f"{RELEASE}-metrics") == [RELEASE]
    assert selected(f"{RELEASE}-prometheus") == [f"{RELEASE}-prometheus"]


def scrape_job(values: Manifest) -> dict[str, Any]:
    config = yaml.safe_load(
        render({"prometheus": {"install": True}, **values}).one("ConfigMap")["data"]["prometheus.yml"]
    )
    job: dict[str, Any] = config["scrape_configs"][0]
    return job


def test_scraped_pods_cannot_say_who_they_are() -> None:
    job = scrape_job({})
    assert job["honor_labels"] is False
    sources = {rule["target_label"]: rule["source_labels"] for rule in job["relabel_configs"] if "target_label" in rule}
    assert sources["namespace"] == ["__meta_kubernetes_namespace"]
    assert sources["pod"] == ["__meta_kubernetes_pod_name"]


def test_scraping_is_confined_to_the_watched_namespaces() -> None:
    discovery = scrape_job({"watchNamespaces": ["a", "b"]})["kubernetes_sd_configs"][0]
    assert discovery["namespaces"] == {"names": ["a", "b"]}
    assert "namespaces" not in scrape_job({})["kubernetes_sd_configs"][0]


def test_changed_scrape_configuration_restarts_prometheus() -> None:
    def checksum(values: Manifest) -> str:
        rendered = render({"prometheus": {"install": True, **values}})
        template = rendered.one("Deployment", f"{RELEASE}-prometheus")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum({}) == checksum({"retention": "1h"})
    assert checksum({}) != checksum({"scrapeIntervalSeconds": 1})


@pytest.mark.parametrize(
    ("release", "override", "name"),
    [
        pytest.param("agentteam-operator", "", "agentteam-operator", id="named as the chart"),
        pytest.param("prod", "", "prod-agentteam-operator", id="named otherwise"),
        pytest.param("prod", "agents", "agents", id="overridden"),
        pytest.param("a" * 53, "", "a" * 40, id="longest release name"),
    ],
)
def test_names(release: str, override: str, name: str) -> None:
    rendered = render({"fullnameOverride": override, "prometheus": {"install": True}}, release=release)
    assert {item["metadata"]["name"] for item in rendered.of_kind("Deployment")} == {name, f"{name}-prometheus"}


def test_the_service_monitor_keeps_the_teams_namespaces() -> None:
    monitor = render({"metrics": {"serviceMonitor": {"enabled": True}}}).one("ServiceMonitor")
    assert [endpoint["honorLabels"] for endpoint in monitor["spec"]["endpoints"]] == [True]
