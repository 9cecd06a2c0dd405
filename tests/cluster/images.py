"""Which images this tool has made, and bringing them into the node.

Each made image has a record in the cache. The node has no registry to pull from, so ``up`` loads what it lacks.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import buildah, image_archive, node_config
from .errors import ClusterError
from .image_archive import ProgramImage
from .locks import exclusive
from .profiles import FULL, Profile, bin_dir, cache_dir
from .progress import say

BASE_REPOSITORY = "localhost/agentteam-base"
PROMETHEUS_IMAGE = "localhost/prometheus:v3"
_NOBODY = 65534


@dataclass(frozen=True)
class ImageRecord:
    """One image of ours. ``key`` covers what it was made from; ``archive`` is empty where buildah keeps it."""

    reference: str
    image_id: str
    key: str
    archive: str = ""


def record_path(reference: str) -> Path:
    """Where the record of the image with this reference is."""
    return cache_dir() / "images" / f"{reference.replace('/', '_').replace(':', '@')}.json"


def read_record(reference: str) -> ImageRecord | None:
    """The record of an image that was made, None where there is none."""
    return _read(record_path(reference))


def _read(path: Path) -> ImageRecord | None:
    try:
        return ImageRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_record(record: ImageRecord) -> None:
    """Keep the record."""
    path = record_path(record.reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(asdict(record), indent=1))
    aside.replace(path)


def built() -> Iterator[ImageRecord]:
    """The images that buildah holds as they were recorded.

    The record of one that is gone, renamed or built anew behind our back, is of no use to anyone and is removed.
    """
    for path in sorted((cache_dir() / "images").glob("*.json")):
        record = _read(path)
        if record is not None and record.archive:
            continue
        if record is not None and buildah.image_id(record.reference) == record.image_id:
            yield record
            continue
        say(f"{path.stem.replace('@', ':')} is no longer there: its record is removed")
        path.unlink(missing_ok=True)


def load_pause(profile: Profile) -> None:
    """Have the image that holds pods' sandboxes in the node: without it no pod starts."""
    _load_program(profile, _program_image("pause", node_config.PAUSE_IMAGE))


def load_missing(profile: Profile) -> None:
    """Have Prometheus and every image that was built in the node, in their newest builds."""
    prometheus = _program_image(
        "prometheus",
        PROMETHEUS_IMAGE,
        arguments=["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
        folders=["prometheus", "tmp"],
        ports=[9090],
    )
    _load_program(profile, prometheus)
    for record in built():
        # A base image is for building on; whoever wants to run it loads it by name.
        if not record.reference.startswith(f"{BASE_REPOSITORY}:"):
            load(profile, record)


def load(profile: Profile, record: ImageRecord) -> bool:
    """Have one image in the node; True when it had to be loaded."""
    with exclusive(profile.state_dir / "load.lock", "another load of an image"):
        before = _loaded(profile).get(record.reference)
        if before == record.image_id and record.reference in present(profile):
            return False
        if record.archive:
            load_archive(profile, Path(record.archive))
        else:
            _export_and_load(profile, record)
        _write_loaded(profile, {**_loaded(profile), record.reference: record.image_id})
    if before and before != record.image_id:
        _forget(profile, before)
    say(f"{profile.name}: loaded image {record.reference}")
    return True


def _export_and_load(profile: Profile, record: ImageRecord) -> None:
    # Always the same folder, so that one left by a load that was killed takes disk only until the next.
    folder = profile.state_dir / "export"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        buildah.export(record.image_id, record.reference, folder / "image.tar")
        load_archive(profile, folder / "image.tar")
    finally:
        shutil.rmtree(folder)


def _forget(profile: Profile, image_id: str) -> None:
    # The runtime also keeps an image under its id, and with it all its layers after the name has moved on.
    with contextlib.suppress(ClusterError):
        _ctr(profile, "images", "remove", f"sha256:{image_id}")


def load_archive(profile: Profile, archive: Path) -> None:
    """Bring a docker-archive or oci-archive into the node.

    Raises:
        ClusterError: when the container runtime refuses it.
    """
    _ctr(profile, "images", "import", "--snapshotter", node_config.snapshotter(profile), str(archive))


def load_named(profile: Profile, name: str) -> None:
    """Bring an image into the node: ``name`` is an archive's path or an image that ``build-image`` made.

    Raises:
        ClusterError: when it is neither.
    """
    if Path(name).is_file():
        load_archive(profile, Path(name))
        return
    record = read_record(name) or ImageRecord(name, buildah.image_id(name) or "", "")
    if not record.image_id:
        raise ClusterError(
            f"{name!r} is neither a file nor an image that was built: see `images`, or use `build-image`"
        )
    load(profile, record)


def present(profile: Profile) -> list[str]:
    """References of the images in the node."""
    return [name for name in _ctr(profile, "images", "list", "--quiet").split() if "@" not in name and ":" in name]


def _program_image(
    program: str,
    reference: str,
    arguments: list[str] | None = None,
    folders: list[str] | None = None,
    ports: list[int] | None = None,
) -> ProgramImage:
    path = (bin_dir() / program).resolve()
    return ProgramImage(reference, path, _NOBODY, arguments or [], folders or [], ports or [])


def _load_program(profile: Profile, image: ProgramImage) -> None:
    # The program's folder is named by the hash of all that went into it.
    key = f"{image.program.parent.name} {image.arguments} {image.folders} {image.ports}"
    archive = cache_dir() / "images" / f"{image.program.name}.tar"
    record = read_record(image.reference)
    if record is None or record.key != key or not archive.exists():
        record = ImageRecord(image.reference, image_archive.write(image, archive), key, str(archive))
        write_record(record)
    load(profile, record)


def _loaded_path(profile: Profile) -> Path:
    return profile.state_dir / "loaded-images.json"


def _loaded(profile: Profile) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(_loaded_path(profile).read_text())
    except (OSError, ValueError):
        return {}
    return found


def _write_loaded(profile: Profile, loaded: dict[str, str]) -> None:
    aside = _loaded_path(profile).with_suffix(".new")
    aside.write_text(json.dumps(loaded, indent=1))
    aside.replace(_loaded_path(profile))


def _ctr(profile: Profile, *arguments: str) -> str:
    socket = str(profile.containerd_socket)
    if not profile.containerd_socket.exists():
        raise ClusterError(
            f"the {FULL.name} cluster isn't up, so there is no node to hold images: run `up --profile full`"
        )
    command = [str(bin_dir() / "ctr"), "--address", socket, "--namespace", "k8s.io", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ClusterError(f"`{' '.join(command)}` failed: {result.stderr.strip()[-500:]}")
    return result.stdout
