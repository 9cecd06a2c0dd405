"""Writes a container image of one static program as a docker-archive, without any builder."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ProgramImage:
    """An image that holds one program at /bin/<name>, and empty folders that its user owns."""

    reference: str
    program: Path
    user: int
    arguments: Sequence[str] = ()
    folders: Sequence[str] = ()
    ports: Sequence[int] = field(default=())

    @property
    def entrypoint(self) -> str:
        """Where the program is in the image."""
        return f"/bin/{self.program.name}"


def write(image: ProgramImage, archive: Path) -> str:
    """Write the image to ``archive`` and return its id: the same program and settings give the same id."""
    layer = _layer(image)
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": {
                "User": str(image.user),
                "Entrypoint": [image.entrypoint],
                "Cmd": list(image.arguments),
                "ExposedPorts": {f"{port}/tcp": {} for port in image.ports},
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        },
        sort_keys=True,
    ).encode()
    image_id = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{image_id}.json", "RepoTags": [image.reference], "Layers": ["layer.tar"]}]
    archive.parent.mkdir(parents=True, exist_ok=True)
    aside = archive.with_suffix(".new")
    with tarfile.open(aside, "w") as tar:
        _add(tar, f"{image_id}.json", config)
        _add(tar, "layer.tar", layer)
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    aside.replace(archive)
    return image_id


def _layer(image: ProgramImage) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for folder in ("bin", "etc", *image.folders):
            entry = tarfile.TarInfo(folder.strip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            if folder in image.folders:
                entry.uid = entry.gid = image.user
            tar.addfile(entry)
        _add(tar, "etc/passwd", f"root:x:0:0::/:\nuser:x:{image.user}:{image.user}::/:\n".encode())
        _add(tar, image.entrypoint.strip("/"), image.program.read_bytes(), mode=0o755)
    return content.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
