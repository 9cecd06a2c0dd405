from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from agentteam_operator.settings import InvalidSettingsError, Settings, load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_nothing_has_to_be_set() -> None:
    settings = load_settings()
    assert settings.watch_namespaces == ()
    assert settings.leader_election is True
    assert settings.prometheus_url == ""
    assert settings.pod_name


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        pytest.param("WATCH_NAMESPACES", " a, b ,", "watch_namespaces", ("a", "b"), id="namespaces"),
        pytest.param("WATCH_NAMESPACES", "", "watch_namespaces", (), id="empty-is-unset"),
        pytest.param("PROMETHEUS_URL", "http://prom:9090", "prometheus_url", "http://prom:9090", id="url"),
        pytest.param("LEADER_ELECTION", "false", "leader_election", False, id="switch"),
        pytest.param("HEALTH_PORT", "8081", "health_port", 8081, id="port"),
        pytest.param("PROMETHEUS_BEARER_TOKEN_FILE", "", "prometheus_bearer_token_file", None, id="no-file"),
    ],
)
def test_reads_variables(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, *, field: str, expected: object
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(load_settings(), field) == expected


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        pytest.param("HEALTH_PORT", "99999", r"HEALTH_PORT is '99999': .*; set it to a port number", id="port"),
        pytest.param("HEALTH_PORT", "http", r"HEALTH_PORT is 'http': .*; set it to a port number", id="no-number"),
        pytest.param("LOG_FORMAT", "xml", r"LOG_FORMAT is 'xml': .*; set it to json or text", id="enum"),
        pytest.param("PROMETHEUS_URL", "prom:9090", r"PROMETHEUS_URL is 'prom:9090': .* such as http://", id="url"),
        pytest.param("RESYNC_SECONDS", "0", r"RESYNC_SECONDS is '0': .* such as 600", id="zero"),
        pytest.param("LEASE_RETRY_SECONDS", "40", r"LEASE_RETRY_SECONDS \(40\) must be less than", id="lease-times"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_mend(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettingsError, match=words):
        load_settings()


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTH_PORT", "x")
    monkeypatch.setenv("METRICS_PORT", "y")
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["HEALTH_PORT", "METRICS_PORT"]


PAGE = Path(__file__).parents[3] / "docs" / "operator.md"
MARKED = re.compile(r"(<!-- settings:begin .*? -->\n).*?(<!-- settings:end -->)", re.DOTALL)


def settings_table() -> str:
    """Every variable with its default and its meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default if field.default_factory is None else "(the host's name)"
        shown = {(): "", None: "", True: "true", False: "false"}.get(default, default)  # type: ignore[arg-type]
        cell = f"`{getattr(shown, 'value', shown)}`" if shown != "" else ""
        rows.append(f"| `{name.upper()}` | {cell} | {field.description} |")
    return "\n".join(rows) + "\n"


def test_the_page_for_people_tells_of_every_setting() -> None:
    """With UPDATE_DOCS=1 in the environment the page is written anew."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = MARKED.sub(lambda found: found[1] + settings_table() + found[2], page)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert wanted == PAGE.read_text(encoding="utf-8"), "run this test once with UPDATE_DOCS=1"
