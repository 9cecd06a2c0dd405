"""Upgrade, rollback, uninstall and reinstall of the chart on a real node, under a running team and a steady load.

The release is the one that all end-to-end tests share; each test leaves it as it found it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.kube import Json
from demo.target import ROOT
from tests.cluster.images import read_record
from tests.e2e.harness import (
    OPERATOR,
    OPERATOR_NAMESPACE,
    QUICK_ROLLOUT,
    REVISION_LABEL,
    TEAM_LABEL,
    Cluster,
    Team,
    condition,
    manifest,
)
from tests.e2e.operator_pod import await_acting_operator
from tests.load.report import LoadReport

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

CHART = str(ROOT / "charts" / "agentteam-operator")
RELEASE = (OPERATOR, CHART, "-n", OPERATOR_NAMESPACE)
WAIT = ("--wait", "--timeout", "90s")
BUILDER_MARK = {"test.agentteam.dev/builder": "newer"}
# Nothing is judged here, and no colour watched for long: it is the operator that changes, not the team.
BRIEF_ROLLOUT = QUICK_ROLLOUT | {
    "traffic": {"mode": "Immediate"},
    "analysis": {"intervalSeconds": 1, "onInconclusive": "Promote"},
    "watchSeconds": 2,
    "settleSeconds": 2,
}


@dataclass(frozen=True)
class Running:
    """What must not change under a team: its pods, and what they were made from."""

    templates: dict[str, Json]
    generations: dict[str, int]
    pods: frozenset[str]
    """Each pod's UID with its containers' restarts."""

    @classmethod
    def of(cls, team: Team) -> Running:
        """What of the active revision runs now; the one before it may still be drained."""
        labels = f"{TEAM_LABEL}={team.name},{REVISION_LABEL}={team.active}"
        deployments = team.tools.list("deployments", team.namespace, labels)
        pods = team.pods(team.active)
        return cls(
            templates={item["metadata"]["name"]: item["spec"]["template"] for item in deployments},
            generations={item["metadata"]["name"]: item["metadata"]["generation"] for item in deployments},
            pods=frozenset(f"{pod['metadata']['uid']}:{restarts(pod)}" for pod in pods),
        )


def restarts(pod: Json) -> int:
    return sum(int(container["restartCount"]) for container in pod["status"].get("containerStatuses", []))


@pytest.fixture
def team(cluster: Cluster, namespace: str, request: pytest.FixtureRequest) -> Iterator[Team]:
    """A team that serves."""
    name = "kept" if "uninstall" in request.node.name else "steady"
    with cluster.team(namespace, manifest(name, rollout=BRIEF_ROLLOUT)) as team:
        team.await_first()
        yield team
        cluster.tools.kubectl("delete", "agentteam", name, "-n", namespace)


@pytest.fixture
def newer_image(cluster: Cluster, tmp_path: Path) -> str:
    """An operator image whose builders make other pod templates, as a later version's may."""
    builder = ROOT / "operator" / "agentteam_operator" / "core" / "build" / "deployment.py"
    with Path(shutil.copy(builder, tmp_path / "deployment.py")).open("a") as file:
        file.write(
            "\n\n_earlier_annotations = _scrape_annotations\n\n\n"
            f"def _scrape_annotations():\n    return {{**_earlier_annotations(), **{BUILDER_MARK!r}}}\n"
        )
    usual = cluster.target.images.name("agentteam-operator")
    record = read_record(usual)
    assert record, f"{usual} was built by the local cluster's builder"
    (tmp_path / "Dockerfile").write_text(
        # The builder tells by the content whether there is anything to do, and the base's name never changes.
        f"# {record.image_id}\n"
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
        "COPY deployment.py /tmp/deployment.py\n"
        "USER 0\n"
        'RUN ["python", "-c", "import agentteam_operator.core.build.deployment as m, shutil, pathlib;'
        " shutil.copy('/tmp/deployment.py', m.__file__); pathlib.Path(m.__cached__).unlink(missing_ok=True)\"]\n"
        "USER 65532:65532\n"
    )
    name = cluster.target.images.repository + "/agentteam-operator:newer-builders"
    build = [sys.executable, "-m", "tests.cluster", "build-image", "--file", str(tmp_path / "Dockerfile")]
    subprocess.run([*build, "--tag", name, "--build-arg", f"BASE_IMAGE={usual}", str(tmp_path)], cwd=ROOT, check=True)
    return name


def operator_image(cluster: Cluster) -> str:
    return str(cluster.operator_pod()["spec"]["containers"][0]["image"])


def is_ready(team: Json) -> bool:
    """The latest spec serves, and the operator has seen this very generation."""
    observed = team["status"].get("observedGeneration") == team["metadata"]["generation"]
    return observed and condition(team, "Ready").get("status") == "True"


def assert_nothing_lost(report: LoadReport) -> None:
    assert report.counts.total >= 100
    assert report.counts.lost == 0, report.lost_requests
    assert report.counts.bad == 0, report.bad_answers


def assert_rights_suffice_and_no_secret_is_asked_for(requests: list[Json]) -> None:
    assert len(requests) > 20, "the audit log holds what the operator asked"
    # Not the status 403, which a create in a namespace on its way out gets too.
    refused = [
        (event["verb"], event["requestURI"])
        for event in requests
        if event.get("annotations", {}).get("authorization.k8s.io/decision", "allow") != "allow"
    ]
    assert refused == []
    assert "secrets" not in {event.get("objectRef", {}).get("resource") for event in requests}


def test_upgrade_and_rollback_write_no_pod_template_of_a_running_team(
    cluster: Cluster, team: Team, newer_image: str
) -> None:
    tools, first = cluster.tools, team.active
    usual_image, (repository, _, tag) = operator_image(cluster), newer_image.rpartition(":")
    before, position = Running.of(team), cluster.audit_position()
    with team.load(20) as load:
        # Other builders, and another default agent image, one that doesn't even exist: a running team mustn't notice.
        values = (f"image.repository={repository}", f"image.tag={tag}", "agentImage.tag=no-such-image")
        settings = [word for value in values for word in ("--set", value)]
        tools.helm("upgrade", *RELEASE, "--reset-then-reuse-values", *WAIT, *settings)
        await_acting_operator(cluster)
        assert operator_image(cluster) == newer_image
        assert Running.of(team) == before

        # The new builders are at work: the next revision bears their mark, and the first one's template still doesn't.
        team.change(version="1.1.0", image=cluster.target.images.name("agentteam-agent"))
        team.await_end(first)
        second = tools.get("deployment", f"{team.name}-{team.active}", team.namespace)
        assert team.active != first
        assert BUILDER_MARK.items() <= second["spec"]["template"]["metadata"]["annotations"].items()
        retained = tools.get("deployment", f"{team.name}-{first}", team.namespace)
        assert retained["spec"]["template"] == before.templates[f"{team.name}-{first}"]
        team.watch.wait_for(is_ready, 30, "the second version to be settled")

        # Back to the release before: the team goes on with what the newer operator made.
        before = Running.of(team)
        tools.helm("rollback", OPERATOR, "-n", OPERATOR_NAMESPACE, *WAIT)
        await_acting_operator(cluster)
        assert operator_image(cluster) == usual_image
        assert Running.of(team) == before
        assert is_ready(tools.get("agentteam", team.name, team.namespace))
        assert_nothing_lost(load.stop())
    assert_rights_suffice_and_no_secret_is_asked_for(cluster.requests_since(position))


def test_uninstall_leaves_teams_serving_and_reinstall_adopts_them(cluster: Cluster, team: Team, tmp_path: Path) -> None:
    tools, first, values = cluster.tools, team.active, tmp_path / "values.yaml"
    values.write_text(tools.helm("get", "values", OPERATOR, "-n", OPERATOR_NAMESPACE, "--output", "yaml"))
    before = Running.of(team)
    with team.load(20) as load:
        tools.helm("uninstall", OPERATOR, "-n", OPERATOR_NAMESPACE, *WAIT)
        assert tools.list("deployments", OPERATOR_NAMESPACE, f"app.kubernetes.io/instance={OPERATOR}") == []
        assert is_ready(tools.get("agentteam", team.name, team.namespace)), "the CRD and its objects are kept"
        assert Running.of(team) == before

        tools.helm("install", *RELEASE, *WAIT, "--values", str(values))
        await_acting_operator(cluster)
        assert Running.of(team) == before

        # Adopted: the next change is rolled out as if nothing had been.
        team.change(version="1.1.0")
        team.await_end(first)
        assert team.active != first
        assert_nothing_lost(load.stop())


def test_wrong_value_is_refused_before_anything_changes(cluster: Cluster) -> None:
    before = cluster.tools.get("deployment", OPERATOR, OPERATOR_NAMESPACE)["metadata"]["generation"]
    command = ["helm", "upgrade", *RELEASE, "--reset-then-reuse-values", "--set", "relpicas=2"]
    result = subprocess.run(command, env=cluster.tools.environment, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "additional properties 'relpicas' not allowed" in result.stderr
    assert cluster.tools.get("deployment", OPERATOR, OPERATOR_NAMESPACE)["metadata"]["generation"] == before
