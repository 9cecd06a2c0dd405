"""The configuration files of containerd, the kubelet and kube-proxy, and why they say what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import pki, system
from .profiles import CLUSTER_DOMAIN, LOOPBACK, NODE_ADDRESS, POD_CIDR, Profile, bin_dir

PAUSE_IMAGE = "localhost/agentteam-pause:1"


def containerd_path(profile: Profile) -> Path:
    """containerd's configuration (TOML)."""
    return profile.state_dir / "containerd.toml"


def kubelet_path(profile: Profile) -> Path:
    """The kubelet's configuration (JSON, which every YAML reader takes)."""
    return profile.state_dir / "kubelet.json"


def kube_proxy_path(profile: Profile) -> Path:
    """kube-proxy's configuration (JSON)."""
    return profile.state_dir / "kube-proxy.json"


def snapshotter(profile: Profile) -> str:
    """How containerd stacks an image's layers: noted at the first call, as it can't change under loaded images."""
    note = profile.state_dir / "snapshotter"
    if not note.exists():
        note.write_text("overlayfs" if system.supports_overlay(profile.state_dir) else "native")
    return note.read_text()


def containerd_files(profile: Profile) -> dict[Path, str]:
    """What containerd reads: its own settings, and how pods get their network."""
    network = profile.state_dir / "cni" / "10-agentteam.conflist"
    return {containerd_path(profile): _containerd(profile), network: json.dumps(_cni(profile), indent=1)}


def kubelet_files(profile: Profile) -> dict[Path, str]:
    """What the kubelet reads."""
    return {kubelet_path(profile): json.dumps(_kubelet(profile), indent=1)}


def kube_proxy_files(profile: Profile) -> dict[Path, str]:
    """What kube-proxy reads."""
    return {kube_proxy_path(profile): json.dumps(_kube_proxy(profile), indent=1)}


def _cni(profile: Profile) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_CIDR, "gateway": NODE_ADDRESS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(profile.state_dir / "cni-addresses"),
    }
    return {"cniVersion": "1.0.0", "name": "agentteam", "plugins": [{"type": "ptp", "ipam": addresses}]}


def _containerd(profile: Profile) -> str:
    state = profile.state_dir
    # restrict_oom_score_adj: machines without CAP_SYS_RESOURCE can't lower a score, and every sandbox would fail.
    # discard_unpacked_layers: an image's compressed layers are of no use once they are unpacked.
    # The rest keeps containerd's files below the state folder, so that removing that removes them.
    return f"""\
version = 3
root = "{state}/containerd"
state = "{state}/containerd-state"
imports = []

[grpc]
address = "{profile.containerd_socket}"

[plugins.'io.containerd.cri.v1.images']
snapshotter = "{snapshotter(profile)}"
discard_unpacked_layers = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE_IMAGE}"

[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{bin_dir()}"]
conf_dir = "{state}/cni"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
Root = "{state}/runc"

[plugins.'io.containerd.nri.v1.nri']
disable = true

[plugins.'io.containerd.internal.v1.opt']
path = "{state}/opt"
"""


def _kubelet(profile: Profile) -> dict[str, Any]:
    state = profile.state_dir
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": profile.ports.kubelet,
        "healthzBindAddress": LOOPBACK,
        "healthzPort": profile.ports.kubelet_health,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(profile.pki_dir / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(profile.pki_dir / "local.crt"),
        "tlsPrivateKeyFile": str(profile.pki_dir / "local.key"),
        "containerRuntimeEndpoint": f"unix://{profile.containerd_socket}",
        "podLogsDir": str(state / "pod-logs"),
        "volumePluginDir": str(state / "volume-plugins"),
        "podCIDR": POD_CIDR,
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        # Pods shouldn't depend on the search list of whatever network this machine is in.
        "resolvConf": "",
        # This machine may be without systemd, on cgroup version 1, and with swap.
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        # The root file system's device can't be told everywhere, and accounting of disk use then fails pods.
        "localStorageCapacityIsolation": False,
        # Images are loaded, never pulled: collecting one would lose it. A full disk must not evict pods either.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        # Otherwise the kubelet leaves chains of its own in iptables, for which nobody asks here.
        "makeIPTablesUtilChains": False,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "nodeStatusUpdateFrequency": "4s",
    }


def _kube_proxy(profile: Profile) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(pki.kubeconfig_path(profile, "kube-proxy"))},
        "mode": "nftables",
        # The second that kube-proxy lets pass between two writes would hide what a test measures: its operator.
        "nftables": {"minSyncPeriod": "100ms"},
        "clusterCIDR": POD_CIDR,
        "healthzBindAddress": f"{LOOPBACK}:{profile.ports.proxy_health}",
        "metricsBindAddress": f"{LOOPBACK}:{profile.ports.proxy_metrics}",
        # The machine's own connection tracking stays as it is.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
