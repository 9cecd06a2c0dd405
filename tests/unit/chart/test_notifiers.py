"""Notifiers in the chart: kept in a Secret, mounted, and read by the operator as they were written."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from agentteam_operator.providers.notifications import facts_of, load_notifiers

from tests.unit.chart.chart import NAMESPACE, RELEASE, Manifest, Rendered, render

KEY = "whsec_" + base64.b64encode(bytes(range(24))).decode()
NOTIFIERS: list[Manifest] = [
    {"name": "ops", "kind": "Alertmanager", "url": "http://alertmanager.monitoring:9093", "default": True},
    {
        "name": "hook",
        "kind": "Webhook",
        "url": "https://hooks.example/agents",
        "secret": KEY,
        "headers": {"Authorization": "Bearer: 'x' \"y\""},
        "timeoutSeconds": 5,
    },
    {"name": "chat", "kind": "Slack", "url": "https://hooks.example/key", "events": ["RolloutCompleted"]},
]


def pod(rendered: Rendered) -> Manifest:
    template: Manifest = rendered.one("Deployment", RELEASE)["spec"]["template"]
    return template


def mounted(rendered: Rendered) -> list[Manifest]:
    """The volumes of notifiers, if the container mounts them where it is told to look."""
    spec = pod(rendered)["spec"]
    path = rendered.environment()["NOTIFIERS_FILE"]
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    found = [volume for volume in spec["volumes"] if volume["name"] == "notifiers"]
    assert mounts["notifiers"]["readOnly"] is True
    for volume in found:
        (item,) = volume["secret"]["items"]
        assert f"{mounts['notifiers']['mountPath']}/{item['path']}" == path
    return found


def test_the_operator_reads_what_was_written(tmp_path: Path) -> None:
    rendered = render({"notifiers": NOTIFIERS})
    secret = rendered.one("Secret")
    assert secret["metadata"]["namespace"] == NAMESPACE
    (volume,) = mounted(rendered)
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    file = tmp_path / "notifiers.yaml"
    file.write_text(secret["stringData"][volume["secret"]["items"][0]["key"]])
    found = load_notifiers(file)
    assert [(one.name, one.default) for one in facts_of(found)] == [("ops", True), ("hook", False), ("chat", False)]
    assert found[1].headers["Authorization"].get_secret_value() == NOTIFIERS[1]["headers"]["Authorization"]
    assert found[1].timeout_seconds == 5


def test_a_secret_of_ones_own_is_mounted_as_it_is() -> None:
    rendered = render({"notifiersSecret": {"name": "mine", "key": "all.yaml"}})
    assert rendered.of_kind("Secret") == []
    (volume,) = mounted(rendered)
    assert volume["secret"] == {"secretName": "mine", "items": [{"key": "all.yaml", "path": "notifiers.yaml"}]}


def test_other_notifiers_mean_other_pods() -> None:
    before, after = (
        pod(render({"notifiers": NOTIFIERS[:count]}))["metadata"]["annotations"]["checksum/notifiers"]
        for count in (2, 3)
    )
    assert before != after


def test_without_notifiers_there_is_nothing_of_them() -> None:
    rendered = render({})
    assert rendered.of_kind("Secret") == []
    assert "NOTIFIERS_FILE" not in rendered.environment()
    assert "notifiers" not in rendered.text.replace("spec.rollout.notifications", "").partition("kind: Deployment")[2]


@pytest.mark.parametrize("values", [{"notifiers": NOTIFIERS}, {}], ids=["with", "without"])
def test_keys_are_in_the_secret_alone(values: Manifest) -> None:
    others = [manifest for manifest in render(values).manifests if manifest["kind"] != "Secret"]
    assert KEY not in str(others)
