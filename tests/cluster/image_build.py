"""Builds images from Dockerfiles with buildah, without a registry and only when something changed."""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import base_image, buildah, images, lifecycle, preflight
from .dockerignore import Ignore
from .images import ImageRecord, read_record, write_record
from .locks import exclusive
from .profiles import FULL, cache_dir
from .progress import say

_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries")
_PIP_FILES = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")


def build(dockerfile: Path, reference: str, context: Path, arguments: Mapping[str, str]) -> ImageRecord:
    """Build the image unless it was built from the same content, and load it into the full cluster if that is up.

    The build gets BASE_IMAGE=<our base image> unless ``arguments`` names another.

    Raises:
        ClusterError: when the build fails.
    """
    preflight.check_machine()
    preflight.ensure_packages(node=False, images=True)
    buildah.discard_leftovers()
    if "BASE_IMAGE" not in arguments:
        arguments = {**arguments, "BASE_IMAGE": base_image.ensure()}
    with exclusive(buildah.lock_path(), "another build of an image"):
        key = content_key(dockerfile, context, arguments)
        record = read_record(reference)
        if record is None or record.key != key or buildah.image_id(reference) != record.image_id:
            record = _build(dockerfile, reference, context, arguments, key)
        else:
            say(f"{reference} is up to date")
    if lifecycle.is_up(FULL):
        images.load(FULL, record)
    return record


def content_key(dockerfile: Path, context: Path, arguments: Mapping[str, str]) -> str:
    """A hash over all that the build can see: Dockerfile, arguments, and the context's files with their modes."""
    digest = hashlib.sha256()
    digest.update(dockerfile.read_bytes())
    digest.update(repr(sorted(arguments.items())).encode())
    for path in _context_files(context, Ignore.of(context, dockerfile)):
        mode = path.lstat().st_mode
        content = str(path.readlink()).encode() if stat.S_ISLNK(mode) else path.read_bytes()
        digest.update(f"{path.relative_to(context)}\0{mode:o}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _context_files(context: Path, ignore: Ignore) -> Iterator[Path]:
    for folder, names, files in os.walk(context):
        here = Path(folder)
        names[:] = sorted(name for name in names if not ignore.skips_folder((here / name).relative_to(context)))
        for name in sorted(files):
            path = here / name
            if not ignore.matches(path.relative_to(context)):
                yield path


def _build(dockerfile: Path, reference: str, context: Path, arguments: Mapping[str, str], key: str) -> ImageRecord:
    say(f"building image {reference} from {dockerfile}")
    options = [option for name, value in sorted(arguments.items()) for option in ("--build-arg", f"{name}={value}")]
    # Always the same folder, so that one left by a build that was killed doesn't stay.
    folder = cache_dir() / "image-build"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        buildah.run(
            "build", "--layers", "--pull-never", "--format", "docker", *_machine_settings(folder),
            *options, "--file", str(dockerfile), "--tag", reference, str(context),
            quiet=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    record = ImageRecord(reference, buildah.image_id(reference) or "", key)
    write_record(record)
    buildah.prune()
    return record


def _machine_settings(folder: Path) -> list[str]:
    """Options that lend this machine's certificates and pip settings to the build; none of them stay in the image."""
    settings = _pip_settings()
    options: list[str] = []
    bundle = next((path for name in _CA_VARIABLES if (path := os.environ.get(name)) and Path(path).is_file()), None)
    if bundle is not None:
        # A copy, since a mounted link would point into the image.
        shutil.copyfile(bundle, folder / "ca.crt")
        options += ["--volume", f"{folder}/ca.crt:{_CA_BUNDLE}:ro"]
        settings["cert"] = _CA_BUNDLE
    if settings:
        lines = "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
        (folder / "pip.conf").write_text(f"[global]\n{lines}")
        options += ["--volume", f"{folder}/pip.conf:/etc/pip.conf:ro"]
    return options


def _pip_settings() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([Path(name).expanduser() for name in _PIP_FILES])
    found = {name: parser["global"][name] for name in _PIP_SETTINGS if parser.has_option("global", name)}
    for name in _PIP_SETTINGS:
        variable = os.environ.get(f"PIP_{name.upper().replace('-', '_')}") or os.environ.get(
            "PIP_DEFAULT_TIMEOUT" if name == "timeout" else ""
        )
        if variable:
            found[name] = variable
    return found
