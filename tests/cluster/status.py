"""What ``status`` prints."""

from __future__ import annotations

from . import lifecycle
from .parts import Part
from .profiles import Profile


def show(profile: Profile) -> int:
    """Print each part's state and the cluster's places; 0 when all is well, else 1."""
    if not profile.state_dir.exists():
        print(f"the {profile.name} cluster is down; to have it: python3 -m tests.cluster up --profile {profile.name}")
        return 1
    for part in lifecycle.all_parts(profile):
        record = part.record
        pid = f"pid {record.pid}" if record and part.is_running else ""
        print(f"{part.name:20} {_state(part):12} {pid:12} {part.log_path}")
    print(f"{'kubeconfig':20} {profile.kubeconfig}")
    print(f"{'audit log':20} {profile.audit_log}")
    if lifecycle.is_up(profile):
        return 0
    print(f"not all is well; to mend it: python3 -m tests.cluster up --profile {profile.name}")
    return 1


def _state(part: Part) -> str:
    if not part.is_running:
        return "dead"
    return "well" if part.is_well() else "not well"
