"""The whole local cluster for real: up, killed, mended, down. It takes the machine's one cluster down: run it alone.

``pytest -m cluster tests/cluster``
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import api, base_image, images, lifecycle, processes, system
from tests.cluster.client import ApiClient
from tests.cluster.errors import ClusterError
from tests.cluster.profiles import FULL, bin_dir

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PODS = "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb"
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    command = [str(bin_dir() / "kubectl"), "--kubeconfig", str(FULL.kubeconfig), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def manifests(image: str) -> str:
    container = {
        "name": "web",
        "image": image,
        "command": ["python3", "-m", "http.server", "8000"],
        "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
    }
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    labels = {"app": "web"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    items: list[dict[str, Any]] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "spec": {"minReplicas": 2, "maxReplicas": 2, "scaleTargetRef": target, "metrics": [cpu]},
        },
    ]
    named = [{**item, "metadata": {"name": "web"}} for item in items]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": named})


def machine() -> dict[str, Any]:
    """All that a cluster could leave behind on the machine."""
    addresses = json.loads(subprocess.run(["ip", "-json", "address"], capture_output=True, check=True).stdout)
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    return {
        "links": sorted(link["ifname"] for link in addresses),
        "nftables": tables,
        "mounts": system.mounts_below(FULL.state_dir, Path("/proc/self/mountinfo").read_text()),
        "cgroups": system.pod_cgroups(),
        "processes": [pid for pid in Path("/proc").glob("[0-9]*") if str(FULL.state_dir) in command_line(pid)],
        "state": FULL.state_dir.exists(),
        "paths": [name for name in (*system.FIXED_PATHS, "/usr/libexec/kubernetes") if Path(name).exists()],
        "sysctls": {name: Path("/proc/sys", name).read_text() for name in system.SYSCTLS},
    }


def command_line(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_text()
    return ""


def get(url: str) -> int:
    try:
        with NO_PROXY.open(url, timeout=2) as response:
            return int(response.status)
    except OSError:
        return 0


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    lifecycle.down(FULL)
    return machine()


@pytest.fixture(scope="module")
def cluster(before: dict[str, Any]) -> Iterator[api.ClusterHandle]:
    assert before["processes"] == []
    yield api.ensure("full")
    lifecycle.down(FULL)


@pytest.fixture(scope="module")
def service_url(cluster: api.ClusterHandle) -> str:
    image = base_image.ensure()
    images.load_named(FULL, image)
    kubectl("apply", "-f", "-", stdin=manifests(image))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    found = ApiClient(FULL).get("/api/v1/namespaces/default/services/web")
    assert found is not None
    assert cluster.kubeconfig.exists()
    url = f"http://{found['spec']['clusterIP']}/"
    processes.wait_until(lambda: get(url) == 200, 10, "the Service's rules")
    return url


def restarts() -> dict[str, int]:
    pods = ApiClient(FULL).get(PODS)
    assert pods is not None
    return {
        pod["metadata"]["name"]: sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
        for pod in pods["items"]
    }


def test_a_second_up_does_nothing_at_once(cluster: api.ClusterHandle) -> None:
    started = time.monotonic()
    pids = [part.record for part in lifecycle.all_parts(FULL)]
    assert api.ensure("full") == cluster
    lifecycle.up(FULL)
    assert [part.record for part in lifecycle.all_parts(FULL)] == pids
    assert time.monotonic() - started < 10


def test_a_pod_reaches_a_service_by_name_also_when_it_is_its_own_backend(service_url: str) -> None:
    assert service_url
    (pod, *_) = restarts()
    # 12 new connections to 2 backends: missing the pod itself in all of them would be a chance of 1 in 4096.
    script = (
        "import urllib.request as u\n"
        "for _ in range(12): print(u.urlopen('http://web.default.svc.cluster.local', timeout=3).status)"
    )
    assert kubectl("exec", pod, "--", "python3", "-c", script).split() == ["200"] * 12


def test_a_pod_reaches_the_api_server(service_url: str) -> None:
    assert service_url
    (pod, *_) = restarts()
    script = (
        "import ssl, urllib.request as u\n"
        "c = ssl.create_default_context(cafile='/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')\n"
        "print(u.urlopen('https://kubernetes.default.svc/readyz', context=c, timeout=3).status)"
    )
    assert kubectl("exec", pod, "--", "python3", "-c", script).strip() == "200"


def test_an_autoscaler_reads_the_pods_use(service_url: str) -> None:
    assert service_url

    def has_read() -> bool:
        found = ApiClient(FULL).get("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/web")
        metrics = (found or {}).get("status", {}).get("currentMetrics") or []
        return any("averageUtilization" in metric.get("resource", {}).get("current", {}) for metric in metrics)

    processes.wait_until(has_read, 90, "the autoscaler's first reading")


def test_requests_are_in_the_audit_log(cluster: api.ClusterHandle, service_url: str) -> None:
    assert service_url
    events = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    created = [
        event["objectRef"]["resource"]
        for event in events
        if event["verb"] in ("create", "patch") and event.get("objectRef", {}).get("name") == "web"
    ]
    assert {"deployments", "services", "horizontalpodautoscalers"} <= set(created)


def test_half_of_it_killed_is_mended_and_pods_never_notice(cluster: api.ClusterHandle, service_url: str) -> None:
    before = restarts()
    victims = ("etcd", "apiserver", "kubelet", "containerd", "coredns")
    for name in victims:
        lifecycle.find_part(FULL, name).kill()
    assert not lifecycle.is_up(FULL)
    assert get(service_url) == 200, "traffic needs no control plane"
    assert api.ensure("full") == cluster
    assert lifecycle.is_up(FULL)
    assert get(service_url) == 200
    assert restarts() == before


def run_and_kill(command: str, after_seconds: float) -> bool:
    """Run a command of the tool and SIGKILL it; whether it was still at work."""
    with subprocess.Popen([sys.executable, "-m", "tests.cluster", command], cwd=ROOT) as process:
        try:
            process.wait(after_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return True
    return False


def test_up_and_down_killed_anywhere_can_be_run_again(cluster: api.ClusterHandle, before: dict[str, Any]) -> None:
    assert cluster
    lifecycle.down(FULL)
    killed = [run_and_kill("up", seconds) for seconds in (0.3, 0.7, 1.5, 2.5, 3.5, 4.5, 6.0, 7.0)]
    assert any(killed)
    lifecycle.up(FULL)
    assert lifecycle.is_up(FULL)
    killed = [run_and_kill("down", seconds) for seconds in (0.3, 0.6, 0.9)]
    assert any(killed)
    lifecycle.up(FULL)
    assert lifecycle.is_up(FULL)
    run_and_kill("down", 0.6)
    lifecycle.down(FULL)
    assert machine() == before


def test_down_with_pods_running_leaves_nothing(before: dict[str, Any]) -> None:
    api.ensure("full")
    image = base_image.ensure()
    images.load_named(FULL, image)
    kubectl("apply", "-f", "-", stdin=manifests(image))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    lifecycle.down(FULL)
    assert machine() == before
    lifecycle.down(FULL)
    assert machine() == before


def test_state_of_another_boot_is_discarded() -> None:
    api.ensure("full")
    first = FULL.kubeconfig.read_text()
    claim = (FULL.state_dir / "machine-before.json").read_text()
    lifecycle.down(FULL)
    # What a crashed machine leaves: files, and no process, mount or link.
    (FULL.state_dir / "run").mkdir(parents=True)
    (FULL.state_dir / "boot-id").write_text("another")
    (FULL.state_dir / "machine-before.json").write_text(claim)
    (FULL.state_dir / "run/etcd.process").write_text(f"another\n{'1 (init) S ' + '1 ' * 30}\n")
    lifecycle.up(FULL)
    assert lifecycle.is_up(FULL)
    assert FULL.kubeconfig.read_text() != first


def test_a_strangers_node_is_left_alone() -> None:
    lifecycle.down(FULL)
    subprocess.run(["nft", "add", "table", "ip", "kube-proxy"], check=True)
    try:
        with pytest.raises(ClusterError, match="another kube-proxy"):
            lifecycle.up(FULL)
        lifecycle.down(FULL)
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        assert "table ip kube-proxy" in tables
    finally:
        subprocess.run(["nft", "delete", "table", "ip", "kube-proxy"], check=True)
