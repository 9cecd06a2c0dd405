from __future__ import annotations

import stat
from pathlib import Path

import pytest

from demo.errors import DemoError
from demo.kube import Tools
from demo.release import upgrade, upgrade_arguments

ARGUMENTS = upgrade_arguments("operator", "charts/operator", "system")
UPGRADE = " ".join(ARGUMENTS)


def _helm(folder: Path, status: str) -> Tools:
    """A helm that writes down what it's asked for, and answers `status` so."""
    program = folder / "helm"
    program.write_text(f'#!/bin/sh\nif [ "$1" = status ]; then {status}; fi\necho "$@" >> {folder}/asked\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return Tools(kubeconfig=None, bin_dir=folder)


def _says(state: str) -> str:
    return f"""echo '{{"info": {{"status": "{state}"}}}}'; exit 0"""


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        pytest.param("echo 'Error: release: not found' >&2; exit 1", [UPGRADE], id="first-time"),
        pytest.param(_says("deployed"), [UPGRADE], id="deployed"),
        pytest.param(_says("failed"), [UPGRADE], id="failed-before"),
        pytest.param(_says("pending-upgrade"), ["rollback operator -n system", UPGRADE], id="killed-in-an-upgrade"),
        pytest.param(_says("pending-install"), ["uninstall operator -n system", UPGRADE], id="killed-in-the-install"),
    ],
)
def test_a_release_is_upgraded_from_any_state(tmp_path: Path, status: str, asked: list[str]) -> None:
    upgrade(_helm(tmp_path, status), ARGUMENTS)
    assert (tmp_path / "asked").read_text().splitlines() == asked


def test_a_cluster_that_can_not_be_asked_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="connection refused"):
        upgrade(_helm(tmp_path, "echo 'connection refused' >&2; exit 1"), ARGUMENTS)
