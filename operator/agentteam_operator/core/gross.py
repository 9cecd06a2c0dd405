"""The fast path: a fault so gross, and on so many pods, that no cluster of failures explains it.

The e-processes of `evidence.py` are slow by design (a block adds at most a factor e), so that one sick pod or one burst
can't condemn a revision. This test isn't clipped; its protection is another one. It speaks only if green fails by more
than 10 points too often in both of the last two blocks and on every pod that answered, and if the evidence suffices
with any one of these pods left out. Each window that it looks at is paid for by a higher threshold (a union bound over
the windows' ends t with weights 1/(t(t+1)), which sum to 1), so that it keeps to its share of alpha.

Beside several pods of blue, a single one of green has no other to leave out. What protects it there is its past: a
breaker, a burst or a throttle hits a pod that was well before. One that has failed grossly and evenly ever since its
first answer is of a bad revision, or stands on a node so bad that going back is right, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import chain, dropwhile
from math import log

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.core import histogram, sequential
from agentteam_operator.core.counters import Counters
from agentteam_operator.core.counting import USUAL_QUANTILE, Colour, Mode, finished_tally, recent_blocks
from agentteam_operator.core.evidence import FULL_BLOCK_SECONDS, blue_above
from agentteam_operator.core.sequential import Tally

MARGIN = 0.10
"""How much worse, as a share of the answers, each pod and each of the last two blocks must be."""

WINDOWS_BLOCKS = (2, 4)
"""Lengths of the windows, in blocks."""

NEVER_WELL_BLOCKS = 4
"""A pod that is alone must have failed in so many blocks at least: the first two and the last two are others then."""

_WELL_STANDARD_ERRORS = 2.0
"""A pod whose first answers were better than the rest by more than this was well at first, and turned ill."""

_EFFECTS = (0.15, 0.3, 0.6)
"""Bets on how much worse green is, as a share of the answers that would have succeeded."""


@dataclass(frozen=True, slots=True)
class GrossFault:
    """What the fast path saw."""

    green: Tally
    blue: Tally
    """Without answers where there is no concurrent control."""
    pods: int
    """Pods of green that failed, each."""
    blocks: int
    log_evidence: float
    """With that pod left out which incriminates most, if there is more than one."""
    never_well: bool = False
    """Whether these blocks hold all that its only pod has ever answered."""


def gross_fault(
    state: AnalysisStatus, *, blue: Colour, green: Colour, mode: Mode, limit: float, log_threshold: float
) -> GrossFault | None:
    """The gross fault that the last blocks show, if they show one.

    While both colours serve, a single green pod beside several blue ones is condemned only if it was never well: else,
    a sick pod and a bad revision look the same, and the slow test decides. A team of one replica has no other way.
    Only one of the two kinds can speak at a look, as the pods that have answered want it, so alpha is spent once.
    """
    if mode is Mode.ONE_SAMPLE and blue_above(state, limit):
        return None
    needed = log_threshold + log(max(state.looks, 1) * (state.looks + 1))
    if mode is Mode.CONCURRENT and len(blue.pods) > 1:
        only = _never_well(state)
        if only or len(green.pods) == 1:
            return only if only and only.log_evidence > needed else None
    needed += log(len(WINDOWS_BLOCKS))
    found = (_in_window(state, blocks, green, mode, limit) for blocks in WINDOWS_BLOCKS)
    return next((fault for fault in found if fault and fault.log_evidence > needed), None)


def _never_well(state: AnalysisStatus) -> GrossFault | None:
    """The fault of green's only pod in all that it ever answered, however strong its evidence.

    It must have been ill from the beginning: what it answered in its first block, and before while it warmed up, is not
    clearly better than the rest. How far the blocks' rates lie apart weakens the evidence, for bursts do. Where runs
    take long, nothing is said: a pod may have been well before its first answers came.
    """
    usual = histogram.quantile_seconds(histogram.unpack(state.blue.durations), USUAL_QUANTILE)
    green_blocks = tuple(dropwhile(lambda block: not block.total, recent_blocks(state.green.recent)))
    blue_blocks = recent_blocks(state.blue.recent)[-len(green_blocks) :]
    whole, control, warm_up = _sum(green_blocks), _sum(blue_blocks), _warm_up_of_only_pod(state)
    few = min(len(green_blocks), len(blue_blocks)) < NEVER_WELL_BLOCKS or not control.total
    if few or warm_up is None or whole != finished_tally(state.green) or usual is None or usual > FULL_BLOCK_SECONDS:
        return None
    ends = (slice(2), slice(-2, None))
    if not all(_far_above(_sum(green_blocks[end]), _sum(blue_blocks[end]).rate) for end in ends):
        return None
    if sequential.standard_errors_above(_sum(green_blocks[1:]), warm_up + green_blocks[0]) > _WELL_STANDARD_ERRORS:
        return None
    evidence = _against_blue(control, (finished_tally(state.blue) - control).estimate)(whole)
    evidence /= sequential.dispersion(green_blocks)
    return GrossFault(whole, control, 1, len(green_blocks), evidence, never_well=True)


def _warm_up_of_only_pod(state: AnalysisStatus) -> Tally | None:
    """What was answered before anything was counted, if all that was counted is of one pod; None if it isn't.

    The pod's raw counters tell: they say less than was counted if it restarted or took another one's place, and more
    than its warm-up and what was counted if it was there before. Then nobody knows whether it was ever well.
    """
    for name in state.recent_by_pod.keys() & state.counters.keys():
        begun = Counters.unpack(state.counted_from[name]) if name in state.counted_from else Counters()
        if Counters.unpack(state.counters[name]).since(begun).finished == finished_tally(state.green):
            return begun.since(Counters()).finished
    return None


def _in_window(state: AnalysisStatus, blocks: int, green: Colour, mode: Mode, limit: float) -> GrossFault | None:
    """The fault of the last so many blocks, however strong its evidence."""
    concurrent = mode is Mode.CONCURRENT
    green_blocks = recent_blocks(state.green.recent)[-blocks:]
    blue_blocks = recent_blocks(state.blue.recent)[-blocks:] if concurrent else (Tally(),) * len(green_blocks)
    if min(len(green_blocks), len(blue_blocks)) < blocks:
        return None
    pairs = zip(green_blocks[-2:], blue_blocks[-2:], strict=True)
    if not all(_far_above(here, there.rate if concurrent else limit) for here, there in pairs):
        return None
    control = _sum(blue_blocks)
    by_pod = [recent_blocks(packed)[-blocks:] for packed in state.recent_by_pod.values()]
    pods = [tally for tally in map(_sum, by_pod) if tally.total]
    if not all(_far_above(tally, control.rate if concurrent else limit) for tally in pods):
        return None
    if (len(pods) < 2 <= len(green.pods)) or (concurrent and not control.total):  # noqa: PLR2004
        return None
    whole = _sum(pods)
    if concurrent:
        evidence = _against_blue(control, (finished_tally(state.blue) - control).estimate)
    else:
        evidence = _against_limit(limit)
    left_out = [evidence(whole - pod) for pod in pods] if len(pods) > 1 else [evidence(whole)]
    # Two sick pods, and a third with a failure or two by chance, are far above blue, too, but not alike.
    unlike = sequential.dispersion(tuple(chain.from_iterable(by_pod)))
    return GrossFault(whole, control, len(pods), blocks, min(left_out) / unlike)


def _sum(tallies: Iterable[Tally]) -> Tally:
    return reduce(Tally.__add__, tallies, Tally())


def _far_above(tally: Tally, reference: float) -> bool:
    return tally.total > 0 and tally.rate > reference + MARGIN


def _worse(rate: float) -> tuple[float, ...]:
    return tuple(rate + effect * (1 - rate) for effect in _EFFECTS)


def _against_blue(blue: Tally, blue_rate: float) -> Callable[[Tally], float]:
    return lambda green: sequential.log_mean_exp(
        tuple(
            sequential.log_gain_two_sample(blue, green, blue_rate=blue_rate, green_rate=rate)
            for rate in _worse(blue_rate)
        )
    )


def _against_limit(limit: float) -> Callable[[Tally], float]:
    return lambda green: sequential.log_mean_exp(
        tuple(sequential.log_gain_one_sample(green, rate=rate, limit=limit) for rate in _worse(limit))
    )
