"""Processor use as a share of the limit, over windows of at least half a minute: shorter ones are noise.

Both the processor time and the time between two scrapes are the pod's own (`autogen_uptime_seconds`), so that it
doesn't matter when Prometheus scrapes.
"""

from __future__ import annotations

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.core.counters import is_plausible
from agentteam_operator.core.observed import CpuCounters, Snapshot

WINDOW_SECONDS = 30.0

_HIGHEST_SHARE = 1e6
"""Of the limit; what goes beyond (the limit is next to nothing, or the pod's numbers are) says no more."""


def after_look(state: AnalysisStatus, snapshot: Snapshot, green_pods: frozenset[str]) -> tuple[AnalysisStatus, bool]:
    """The state with each of green's pods' windows moved on, and whether one of them was completed."""
    windows: dict[str, str] = {}
    completed = False
    for pod in sorted(green_pods & (snapshot.pods.keys() | state.cpu.keys())):
        before = state.cpu.get(pod, "")
        scraped = snapshot.pods.get(pod)
        after = _moved(before, scraped.cpu if scraped else None)
        if after:
            windows[pod] = after
        completed |= _is_whole(before, after)
    return state.model_copy(update={"cpu": windows}), completed


def last_share(window: str) -> float | None:
    """The share of the limit that was used in the last whole window; None before there is one."""
    _, _, *share = map(float, window.split())
    return share[0] if share else None


def _moved(window: str, now: CpuCounters | None) -> str:
    """A pod's window after a look; as it was if the look brought nothing, empty if there is no limit."""
    if now is None or not (is_plausible(now.used_seconds) and is_plausible(now.uptime_seconds)):
        return window
    if not now.limit_cores or not is_plausible(now.limit_cores):
        return ""
    began = [float(word) for word in window.split()]
    here = f"{now.used_seconds:.3f} {now.uptime_seconds:.3f}"
    if not began or now.uptime_seconds < began[1] or now.used_seconds < began[0]:
        return here  # the first look, or the server has restarted
    lasted = now.uptime_seconds - began[1]
    if lasted < WINDOW_SECONDS:
        return window
    share = (now.used_seconds - began[0]) / (lasted * now.limit_cores)
    return f"{here} {min(share, _HIGHEST_SHARE):.4f}"


def _is_whole(before: str, after: str) -> bool:
    return after != before and last_share(after) is not None if after else False
