"""What must be there before anything is built or started; what is missing is one line that names the mend."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from .errors import ClusterError
from .profiles import cache_dir
from .progress import say

_COLD_BUILD_BYTES = 20 * 1000**3
_WARM_BUILD_BYTES = 6 * 1000**3
_MACHINES = ("x86_64", "aarch64")
_RUN_AS_ROOT = "run it as root (for example with sudo), or use a cluster of your own (KUBECONFIG)"
# Program -> the Debian package that holds it.
_CONTROL_PLANE_PACKAGES = {"openssl": "openssl"}
_NODE_PACKAGES = {
    **_CONTROL_PLANE_PACKAGES,
    "ip": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "runc": "runc",
}
_IMAGE_PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}


def check_machine() -> None:
    """Raise ClusterError unless this is Linux on a known processor and we are root."""
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in _MACHINES:
        raise ClusterError(
            f"the local cluster runs on Linux x86_64 or aarch64 only, this is {system} {machine}: "
            "set KUBECONFIG to a cluster of your own instead"
        )
    if os.geteuid() != 0:
        raise ClusterError(f"the local cluster needs root, this is user {os.geteuid()}: {_RUN_AS_ROOT}")


def check_build(*, cold: bool) -> None:
    """Raise ClusterError where a build would fail later on: a wrong machine or too little free disk."""
    check_machine()
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    needed = _COLD_BUILD_BYTES if cold else _WARM_BUILD_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ClusterError(
            f"{folder} has {free / 1000**3:.1f} GB free and the build needs {needed / 1000**3:.0f} GB for a while: "
            "free some, or set AGENTTEAM_CACHE to a folder on a larger disk"
        )


def go_version(modules_dir: Path) -> str:
    """The compiler's full version line.

    Raises:
        ClusterError: without Go, or with one older than a module asks for.
    """
    needed = max(_go_directive(file) for file in modules_dir.glob("*/go.mod"))
    mend = f"install Go {'.'.join(map(str, needed))} or newer from go.dev/dl and put it on PATH"
    try:
        line = subprocess.run(
            ["go", "version"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClusterError(f"no Go compiler found on PATH: {mend}") from error
    if parse_go_version(line) < needed:
        raise ClusterError(f"`go version` says {line!r}, too old: {mend}")
    return line


def parse_go_version(text: str) -> tuple[int, ...]:
    """The first version number in the text: ``go version go1.26.8 linux/amd64`` -> (1, 26, 8)."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise ClusterError(f"`go version` says {text!r}, which holds no version: install Go from go.dev/dl")
    return tuple(int(part or 0) for part in match.groups())


def _go_directive(file: Path) -> tuple[int, ...]:
    line = next(line for line in file.read_text().splitlines() if line.startswith("go "))
    return parse_go_version(line)


def ensure_packages(*, node: bool, images: bool = False) -> None:
    """Install the Debian packages whose programs are missing.

    Raises:
        ClusterError: where there is no apt to install them with, or it fails.
    """
    needed = _NODE_PACKAGES if node else _CONTROL_PLANE_PACKAGES
    if images:
        needed = {**needed, **_IMAGE_PACKAGES}
    packages = sorted({package for program, package in needed.items() if shutil.which(program) is None})
    if not packages:
        return
    listed = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise ClusterError(f"missing programs and no apt-get to install them: install the packages {listed} yourself")
    say(f"installing Debian packages {listed}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        result = subprocess.run(
            ["apt-get", "--quiet", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        if result.returncode != 0:
            raise ClusterError(
                f"`apt-get {' '.join(arguments)}` failed: {result.stderr.strip()[-500:]}\n"
                f"install the packages {listed} yourself"
            )
