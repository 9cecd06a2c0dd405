"""The node of the full profile: container runtime, kubelet, kube-proxy, scheduler, and the cluster's add-ons."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

from . import addons, control_plane, images, node_config, parts, pki, processes, system
from .client import ApiClient
from .profiles import LOOPBACK, Profile, bin_dir

_READY_SECONDS = 60.0


def prepare(profile: Profile) -> None:
    """Claim the machine and set up its network.

    Raises:
        ClusterError: when another node runs on this machine.
    """
    system.claim(profile)
    system.ensure_network(profile)


def parts_of(profile: Profile) -> list[parts.Part]:
    """The node's parts, in the order of their start."""
    return [
        containerd(profile),
        control_plane.scheduler(profile),
        kubelet(profile),
        kube_proxy(profile),
        addons.coredns(profile),
        addons.metrics_server(profile),
    ]


def ensure(profile: Profile, ensure_parts: Callable[[Sequence[parts.Part]], int]) -> int:
    """Have the node's parts running, its images loaded and the node ready; the number of parts that were started."""
    first, *others = parts_of(profile)
    begun = ensure_parts([first])
    images.load_pause(profile)
    addons.apply_manifests(profile)
    begun += ensure_parts(others)
    processes.wait_until(lambda: is_ready(profile), _READY_SECONDS, f"node {pki.NODE_NAME} and the metrics API")
    images.load_missing(profile)
    return begun


def remove(profile: Profile) -> None:
    """Take back all that the node left outside the state folder."""
    system.remove(profile)


def is_ready(profile: Profile) -> bool:
    """Whether the node is Ready and the resource metrics API is served."""
    api = ApiClient(profile)
    return _has_condition(api, f"/api/v1/nodes/{pki.NODE_NAME}", "Ready") and _has_condition(
        api, f"/apis/apiregistration.k8s.io/v1/apiservices/{addons.METRICS_API_SERVICE}", "Available"
    )


def _has_condition(api: ApiClient, path: str, kind: str) -> bool:
    found = api.get(path)
    conditions = found.get("status", {}).get("conditions", []) if found else []
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def containerd(profile: Profile) -> parts.Part:
    """The container runtime."""

    def is_well() -> bool:
        command = [str(bin_dir() / "ctr"), "--address", str(profile.containerd_socket), "--timeout", "5s", "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    argv = (parts.program("containerd"), "--config", str(node_config.containerd_path(profile)))
    return parts.Part("containerd", profile, argv, is_well, files=lambda: node_config.containerd_files(profile))


def kubelet(profile: Profile) -> parts.Part:
    """Runs the pods."""
    argv = (
        parts.program("kubelet"),
        f"--config={node_config.kubelet_path(profile)}",
        f"--kubeconfig={pki.kubeconfig_path(profile, 'node')}",
        f"--hostname-override={pki.NODE_NAME}",
        f"--node-ip={profile.api_address}",
        f"--root-dir={profile.state_dir / 'kubelet'}",
        f"--cert-dir={profile.pki_dir}",
    )
    check = parts.http_check(LOOPBACK, profile.ports.kubelet_health, "/healthz")
    return parts.Part("kubelet", profile, argv, check, files=lambda: node_config.kubelet_files(profile))


def kube_proxy(profile: Profile) -> parts.Part:
    """Makes Services reachable, by nftables."""
    argv = (
        parts.program("kube-proxy"),
        f"--config={node_config.kube_proxy_path(profile)}",
        f"--hostname-override={pki.NODE_NAME}",
    )
    check = parts.http_check(LOOPBACK, profile.ports.proxy_metrics, "/healthz")
    return parts.Part("kube-proxy", profile, argv, check, files=lambda: node_config.kube_proxy_files(profile))
