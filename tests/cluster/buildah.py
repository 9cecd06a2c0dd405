"""buildah with a storage of its own in the cache, apart from the system's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from . import locks, system
from .errors import ClusterError
from .profiles import cache_dir

# About three builds of each of our images, each step of which is kept as an image.
_MOST_IMAGES = 120


def storage_dir() -> Path:
    """Where images and their layers are kept."""
    return cache_dir() / "containers"


def run(*arguments: str, quiet: bool = True) -> str:
    """Run buildah and return what it printed; with ``quiet=False`` that goes to our own output instead.

    Raises:
        ClusterError: when it fails.
    """
    command = ["buildah", "--root", str(storage_dir()), "--runroot", str(storage_dir() / "run"), *arguments]
    result = subprocess.run(command, capture_output=quiet, text=True, check=False, env=_environment())
    if result.returncode != 0:
        detail = f": {result.stderr.strip()[-1000:]}" if quiet else ", see above"
        raise ClusterError(f"`buildah {' '.join(arguments)}` failed{detail}")
    return (result.stdout or "").strip()


def image_id(reference: str) -> str | None:
    """The id (64 hex digits) of an image in the storage; None where there is none of that name."""
    try:
        found = json.loads(run("images", "--json", "--no-trunc", reference))
    except ClusterError:
        return None
    return str(found[0]["id"]).removeprefix("sha256:") if found else None


def export(image: str, reference: str, archive: Path) -> None:
    """Write an image to a docker-archive under the given reference."""
    run("push", "--quiet", image, f"docker-archive:{archive}:{reference}")


def discard_leftovers() -> None:
    """Remove what a build that was killed left half done, with its mounts. Does nothing while a build is at work."""
    if not storage_dir().exists():
        return
    with locks.attempt(lock_path()) as held:
        if held:
            run("rm", "--all")
            system.unmount_below(storage_dir())


def lock_path() -> Path:
    """Held by whoever builds an image."""
    return cache_dir() / "image-build.lock"


def prune() -> None:
    """Drop layers kept for later builds once there are too many; the next build then starts anew."""
    if len(run("images", "--all", "--quiet").split()) > _MOST_IMAGES:
        run("rmi", "--prune", "--force")


def _environment() -> dict[str, str]:
    # Where layers can't be stacked by the kernel they are copied: slower, larger, and works everywhere.
    note = storage_dir() / "driver"
    if not note.exists():
        storage_dir().mkdir(parents=True, exist_ok=True)
        note.write_text("overlay" if system.supports_overlay(storage_dir()) else "vfs")
    # chroot needs no container runtime and no cgroups of its own.
    return {**os.environ, "STORAGE_DRIVER": note.read_text(), "BUILDAH_ISOLATION": "chroot"}
