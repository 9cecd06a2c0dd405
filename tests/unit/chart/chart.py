"""Renders the chart with the real helm, and reads what comes out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.profiles import bin_dir

REPOSITORY = Path(__file__).resolve().parents[3]
CHART = REPOSITORY / "charts" / "agentteam-operator"
RELEASE = "agentteam-operator"
NAMESPACE = "chart-system"

Manifest = dict[str, Any]


class RenderError(AssertionError):
    """Helm refused the values; the text is what a person would read."""


def helm_program() -> str:
    """The path of helm: the local cluster's own build, else the one on PATH.

    Raises:
        RenderError: when there is none.
    """
    built = bin_dir() / "helm"
    found = str(built) if built.exists() else shutil.which("helm")
    if found is None:
        raise RenderError("helm is missing: build it with `python3 -m tests.cluster build`, or put helm 3 or 4 on PATH")
    return found


@dataclass(frozen=True)
class Rendered:
    """The manifests of one rendering."""

    text: str

    @cached_property
    def manifests(self) -> list[Manifest]:
        """All objects, in helm's order."""
        return [document for document in yaml.safe_load_all(self.text) if document]

    def of_kind(self, kind: str) -> list[Manifest]:
        """All objects of one kind."""
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def one(self, kind: str, name: str = "") -> Manifest:
        """The only object of one kind (and of that name, where given)."""
        found = [manifest for manifest in self.of_kind(kind) if name in ("", manifest["metadata"]["name"])]
        assert len(found) == 1, f"{len(found)} objects {kind}/{name}, one expected"
        return found[0]

    def pod_specs(self) -> Iterator[tuple[str, Manifest]]:
        """Name and pod spec of everything that makes pods."""
        for manifest in self.manifests:
            if template := manifest.get("spec", {}).get("template"):
                yield manifest["metadata"]["name"], template["spec"]

    def rules(self) -> Iterator[tuple[str, Manifest]]:
        """Role name and rule, of all roles."""
        for kind in ("Role", "ClusterRole"):
            for role in self.of_kind(kind):
                yield from ((role["metadata"]["name"], rule) for rule in role["rules"])

    def environment(self) -> dict[str, str]:
        """The operator's environment variables that have a plain value."""
        container = self.one("Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0]
        return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def render(values: Manifest | None = None, *, release: str = RELEASE, chart: Path = CHART) -> Rendered:
    """The chart's manifests with these values over its defaults.

    Raises:
        RenderError: with helm's message, when it refuses.
    """
    return _template(yaml.safe_dump(values or {}), release, chart)


def notes(values: Manifest | None = None) -> str:
    """What helm says after an install with these values."""
    command = ("install", RELEASE, str(CHART), "--dry-run=client", "--output=json")
    return str(json.loads(_helm(command, yaml.safe_dump(values or {})))["info"]["notes"])


@cache
def _template(values: str, release: str, chart: Path) -> Rendered:
    return Rendered(_helm(("template", release, str(chart)), values))


def _helm(arguments: tuple[str, ...], values: str) -> str:
    command = [helm_program(), *arguments, "--namespace", NAMESPACE, "--values", "-"]
    result = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RenderError(result.stderr)
    return result.stdout
