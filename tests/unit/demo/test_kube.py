from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path

import pytest

from demo.errors import DemoError
from demo.kube import Json, Tools, Watch, documents

FIRST = '{\n    "metadata": {\n        "resourceVersion": "1"\n    }\n}\n'
SECOND = FIRST.replace('"1"', '"2"')


def _program(folder: Path, name: str, script: str) -> Tools:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return Tools(kubeconfig=None, bin_dir=folder)


def test_documents_are_told_apart() -> None:
    found = documents(io.StringIO(FIRST + SECOND + '{\n    "cut": '))
    assert [document["metadata"]["resourceVersion"] for document in found] == ["1", "2"]


def test_a_watch_remembers_every_state_once(tmp_path: Path) -> None:
    tools = _program(tmp_path, "kubectl", f"cat <<'END'\n{FIRST}{FIRST}{SECOND}END\nexec sleep 60")
    with Watch(tools, "agentteam", "a", "b") as watch:
        watch.wait_for(lambda state: state["metadata"]["resourceVersion"] == "2", 10, "the second state")
    assert [state["metadata"]["resourceVersion"] for _, state in watch.history] == ["1", "2"]


def test_a_watch_says_what_it_waited_for(tmp_path: Path) -> None:
    tools = _program(tmp_path, "kubectl", f"cat <<'END'\n{FIRST}END\nexec sleep 60")
    with (
        Watch(tools, "agentteam", "a", "b") as watch,
        pytest.raises(TimeoutError, match=r"in vain for the third state"),
    ):
        watch.wait_for(lambda state: state["metadata"]["resourceVersion"] == "3", 0.5, "the third state")


def test_a_failing_program_speaks_for_itself(tmp_path: Path) -> None:
    tools = _program(tmp_path, "kubectl", "echo 'the server is on holiday' >&2; exit 1")
    with pytest.raises(DemoError, match="the server is on holiday"):
        tools.kubectl("get", "pods")


def test_a_missing_program_names_the_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(DemoError, match="helm is not on PATH: install it"):
        Tools(kubeconfig=None, bin_dir=None).helm("version")


def test_whoever_waited_for_a_state_finds_it_told(tmp_path: Path) -> None:
    told: list[str] = []
    begun = threading.Event()

    def tell_slowly(_before: Json | None, after: Json) -> None:
        begun.set()
        threading.Event().wait(0.2)
        told.append(after["metadata"]["resourceVersion"])

    tools = _program(tmp_path, "kubectl", f"cat <<'END'\n{FIRST}END\nexec sleep 60")
    with Watch(tools, "agentteam", "a", "b", tell_slowly) as watch:
        assert begun.wait(10)
        watch.wait_for(bool, 10, "the first state")
        assert told == ["1"]
