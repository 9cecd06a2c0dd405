"""Where each pod's counters begin to count: at 0 for a pod made during the judgement, else at what it had then.

What blue's pods have counted before is another time. What green's have counted before they took traffic was no traffic:
a hook did that, or a person who tried the preview. Of a pod that was there when the judgement began, the first look may
show an old scrape, so nothing is counted until the next one is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.core.counters import Counters


@dataclass(frozen=True, slots=True)
class Baselines:
    """What is known of the pods before a look's answers are counted."""

    state: AnalysisStatus
    known: dict[str, Counters]
    """What each pod's counters are differenced from."""
    begun: frozenset[str]
    """Green's pods that are counted from this look on, and not from 0."""


def of(
    state: AnalysisStatus,
    scraped: Mapping[str, Counters],
    known: Mapping[str, Counters],
    created_at: Mapping[str, datetime],
    *,
    tried: bool,
) -> Baselines:
    """The baselines of a look. `known` are those of the looks before; `tried`: green may have had runs before."""
    found, waiting, at = dict(known), set(state.baseline_pending), dict(state.counted_from)
    is_first = not state.counters
    begun = set()
    for name, now in scraped.items():
        if name not in waiting:
            if name not in found:
                found[name] = Counters() if _is_new(state, created_at.get(name)) else now
            continue
        if is_first and not tried and not now.started and not now.failed:
            found[name] = Counters()
            waiting.remove(name)
        elif name not in found or not now.same_runs(found[name]):
            found[name], at[name] = now, now.pack()
            if not is_first:
                waiting.remove(name)
                begun.add(name)
    update = {"baseline_pending": sorted(waiting), "counted_from": at}
    return Baselines(state.model_copy(update=update), found, frozenset(begun))


def _is_new(state: AnalysisStatus, created_at: datetime | None) -> bool:
    """Made since the judgement began; the API server leaves out parts of a second."""
    if created_at is None or state.started_at is None:
        return False
    return created_at >= state.started_at.replace(microsecond=0)
