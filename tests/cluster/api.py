"""What the tests call: a running cluster and where to find it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import lifecycle
from .profiles import PROFILES, bin_dir


@dataclass(frozen=True)
class ClusterHandle:
    """A running cluster. Put ``bin_dir`` on PATH for kubectl (and helm, promtool in the full profile)."""

    kubeconfig: Path
    bin_dir: Path
    audit_log: Path
    state_dir: Path


def ensure(profile: str) -> ClusterHandle:
    """Have the cluster of the profile (``fast`` or ``full``) up, building it first where need be.

    Raises:
        ClusterError: naming what is in the way and the mend.
    """
    chosen = PROFILES[profile]
    if not lifecycle.is_up(chosen):
        lifecycle.up(chosen)
    return ClusterHandle(
        kubeconfig=chosen.kubeconfig,
        bin_dir=bin_dir(),
        audit_log=chosen.audit_log,
        state_dir=chosen.state_dir,
    )
