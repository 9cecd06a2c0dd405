"""The steady load, from a pod in the cluster, followed by its log."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.load.report import LoadReport

from .errors import ClaimError, DemoError
from .kube import Tools
from .timeline import Names

POD = "load"
PROMPT = "I was charged twice and want a refund for order 17."
_ANSWERING_SECONDS = 2.0
"""The team's Service is new: its name and rules reach the pod of the load a moment after its first endpoint."""
_START_SECONDS = 60.0
_END_SECONDS = 60.0
_MAX_REQUESTS = 100_000
_MAX_SECONDS = 1800
_STOP = "import os, signal; os.kill(1, signal.SIGTERM)"


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """Where the load stands."""

    sent: int = 0
    ok: int = 0
    bad: int = 0
    lost: int = 0
    bad_by_revision: dict[str, int] = field(default_factory=dict)
    first_failure: str = ""

    @classmethod
    def of(cls, progress: dict[str, Any]) -> LoadCounts:
        """From a progress line of the load generator."""
        bad = {revision: one["counts"]["bad"] for revision, one in progress["by_revision"].items()}
        return cls(
            sent=progress["sent"],
            **progress["counts"],
            bad_by_revision={revision: count for revision, count in bad.items() if count},
            first_failure=progress["failures"][0]["reason"] if progress["failures"] else "",
        )

    def text(self, names: Names | None = None) -> str:
        """One line; revisions by their versions where ``names`` has them."""
        known = names or Names({})
        whose = ", ".join(f"{count} of {known.short(revision)}" for revision, count in self.bad_by_revision.items())
        return f"{self.sent} sent, {self.ok} ok, {self.lost} lost, {self.bad} bad answers" + (
            f" ({whose})" if whose else ""
        )


class Load:
    """Requests at a steady rate until ``stop``. A context manager that leaves no pod behind."""

    def __init__(
        self,
        tools: Tools,
        namespace: str,
        *,
        image: str,
        url: str,
        model: str,
        rate: float,
        on_progress: Callable[[LoadCounts], None],
    ) -> None:
        """Starts on entering the context."""
        self._tools, self._namespace, self._on_progress = tools, namespace, on_progress
        self._manifest = _pod(
            image,
            [
                f"--url={url}",
                f"--model={model}",
                f"--rate={rate:g}",
                f"--prompt={PROMPT}",
                f"--answering-seconds={_ANSWERING_SECONDS:g}",
            ],
        )
        self._summary: dict[str, Any] | None = None
        self._thread = threading.Thread(target=self._follow, name="load", daemon=True)
        self._changed = threading.Condition()
        self.counts = LoadCounts()

    def __enter__(self) -> Self:
        """Have the pod running."""
        self._delete()
        self._tools.apply(self._manifest, self._namespace)
        wait = f"--timeout={_START_SECONDS:g}s"
        self._tools.kubectl("wait", "--for=condition=Ready", f"pod/{POD}", "-n", self._namespace, wait)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the pod."""
        with contextlib.suppress(DemoError):
            self._delete()
        self._thread.join(_END_SECONDS)

    def wait_for_answers(self, count: int, timeout_seconds: float) -> None:
        """Until so many requests were answered well.

        Raises:
            ClaimError: when they aren't in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.counts.ok >= count, timeout_seconds):
                said = f"the load got no {count} answers in {timeout_seconds:g} s: {self.counts.text()}"
                raise ClaimError(f"{said}; {self.counts.first_failure}")

    def stop(self) -> LoadReport:
        """Send no more, wait for the answers under way, and report."""
        self._tools.kubectl("exec", POD, "-n", self._namespace, "--", "python", "-c", _STOP)
        self._thread.join(_END_SECONDS)
        if self._summary is None:
            raise DemoError(f"the load's pod left no summary: see `kubectl logs {POD} -n {self._namespace}`")
        return LoadReport.parse(self._summary)

    def _delete(self) -> None:
        self._tools.kubectl("delete", "pod", POD, "-n", self._namespace, "--ignore-not-found", "--grace-period=1")

    def _follow(self) -> None:
        with self._tools.start("kubectl", "logs", POD, "-n", self._namespace, "--follow") as process:
            for line in process.stdout or ():
                if not line.startswith("{"):
                    continue  # the summary for people
                document = json.loads(line)
                kind, _ = document.pop("type"), document.pop("at")
                if kind == "summary":
                    self._summary = document
                else:
                    with self._changed:
                        self.counts = LoadCounts.of(document)
                        self._changed.notify_all()
                    self._on_progress(self.counts)


def _pod(image: str, arguments: list[str]) -> dict[str, Any]:
    container = {
        "name": "load",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python"],
        "args": ["-m", "load", *arguments, f"--requests={_MAX_REQUESTS}", f"--seconds={_MAX_SECONDS}"],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "labels": {"app.kubernetes.io/name": POD}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }
