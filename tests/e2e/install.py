"""The operator, its Prometheus and the scripted model in the local cluster, as all end-to-end tests use them.

``python -m tests.e2e.install`` installs them for test runs that are given ``--installed``.
"""

from __future__ import annotations

import os
import sys

from demo import release
from demo.errors import DemoError
from demo.screen import Screen
from demo.target import LOCAL, ROOT, Target, prepare
from tests.cluster.profiles import FULL
from tests.e2e.harness import MODEL_NAMESPACE, OPERATOR, OPERATOR_NAMESPACE, OWN_LABEL, Cluster

CHART = str(ROOT / "charts" / "agentteam-operator")
# Quick scrapes and a short lease, so that the tests wait for the operator and not for their own settings.
VALUES = ("prometheus.install=true", "prometheus.scrapeIntervalSeconds=1")
ENVIRONMENT = {"LEASE_DURATION_SECONDS": "4", "LEASE_RENEW_DEADLINE_SECONDS": "3", "LEASE_RETRY_SECONDS": "1"}


def install() -> Cluster:
    """Have all of it running in its newest builds. It is left running: teams of a demo keep their operator."""
    target = prepare(LOCAL, Screen())
    tools = target.tools
    # A release that an interrupted run left half-way can't be upgraded: helm takes its old failure for a new one.
    tools.helm("uninstall", OPERATOR, "-n", OPERATOR_NAMESPACE, "--ignore-not-found", "--wait")
    # Not waited for: a namespace with pods that are slow to end can take minutes, and no test uses its name again.
    tools.kubectl("delete", "namespaces", "-l", OWN_LABEL, "--wait=false")
    release.upgrade(tools, helm_arguments(target))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MODEL_NAMESPACE}}
    tools.apply(namespace, MODEL_NAMESPACE)
    tools.apply((ROOT / "tests/model_endpoint/deploy.yaml").read_text(), MODEL_NAMESPACE)
    # The image's tag never changes: a new build must replace the pod of the last one.
    tools.kubectl("rollout", "restart", "deployment/model-endpoint", "-n", MODEL_NAMESPACE)
    cluster = Cluster(target, FULL.audit_log)
    cluster.await_operator()
    tools.kubectl("rollout", "status", "deployment/model-endpoint", "-n", MODEL_NAMESPACE, "--timeout=60s")
    return cluster


def installed() -> Cluster:
    """What ``install`` left running, as it is, images and all."""
    os.environ["IMAGE_BUILDER"] = "none"
    return Cluster(prepare(LOCAL, Screen()), FULL.audit_log)


def helm_arguments(target: Target) -> list[str]:
    """``helm upgrade --install`` with the tests' values."""
    arguments = release.upgrade_arguments(OPERATOR, CHART, OPERATOR_NAMESPACE)
    for value in (*target.helm_values, *VALUES):
        arguments += ["--set", value]
    for index, (name, value) in enumerate(ENVIRONMENT.items()):
        arguments += ["--set", f"extraEnv[{index}].name={name}", "--set-string", f"extraEnv[{index}].value={value}"]
    return arguments


def main() -> int:
    """Install; the exit code."""
    try:
        install()
    except DemoError as error:
        print(f"e2e: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
