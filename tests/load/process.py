"""The load generator as a process of its own, so that a test's own work doesn't disturb its schedule."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .generator import LoadPlan
from .report import LoadReport

_ROOT = Path(__file__).resolve().parents[2]
_END_SECONDS = 60.0


class LoadProcess:
    """A running load: a context manager that leaves no process behind.

    ``progress`` is the latest progress line; ``stop()`` ends the sending and gives the report.
    """

    def __init__(self, plan: LoadPlan, *, interval_seconds: float = 0.25) -> None:
        """Start it at once."""
        self.progress: dict[str, Any] = {}
        self._summary: dict[str, Any] | None = None
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load", *_arguments(plan), "--interval", str(interval_seconds)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="load-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process, whatever happened."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(_END_SECONDS)
        self._reader.join(_END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def wait_for(self, what: Callable[[dict[str, Any]], bool], timeout_seconds: float) -> dict[str, Any]:
        """The first progress line that satisfies ``what``.

        Raises:
            TimeoutError: with the last line, when none does in time or the load has ended.
        """
        with self._changed:
            satisfied = self._changed.wait_for(lambda: self._ended or what(self.progress), timeout_seconds)
        if not satisfied or not what(self.progress):
            raise TimeoutError(f"waited {timeout_seconds:g} s in vain; the load stands at {self.progress}")
        return self.progress

    def stop(self) -> LoadReport:
        """Send no more, wait for the answers under way, and report."""
        self._process.terminate()
        return self.finish(_END_SECONDS)

    def finish(self, timeout_seconds: float) -> LoadReport:
        """Wait until all of the plan was sent and answered, and report."""
        self._process.wait(timeout_seconds)
        self._reader.join(timeout_seconds)
        if self._summary is None:
            raise RuntimeError(f"the load ended with exit code {self._process.returncode} and no summary")
        return LoadReport.parse(self._summary)

    @property
    def _ended(self) -> bool:
        return self._summary is not None or self._process.poll() is not None

    def _read(self) -> None:
        for line in self._process.stdout or ():
            document = json.loads(line)
            kind, _ = document.pop("type"), document.pop("at")
            with self._changed:
                if kind == "summary":
                    self._summary = document
                else:
                    self.progress = document
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def _arguments(plan: LoadPlan) -> list[str]:
    return [
        f"--url={plan.url}",
        f"--rate={plan.rate_per_second}",
        f"--requests={plan.max_requests}",
        f"--seconds={plan.max_seconds}",
        f"--keep-alive-share={plan.keep_alive_share}",
        f"--pool-size={plan.pool_size}",
        f"--timeout={plan.timeout_seconds}",
        f"--model={plan.model}",
        f"--prompt={plan.prompt}",
    ]
