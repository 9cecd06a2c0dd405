"""CoreDNS and metrics-server. Both run as processes of the machine, so the cluster needs no images for itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from . import parts, pki
from .client import ApiClient
from .profiles import CLUSTER_DOMAIN, LOOPBACK, NODE_ADDRESS, Profile

METRICS_API_SERVICE = "v1beta1.metrics.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_COREDNS_USER = "agentteam-cluster:coredns"
_METRICS_USER = "agentteam-cluster:metrics-server"
# An object and the API path that it is applied to.
Manifest = tuple[str, dict[str, Any]]
_READ = ["get", "list", "watch"]
# Below its minimum of 10 s metrics-server refuses to start.
_METRIC_RESOLUTION_SECONDS = 10


def coredns(profile: Profile) -> parts.Part:
    """The cluster's DNS, at the node's address: the kubelet names it to pods, so it needs no Service."""
    argv = (parts.program("coredns"), "-conf", str(_corefile_path(profile)))
    check = parts.http_check(LOOPBACK, profile.ports.dns_ready, "/ready")
    files = {_corefile_path(profile): _corefile(profile)}
    return parts.Part("coredns", profile, argv, check, files=lambda: files)


def _corefile_path(profile: Profile) -> Path:
    return profile.state_dir / "Corefile"


def _corefile(profile: Profile) -> str:
    return f"""\
.:53 {{
    bind {NODE_ADDRESS}
    errors
    health {LOOPBACK}:{profile.ports.dns_health}
    ready {LOOPBACK}:{profile.ports.dns_ready}
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {pki.kubeconfig_path(profile, "coredns")}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    forward . /etc/resolv.conf
    cache 5
}}
"""


def metrics_server(profile: Profile) -> parts.Part:
    """Serves pods' use of processor and memory, which HorizontalPodAutoscalers read.

    It is well when it is alive: its first numbers come two scrapes (about 20 s) later.
    """
    kubeconfig = pki.kubeconfig_path(profile, "metrics-server")
    argv = (
        parts.program("metrics-server"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={NODE_ADDRESS}",
        f"--secure-port={profile.ports.metrics_server}",
        *parts.serving_certificate(profile),
        f"--metric-resolution={_METRIC_RESOLUTION_SECONDS}s",
        "--kubelet-request-timeout=5s",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        f"--kubelet-certificate-authority={profile.pki_dir / 'ca.crt'}",
    )
    check = parts.https_check(profile, NODE_ADDRESS, profile.ports.metrics_server, "/livez")
    return parts.Part("metrics-server", profile, argv, check)


def apply_manifests(profile: Profile) -> None:
    """Apply the add-ons' rights, and the way to the metrics API.

    Raises:
        ClusterError: when the API server refuses one.
    """
    api = ApiClient(profile)
    for path, manifest in (*_coredns_rights(), *_metrics_rights(), *_metrics_api(profile)):
        api.apply(path, manifest)


def _object(path: str, api_version: str, kind: str, **fields: object) -> Manifest:
    *_, name = path.split("/")
    return path, {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


def _cluster_role(name: str, *rules: dict[str, list[str]]) -> Manifest:
    return _object(f"/apis/{_RBAC}/v1/clusterroles/{name}", f"{_RBAC}/v1", "ClusterRole", rules=list(rules))


def _cluster_binding(name: str, role: str, user: str) -> Manifest:
    return _object(
        f"/apis/{_RBAC}/v1/clusterrolebindings/{name}",
        f"{_RBAC}/v1",
        "ClusterRoleBinding",
        roleRef={"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        subjects=[{"apiGroup": _RBAC, "kind": "User", "name": user}],
    )


def _coredns_rights() -> list[Manifest]:
    return [
        _cluster_role(
            _COREDNS_USER,
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": _READ},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
        ),
        _cluster_binding(_COREDNS_USER, _COREDNS_USER, _COREDNS_USER),
    ]


def _metrics_rights() -> list[Manifest]:
    reader = f"/apis/{_RBAC}/v1/namespaces/kube-system/rolebindings/{_METRICS_USER}"
    return [
        _cluster_role(
            _METRICS_USER,
            {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": _READ},
        ),
        _cluster_binding(_METRICS_USER, _METRICS_USER, _METRICS_USER),
        _cluster_binding(f"{_METRICS_USER}:auth-delegator", "system:auth-delegator", _METRICS_USER),
        _object(
            reader,
            f"{_RBAC}/v1",
            "RoleBinding",
            roleRef={"apiGroup": _RBAC, "kind": "Role", "name": "extension-apiserver-authentication-reader"},
            subjects=[{"apiGroup": _RBAC, "kind": "User", "name": _METRICS_USER}],
        ),
    ]


def _metrics_api(profile: Profile) -> list[Manifest]:
    """A Service without selector whose one endpoint is the node: there metrics-server listens."""
    authority = base64.b64encode((profile.pki_dir / "ca.crt").read_bytes()).decode()
    port = profile.ports.metrics_server
    slice_path = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/metrics-server"
    path, endpoints = _object(
        slice_path,
        "discovery.k8s.io/v1",
        "EndpointSlice",
        addressType="IPv4",
        endpoints=[{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
        ports=[{"name": "https", "port": port, "protocol": "TCP"}],
    )
    endpoints["metadata"]["labels"] = {"kubernetes.io/service-name": "metrics-server"}
    return [
        _object(
            "/api/v1/namespaces/kube-system/services/metrics-server",
            "v1",
            "Service",
            spec={"ports": [{"name": "https", "port": 443, "targetPort": port, "protocol": "TCP"}]},
        ),
        (path, endpoints),
        _object(
            f"/apis/apiregistration.k8s.io/v1/apiservices/{METRICS_API_SERVICE}",
            "apiregistration.k8s.io/v1",
            "APIService",
            spec={
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": authority,
                "service": {"namespace": "kube-system", "name": "metrics-server"},
            },
        ),
    ]
