"""Long-lived processes that outlive this tool, known by more than a pid.

A pid alone may have been given to somebody else since. So a record holds the boot's id and the process's start time
too, and signals go through a pidfd that was checked against them: no stranger is ever signalled.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ClusterError

_PROC = Path("/proc")
_START_DEADLINE_SECONDS = 10.0
_POLL_SECONDS = 0.05
# The shell writes the record and then becomes the program: there is no moment in which the program runs unrecorded,
# even when this tool is killed in between.
_RECORD_THEN_EXEC = (
    'record=$1; shift; { cat /proc/sys/kernel/random/boot_id "/proc/$$/stat"; } > "$record.new"'
    ' && mv "$record.new" "$record" && exec "$@"'
)


@dataclass(frozen=True)
class ProcessRecord:
    """Who a process is: unique over pid reuse and reboots."""

    boot_id: str
    pid: int
    start_ticks: int


def boot_id(proc: Path = _PROC) -> str:
    """The id that the kernel drew at this boot."""
    return (proc / "sys/kernel/random/boot_id").read_text().strip()


def parse_stat(stat: str) -> tuple[int, str, int]:
    """Pid, state letter and start time in clock ticks since boot, from a line of /proc/<pid>/stat (proc(5)).

    The program's name stands in brackets and may itself hold spaces and brackets, so fields count from the last one.
    """
    pid = int(stat.split(" ", 1)[0])
    fields = stat[stat.rindex(")") + 2 :].split()
    return pid, fields[0], int(fields[19])


def read_record(path: Path) -> ProcessRecord | None:
    """The record that a start left in ``path``; None where there is none or it is torn."""
    try:
        boot, stat = path.read_text().splitlines()[:2]
        pid, _, start_ticks = parse_stat(stat)
    except (OSError, ValueError, IndexError):
        return None
    return ProcessRecord(boot, pid, start_ticks)


def is_running(record: ProcessRecord | None, proc: Path = _PROC) -> bool:
    """Whether exactly this process still runs; one that ended but wasn't collected (a zombie) doesn't."""
    if record is None or record.boot_id != boot_id(proc):
        return False
    try:
        _, state, start_ticks = parse_stat((proc / str(record.pid) / "stat").read_text())
    except (OSError, ValueError, IndexError):
        return False
    return start_ticks == record.start_ticks and state not in "ZX"


def identify(pid: int, proc: Path = _PROC) -> ProcessRecord | None:
    """The record of a process that runs now; None once it is gone."""
    try:
        _, _, start_ticks = parse_stat((proc / str(pid) / "stat").read_text())
    except (OSError, ValueError, IndexError):
        return None
    return ProcessRecord(boot_id(proc), pid, start_ticks)


def command_line(record: ProcessRecord, proc: Path = _PROC) -> tuple[str, ...]:
    """The arguments that the process was started with; empty once it is gone."""
    try:
        return tuple((proc / str(record.pid) / "cmdline").read_text().split("\0")[:-1])
    except OSError:
        return ()


def spawn(argv: Sequence[str], *, record_path: Path, log_path: Path, environment: Mapping[str, str]) -> None:
    """Start a process that outlives this one, in a session of its own, and return once it is recorded."""
    record_path.parent.mkdir(parents=True, exist_ok=True)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    record_path.unlink(missing_ok=True)
    if log_path.exists():
        # The log of the run before holds why it ended.
        log_path.replace(log_path.with_suffix(".previous.log"))
    with log_path.open("ab") as log:
        subprocess.run(
            ["/usr/bin/setsid", "--fork", "/bin/sh", "-c", _RECORD_THEN_EXEC, "sh", str(record_path), *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environment),
            cwd=record_path.parent,
            check=True,
        )
    wait_until(lambda: read_record(record_path) is not None, _START_DEADLINE_SECONDS, f"{argv[0]} to start")


def stop(record: ProcessRecord | None, grace_seconds: float) -> None:
    """Ask the process to end, and kill it after the grace. Does nothing when it isn't running."""
    if record is None or not is_running(record):
        return
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        # Checked again with the handle held: from here on the pid can't become somebody else's.
        if not is_running(record):
            return
        if grace_seconds > 0:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if select.select([handle], [], [], grace_seconds)[0]:
                return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _START_DEADLINE_SECONDS)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def wait_until(condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
    """Poll until the condition holds.

    Raises:
        ClusterError: when it doesn't within ``timeout_seconds``; ``what`` names the thing waited for.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {timeout_seconds:g} s in vain for {what}; see `python3 -m tests.cluster logs`")
        time.sleep(_POLL_SECONDS)
