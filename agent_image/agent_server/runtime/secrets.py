"""API keys from mounted Secrets, read again when the file changes, so that rotating a key needs no restart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SECRETS_DIR = Path("/var/run/secrets/agentteam")


class SecretUnavailableError(Exception):
    """A key that can't be read; the message names the file and the mend, never a value."""


@dataclass(frozen=True, slots=True)
class _Cached:
    stamp: tuple[int, int, int]
    value: str


class SecretFiles:
    """Reads `<root>/<secret>/<key>`, the layout in which the operator mounts Secrets."""

    def __init__(self, root: Path = SECRETS_DIR) -> None:
        """Read below `root`."""
        self._root = root
        self._cache: dict[Path, _Cached] = {}

    def read(self, secret: str, key: str) -> str:
        """The key's present value, without surrounding white space.

        A read costs one stat() while the file is unchanged. The kubelet swaps a symbolic link on an update, so inode
        and times are those of the new file.

        Raises:
            SecretUnavailableError: there is no such file, it can't be read, or it's empty.
        """
        path = self._root / secret / key
        try:
            stat = path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            cached = self._cache.get(path)
            if cached is None or cached.stamp != stamp:
                cached = _Cached(stamp, path.read_text(encoding="utf-8").strip())
                self._cache[path] = cached
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnavailableError(
                f"secret {secret!r}, key {key!r}: {path} can't be read ({type(error).__name__}): "
                "create the Secret with that key, or correct apiKeySecretRef"
            ) from None
        if not cached.value:
            raise SecretUnavailableError(f"secret {secret!r}, key {key!r}: {path} is empty: put the API key into it")
        return cached.value
