"""The two shapes of the cluster, and where each keeps its state, ports and addresses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NODE_ADDRESS = "10.244.0.1"
POD_CIDR = "10.244.0.0/24"
LOOPBACK = "127.0.0.1"
CLUSTER_DOMAIN = "cluster.local"


def cache_dir() -> Path:
    """Where built programs and images are kept: AGENTTEAM_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("AGENTTEAM_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "agentteam-operator"


def bin_dir() -> Path:
    """The folder with a symbolic link to each built program; the one to put on PATH."""
    return cache_dir() / "bin"


@dataclass(frozen=True)
class Ports:
    """TCP ports of one cluster, out of the way of Kubernetes' usual ones so that it lives beside another cluster."""

    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int
    scheduler: int
    kubelet: int
    kubelet_health: int
    proxy_metrics: int
    proxy_health: int
    metrics_server: int
    dns_health: int
    dns_ready: int


def _ports(base: int) -> Ports:
    return Ports(
        etcd=base + 379,
        etcd_peer=base + 380,
        apiserver=base + 443,
        controller_manager=base + 257,
        scheduler=base + 259,
        kubelet=base + 250,
        kubelet_health=base + 248,
        proxy_metrics=base + 249,
        proxy_health=base + 256,
        metrics_server=base + 444,
        dns_health=base + 80,
        dns_ready=base + 81,
    )


@dataclass(frozen=True)
class Profile:
    """One cluster: ``fast`` is a control plane without a node, ``full`` also runs pods."""

    name: str
    has_node: bool
    ports: Ports
    service_network: str

    @property
    def state_dir(self) -> Path:
        """All that the running cluster writes is below this folder; ``down`` removes it."""
        return cache_dir() / "state" / self.name

    @property
    def api_address(self) -> str:
        """Where the API server listens: on the node's address in the full profile, as pods must reach it."""
        return NODE_ADDRESS if self.has_node else LOOPBACK

    @property
    def service_cidr(self) -> str:
        """The Services' addresses."""
        return f"{self.service_network}.0.0/16"

    @property
    def kubernetes_service_address(self) -> str:
        """ClusterIP of Service default/kubernetes: the first address of the Services' range."""
        return f"{self.service_network}.0.1"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state_dir / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON audit event of level Metadata a line, for each finished API request."""
        return self.state_dir / "logs" / "audit.log"

    @property
    def pki_dir(self) -> Path:
        """Keys and certificates."""
        return self.state_dir / "pki"

    @property
    def containerd_socket(self) -> Path:
        """The container runtime's socket (full profile only)."""
        return self.state_dir / "containerd.sock"


FAST = Profile(name="fast", has_node=False, ports=_ports(16000), service_network="10.97")
FULL = Profile(name="full", has_node=True, ports=_ports(26000), service_network="10.96")
PROFILES = {profile.name: profile for profile in (FAST, FULL)}
