"""Which cluster the demo runs on, and how images get there.

The local one (tests/cluster) is built and started as needed. With ``CLUSTER=existing`` it is the current kubeconfig's:
kind and k3d take images from the local docker; any other cluster must be able to pull them, so they are pushed to
``IMAGE_REPOSITORY``. ``IMAGE_BUILDER=none`` takes the images that are there already, and ``cluster`` builds them with
tests/cluster, for a kubeconfig of its cluster. ``HELM_SET`` adds values of the chart, such as another Prometheus image.
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
_CLUSTER, _DOCKER, _NONE = "cluster", "docker", "none"
_TAIL_LINES = 30
_IMAGES = ("agentteam-operator", "agentteam-agent", "agentteam-model-endpoint")
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
    builder: str
    """Who made the images: ``cluster`` (tests/cluster), ``docker``, or ``none`` of those."""

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
            f"podAnnotations.build=image-{self._operator_build()}",  # bare digits would be a number to Helm
        ]
        own = os.environ.get("HELM_SET")
        return [*values, *(_BUNDLED_PROMETHEUS if self.builder == _CLUSTER else ()), *([own] if own else ())]

    def _operator_build(self) -> str:
        operator = self.images.name("agentteam-operator")
        if self.builder == _DOCKER:
            found = self.tools.run("docker", "image", "inspect", "--format", "{{.Id}}", operator).strip()
        else:
            record = read_record(operator)
            found = record.image_id if record else "unknown"  # an image from elsewhere
        return found.removeprefix("sha256:")[:12]


def prepare(kind: str, screen: Screen) -> Target:
    """Have the cluster up and the images in it.

    Raises:
        DemoError: one line with what is missing and the mend.
    """
    images = Images(os.environ.get("IMAGE_REPOSITORY", "localhost"), os.environ.get("IMAGE_TAG", "dev"))
    builder = os.environ.get("IMAGE_BUILDER", "")
    return _local(images, builder, screen) if kind == LOCAL else _existing(images, builder, screen)


def _local(images: Images, builder: str, screen: Screen) -> Target:
    if sys.platform != "linux":
        raise DemoError(
            "the local cluster needs Linux: run with CLUSTER=existing on a cluster of your own, such as kind"
        )
    if os.geteuid() != 0:
        raise DemoError(
            f"the local cluster needs root, this is user {os.geteuid()}: run it as root (sudo make demo),"
            " or with CLUSTER=existing on a cluster of your own, such as kind"
        )
    tools = Tools(kubeconfig=FULL.kubeconfig, bin_dir=bin_dir())
    target = Target(LOCAL, "the local cluster of tests/cluster", tools, images, _CLUSTER)
    _stream(screen, "python3 -m tests.cluster up")
    if builder != _NONE:
        _stream(screen, "scripts/build-images", IMAGE_BUILDER=_CLUSTER)
    return target


def _existing(images: Images, builder: str, screen: Screen) -> Target:
    builder = _existing_builder(builder)
    tools = Tools(kubeconfig=None, bin_dir=None)
    context = tools.kubectl("config", "current-context").strip()
    tools.kubectl("get", "--raw", "/readyz", timeout_seconds=20)
    target = Target(EXISTING, f"the kubeconfig's current context, {context}", tools, images, builder)
    deliver = _delivery(context, images) if builder == _DOCKER else ""
    if builder != _NONE:
        _stream(screen, "scripts/build-images", IMAGE_BUILDER=builder)
    if deliver:
        for image in _IMAGES:
            _stream(screen, f"{deliver} {images.name(image)}")
    return target


def _existing_builder(asked_for: str) -> str:
    """Docker unless another is asked for, once all programs that it takes are there."""
    builder = _DOCKER if asked_for in {"", "auto"} else asked_for
    if builder not in {_DOCKER, _CLUSTER, _NONE}:
        raise DemoError(f"IMAGE_BUILDER={builder} can't serve CLUSTER=existing: choose docker, cluster or none")
    needed = {"kubectl": "install it and choose a context", "helm": "install Helm 3 or 4"}
    if builder == _DOCKER:
        needed |= {"docker": "it builds the images; IMAGE_BUILDER=none takes those that the nodes have or can pull"}
    for program, mend in needed.items():
        if shutil.which(program) is None:
            raise DemoError(f"{program} is not on PATH, and CLUSTER=existing needs it: {mend}")
    return builder


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
