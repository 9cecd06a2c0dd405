"""What the end-to-end tests share: one cluster with the operator in it, teams, and what the API server was asked.

Everything is bounded: waits have deadlines, loads have counts, and each test's namespace goes with the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.errors import DemoError
from demo.kube import Json, Tools, Watch
from demo.target import Target
from demo.timeline import TERMINAL_PHASES, has_ended, phase, rollout
from tests.load.generator import LoadPlan
from tests.load.process import LoadProcess
from tests.support.waiting import poll

OPERATOR_NAMESPACE = "agentteam-system"
OPERATOR = "agentteam-operator"
OPERATOR_USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR}"
MODEL_NAMESPACE = "e2e-model"
MODEL_URL = f"http://model-endpoint.{MODEL_NAMESPACE}/v1"
OWN_LABEL = "test.agentteam.dev/suite"
WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
TEAM_LABEL = "agentteam.dev/team"
REVISION_LABEL = "agentteam.dev/revision"

QUICK_ROLLOUT: dict[str, Any] = {
    # Short on purpose: these tests show what happens in each phase, not how long a sensible watch is.
    "readyTimeoutSeconds": 60,
    "health": {"retries": 1, "intervalSeconds": 1},
    "traffic": {"steps": [{"weight": 50, "holdSeconds": 0}]},
    "analysis": {"intervalSeconds": 1, "minSamples": 20},
    "watchSeconds": 10,
    "settleSeconds": 4,
    "drainSeconds": 2,
}


def manifest(name: str, *, version: str = "1.0.0", model: str = "scripted-ok", **spec: Any) -> Json:  # noqa: ANN401 - JSON
    """An AgentTeam of one agent, so that a request is one model call; ``spec`` overrides whole fields."""
    fields: Json = {
        "version": version,
        "models": [
            {
                "name": "main",
                "provider": "OpenAI",
                "baseURL": MODEL_URL,
                "model": model,
                "modelInfo": {"functionCalling": True, "jsonOutput": True},
                "timeoutSeconds": 10,
            }
        ],
        "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "clerk", "model": "main"}]},
        "replicas": 2,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "pod": {
            "terminationGracePeriodSeconds": 15,
            "probes": {"readiness": {"periodSeconds": 1, "timeoutSeconds": 5}},
        },
        "rollout": QUICK_ROLLOUT,
    }
    return {
        "apiVersion": "agentteam.dev/v1alpha1",
        "kind": "AgentTeam",
        "metadata": {"name": name},
        "spec": fields | spec,
    }


@dataclass(frozen=True)
class Cluster:
    """The local cluster with the operator, its Prometheus and the scripted model in it."""

    target: Target
    audit_log: Path

    @property
    def tools(self) -> Tools:
        """kubectl and helm."""
        return self.target.tools

    @contextlib.contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """A namespace of its own. Its teams go first, so that the operator isn't still at work in it."""
        labels = {OWN_LABEL: "e2e"}
        self.tools.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, name)
        try:
            yield name
        finally:
            self.tools.kubectl("delete", "agentteams", "--all", "-n", name, timeout_seconds=30)
            self.tools.kubectl("delete", "namespace", name, "--wait=false")

    @contextlib.contextmanager
    def team(self, namespace: str, document: Json) -> Iterator[Team]:
        """A team as it's applied, watched until the end of the context."""
        self.tools.apply(document, namespace)
        name = document["metadata"]["name"]
        with Watch(self.tools, "agentteam", name, namespace) as watch:
            yield Team(self.tools, namespace, name, document, watch)

    def operator_pod(self) -> Json:
        """The operator's pod that isn't on its way out."""
        pods: list[Json] = []

        def is_there() -> bool:
            found = self.tools.list("pods", OPERATOR_NAMESPACE, "app.kubernetes.io/component=operator")
            pods[:] = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
            return bool(pods)

        poll(is_there, 60, "a pod of the operator")
        return pods[0]

    def await_operator(self) -> None:
        """Until the operator is ready."""
        arguments = ("rollout", "status", f"deployment/{OPERATOR}", "-n", OPERATOR_NAMESPACE, "--timeout=60s")
        self.tools.kubectl(*arguments)

    def operator_process(self) -> OperatorProcess:
        """The operator's running process; waits until there is one, for a Deployment's status lags behind its pods."""
        found: list[OperatorProcess] = []

        def runs() -> bool:
            metadata = self.operator_pod()["metadata"]
            if pids := _pids_of_pod(metadata["uid"]):
                found.append(OperatorProcess(self.tools, metadata["name"], tuple(pids)))
            return bool(found)

        poll(runs, 60, "a process of the operator")
        return found[0]

    def audit_position(self) -> int:
        """Where the audit log ends now."""
        return self.audit_log.stat().st_size

    def requests_since(self, position: int, *, user: str = OPERATOR_USER, namespace: str = "") -> list[Json]:
        """What a user asked the API server since then, in a namespace or in all."""
        with self.audit_log.open("rb") as log:
            log.seek(position)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        return [
            event
            for event in events
            if event["user"]["username"] == user
            and (not namespace or event.get("objectRef", {}).get("namespace") == namespace)
        ]

    def writes_since(self, position: int, *, namespace: str = "") -> list[str]:
        """The operator's writes since then, such as ``patch deployments/scale team-0123456789: 200``."""
        return [
            describe(event)
            for event in self.requests_since(position, namespace=namespace)
            if event["verb"] in WRITE_VERBS and event["objectRef"]["resource"] != "leases"
        ]

    def raise_flag(self, flag: str) -> None:
        """Raise a flag of the scripted model, which pods of a test look at."""
        address = service_ip(self.tools, "model-endpoint", MODEL_NAMESPACE)
        request = urllib.request.Request(f"http://{address}/admin/flags/{flag}", method="PUT")
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the cluster's own address
            pass


@dataclass(frozen=True)
class OperatorProcess:
    """The operator's process, looked up beforehand so that it can be killed at once."""

    tools: Tools
    pod: str
    pids: tuple[int, ...]

    def kill(self) -> None:
        """SIGKILL, and a fresh pod at once instead of a restart after the kubelet's back-off."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.tools.kubectl("delete", "pod", self.pod, "-n", OPERATOR_NAMESPACE, "--force", "--grace-period=0")


@dataclass(frozen=True)
class Team:
    """One AgentTeam under test."""

    tools: Tools
    namespace: str
    name: str
    document: Json
    watch: Watch

    @property
    def url(self) -> str:
        """Its active Service, by address: from the node, kube-proxy's rules lead there as from any pod."""
        return f"http://{service_ip(self.tools, self.name, self.namespace)}"

    @property
    def active(self) -> str:
        """The active revision's hash."""
        return str(self.watch.latest["status"]["activeRevision"])

    def change(self, **spec: Any) -> None:  # noqa: ANN401 - JSON
        """Apply the first manifest again with these fields of its spec replaced."""
        changed = self.document | {"spec": self.document["spec"] | spec}
        self.tools.apply(changed, self.namespace)

    def change_model(self, model: str, *, version: str) -> None:
        """Another version that talks to another model."""
        models = [self.document["spec"]["models"][0] | {"model": model}]
        self.change(version=version, models=models)

    def await_first(self, timeout_seconds: float = 90) -> Json:
        """Until the first version serves."""
        ended = self.watch.wait_for(lambda state: has_ended(state, ""), timeout_seconds, f"{self.name} to serve")
        assert phase(ended) == "Completed", f"the first version of {self.name} ended in {rollout(ended)}"
        return ended

    def await_end(self, base: str, timeout_seconds: float = 120) -> Json:
        """Until the rollout that replaces ``base`` has ended, one way or the other."""
        return self.watch.wait_for(
            lambda state: has_ended(state, base), timeout_seconds, f"the rollout of {self.name} to end"
        )

    def await_phase(self, name: str, timeout_seconds: float = 60) -> Json:
        """Until the rollout is seen in a phase; fails early when it ends without."""

        def reached(state: Json) -> bool:
            return phase(state) == name or phase(state) in TERMINAL_PHASES - {name}

        state = self.watch.wait_for(reached, timeout_seconds, f"{self.name} in phase {name}")
        assert phase(state) == name, f"{self.name} ended without {name}: {rollout(state)}"
        return state

    def change_and_await_phase(self, name: str, change: Callable[[], None], timeout_seconds: float = 60) -> Json:
        """Make a change and wait until the rollout that it starts is in a phase."""
        before = rollout(self.watch.latest).get("startedAt")  # the last one may have ended with another phase
        change()
        self.watch.wait_for(
            lambda state: rollout(state).get("startedAt") != before, timeout_seconds, f"a rollout of {self.name}"
        )
        return self.await_phase(name, timeout_seconds)

    def changes_within(self, seconds: float) -> bool:
        """Whether the object, status included, changes within so many seconds."""
        version = self.watch.latest["metadata"]["resourceVersion"]
        try:
            self.watch.wait_for(lambda team: team["metadata"]["resourceVersion"] != version, seconds, "a change")
        except TimeoutError:
            return False
        return True

    @contextlib.contextmanager
    def load(self, rate: float, *, keep_alive_share: float = 0.5, steady_answers: int = 20) -> Iterator[LoadProcess]:
        """A steady load, already answered when the context is entered."""
        plan = LoadPlan(
            url=self.url, rate_per_second=rate, max_requests=60_000, keep_alive_share=keep_alive_share, model=self.name
        )
        # A new Service answers once kube-proxy knows it: that is no part of what these tests are about.
        poll(lambda: answers(f"{plan.url}/readyz"), 30, f"{plan.url} to answer")
        with LoadProcess(plan) as process:
            process.wait_for(lambda line: line.get("counts", {}).get("ok", 0) >= steady_answers, 30)
            yield process

    def await_size(self, revision: str, replicas: int, timeout_seconds: float = 60) -> None:
        """Until a revision's Deployment is meant to have so many pods."""
        name = f"{self.name}-{revision}"
        poll(
            lambda: self.tools.get("deployment", name, self.namespace)["spec"]["replicas"] == replicas,
            timeout_seconds,
            f"{name} to be scaled to {replicas}",
        )

    def pods(self, revision: str = "") -> list[Json]:
        """Its server pods, of one revision or of all."""
        selector = f"{TEAM_LABEL}={self.name},agentteam.dev/role=server"
        return self.tools.list(
            "pods", self.namespace, f"{selector},{REVISION_LABEL}={revision}" if revision else selector
        )


def await_answers(load: LoadProcess, revision: str, count: int, timeout_seconds: float = 30) -> None:
    """Until a revision has given so many more good answers."""

    def good(line: Json) -> int:
        return int(line["by_revision"].get(revision, {}).get("counts", {}).get("ok", 0))

    before = good(load.progress)
    load.wait_for(lambda line: good(line) >= before + count, timeout_seconds)


def condition(team: Json, kind: str) -> Json:
    """A condition of the status; empty when it isn't there."""
    conditions = team["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def gate(team: Json, name: str) -> Json:
    """A gate's verdict in the rollout's status; empty when it isn't there."""
    return next((one for one in rollout(team).get("gates", []) if one["name"] == name), {})


def phases(team: Json) -> list[str]:
    """The phases that the rollout went through, repeats folded."""
    seen: list[str] = []
    for transition in rollout(team).get("transitions", []):
        if not seen or seen[-1] != transition["phase"]:
            seen.append(transition["phase"])
    return seen


def describe(event: Json) -> str:
    """One request of the audit log in a line."""
    reference = event.get("objectRef", {})
    resource = "/".join(filter(None, (reference.get("resource"), reference.get("subresource"))))
    return f"{event['verb']} {resource} {reference.get('name', '')}: {event['responseStatus']['code']}"


def service_ip(tools: Tools, name: str, namespace: str) -> str:
    """A Service's cluster address."""
    return str(tools.get("service", name, namespace)["spec"]["clusterIP"])


def diagnosis(tools: Tools, namespace: str) -> str:
    """All that helps to understand a failure in a namespace."""
    parts = []
    for title, arguments in {
        "teams": ("get", "agentteams", "-n", namespace, "-o", "json"),
        "objects": ("get", "deployments,pods,services,endpointslices,hpa,jobs", "-n", namespace, "-o", "wide"),
        "events": ("get", "events", "-n", namespace, "--sort-by=.lastTimestamp"),
        "operator": ("logs", f"deployment/{OPERATOR}", "-n", OPERATOR_NAMESPACE, "--tail=150"),
    }.items():
        try:
            text = tools.kubectl(*arguments, timeout_seconds=20)
        except DemoError as error:
            text = str(error)
        if title == "teams" and text.startswith("{"):
            items = json.loads(text)["items"]
            text = yaml.safe_dump_all([{"name": i["metadata"]["name"], "status": i.get("status")} for i in items])
        parts.append(f"--- {title}\n{text}")
    return "\n".join(parts)


def answers(url: str) -> bool:
    """Whether a GET of one of the cluster's addresses is answered well."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - the cluster's own address
            return True
    except OSError:
        return False


def _pids_of_pod(uid: str) -> list[int]:
    """Processes of a pod on this node, by their control group; the pod's sandbox isn't one of them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if uid in (entry / "cgroup").read_text() and b"python" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found
