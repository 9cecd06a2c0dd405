"""How much memory the container uses and may use, read as the kubelet reads it (the working set)."""

from __future__ import annotations

import resource
from pathlib import Path

_UNLIMITED_V1_BYTES = 1 << 62
"""cgroup v1 writes 'no limit' as the largest multiple of the page size, 9223372036854771712."""


class MemoryReader:
    """Memory of this container's cgroup (v2 or v1), falling back to the process's resident memory."""

    def __init__(self, cgroup_root: Path = Path("/sys/fs/cgroup"), proc_self: Path = Path("/proc/self")) -> None:
        """Read under these roots; tests give their own."""
        self._proc_self = proc_self
        v1 = cgroup_root / "memory"
        if (cgroup_root / "memory.current").is_file():
            self._usage_file, self._limit_file = cgroup_root / "memory.current", cgroup_root / "memory.max"
            self._stat_file, self._inactive_key = cgroup_root / "memory.stat", "inactive_file"
        else:
            self._usage_file, self._limit_file = v1 / "memory.usage_in_bytes", v1 / "memory.limit_in_bytes"
            self._stat_file, self._inactive_key = v1 / "memory.stat", "total_inactive_file"

    def usage_bytes(self) -> int:
        """The working set: usage without page cache that the kernel would give back first.

        A cgroup without a limit may be the machine's own root: then only the process's resident memory speaks.
        """
        usage = _read_int(self._usage_file)
        if usage is None or self.limit_bytes() is None:
            return self._resident_bytes()
        return max(0, usage - self._inactive_bytes())

    def limit_bytes(self) -> int | None:
        """The limit, or None where there is none."""
        limit = _read_int(self._limit_file)
        return None if limit is None or limit >= _UNLIMITED_V1_BYTES else limit

    def _inactive_bytes(self) -> int:
        for line in read_text(self._stat_file).splitlines():
            key, _, value = line.partition(" ")
            if key == self._inactive_key:
                return int(value)
        return 0

    def _resident_bytes(self) -> int:
        fields = read_text(self._proc_self / "statm").split()
        return int(fields[1]) * resource.getpagesize() if len(fields) > 1 else 0


def read_text(path: Path) -> str:
    """A small file of the kernel's; empty where there is none."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


def _read_int(path: Path) -> int | None:
    text = read_text(path).strip()
    return int(text) if text.isdigit() else None
