"""Install, upgrade, rollback and uninstall of the chart, on a real node, under a running team and a steady load.

The release is the one that all end-to-end tests share; each test here leaves it as it found it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.kube import Json, Tools, Watch
from tests.load.generator import LoadPlan
from tests.load.process import LoadProcess
from tests.load.report import LoadReport

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "agentteam-operator"
RELEASE, SYSTEM = "agentteam-operator", "agentteam-system"
NAMESPACE, TEAM = "e2e-helm", "steady"
NEWER_OPERATOR = "localhost/agentteam-operator:newer-builders"
BUILDER_MARK = {"test.agentteam.dev/builder": "newer"}
ROLLOUT_SECONDS = 120.0


def team_manifest(answer: str, image: str = "") -> Json:
    """A small team with scripted answers, whose rollout is over in seconds."""
    return {
        "apiVersion": "agentteam.dev/v1alpha1",
        "kind": "AgentTeam",
        "metadata": {"name": TEAM},
        "spec": {
            **({"image": image} if image else {}),
            "models": [{"name": "script", "provider": "Replay", "replay": {"answers": [answer]}}],
            "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "greeter", "model": "script"}]},
            "replicas": 2,
            "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
            "rollout": {
                "traffic": {"mode": "Immediate"},
                "analysis": {"intervalSeconds": 1, "onInconclusive": "Promote"},
                "watchSeconds": 2,
                "settleSeconds": 2,
                "drainSeconds": 2,
            },
        },
    }


def active_revision(team: Json) -> str:
    return str(team.get("status", {}).get("activeRevision", ""))


def is_ready(team: Json) -> bool:
    """The latest spec serves, and the operator says so of this very generation."""
    status = team.get("status", {})
    ready = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}.get("Ready")
    return ready == "True" and status["observedGeneration"] == team["metadata"]["generation"]


@dataclass(frozen=True)
class Running:
    """What must not change under a team: its pods, and what they were made from."""

    templates: dict[str, Json]
    generations: dict[str, int]
    pods: frozenset[str]

    @classmethod
    def of(cls, tools: Tools) -> Running:
        """What runs now. A pod is known by its UID and by how often its container was started."""
        selector = f"agentteam.dev/team={TEAM}"
        deployments = [item for item in tools.list("deployments", NAMESPACE, selector) if item["spec"]["replicas"]]
        pods = tools.list("pods", NAMESPACE, f"{selector},agentteam.dev/role=server")
        return cls(
            templates={item["metadata"]["name"]: item["spec"]["template"] for item in deployments},
            generations={item["metadata"]["name"]: item["metadata"]["generation"] for item in deployments},
            pods=frozenset(f"{pod['metadata']['uid']}:{restarts(pod)}" for pod in pods),
        )


def restarts(pod: Json) -> int:
    return sum(int(container["restartCount"]) for container in pod["status"].get("containerStatuses", []))


@pytest.fixture
def team(tools: Tools, operator: object) -> Iterator[Watch]:
    """The team, rolled out and ready."""
    _ = operator
    tools.kubectl("create", "namespace", NAMESPACE)
    try:
        tools.apply(team_manifest("I am the first version."), NAMESPACE)
        with Watch(tools, "agentteam", TEAM, NAMESPACE) as watch:
            watch.wait_for(is_ready, ROLLOUT_SECONDS, "the team's first revision to serve")
            yield watch
    finally:
        tools.kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture
def load(tools: Tools, team: Watch) -> Iterator[LoadProcess]:
    """25 requests a second to the team's Service, half of them on new connections."""
    _ = team
    address = tools.get("service", TEAM, NAMESPACE)["spec"]["clusterIP"]
    with LoadProcess(LoadPlan(f"http://{address}", rate_per_second=25, max_requests=10_000, max_seconds=400)) as load:
        load.wait_for(lambda progress: progress.get("sent", 0) >= 25, 30)
        yield load


@pytest.fixture(scope="module")
def newer_operator(tmp_path_factory: pytest.TempPathFactory, operator: object) -> str:
    """An operator image whose builders make other pod templates, as a later version's may."""
    _ = operator
    context = tmp_path_factory.mktemp("newer")
    builder = ROOT / "operator" / "agentteam_operator" / "core" / "build" / "deployment.py"
    changed = context / "deployment.py"
    shutil.copy(builder, changed)
    with changed.open("a") as file:
        file.write(
            "\n\n_earlier_annotations = _scrape_annotations\n\n\n"
            f"def _scrape_annotations():\n    return {{**_earlier_annotations(), **{BUILDER_MARK!r}}}\n"
        )
    (context / "Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
        "COPY deployment.py /tmp/deployment.py\n"
        "USER 0\n"
        'RUN ["python", "-c", "import agentteam_operator.core.build.deployment as m, shutil;'
        " shutil.copy('/tmp/deployment.py', m.__file__)\"]\n"
        "USER 65532:65532\n"
    )
    build = [sys.executable, "-m", "tests.cluster", "build-image", "--file", str(context / "Dockerfile")]
    base = f"BASE_IMAGE={images_in_use('operator')}"
    subprocess.run([*build, "--tag", NEWER_OPERATOR, "--build-arg", base, str(context)], cwd=ROOT, check=True)
    return NEWER_OPERATOR


def images_in_use(kind: str) -> str:
    return f"localhost/agentteam-{kind}:dev"


def helm_upgrade(tools: Tools, *settings: str) -> None:
    options = [option for setting in settings for option in ("--set", setting)]
    tools.helm(
        "upgrade",
        RELEASE,
        str(CHART),
        "-n",
        SYSTEM,
        "--reset-then-reuse-values",
        "--wait",
        "--timeout",
        "120s",
        *options,
    )


def operator_pods(tools: Tools) -> list[Json]:
    selector = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
    return [pod for pod in tools.list("pods", SYSTEM, selector) if "deletionTimestamp" not in pod["metadata"]]


def acts(tools: Tools) -> Callable[[Json], bool]:
    """Whether one of the release's present pods holds the Lease."""

    def holder_is_present(lease: Json) -> bool:
        return lease["spec"].get("holderIdentity") in {pod["metadata"]["name"] for pod in operator_pods(tools)}

    return holder_is_present


def wait_until_operator_acts(tools: Tools) -> None:
    with Watch(tools, "lease", RELEASE, SYSTEM) as watch:
        watch.wait_for(acts(tools), 60, "the operator to hold its Lease")


def assert_nothing_lost(report: LoadReport) -> None:
    assert report.counts.total >= 100
    assert report.counts.lost == 0, report.failures
    assert report.counts.bad == 0, report.failures


def test_upgrade_and_rollback_write_no_pod_template_of_a_running_team(
    tools: Tools, team: Watch, load: LoadProcess, newer_operator: str
) -> None:
    before, first = Running.of(tools), active_revision(team.latest)
    repository, _, tag = newer_operator.rpartition(":")

    # Other builders and another default agent image, one that doesn't even exist: running teams must not notice.
    helm_upgrade(tools, f"image.repository={repository}", f"image.tag={tag}", "agentImage.tag=no-such-image")
    wait_until_operator_acts(tools)
    assert [pod["spec"]["containers"][0]["image"] for pod in operator_pods(tools)] == [newer_operator]
    assert Running.of(tools) == before

    # The new builders are really at work: the next revision bears their mark, the first one's template still doesn't.
    tools.apply(team_manifest("I am the second version.", images_in_use("agent")), NAMESPACE)
    after = team.wait_for(
        lambda state: is_ready(state) and active_revision(state) != first,
        ROLLOUT_SECONDS,
        "the second version to serve",
    )
    second = tools.get("deployment", f"{TEAM}-{active_revision(after)}", NAMESPACE)
    assert BUILDER_MARK.items() <= second["spec"]["template"]["metadata"]["annotations"].items()
    retained = tools.get("deployment", f"{TEAM}-{first}", NAMESPACE)
    assert retained["spec"]["template"] == before.templates[f"{TEAM}-{first}"]

    # Back to the release before: the team goes on with what the newer operator made.
    before = Running.of(tools)
    tools.helm("rollback", RELEASE, "-n", SYSTEM, "--wait", "--timeout", "120s")
    wait_until_operator_acts(tools)
    assert [pod["spec"]["containers"][0]["image"] for pod in operator_pods(tools)] == [images_in_use("operator")]
    assert Running.of(tools) == before
    assert is_ready(tools.get("agentteam", TEAM, NAMESPACE))
    assert_nothing_lost(load.stop())


def test_uninstalling_leaves_teams_serving_and_reinstalling_adopts_them(
    tools: Tools, team: Watch, load: LoadProcess, tmp_path: Path
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(tools.helm("get", "values", RELEASE, "-n", SYSTEM, "--output", "yaml"))
    before = Running.of(tools)

    tools.helm("uninstall", RELEASE, "-n", SYSTEM, "--wait", "--timeout", "120s")
    assert operator_pods(tools) == []
    assert is_ready(tools.get("agentteam", TEAM, NAMESPACE)), "the CRD and its objects are kept"
    assert Running.of(tools) == before

    tools.helm("install", RELEASE, str(CHART), "-n", SYSTEM, "--values", str(values), "--wait", "--timeout", "120s")
    wait_until_operator_acts(tools)
    assert Running.of(tools) == before

    # Adopted: the next change is rolled out as if nothing had been.
    first = active_revision(team.latest)
    tools.apply(team_manifest("I am the second version."), NAMESPACE)
    team.wait_for(
        lambda state: is_ready(state) and active_revision(state) != first,
        ROLLOUT_SECONDS,
        "the second version to serve",
    )
    assert_nothing_lost(load.stop())


def test_wrong_value_is_refused_before_anything_changes(tools: Tools, operator: object) -> None:
    _ = operator
    before = tools.get("deployment", RELEASE, SYSTEM)["metadata"]["generation"]
    result = subprocess.run(
        ["helm", "upgrade", RELEASE, str(CHART), "-n", SYSTEM, "--reset-then-reuse-values", "--set", "relpicas=2"],
        env=tools.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "additional properties 'relpicas' not allowed" in result.stderr
    assert tools.get("deployment", RELEASE, SYSTEM)["metadata"]["generation"] == before


def audited(audit_log: Path, user: str) -> Iterator[dict[str, Any]]:
    """What the API server wrote down about one user's requests."""
    with audit_log.open() as lines:
        for line in lines:
            if user in line and (event := json.loads(line))["user"]["username"] == user:
                yield event


def test_operator_is_refused_nothing_and_never_asks_for_secrets(team: Watch, audit_log: Path) -> None:
    _ = team
    events = list(audited(audit_log, f"system:serviceaccount:{SYSTEM}:{RELEASE}"))
    assert len(events) > 20, "the audit log holds the operator's requests"
    # Not the status 403, which a create in a namespace that is being deleted gets too.
    refused = {
        (event["verb"], event["requestURI"])
        for event in events
        if event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
    }
    assert refused == set()
    touched = {event.get("objectRef", {}).get("resource", "") for event in events}
    assert "secrets" not in touched
