"""Which runs are slow: those that take longer than blue's usually do. What is known of them, of all and of each pod."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

from agentteam_operator.api.analysis_status import AnalysisStatus, ColourCounts
from agentteam_operator.core import histogram, sequential
from agentteam_operator.core.counters import Increment
from agentteam_operator.core.counting import RECENT_BLOCKS_OF_POD, Block, pushed, recent_blocks, recent_tally
from agentteam_operator.core.sequential import Tally

SLOW_QUANTILE = 0.9
SLOW_FACTOR = 1.1
"""An answer is slow if it takes 10 % longer than 90 % of blue's answers so far."""

_LATELY_LOG_ODDS = 2.0
"""How much likelier the last blocks must be at green's rate than at blue's: about 7 : 1, in some twenty answers."""


@dataclass(frozen=True, slots=True)
class SlowTally:
    """Both colours' slow answers, by what counts as slow now."""

    bound_seconds: float
    blue: Tally
    green: Tally


def slow_tally(state: AnalysisStatus) -> SlowTally | None:
    """How many answers of either colour are slow; None while blue has none to measure by, or none that end in time."""
    usual = histogram.quantile_seconds(_durations(state.blue), SLOW_QUANTILE)
    if usual is None or isinf(usual):
        return None
    bound = histogram.first_bound_at_or_above(usual * SLOW_FACTOR)
    if isinf(bound):
        return None
    return SlowTally(bound, tally(_durations(state.blue), bound), tally(_durations(state.green), bound))


def _durations(counts: ColourCounts) -> histogram.Counts:
    return histogram.unpack(counts.durations)


def tally(durations: histogram.Counts, bound_seconds: float) -> Tally:
    """Those that took longer than the bound."""
    return Tally(histogram.slower_than(durations, bound_seconds), sum(durations))


def by_pod(state: AnalysisStatus, block: Block, slow: SlowTally | None) -> dict[str, str]:
    """The slow runs of each of green's pods in the last blocks; none while nothing says what is slow."""
    if slow is None:
        return {}
    shares = {pod: block.green_by_pod.get(pod, Increment()).durations for pod in state.recent_by_pod}
    return {
        pod: pushed(state.slow_by_pod.get(pod, ""), tally(durations, slow.bound_seconds), RECENT_BLOCKS_OF_POD)
        for pod, durations in shares.items()
    }


def lately(state: AnalysisStatus) -> Tally:
    """Green's slow runs in the last blocks."""
    return sum(map(recent_tally, state.slow_by_pod.values()), sequential.NONE)


def bursts(state: AnalysisStatus) -> float:
    """How much more green's recent slow runs vary than chance would have it, from pod to pod and from block to block.

    A revision is slow on all of its pods alike; one pod beside a noisy neighbour isn't.
    """
    by_pod = [recent_tally(packed) for packed in state.slow_by_pod.values()]
    blocks = [block for packed in state.slow_by_pod.values() for block in recent_blocks(packed)]
    return max(sequential.dispersion(blocks), sequential.dispersion(by_pod, fewest=2))


def still_slow_without(state: AnalysisStatus, pod: str, rest: Increment, *, min_effect: float) -> bool:
    """Whether the runs that remain with one of green's pods left out are slower than blue's, too.

    Lately as well: two pods that were slow one after the other are no slow revision. So the others' last blocks must be
    clearly likelier at the rate of all of their runs than at blue's.
    """
    slow = slow_tally(state)
    if slow is None:
        return False
    others = tally(rest.durations, slow.bound_seconds)
    recent = (recent_tally(packed) for name, packed in state.slow_by_pod.items() if name != pod)
    likelier = sequential.log_likelihood_ratio(sum(recent, sequential.NONE), others.estimate, slow.blue.estimate)
    return likelier > _LATELY_LOG_ODDS and sequential.clearly_worse(others, slow.blue, min_effect=min_effect)
