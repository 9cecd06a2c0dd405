"""Keys, certificates and kubeconfigs of one cluster, made by openssl once for its lifetime."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .profiles import CLUSTER_DOMAIN, LOOPBACK, NODE_ADDRESS, Profile

NODE_NAME = "node1"
_DAYS_VALID = 3650
_CURVE = "prime256v1"
_NEW_KEY = f"-newkey ec -pkeyopt ec_paramgen_curve:{_CURVE} -nodes"


@dataclass(frozen=True)
class Certificate:
    """A certificate to make: ``authority`` signs it, ``names`` are its subject alternative names."""

    name: str
    subject: str
    authority: str = "ca"
    names: tuple[str, ...] = ("DNS:localhost",)


def _certificates(profile: Profile) -> tuple[Certificate, ...]:
    service = "kubernetes.default.svc"
    apiserver_names = (
        "DNS:localhost",
        "DNS:kubernetes",
        "DNS:kubernetes.default",
        f"DNS:{service}",
        f"DNS:{service}.{CLUSTER_DOMAIN}",
        f"IP:{LOOPBACK}",
        f"IP:{NODE_ADDRESS}",
        f"IP:{profile.kubernetes_service_address}",
    )
    local_names = (
        "DNS:localhost",
        f"DNS:{NODE_NAME}",
        "DNS:metrics-server.kube-system.svc",
        f"IP:{LOOPBACK}",
        f"IP:{NODE_ADDRESS}",
    )
    return (
        Certificate("apiserver", "/CN=kube-apiserver", names=apiserver_names),
        # Serves the kubelet, the scheduler, the controller manager and metrics-server: all at this machine's addresses.
        Certificate("local", "/CN=local", names=local_names),
        Certificate("admin", "/O=system:masters/CN=admin"),
        Certificate("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        Certificate("front-proxy-client", "/CN=front-proxy-client", authority="front-proxy-ca"),
        Certificate("controller-manager", "/CN=system:kube-controller-manager"),
        Certificate("scheduler", "/CN=system:kube-scheduler"),
        Certificate("node", f"/O=system:nodes/CN=system:node:{NODE_NAME}"),
        Certificate("kube-proxy", "/CN=system:kube-proxy"),
        Certificate("coredns", "/CN=agentteam-cluster:coredns"),
        Certificate("metrics-server", "/CN=agentteam-cluster:metrics-server"),
    )


KUBECONFIG_USERS = ("admin", "controller-manager", "scheduler", "node", "kube-proxy", "coredns", "metrics-server")


def ensure(profile: Profile) -> None:
    """Make all keys, certificates and kubeconfigs, unless this cluster has them.

    They are made aside and moved into place as one, so being killed half-way leaves none rather than some.
    """
    if not profile.pki_dir.exists():
        aside = profile.pki_dir.with_name("pki.new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True, mode=0o700)
        _make_all(profile, aside)
        aside.rename(profile.pki_dir)
    for user in KUBECONFIG_USERS:
        _write_kubeconfig(profile, user)


def _openssl(command: str, folder: Path) -> None:
    # No argument of ours holds a blank.
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


def _make_all(profile: Profile, folder: Path) -> None:
    for authority in ("ca", "front-proxy-ca"):
        subject = f"/CN=agentteam-{profile.name}-{authority}"
        _openssl(
            f"req -x509 {_NEW_KEY} -days {_DAYS_VALID} -subj {subject} -keyout {authority}.key -out {authority}.crt",
            folder,
        )
    for certificate in _certificates(profile):
        _make(certificate, folder)
    _openssl(f"ecparam -name {_CURVE} -genkey -noout -out service-account.key", folder)
    _openssl("ec -in service-account.key -pubout -out service-account.pub", folder)


def _make(certificate: Certificate, folder: Path) -> None:
    name, authority = certificate.name, certificate.authority
    extensions = folder / f"{name}.ext"
    alternative_names = ",".join(certificate.names)
    extensions.write_text(f"subjectAltName={alternative_names}\nextendedKeyUsage=serverAuth,clientAuth\n")
    _openssl(f"req {_NEW_KEY} -subj {certificate.subject} -keyout {name}.key -out {name}.csr", folder)
    signer = f"-CA {authority}.crt -CAkey {authority}.key -CAcreateserial"
    _openssl(f"x509 -req -in {name}.csr {signer} -days {_DAYS_VALID} -extfile {name}.ext -out {name}.crt", folder)


def kubeconfig_path(profile: Profile, user: str) -> Path:
    """The kubeconfig of one of KUBECONFIG_USERS."""
    return profile.state_dir / f"{user}.kubeconfig"


def _write_kubeconfig(profile: Profile, user: str) -> None:
    path = kubeconfig_path(profile, user)
    if path.exists():
        return

    def encoded(file: str) -> str:
        return base64.b64encode((profile.pki_dir / file).read_bytes()).decode()

    name = f"agentteam-{profile.name}"
    server = f"https://{profile.api_address}:{profile.ports.apiserver}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": encoded("ca.crt")}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": encoded(f"{user}.crt"),
                    "client-key-data": encoded(f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
    }
    aside = path.with_suffix(".new")
    # A kubeconfig may be written as JSON: every YAML reader takes it, and the standard library writes it.
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(document, indent=1))
    aside.replace(path)
