from __future__ import annotations

import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from demo import target
from demo.errors import DemoError
from demo.kube import Tools
from demo.screen import Screen
from demo.target import EXISTING, LOCAL, Images, Target, prepare

IMAGES = ("agentteam-operator", "agentteam-agent", "agentteam-model-endpoint")
Machine = Callable[[str, dict[str, str], list[str]], None]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The repository's commands that the demo would run, in their order."""
    commands: list[str] = []

    def note(_screen: Screen, command: str, **environment: str) -> None:
        commands.append(" ".join([*(f"{key}={value}" for key, value in environment.items()), command]))

    monkeypatch.setattr(target, "_stream", note)
    for name in ("IMAGE_REPOSITORY", "IMAGE_TAG", "IMAGE_BUILDER", "HELM_SET"):
        monkeypatch.delenv(name, raising=False)
    return commands


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Makes a machine with such a context, environment, and only these programs; each answers with the context."""

    def make(context: str, environment: dict[str, str], programs: list[str]) -> None:
        for name in programs:
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\necho {context}\n")
            program.chmod(program.stat().st_mode | stat.S_IEXEC)
        for name, value in ({"PATH": str(tmp_path)} | environment).items():
            monkeypatch.setenv(name, value)

    return make


def _screen() -> Screen:
    return Screen(Console(file=io.StringIO()))


@pytest.mark.parametrize(
    ("context", "environment", "expected"),
    [
        pytest.param(
            "kind-kind",
            {},
            [
                "IMAGE_BUILDER=docker scripts/build-images",
                *(f"kind load docker-image --name kind localhost/{image}:dev" for image in IMAGES),
            ],
            id="kind",
        ),
        pytest.param(
            "k3d-dev",
            {"IMAGE_BUILDER": "auto"},
            [
                "IMAGE_BUILDER=docker scripts/build-images",
                *(f"k3d image import --cluster dev localhost/{image}:dev" for image in IMAGES),
            ],
            id="k3d",
        ),
        pytest.param(
            "prod",
            {"IMAGE_REPOSITORY": "registry.example/agents", "IMAGE_TAG": "0.1.0"},
            [
                "IMAGE_BUILDER=docker scripts/build-images",
                *(f"docker push registry.example/agents/{image}:0.1.0" for image in IMAGES),
            ],
            id="a-registry",
        ),
        pytest.param("prod", {"IMAGE_BUILDER": "none"}, [], id="images-that-are-there"),
        pytest.param(
            "prod", {"IMAGE_BUILDER": "cluster"}, ["IMAGE_BUILDER=cluster scripts/build-images"], id="the-local-one"
        ),
    ],
)
def test_images_reach_an_existing_cluster(
    machine: Machine,
    ran: list[str],
    context: str,
    environment: dict[str, str],
    expected: list[str],
) -> None:
    machine(context, environment, ["kubectl", "helm", "docker"])
    assert prepare(EXISTING, _screen()).description.endswith(context)
    assert ran == expected


@pytest.mark.parametrize(
    ("programs", "environment", "message"),
    [
        pytest.param(["helm", "docker"], {}, "kubectl is not on PATH", id="no-kubectl"),
        pytest.param(["kubectl", "docker"], {}, "helm is not on PATH", id="no-helm"),
        pytest.param(["kubectl", "helm"], {}, "docker is not on PATH.*IMAGE_BUILDER=none takes", id="no-docker"),
        pytest.param(["kubectl", "helm", "docker"], {}, "neither kind nor k3d.*set IMAGE_REPOSITORY", id="no-registry"),
        pytest.param(["kubectl", "helm"], {"IMAGE_BUILDER": "podman"}, "choose docker, cluster or none", id="podman"),
    ],
)
def test_what_is_missing_is_one_line_with_the_mend(
    machine: Machine,
    ran: list[str],
    programs: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    machine("prod", environment, programs)
    with pytest.raises(DemoError, match=message) as caught:
        prepare(EXISTING, _screen())
    assert "\n" not in str(caught.value)
    assert not ran


def test_the_local_cluster_asks_for_root_at_once(monkeypatch: pytest.MonkeyPatch, ran: list[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DemoError, match=r"needs root, this is user 1000: .* CLUSTER=existing"):
        prepare(LOCAL, _screen())
    assert not ran


def test_images_that_are_there_need_no_docker(machine: Machine, ran: list[str]) -> None:
    machine("prod", {"IMAGE_BUILDER": "none", "HELM_SET": "prometheus.image.tag=v3"}, ["kubectl", "helm"])
    values = prepare(EXISTING, _screen()).helm_values
    assert values[-1] == "prometheus.image.tag=v3"
    assert not ran


def test_helm_takes_no_build_for_a_number(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho sha256:123456789012345\n")
    docker.chmod(docker.stat().st_mode | stat.S_IEXEC)
    tools = Tools(kubeconfig=None, bin_dir=tmp_path)
    values = Target(EXISTING, "a cluster", tools, Images("localhost", "dev"), "docker").helm_values
    assert "podAnnotations.build=image-123456789012" in values
