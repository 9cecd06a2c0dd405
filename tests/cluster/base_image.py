"""The image that Python images start from where no registry can be reached: a minimal Debian with Python 3.11."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from . import buildah, preflight, system
from .errors import ClusterError
from .images import BASE_REPOSITORY, ImageRecord, read_record, write_record
from .locks import exclusive
from .profiles import cache_dir
from .progress import say

_SUITE = "bookworm"
_PACKAGES = ("python3", "python3-venv", "ca-certificates")
# Of use to people at a terminal only; leaving it out halves the image.
_UNUSED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/log",
)
_RECIPE_VERSION = 1
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def ensure() -> str:
    """Have the base image built, and return its reference: its tag is a hash of the recipe.

    Raises:
        ClusterError: when debootstrap can't make it.
    """
    recipe = repr((_RECIPE_VERSION, _SUITE, _PACKAGES, _UNUSED, _ENVIRONMENT))
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    reference = f"{BASE_REPOSITORY}:{key}"
    with exclusive(buildah.lock_path(), "another build of an image"):
        record = read_record(reference)
        if record is None or buildah.image_id(reference) != record.image_id:
            preflight.check_build(cold=False)
            preflight.ensure_packages(node=False, images=True)
            _build(reference)
            write_record(ImageRecord(reference, buildah.image_id(reference) or "", key))
    return reference


def _build(reference: str) -> None:
    root = cache_dir() / "base-image"
    say(f"making the base image {reference} (Debian {_SUITE}, about 90 s)")
    _remove(root)
    _debootstrap(root)
    for name in _UNUSED:
        shutil.rmtree(root / name)
        (root / name).mkdir()
    # Images that others publish have `python` too, and Dockerfiles should work with either.
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    container = buildah.run("from", "scratch")
    try:
        buildah.run("add", "--quiet", container, str(root), "/")
        for name, value in _ENVIRONMENT.items():
            buildah.run("config", "--env", f"{name}={value}", container)
        buildah.run("config", "--cmd", "python3", container)
        buildah.run("commit", "--quiet", container, reference)
    finally:
        buildah.run("rm", container)
    _remove(root)


def _debootstrap(root: Path) -> None:
    log_path = cache_dir() / "logs" / "debootstrap.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    # An own mirror may be named; else debootstrap takes Debian's.
    mirror = [chosen] if (chosen := os.environ.get("AGENTTEAM_DEBIAN_MIRROR")) else []
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(root), *mirror]
    with log_path.open("wb") as log:
        result = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        last = (log_path.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise ClusterError(
            f"debootstrap failed: {last} (the whole log: {log_path}); where the Debian mirror can't be reached "
            "name another in AGENTTEAM_DEBIAN_MIRROR"
        )


def _remove(root: Path) -> None:
    # debootstrap mounts /proc and /sys inside while it works; one that was killed left them.
    system.unmount_below(root)
    shutil.rmtree(root, ignore_errors=True)
