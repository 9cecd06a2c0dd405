"""Prometheus fails in every way in the middle of a watch: nobody is promoted or rolled back by accident.

A good and a bad candidate wait together. Whatever Prometheus does, the hold is bounded and the status says whose fault it
is; when Prometheus is back, the good one goes out and the bad one goes back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from demo.timeline import phase, rollout
from tests.e2e.faulty_prometheus import Fault, FaultyPrometheus
from tests.e2e.harness import (
    OPERATOR,
    OPERATOR_NAMESPACE,
    QUICK_ROLLOUT,
    Cluster,
    condition,
    manifest,
    phases,
    service_ip,
)
from tests.e2e.operator_pod import await_acting_operator

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

PROMETHEUS = f"{OPERATOR}-prometheus"
TIMEOUT_SECONDS = 2
LOOKS = 4
FAULT_SECONDS = 60.0
RECOVERY_SECONDS = 30.0


@contextlib.contextmanager
def _reading_from(cluster: Cluster, url: str) -> Iterator[None]:
    """The operator reads another Prometheus inside the context.

    By its environment, for with the chart's value prometheus.url the bundled one would go, which the proxy asks.
    """
    deployment = cluster.tools.get("deployment", OPERATOR, OPERATOR_NAMESPACE)
    environment = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    before = {one["name"]: one["value"] for one in environment if one["name"].startswith("PROMETHEUS_")}
    try:
        _set_environment(cluster, {"PROMETHEUS_URL": url, "PROMETHEUS_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)})
        yield
    finally:
        _set_environment(cluster, before)


def _set_environment(cluster: Cluster, values: dict[str, str]) -> None:
    settings = [f"{name}={value}" for name, value in values.items()]
    cluster.tools.kubectl("set", "env", f"deployment/{OPERATOR}", "-n", OPERATOR_NAMESPACE, *settings)
    cluster.await_operator()
    await_acting_operator(cluster)


@pytest.fixture(scope="module")
def prometheus(cluster: Cluster) -> Iterator[FaultyPrometheus]:
    real = f"http://{service_ip(cluster.tools, PROMETHEUS, OPERATOR_NAMESPACE)}:9090"
    with FaultyPrometheus(real) as proxy, _reading_from(cluster, proxy.url):
        yield proxy


def test_probe(cluster: Cluster, namespace: str, prometheus: FaultyPrometheus) -> None:
    import time

    with contextlib.ExitStack() as stack:
        teams = {
            name: stack.enter_context(cluster.team(namespace, manifest(name, rollout=QUICK_ROLLOUT)))
            for name in ("good", "bad")
        }
        for team in teams.values():
            team.await_first()
        loads = [stack.enter_context(team.load(12)) for team in teams.values()]
        before = {name: team.active for name, team in teams.items()}
        prometheus.fault = Fault.DOWN
        teams["good"].change(version="1.1.0")
        teams["bad"].change_model("scripted-fail-50", version="1.1.0")
        for team in teams.values():
            team.watch.wait_for(lambda s: phase(s) == "Watching", 60, "watching")
        for fault in Fault:
            if fault is Fault.NONE:
                continue
            prometheus.fault = fault
            b = prometheus.answered[fault]
            j = {n: rollout(t.watch.latest).get("judgedSeconds", 0) for n, t in teams.items()}
            time.sleep(5.5)
            print("=====", fault, "answered", prometheus.answered[fault] - b)
            for name, team in teams.items():
                s = team.watch.latest
                r = rollout(s)
                print(
                    name,
                    phase(s),
                    "judged",
                    r.get("judgedSeconds", 0) - j[name],
                    "attended",
                    r.get("attendedSeconds"),
                    "|",
                    s["status"]["message"][:300],
                )
                print(
                    "   ",
                    {
                        g["name"]: (g["verdict"], g["reason"], g["message"][:120])
                        for g in r["gates"]
                        if g["name"] in ("errorRate", "memoryUtilization", "slowness")
                    },
                )
                c = condition(s, "MetricsFound")
                print("   ", c["status"], c["reason"], c["message"])
        t0 = time.time()
        for team in teams.values():
            print(phases(team.watch.latest))
        prometheus.fault = Fault.NONE
        for name, team in teams.items():
            after = team.await_end(before[name], 60)
            print(name, phase(after), time.time() - t0, phases(after), after["status"]["message"])
        for load in loads:
            print(load.stop().text())
