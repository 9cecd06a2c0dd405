"""The fast path: a fault so gross, and on so many pods, that no cluster of failures explains it.

The e-processes of `evidence.py` are slow by design (a block adds at most a factor e), so that one sick pod or one burst
can't condemn a revision. This test isn't clipped; its protection is another one. It speaks only if green fails by more
than 10 points too often in both of the last two blocks and on every pod that answered, and if the evidence suffices
with any one of these pods left out. Each window that it looks at is paid for by a higher threshold (a union bound over
the windows' ends t with weights 1/(t(t+1)), which sum to 1), so that it keeps to its share of alpha.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import log

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.core import sequential
from agentteam_operator.core.counting import Colour, Mode, finished_tally, recent_blocks
from agentteam_operator.core.evidence import blue_above
from agentteam_operator.core.sequential import Tally

MARGIN = 0.10
"""How much worse, as a share of the answers, each pod and each of the last two blocks must be."""

WINDOWS_BLOCKS = (2, 4)
"""Lengths of the windows, in blocks."""

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


def gross_fault(
    state: AnalysisStatus, *, blue: Colour, green: Colour, mode: Mode, limit: float, log_threshold: float
) -> GrossFault | None:
    """The gross fault that the last blocks show, if they show one.

    While both colours serve, a single green pod beside several blue ones is left to the slow test: there, a sick pod
    and a bad revision look the same, and the next step brings more pods. A team of one replica has no other way.
    """
    if mode is Mode.CONCURRENT and len(green.pods) == 1 < len(blue.pods):
        return None
    if mode is Mode.ONE_SAMPLE and blue_above(state, limit):
        return None
    needed = log_threshold + log(len(WINDOWS_BLOCKS)) + log(max(state.looks, 1) * (state.looks + 1))
    found = (_in_window(state, blocks, green, mode, limit) for blocks in WINDOWS_BLOCKS)
    return next((fault for fault in found if fault and fault.log_evidence > needed), None)


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
    tallies = (_sum(recent_blocks(packed)[-blocks:]) for packed in state.recent_by_pod.values())
    pods = [tally for tally in tallies if tally.total]
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
    return GrossFault(whole, control, len(pods), blocks, min(left_out))


def _sum(tallies: tuple[Tally, ...] | list[Tally]) -> Tally:
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
