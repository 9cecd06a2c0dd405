"""The programs that make up a cluster: how each is started, and how it is seen to be well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import client, pki, processes
from .errors import ClusterError
from .profiles import LOOPBACK, Profile, bin_dir

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GRACE_SECONDS = 10.0
# How long a running part may take to answer before it counts as hung and is started anew.
_PATIENCE_SECONDS = 10.0
# Tests make hundreds of objects at once; the client-side default of 20 requests/s would bound them all.
_QPS = ("--kube-api-qps=500", "--kube-api-burst=1000")


@dataclass(frozen=True)
class Part:
    """One long-lived program of a cluster. ``is_well`` asks the program itself, and never raises."""

    name: str
    profile: Profile
    argv: tuple[str, ...]
    is_well: Callable[[], bool]
    ready_seconds: float = 30.0

    @property
    def record_path(self) -> Path:
        """The file that says which process this is."""
        return self.profile.state_dir / "run" / f"{self.name}.process"

    @property
    def log_path(self) -> Path:
        """Standard output and error of the running process; those of the run before are in ``<part>.previous.log``."""
        return self.profile.state_dir / "logs" / f"{self.name}.log"

    @property
    def record(self) -> processes.ProcessRecord | None:
        """The process last started as this part, whether or not it still runs."""
        return processes.read_record(self.record_path)

    @property
    def is_running(self) -> bool:
        """Whether its process runs, well or not."""
        return processes.is_running(self.record)

    def ensure(self) -> bool:
        """Have it running and well; True when it had to be started.

        Raises:
            ClusterError: when it isn't well within ``ready_seconds``.
        """
        if self.is_running and self._is_as_wanted() and self._gets_well():
            return False
        self.stop()
        processes.spawn(self.argv, record_path=self.record_path, log_path=self.log_path, environment=_environment())
        processes.wait_until(
            self._is_well_or_dead, self.ready_seconds, f"{self.name} to be well (its log: {self.log_path})"
        )
        if not self.is_running:
            raise ClusterError(f"{self.name} ended at once; its log {self.log_path} ends:\n{self._log_tail()}")
        return True

    def stop(self, grace_seconds: float = _GRACE_SECONDS) -> None:
        """Stop its process, if it runs."""
        processes.stop(self.record, grace_seconds)
        self.record_path.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL its process and leave it dead, as a crash would."""
        processes.stop(self.record, 0)

    def _is_as_wanted(self) -> bool:
        # A newer build or other settings: `up` is for having this cluster, not the one of last week.
        return self.record is not None and processes.command_line(self.record) == self.argv

    def _gets_well(self) -> bool:
        try:
            processes.wait_until(self._is_well_or_dead, _PATIENCE_SECONDS, self.name)
        except ClusterError:
            return False
        return self.is_running

    def _is_well_or_dead(self) -> bool:
        return not self.is_running or self.is_well()

    def _log_tail(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-5:])


def _environment() -> dict[str, str]:
    """What a part sees of our environment: where programs are, and no proxy for the cluster's own addresses."""
    return {"PATH": f"{bin_dir()}:{_PATH}", "HOME": "/root", "LANG": "C.UTF-8"}


def program(name: str) -> str:
    """The path of a built program."""
    # The link's target: what runs stays the same program when a later build moves the link.
    return str((bin_dir() / name).resolve())


def https_check(profile: Profile, address: str, port: int, path: str) -> Callable[[], bool]:
    """A check that the path answers 200 over TLS with a certificate of the cluster's authority."""
    url = f"https://{address}:{port}{path}"
    return lambda: client.answers(url, client.tls_context(profile))


def http_check(address: str, port: int, path: str) -> Callable[[], bool]:
    """A check that the path answers 200."""
    url = f"http://{address}:{port}{path}"
    return lambda: client.answers(url)


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
        f"--audit-policy-file={profile.state_dir / 'audit-policy.json'}",
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
        60.0,
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


def serving_certificate(profile: Profile) -> tuple[str, str]:
    """The options by which most parts take the certificate to serve with."""
    return (
        f"--tls-cert-file={profile.pki_dir / 'local.crt'}",
        f"--tls-private-key-file={profile.pki_dir / 'local.key'}",
    )
