"""What each of green's pods has had of its runs, so that any one of them can be left out.

A pod that is gone goes on being left out: what it answered stays among green's runs, and if it was sick, somebody has
deleted it, or its node went. Else its failures would count as the others' as soon as it is replaced.
"""

from __future__ import annotations

from collections.abc import Collection

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.core import histogram
from agentteam_operator.core.counters import Counters, Increment
from agentteam_operator.core.counting import finished_tally

MOST_GONE_PODS = 16
"""So many are remembered, those whose runs say the most against green: pods come and go in a long judgement."""


def gone(state: AnalysisStatus, green_pods: Collection[str]) -> frozenset[str]:
    """Those of green's pods that are remembered though they are there no more."""
    return frozenset(state.log_evidence_without.keys() - frozenset(green_pods))


def without_each_pod(state: AnalysisStatus, green_pods: frozenset[str]) -> dict[str, Increment]:
    """All of green's runs with each pod's left out in turn, by that pod; empty while fewer than two have answered.

    Pods that are gone are among them. A pod's own share is its raw counters since it had warmed up, for it was made for
    this rollout; what it counted before its server restarted is not among them.
    """
    pods = green_pods | gone(state, green_pods)
    shares = {name: share for name, share in _shares(state, pods).items() if share.finished.total}
    if len(shares) < 2:  # noqa: PLR2004
        return {}
    whole = green_whole(state)
    return {name: whole - share for name, share in shares.items()}


def without_pods(state: AnalysisStatus, pods: Collection[str]) -> dict[str, Increment]:
    """All of green's runs but this pod's, by each of these pods."""
    whole, shares = green_whole(state), _shares(state, pods)
    return {pod: whole - shares[pod] if pod in shares else whole for pod in pods}


def green_whole(state: AnalysisStatus) -> Increment:
    """All of green's runs."""
    green = state.green
    quantities = {name: histogram.unpack(counts) for name, counts in green.quantities.items()}
    return Increment(green.started, finished_tally(green), histogram.unpack(green.durations), quantities)


def _shares(state: AnalysisStatus, green_pods: Collection[str]) -> dict[str, Increment]:
    counted = {name: Counters.unpack(text) for name, text in state.counters.items() if name in green_pods}
    begun = {name: Counters.unpack(text) for name, text in state.counted_from.items()}
    return {name: found.since(begun.get(name, Counters())) for name, found in counted.items()}
