"""kubectl and helm, and a watch that remembers all it saw. The end-to-end tests use these too."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .errors import DemoError

Json = dict[str, Any]


class Tools:
    """The programs of one cluster: where they are and which cluster they talk to."""

    def __init__(self, *, kubeconfig: Path | None, bin_dir: Path | None) -> None:
        """``None`` means what the shell has: its KUBECONFIG, its PATH."""
        self.environment = dict(os.environ)
        if kubeconfig is not None:
            self.environment["KUBECONFIG"] = str(kubeconfig)
        if bin_dir is not None:
            self.environment["PATH"] = f"{bin_dir}{os.pathsep}{self.environment.get('PATH', '')}"

    def run(self, *argv: str, stdin: str | None = None, timeout_seconds: float = 120.0) -> str:
        """Standard output of a program.

        Raises:
            DemoError: with the program's own words when it fails or takes too long.
        """
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except FileNotFoundError:
            raise DemoError(f"{argv[0]} is not on PATH: install it, or leave CLUSTER unset to have one built") from None
        except subprocess.TimeoutExpired:
            raise DemoError(f"`{' '.join(argv)}` didn't end within {timeout_seconds:g} s") from None
        if done.returncode:
            raise DemoError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 120.0) -> str:
        """Standard output of kubectl."""
        return self.run("kubectl", *arguments, stdin=stdin, timeout_seconds=timeout_seconds)

    def helm(self, *arguments: str, timeout_seconds: float = 300.0) -> str:
        """Standard output of helm."""
        return self.run("helm", *arguments, timeout_seconds=timeout_seconds)

    def get(self, kind: str, name: str, namespace: str) -> Json:
        """One object."""
        document: Json = json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
        return document

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Json]:
        """The objects of a kind, narrowed by a label selector."""
        text = self.kubectl("get", kind, "-n", namespace, "-l", selector, "-o", "json")
        items: list[Json] = json.loads(text)["items"]
        return items

    def apply(self, manifest: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str, namespace: str) -> None:
        """Apply one manifest, several, or their YAML text."""
        if isinstance(manifest, str):
            text = manifest
        else:
            items = [manifest] if isinstance(manifest, Mapping) else list(manifest)
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """A program that runs beside this one; end it."""
        return subprocess.Popen(
            argv, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )


class Watch:
    """One object as it changes: every state that was seen, with the monotonic time at which it was.

    A context manager. ``on_change`` is called from the reading thread with the state before (None at first) and the
    state after.
    """

    def __init__(
        self,
        tools: Tools,
        kind: str,
        name: str,
        namespace: str,
        on_change: Callable[[Json | None, Json], None] | None = None,
    ) -> None:
        """Starts on entering the context."""
        self._tools, self._target, self._on_change = tools, (kind, name, namespace), on_change
        self.history: list[tuple[float, Json]] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"watch-{name}", daemon=True)

    def __enter__(self) -> Self:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._closing.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join(10)

    @property
    def latest(self) -> Json:
        """The last state seen; empty before the first."""
        return self.history[-1][1] if self.history else {}

    def wait_for(self, what: Callable[[Json], bool], timeout_seconds: float, description: str) -> Json:
        """The first state from now on (the latest included) that satisfies ``what``.

        Raises:
            TimeoutError: naming what was waited for, with the last state's status.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            seen = max(0, len(self.history) - 1)
            while True:
                for _, state in self.history[seen:]:
                    if what(state):
                        return state
                seen = len(self.history)
                left = deadline - time.monotonic()
                if left <= 0:
                    status = self.latest.get("status", {})
                    said = f"waited {timeout_seconds:g} s in vain for {description}: {status.get('message', '')}"
                    raise TimeoutError(f"{said}\nstatus: {json.dumps(status, indent=1)}")
                self._changed.wait(left)

    def _follow(self) -> None:
        kind, name, namespace = self._target
        argv = ("kubectl", "get", kind, name, "-n", namespace, "--watch", "-o", "json")
        while not self._closing.is_set():
            with self._tools.start(*argv) as process:
                self._process = process
                if self._closing.is_set():
                    process.kill()
                for state in documents(process.stdout):
                    self._take(state)
            # kubectl ends when the API server closes the watch, or at once while the object isn't there yet.
            self._closing.wait(0.3)

    def _take(self, state: Json) -> None:
        before = self.latest or None
        if before and before["metadata"]["resourceVersion"] == state["metadata"]["resourceVersion"]:
            return
        seen_at = time.monotonic()
        # First told, then given to those who wait: what they say next comes after it, and never in the middle.
        if self._on_change is not None:
            self._on_change(before, state)
        with self._changed:
            self.history.append((seen_at, state))
            self._changed.notify_all()


def documents(lines: IO[str] | None) -> Iterator[Json]:
    """The JSON documents that kubectl prints one after the other: each ends with a brace at a line's beginning."""
    held: list[str] = []
    for line in lines or ():
        held.append(line)
        if line.rstrip() == "}":
            yield json.loads("".join(held))
            held.clear()
