"""Which cluster the demo runs on, and how images get there.

The local one (tests/cluster) is built and started as needed. With ``CLUSTER=existing`` it is the current kubeconfig's:
kind and k3d take images from the local docker; any other cluster must be able to pull them, so they are pushed to
``IMAGE_REPOSITORY``. ``IMAGE_BUILDER=none`` takes the images that are there already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.images import read_record
from tests.cluster.profiles import FULL, bin_dir

from .errors import DemoError
from .kube import Tools
from .screen import Screen

ROOT = Path(__file__).resolve().parents[1]
LOCAL, EXISTING = "local", "existing"
_BUILDS = os.environ.get("IMAGE_BUILDER") != "none"
_TAIL_LINES = 30
_TOOLS_CONTEXT = ROOT / "build" / "model-endpoint"
_TOOLS_DOCKERFILE = ROOT / "tests" / "model_endpoint" / "Dockerfile"
_BUNDLED_PROMETHEUS = ("prometheus.image.repository=localhost/prometheus", "prometheus.image.tag=v3")


@dataclass(frozen=True, slots=True)
class Images:
    """The images' names in the cluster."""

    repository: str
    tag: str

    def name(self, image: str) -> str:
        """One of them, such as ``agentteam-agent``."""
        return f"{self.repository}/{image}:{self.tag}"

    @property
    def model_endpoint(self) -> str:
        """The scripted model and the load generator."""
        return self.name("agentteam-model-endpoint")


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster that is ready, with the images in it."""

    kind: str
    description: str
    tools: Tools
    images: Images

    @property
    def helm_values(self) -> list[str]:
        """What ``helm --set`` needs to know of this cluster.

        The tag stays the same from build to build, so an annotation tells the operator's pods of two builds apart:
        without it, Helm would wait for the pod of the last build.
        """
        values = [
            f"image.repository={self.images.name('agentteam-operator').rpartition(':')[0]}",
            f"image.tag={self.images.tag}",
            f"agentImage.repository={self.images.name('agentteam-agent').rpartition(':')[0]}",
            f"agentImage.tag={self.images.tag}",
            f"podAnnotations.build={self._operator_build()}",
        ]
        return [*values, *_BUNDLED_PROMETHEUS] if self.kind == LOCAL else values

    def _operator_build(self) -> str:
        operator = self.images.name("agentteam-operator")
        if self.kind == LOCAL:
            record = read_record(operator)
            return record.image_id.removeprefix("sha256:")[:12] if record else "unknown"
        try:
            found = self.tools.run("docker", "image", "inspect", "--format", "{{.Id}}", operator)
        except DemoError:
            return "unknown"  # IMAGE_BUILDER=none, with images from elsewhere
        return found.strip().removeprefix("sha256:")[:12]


def prepare(kind: str, screen: Screen) -> Target:
    """Have the cluster up and the images in it.

    Raises:
        DemoError: one line with what is missing and the mend.
    """
    images = Images(os.environ.get("IMAGE_REPOSITORY", "localhost"), os.environ.get("IMAGE_TAG", "dev"))
    return _local(images, screen) if kind == LOCAL else _existing(images, screen)


def _local(images: Images, screen: Screen) -> Target:
    if sys.platform != "linux":
        raise DemoError(
            "the local cluster needs Linux: run with CLUSTER=existing on a cluster of your own, such as kind"
        )
    tools = Tools(kubeconfig=FULL.kubeconfig, bin_dir=bin_dir())
    target = Target(LOCAL, "the local cluster of tests/cluster", tools, images)
    _stream(screen, "python3 -m tests.cluster up")
    if not _BUILDS:
        return target
    _stream(screen, "scripts/build-images", IMAGE_BUILDER="cluster")
    _copy_tools_context()
    _stream(
        screen,
        f"python3 -m tests.cluster build-image --file {_TOOLS_DOCKERFILE.relative_to(ROOT)}"
        f" --tag {images.model_endpoint} --build-arg AGENT_IMAGE={images.name('agentteam-agent')}"
        f" {_TOOLS_CONTEXT.relative_to(ROOT)}",
    )
    return target


def _existing(images: Images, screen: Screen) -> Target:
    tools = Tools(kubeconfig=None, bin_dir=None)
    for program, mend in {
        "kubectl": "install it and choose a context",
        "helm": "install Helm 3 or 4",
        "docker": "install it: it builds the images",
    }.items():
        if shutil.which(program) is None:
            raise DemoError(f"{program} is not on PATH, and CLUSTER=existing needs it: {mend}")
    context = tools.kubectl("config", "current-context").strip()
    tools.kubectl("get", "--raw", "/readyz", timeout_seconds=20)
    target = Target(EXISTING, f"the kubeconfig's current context, {context}", tools, images)
    if not _BUILDS:
        return target
    deliver = _delivery(context, images)
    _stream(screen, "scripts/build-images", IMAGE_BUILDER="docker")
    _copy_tools_context()
    build = f"docker build --file {_TOOLS_DOCKERFILE.relative_to(ROOT)} --tag {images.model_endpoint}"
    agent = images.name("agentteam-agent")
    _stream(screen, f"{build} --build-arg AGENT_IMAGE={agent} {_TOOLS_CONTEXT.relative_to(ROOT)}")
    for image in ("agentteam-operator", "agentteam-agent", "agentteam-model-endpoint"):
        _stream(screen, f"{deliver} {images.name(image)}")
    return target


def _delivery(context: str, images: Images) -> str:
    """The command that brings an image into the cluster."""
    if context.startswith("kind-"):
        return f"kind load docker-image --name {context.removeprefix('kind-')}"
    if context.startswith("k3d-"):
        return f"k3d image import --cluster {context.removeprefix('k3d-')}"
    if images.repository == "localhost":
        raise DemoError(
            f"context {context} is neither kind nor k3d, so its nodes must pull the images:"
            " set IMAGE_REPOSITORY to a registry that you may push to and they may pull from"
        )
    return "docker push"


def _copy_tools_context() -> None:
    shutil.rmtree(_TOOLS_CONTEXT, ignore_errors=True)
    for package in ("model_endpoint", "load"):
        ignored = shutil.ignore_patterns("__pycache__", "Dockerfile", "*.md", "*.yaml")
        shutil.copytree(ROOT / "tests" / package, _TOOLS_CONTEXT / package, ignore=ignored)


def _stream(screen: Screen, command: str, **environment: str) -> None:
    """Run a command of the repository, showing what it says.

    Raises:
        DemoError: when it fails; what it said is on the screen.
    """
    shown = " ".join([*(f"{key}={value}" for key, value in environment.items()), command])
    last: deque[str] = deque(maxlen=_TAIL_LINES)
    with (
        screen.working(shown) as show,
        subprocess.Popen(
            command.split(),
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            last.append(line.rstrip())
            show(line.rstrip())
    if process.returncode:
        screen.tail(last)
        raise DemoError(f"`{command}` failed with exit code {process.returncode}: its words are above")
