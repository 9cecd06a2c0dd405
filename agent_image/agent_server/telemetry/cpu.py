"""How much processor time the container has used and may use, as its cgroup says."""

from __future__ import annotations

import time
from pathlib import Path

from agent_server.telemetry.memory import read_text

_MICROSECONDS = 1_000_000
_NANOSECONDS = 1_000_000_000


class CpuReader:
    """Processor time of this container's cgroup (v2 or v1), falling back to the process's own."""

    def __init__(self, cgroup_root: Path = Path("/sys/fs/cgroup")) -> None:
        """Read under this root; tests give their own."""
        self._root = cgroup_root
        self._is_v2 = (cgroup_root / "cpu.max").is_file()

    def used_seconds(self) -> float:
        """Processor time used so far, over all cores.

        A cgroup without a limit may be the machine's own root: then only the process speaks.
        """
        used = self._cgroup_seconds() if self.limit_cores() is not None else None
        return time.process_time() if used is None else used

    def limit_cores(self) -> float | None:
        """How many cores may be used at most, or None where there is no limit."""
        if self._is_v2:
            quota, _, period = read_text(self._root / "cpu.max").strip().partition(" ")
        else:
            quota, period = (
                read_text(self._root / "cpu" / f"cpu.cfs_{part}_us").strip() for part in ("quota", "period")
            )
        return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None

    def _cgroup_seconds(self) -> float | None:
        if not self._is_v2:
            used = read_text(self._root / "cpuacct" / "cpuacct.usage").strip()
            return int(used) / _NANOSECONDS if used.isdigit() else None
        for line in read_text(self._root / "cpu.stat").splitlines():
            key, _, value = line.partition(" ")
            if key == "usage_usec" and value.isdigit():
                return int(value) / _MICROSECONDS
        return None
