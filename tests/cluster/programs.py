"""Builds the cluster's programs from the Go modules in ``modules/`` into the cache, each once for its inputs.

Each module has a go.mod of its own, as their dependency sets conflict. A build lands in
``<cache>/store/<module>-<key>``, where the key covers everything that goes in; ``<cache>/bin`` links to the programs
of the newest builds.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import preflight
from .errors import ClusterError
from .locks import exclusive
from .profiles import bin_dir, cache_dir
from .progress import say

_SOURCES = Path(__file__).parent / "modules"
_KUBERNETES_VERSION = "v1.36.3"
_VERSION_PACKAGE = "k8s.io/component-base/version"
_STRIP = "-s -w"


@dataclass(frozen=True, eq=False)
class Module:
    """One Go module and how its programs are built.

    ``target`` is ``tool`` for the programs that its go.mod lists as tools, ``.`` for a main package of its own.
    ``programs`` maps the file that Go writes to the name that the program is known by.
    """

    name: str
    programs: Mapping[str, str]
    target: str = "tool"
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def source_dir(self) -> Path:
        """Where go.mod and go.sum are."""
        return _SOURCES / self.name

    def arguments(self) -> list[str]:
        """What follows ``go build``, apart from the output folder."""
        linker = " ".join([_STRIP, *(f"-X {name}={value}" for name, value in self.variables.items())])
        tags = ["-tags", ",".join(self.tags)] if self.tags else []
        return ["-trimpath", "-mod=readonly", "-buildvcs=false", *tags, "-ldflags", linker]


def _same_names(*names: str) -> dict[str, str]:
    return {name: name for name in names}


ETCD = Module("etcd", {"server": "etcd"})
KUBERNETES = Module(
    "kubernetes",
    _same_names("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
    variables={
        f"{_VERSION_PACKAGE}.gitVersion": _KUBERNETES_VERSION,
        f"{_VERSION_PACKAGE}.gitMajor": _KUBERNETES_VERSION[1:].split(".", maxsplit=1)[0],
        f"{_VERSION_PACKAGE}.gitMinor": _KUBERNETES_VERSION.split(".")[1],
        f"{_VERSION_PACKAGE}.gitTreeState": "clean",
    },
)
CONTAINERD = Module(
    "containerd",
    _same_names("containerd", "containerd-shim-runc-v2", "ctr"),
    tags=("no_btrfs", "no_zfs", "no_devmapper"),
)
CNI = Module("cni", _same_names("ptp", "host-local", "loopback"))
PAUSE = Module("pause", _same_names("pause"), target=".")
COREDNS = Module("coredns", _same_names("coredns"), target=".")
METRICS_SERVER = Module("metrics-server", _same_names("metrics-server"))
HELM = Module("helm", _same_names("helm"))
PROMETHEUS = Module("prometheus", _same_names("prometheus", "promtool"), tags=("remove_all_sd", "enable_kubernetes_sd"))
ALERTMANAGER = Module("alertmanager", _same_names("alertmanager"))

FAST_MODULES = (ETCD, KUBERNETES, HELM, PROMETHEUS, ALERTMANAGER)
FULL_MODULES = (*FAST_MODULES, CONTAINERD, CNI, PAUSE, COREDNS, METRICS_SERVER)
PROFILE_MODULES = {"fast": FAST_MODULES, "full": FULL_MODULES}


def cache_key(module: Module, go_version: str) -> str:
    """16 hex digits over the module's files, its build arguments and the compiler."""
    digest = hashlib.sha256()
    digest.update(repr((module.arguments(), sorted(module.programs.items()), module.target, go_version)).encode())
    for file in sorted(module.source_dir.iterdir()):
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def store_dir(module: Module, go_version: str) -> Path:
    """Where the programs of this build of the module are, or will be."""
    return cache_dir() / "store" / f"{module.name}-{cache_key(module, go_version)}"


def build(profile_names: Iterable[str]) -> None:
    """Build what the profiles need and the cache lacks, link it into ``bin_dir()``, and drop superseded builds.

    Raises:
        ClusterError: when something that a build needs is missing, or a build fails.
    """
    wanted = _wanted(profile_names)
    with exclusive(cache_dir() / "build.lock", "another build"):
        go_version = preflight.go_version(_SOURCES)
        missing = [module for module in wanted if not store_dir(module, go_version).is_dir()]
        if missing:
            preflight.check_build(cold=KUBERNETES in missing)
        started = time.monotonic()
        for number, module in enumerate(missing, start=1):
            _report(
                f"[{number}/{len(missing)}] building {module.name} ({', '.join(module.programs.values())})", started
            )
            _build_one(module, store_dir(module, go_version))
        if missing:
            _report("built; dropping the compiler's own caches", started)
            _drop_go_caches()
        for module in wanted:
            _link(module, store_dir(module, go_version))


def is_built(profile_name: str) -> bool:
    """Whether ``build`` has nothing to do for this profile."""
    go_version = preflight.go_version(_SOURCES)
    return all(_is_linked(module, store_dir(module, go_version)) for module in PROFILE_MODULES[profile_name])


def _wanted(profile_names: Iterable[str]) -> Sequence[Module]:
    return list(dict.fromkeys(module for name in profile_names for module in PROFILE_MODULES[name]))


def _report(message: str, started: float) -> None:
    say(f"{time.monotonic() - started:4.0f} s  {message}")


def _go_environment() -> dict[str, str]:
    """Go's settings for a build: caches of our own, so that dropping them takes nothing from the user."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-modcacherw",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(cache_dir() / "go-build"),
        "GOMODCACHE": str(cache_dir() / "go-mod"),
    }


def _build_one(module: Module, destination: Path) -> None:
    aside = destination.with_name(f"{destination.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    log_path = cache_dir() / "logs" / f"build-{module.name}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        result = subprocess.run(
            ["nice", "-n", "5", "go", "build", *module.arguments(), "-o", f"{aside}/", module.target],
            cwd=module.source_dir,
            env=_go_environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode != 0:
        tail = log_path.read_text(errors="replace").splitlines()[-5:]
        raise ClusterError(
            f"building {module.name} failed; the whole log is {log_path}, its end:\n  " + "\n  ".join(tail)
        )
    absent = [file for file in module.programs if not (aside / file).is_file()]
    if absent:
        raise ClusterError(
            f"building {module.name} made no {absent[0]}: modules/{module.name}/go.mod must list it as a tool"
        )
    for file, program in module.programs.items():
        (aside / file).rename(aside / program)
    aside.rename(destination)


def _is_linked(module: Module, built: Path) -> bool:
    return all((bin_dir() / program).resolve() == built / program for program in module.programs.values())


def _link(module: Module, built: Path) -> None:
    bin_dir().mkdir(parents=True, exist_ok=True)
    for program in module.programs.values():
        aside = bin_dir() / f".{program}.new"
        aside.unlink(missing_ok=True)
        aside.symlink_to(built / program)
        aside.replace(bin_dir() / program)
    for other in built.parent.glob(f"{module.name}-*"):
        # The name before the last dash is the module's: `kubernetes-…` must not match a `kubernetes-extras-…`.
        if other != built and other.name.rpartition("-")[0] == module.name:
            shutil.rmtree(other)


def _drop_go_caches() -> None:
    for name in ("go-build", "go-mod"):
        shutil.rmtree(cache_dir() / name, ignore_errors=True)
