"""The operator as people run it: its own process, told by its environment, killed without mercy."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.integration.runtime.until import until


class OperatorProcess:
    """One replica. It runs from the moment it is made."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from agentteam_operator.main import run; run()"]
        with self._log.open("ab") as out:
            return subprocess.Popen(command, env=dict(self._environment), stdout=out, stderr=out)

    def kill(self) -> None:
        """As `kill -9`: nothing is tidied up."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)

    def restart(self) -> None:
        """The same replica again, as the kubelet does it."""
        self._process = self._start()

    async def end(self) -> int:
        """As the kubelet does it: SIGTERM, and wait. The exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return await self.exit_code()

    async def exit_code(self) -> int:
        """That with which it ends by itself."""
        await until(self._ended, what="the operator to end", seconds=20)
        return self._process.wait()

    async def _ended(self) -> bool:
        return self._process.poll() is not None

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Its log lines of one event, or all."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if not name or line.get("event") == name]

    def wrote(self, name: str) -> Callable[[], Awaitable[bool]]:
        """A condition: it has logged this event."""

        async def condition() -> bool:
            if self._process.poll() not in {None, -signal.SIGKILL}:
                raise AssertionError(f"the operator ended by itself:\n{self._log.read_text()[-4000:]}")
            return bool(self.events(name))

        return condition

    @property
    def log_text(self) -> str:
        """All that it wrote."""
        return self._log.read_text()
