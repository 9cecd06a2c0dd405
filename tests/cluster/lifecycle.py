"""Bringing a cluster up, down, and from any half-way state to either.

``up`` and ``down`` are level-triggered: each looks at what is there and does only what is missing, so that being killed
at any moment leaves nothing that the next call can't mend.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from . import buildah, control_plane, node, parts, pki, preflight, processes, programs
from .client import ApiClient
from .errors import ClusterError
from .locks import exclusive
from .profiles import Profile, cache_dir
from .progress import say

_NAMESPACE_SECONDS = 30.0


def _control_plane(profile: Profile) -> list[parts.Part]:
    """The parts without which there is no API, in the order of their start."""
    return [control_plane.etcd(profile), control_plane.apiserver(profile), control_plane.controller_manager(profile)]


def all_parts(profile: Profile) -> list[parts.Part]:
    """Every part of the profile, in the order of their start."""
    return [*_control_plane(profile), *(node.parts_of(profile) if profile.has_node else [])]


def find_part(profile: Profile, name: str) -> parts.Part:
    """The part of that name.

    Raises:
        ClusterError: naming those that exist.
    """
    found = {part.name: part for part in all_parts(profile)}
    if name not in found:
        raise ClusterError(f"part {name!r} isn't in the {profile.name} profile: choose one of {', '.join(found)}")
    return found[name]


def is_up(profile: Profile) -> bool:
    """Whether every part runs and is well, and the cluster answers."""
    if not profile.kubeconfig.exists() or not _is_of_this_boot(profile):
        return False
    return all(part.is_running and part.is_well() for part in all_parts(profile)) and (
        not profile.has_node or node.is_ready(profile)
    )


def up(profile: Profile) -> None:
    """Have the cluster running and ready; returns at once when it is.

    Raises:
        ClusterError: naming what is in the way, or what didn't get ready.
    """
    preflight.check_machine()
    preflight.ensure_packages(node=profile.has_node, images=profile.has_node)
    programs.build([profile.name])
    with exclusive(_lock(profile), f"another up or down of the {profile.name} cluster"):
        started = time.monotonic()
        _finish_removal(profile)
        _discard_if_of_another_boot(profile)
        _prepare(profile)
        begun = _ensure_parts(_control_plane(profile), started)
        _wait_for_namespaces(profile)
        if profile.has_node:
            begun += node.ensure(profile, lambda some: _ensure_parts(some, started))
        _report(profile, f"ready, {begun} parts started; KUBECONFIG={profile.kubeconfig}", started)


def down(profile: Profile) -> None:
    """Stop and remove all of the cluster. Works on a whole one, a half one and none."""
    preflight.check_machine()
    with exclusive(_lock(profile), f"another up or down of the {profile.name} cluster"):
        started = time.monotonic()
        _finish_removal(profile)
        if not profile.state_dir.exists():
            return
        if _is_of_this_boot(profile):
            for part in reversed(all_parts(profile)):
                # Nothing of what they would put in order at their end is kept.
                part.kill()
        _remove(profile)
        if profile.has_node:
            buildah.discard_leftovers()
        _report(profile, "down", started)


def restart_part(profile: Profile, name: str) -> None:
    """Stop one part, start it and wait until it is well."""
    part = find_part(profile, name)
    with exclusive(_lock(profile), f"another up or down of the {profile.name} cluster"):
        part.stop()
        part.ensure()


def _lock(profile: Profile) -> Path:
    return cache_dir() / "state" / f"{profile.name}.lock"


def _boot_file(profile: Profile) -> Path:
    return profile.state_dir / "boot-id"


def _is_of_this_boot(profile: Profile) -> bool:
    file = _boot_file(profile)
    return file.exists() and file.read_text() == processes.boot_id()


def _discard_if_of_another_boot(profile: Profile) -> None:
    """After the machine's restart nothing of the cluster runs, and its unflushed store isn't to be trusted."""
    if profile.state_dir.exists() and not _is_of_this_boot(profile):
        say(f"the {profile.name} cluster is from before the machine's last start; making a new one")
        _remove(profile)


def _removed_dir(profile: Profile) -> Path:
    return profile.state_dir.with_name(f"{profile.name}.removed")


def _remove(profile: Profile) -> None:
    if profile.has_node:
        node.remove(profile)
    # Renamed first: being killed in the middle must not leave half a state that looks like a whole one.
    profile.state_dir.rename(_removed_dir(profile))
    _finish_removal(profile)


def _finish_removal(profile: Profile) -> None:
    if _removed_dir(profile).exists():
        shutil.rmtree(_removed_dir(profile))


def _prepare(profile: Profile) -> None:
    if not profile.state_dir.exists():
        # The marker comes with the folder: a state folder without one is always another boot's.
        aside = profile.state_dir.with_name(f"{profile.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        (aside / "logs").mkdir(parents=True)
        (aside / "boot-id").write_text(processes.boot_id())
        aside.rename(profile.state_dir)
    pki.ensure(profile)
    if profile.has_node:
        node.prepare(profile)


def _ensure_parts(wanted: Sequence[parts.Part], started: float) -> int:
    begun = 0
    for part in wanted:
        if part.ensure():
            begun += 1
            _report(part.profile, f"{part.name} is well", started)
    return begun


def _wait_for_namespaces(profile: Profile) -> None:
    """The first objects that people make need namespace ``default``, which the API server makes after it is ready."""
    api = ApiClient(profile)
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    processes.wait_until(lambda: api.get(account) is not None, _NAMESPACE_SECONDS, "ServiceAccount default/default")


def _report(profile: Profile, message: str, started: float) -> None:
    say(f"{profile.name}: {time.monotonic() - started:4.1f} s  {message}")
