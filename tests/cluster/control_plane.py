"""The parts without which there is no API, and the scheduler."""

from __future__ import annotations

import json

from . import pki
from .parts import Part, http_check, https_check, program, serving_certificate
from .profiles import LOOPBACK, Profile

# Tests make hundreds of objects at once; the client-side default of 20 requests/s would bound them all.
_QPS = ("--kube-api-qps=500", "--kube-api-burst=1000")
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # One event for each request, when it ends; health checks aren't requests that anybody counts.
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]},
        {"level": "Metadata"},
    ],
}


def etcd(profile: Profile) -> Part:
    """The store. It doesn't flush to disk, as a test cluster's state need not survive the machine's crash."""
    listen = f"http://{LOOPBACK}:{profile.ports.etcd}"
    peer = f"http://{LOOPBACK}:{profile.ports.etcd_peer}"
    argv = (
        program("etcd"),
        f"--data-dir={profile.state_dir / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={listen}",
        f"--advertise-client-urls={listen}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    )
    return Part("etcd", profile, argv, http_check(LOOPBACK, profile.ports.etcd, "/readyz"))


def apiserver(profile: Profile) -> Part:
    """The API server, with its audit log on."""
    keys = profile.pki_dir
    policy = profile.state_dir / "audit-policy.json"
    argv = [
        program("kube-apiserver"),
        f"--etcd-servers=http://{LOOPBACK}:{profile.ports.etcd}",
        f"--secure-port={profile.ports.apiserver}",
        f"--bind-address={profile.api_address}",
        f"--advertise-address={profile.api_address}",
        f"--service-cluster-ip-range={profile.service_cidr}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={keys / 'service-account.pub'}",
        f"--service-account-signing-key-file={keys / 'service-account.key'}",
        f"--requestheader-client-ca-file={keys / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--audit-log-path={profile.audit_log}",
        f"--audit-policy-file={policy}",
        "--audit-log-maxsize=500",
        "--audit-log-maxbackup=1",
    ]
    if profile.has_node:
        argv += [
            # The node's name resolves nowhere.
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={keys / 'ca.crt'}",
            f"--kubelet-client-certificate={keys / 'kubelet-client.crt'}",
            f"--kubelet-client-key={keys / 'kubelet-client.key'}",
            f"--proxy-client-cert-file={keys / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={keys / 'front-proxy-client.key'}",
            "--enable-aggregator-routing=true",
        ]
    else:
        # Endpoints may not be loopback addresses, and without a node nobody asks for them.
        argv.append("--endpoint-reconciler-type=none")
    return Part(
        "apiserver",
        profile,
        tuple(argv),
        https_check(profile, profile.api_address, profile.ports.apiserver, "/readyz"),
        ready_seconds=60.0,
        files=lambda: {policy: json.dumps(_AUDIT_POLICY, indent=1)},
    )


def controller_manager(profile: Profile) -> Part:
    """The built-in controllers, with an autoscaler that acts within seconds."""
    kubeconfig = pki.kubeconfig_path(profile, "controller-manager")
    argv = (
        program("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={profile.ports.controller_manager}",
        *serving_certificate(profile),
        f"--service-account-private-key-file={profile.pki_dir / 'service-account.key'}",
        f"--root-ca-file={profile.pki_dir / 'ca.crt'}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        f"--flex-volume-plugin-dir={profile.state_dir / 'volume-plugins'}",
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
        *_QPS,
    )
    check = https_check(profile, LOOPBACK, profile.ports.controller_manager, "/healthz")
    return Part("controller-manager", profile, argv, check)


def scheduler(profile: Profile) -> Part:
    """Puts pods onto the node."""
    kubeconfig = pki.kubeconfig_path(profile, "scheduler")
    argv = (
        program("kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={profile.ports.scheduler}",
        *serving_certificate(profile),
        "--leader-elect=false",
        *_QPS,
    )
    return Part("scheduler", profile, argv, https_check(profile, LOOPBACK, profile.ports.scheduler, "/healthz"))
