"""The reference page names all there is."""

from __future__ import annotations

import pytest
from agent_server.errors import ErrorCode
from agent_server.settings import Settings
from agent_server.telemetry.metrics import ServerMetrics

from tests.support.agent_server import REPO

PAGE = (REPO / "docs" / "agent-server.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", list(Settings.model_fields))
def test_settings(setting: str) -> None:
    assert f"`AUTOGEN_{setting.upper()}`" in PAGE


@pytest.mark.parametrize("code", list(ErrorCode))
def test_error_codes(code: ErrorCode) -> None:
    assert f"`{code}`" in PAGE


def test_metrics() -> None:
    exposition = ServerMetrics(agents=["a"], models=[]).exposition().decode()
    names = {line.split(" ")[2] for line in exposition.splitlines() if line.startswith("# TYPE ")}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
