from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import __main__ as bench

FOLDER = Path(bench.__file__).parent


def test_every_benchmark_beside_it_is_run() -> None:
    assert set(bench.BENCHMARKS) == {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}


def test_one_that_fails_doesnt_keep_the_others_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def play(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command[2:])
        if "tests.bench.client_cost" in command:
            raise subprocess.CalledProcessError(1, command)
        return subprocess.CompletedProcess(command, 0, stdout="ours 1.5 KiB each\n")

    monkeypatch.setattr(subprocess, "run", play)
    out = tmp_path / "benchmarks"
    assert bench.main(["--out", str(out)]) == 1
    assert asked == [
        ["tests.bench.agent_server", "--out", str(out)],
        ["tests.bench.client_cost"],
        ["tests.bench.watch_cost", "1000"],
    ]
    assert [path.name for path in out.iterdir()] == ["watch-cost.md"]
    assert "ours 1.5 KiB each" in (out / "watch-cost.md").read_text()
    assert "client_cost: " in capsys.readouterr().err


def test_an_unknown_one_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "nothing"],
        check=False,
        capture_output=True,
        text=True,
        cwd=FOLDER.parents[1],
    )
    assert (done.returncode, "no such benchmark: nothing" in done.stderr) == (2, True)
