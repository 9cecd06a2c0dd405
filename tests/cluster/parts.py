"""The programs that make up a cluster: how each is started, and how it is seen to be well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import client, processes
from .errors import ClusterError
from .profiles import Profile, bin_dir

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GRACE_SECONDS = 10.0
# How long a running part may take to answer before it counts as hung and is started anew.
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Part:
    """One long-lived program of a cluster.

    ``is_well`` asks the program itself, and never raises. ``files`` gives the settings that the program reads at its
    start: contents by path.
    """

    name: str
    profile: Profile
    argv: tuple[str, ...]
    is_well: Callable[[], bool]
    ready_seconds: float = 30.0
    files: Callable[[], Mapping[Path, str]] = dict

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
        changed = self._changed_files()
        if self.is_running and not changed and self._is_as_wanted() and self._gets_well():
            return False
        # Stopped before its files change: kube-proxy watches its own and would end by itself, at some later time.
        self.stop()
        for path, content in changed.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
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

    def _changed_files(self) -> dict[Path, str]:
        wanted = self.files()
        return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}

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


def serving_certificate(profile: Profile) -> tuple[str, str]:
    """The options by which most parts take the certificate to serve with."""
    return (
        f"--tls-cert-file={profile.pki_dir / 'local.crt'}",
        f"--tls-private-key-file={profile.pki_dir / 'local.key'}",
    )
