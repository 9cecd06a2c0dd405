"""What the node changes on the machine outside its state folder, and the undoing of it.

Everything here is idempotent and takes the machine as it finds it: it may follow a run that was killed anywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import processes
from .errors import ClusterError
from .profiles import NODE_ADDRESS, POD_CIDR, Profile

LINK = "agentteam0"
_NFT_TABLE = "agentteam-cluster"
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_POD_CGROUP = "kubepods"
# Set by the kubelet, kube-proxy or us; given back their values by `down`.
SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
# Fixed in the kubelet's, containerd's and the CNI library's code. `down` removes those that weren't there before.
FIXED_PATHS = ("/var/lib/kubelet", "/var/log/containers", "/var/lib/cni", "/run/containerd", "/etc/cni")


def claim(profile: Profile) -> None:
    """Note how the machine was before the first change, once for the cluster's lifetime.

    Raises:
        ClusterError: when another cluster's node runs on this machine.
    """
    path = _claim_path(profile)
    if path.exists():
        return
    if pod_cgroups():
        raise ClusterError(
            "another Kubernetes node runs on this machine (there is a cgroup 'kubepods'): "
            "use that cluster (KUBECONFIG), or stop its kubelet first"
        )
    if _succeeds("nft", "list", "table", "ip", "kube-proxy"):
        raise ClusterError(
            "another kube-proxy keeps the nftables table 'ip kube-proxy': use that cluster (KUBECONFIG), "
            "or remove what it left with `nft delete table ip kube-proxy`"
        )
    document = {
        "sysctls": {name: value for name in SYSCTLS if (value := _read_sysctl(name)) is not None},
        "absentPaths": [name for name in FIXED_PATHS if not Path(name).exists()],
    }
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(document, indent=1))
    aside.replace(path)


def ensure_network(profile: Profile) -> None:
    """The node's address on a link of its own, routes to Services, forwarding, and a way out for pods.

    Pods hang on point-to-point links (CNI plugin ``ptp``), not on a bridge: their traffic to each other is then routed,
    and kube-proxy's rules hold for it without the kernel's bridge filter.
    """
    if not Path("/sys/class/net", LINK).exists():
        _run("ip", "link", "add", LINK, "type", "bridge")
    _run("ip", "address", "replace", f"{NODE_ADDRESS}/24", "dev", LINK)
    _run("ip", "link", "set", LINK, "up")
    # The route is looked up before kube-proxy's rules rewrite the address: a machine without a default route needs it.
    _run("ip", "route", "replace", profile.service_cidr, "dev", LINK)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    rules = (
        f"table ip {_NFT_TABLE} {{}}\n"
        f"delete table ip {_NFT_TABLE}\n"
        f"table ip {_NFT_TABLE} {{\nchain postrouting {{\ntype nat hook postrouting priority 100\n"
        f"ip saddr {POD_CIDR} ip daddr != {POD_CIDR} masquerade\n}}\n}}\n"
    )
    _run("nft", "-f", "-", stdin=rules)


def remove(profile: Profile) -> None:
    """Take back everything outside the state folder, and every mount below it.

    Raises:
        ClusterError: when a mount can't be undone; files must not be removed through it.
    """
    if not _claim_path(profile).exists():
        # Nothing was changed yet, or all is undone: what there is belongs to somebody else.
        return
    _kill_pods(profile)
    unmount_below(profile.state_dir)
    _removepod_cgroups()
    for table in (f"ip {_NFT_TABLE}", "ip kube-proxy", "ip6 kube-proxy"):
        _succeeds("nft", "delete", "table", *table.split())
    _succeeds("ip", "link", "delete", LINK)
    _remove_shim_sockets(profile)
    _restore(profile)


def supports_overlay(folder: Path) -> bool:
    """Whether the kernel can stack file systems on the one that ``folder`` is on (not so inside many containers)."""
    trial = folder / "overlay-trial"
    shutil.rmtree(trial, ignore_errors=True)
    for name in ("lower", "upper", "work", "merged"):
        (trial / name).mkdir(parents=True)
    layers = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
    mounted = _succeeds("mount", "-t", "overlay", "overlay", "-o", layers, str(trial / "merged"))
    if mounted:
        _run("umount", str(trial / "merged"))
    shutil.rmtree(trial, ignore_errors=True)
    return mounted


def mounts_below(folder: Path, mountinfo: str) -> list[Path]:
    """Mount points at or below the folder, the innermost first. ``mountinfo`` is /proc/self/mountinfo's text."""
    points = (Path(line.split()[4].encode().decode("unicode_escape")) for line in mountinfo.splitlines())
    return sorted((point for point in points if point.is_relative_to(folder)), reverse=True)


def _claim_path(profile: Profile) -> Path:
    return profile.state_dir / "machine-before.json"


def _read_sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None


def _restore(profile: Profile) -> None:
    before = json.loads(_claim_path(profile).read_text())
    for name, value in before["sysctls"].items():
        if _read_sysctl(name) != value:
            Path("/proc/sys", name).write_text(value)
    for name in before["absentPaths"]:
        if not Path(name, "containerd.sock").exists():  # Somebody's own containerd came since, and lives there.
            shutil.rmtree(name, ignore_errors=True)


def _pod_processes(profile: Profile) -> Iterator[int]:
    """Containers' processes by their cgroup, and the shims that watch over them by the socket they were given."""
    socket = str(profile.containerd_socket)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            in_pod = f"/{_POD_CGROUP}/" in (entry / "cgroup").read_text()
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        is_shim = arguments[0].endswith("containerd-shim-runc-v2") and socket in arguments
        if in_pod or is_shim:
            yield int(entry.name)


def _kill_pods(profile: Profile) -> None:
    def none_left() -> bool:
        pids = list(_pod_processes(profile))
        for pid in pids:
            processes.stop(processes.identify(pid), 0)
        return not pids

    processes.wait_until(none_left, 30.0, "the containers to end")


def unmount_below(folder: Path) -> None:
    """Undo every mount at or below the folder.

    Raises:
        ClusterError: when one stays.
    """
    for point in mounts_below(folder, Path("/proc/self/mountinfo").read_text()):
        if not _succeeds("umount", str(point)):
            _succeeds("umount", "--lazy", str(point))
    left = mounts_below(folder, Path("/proc/self/mountinfo").read_text())
    if left:
        raise ClusterError(f"can't unmount {left[0]}: see who uses it (`fuser -vm {left[0]}`), then run `down` again")


def pod_cgroups() -> list[Path]:
    """The cgroups below which a kubelet of this machine keeps its pods, one for each hierarchy."""
    # Version 2 has one tree at the root, version 1 one tree a controller below it.
    candidates = [_CGROUP_ROOT / _POD_CGROUP, *_CGROUP_ROOT.glob(f"*/{_POD_CGROUP}")]
    return [path for path in candidates if path.is_dir() and not path.is_symlink()]


def _removepod_cgroups() -> None:
    for root in pod_cgroups():
        for folder, _, _ in os.walk(root, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError as error:
                raise ClusterError(f"can't remove cgroup {folder}: {error.strerror}; run `down` again") from error


def _remove_shim_sockets(profile: Profile) -> None:
    for file in (profile.state_dir / "containerd-state").glob("io.containerd.runtime.v2.task/*/*/bootstrap.json"):
        try:
            address = str(json.loads(file.read_text())["address"])
        except (OSError, ValueError, KeyError):
            continue
        Path(address.removeprefix("unix://")).unlink(missing_ok=True)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command: str, stdin: str | None = None) -> None:
    result = subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)
    if result.returncode != 0:
        raise ClusterError(f"`{' '.join(command)}` failed: {result.stderr.strip()}")
