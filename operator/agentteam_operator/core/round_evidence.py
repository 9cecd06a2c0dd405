"""The evidence of repeated golden conversations: each round of pairs is a block of the two-sample test.

The formulas are those of `sequential.py`. Both samples of a pair are of the same conversation, had at the same time,
and each conversation has as many of either revision. So a block's expectation is at most 1 pair by pair, and the test
holds though conversations differ in how often they fail, and though the model's endpoint is now better, now worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, log1p

from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.core import sequential
from agentteam_operator.core.counting import recent_blocks
from agentteam_operator.core.pairs import PairsObserved
from agentteam_operator.core.sequential import Tally

MAX_LOG_GAIN = 2.0
"""What one round may add to log E: half of what is to be proven can't come from one bad minute, since rounds lie half a
minute apart and more. With the default alpha and metrics a revision is condemned by five bad rounds at the least."""

RECENT_ROUNDS = 12
_DIGITS = 6


def with_round(state: RoundsStatus, pairs: Sequence[PairsObserved]) -> RoundsStatus:
    """The state with a round's pairs counted and weighed; every bet is chosen from the rounds before."""
    blue, green = tallies(state)
    bursts = sequential.dispersion(recent_blocks(state.recent_green))
    whole = _sum(pairs)
    gain = _gain(blue, green, whole, bursts)
    could_gain = min(_most_gain(green.total, whole.pairs), MAX_LOG_GAIN)
    return state.model_copy(
        update={
            "counted": state.counted + 1,
            "pairs": state.pairs + whole.pairs,
            "green_failed": state.green_failed + whole.failed,
            "blue_failed": state.blue_failed + whole.control_failed,
            "recent_green": _pushed(state.recent_green, whole.failed, whole.pairs),
            "recent_blue": _pushed(state.recent_blue, whole.control_failed, whole.pairs),
            "log_evidence": round(state.log_evidence + gain, _DIGITS),
            "reachable_log_evidence": round(state.reachable_log_evidence + could_gain, _DIGITS),
            "pods": _pods_after(state, pairs, bursts),
        }
    )


def tallies(state: RoundsStatus) -> tuple[Tally, Tally]:
    """Blue's and green's failed ones of all samples."""
    return Tally(state.blue_failed, state.pairs), Tally(state.green_failed, state.pairs)


def without(state: RoundsStatus, address: str) -> tuple[Tally, Tally, float]:
    """Blue's and green's samples, and the evidence, with the pairs of the candidate's pod at `address` left out."""
    blue, green = tallies(state)
    own, evidence = _known(state, address)
    return blue - Tally(own.control_failed, own.pairs), green - Tally(own.failed, own.pairs), evidence


def _known(state: RoundsStatus, address: str) -> tuple[PairsObserved, float]:
    """A pod's pairs so far, and the evidence without them: of one that is new all of it, for it has no part in it."""
    packed = state.pods.get(address)
    if packed is None:
        return PairsObserved(address), state.log_evidence
    pairs, failed, control_failed, evidence = packed.split()
    return PairsObserved(address, int(pairs), int(failed), int(control_failed)), float(evidence)


def _pods_after(state: RoundsStatus, pairs: Sequence[PairsObserved], bursts: float) -> dict[str, str]:
    asked = {one.address: one for one in pairs}
    found = {}
    for address in sorted({*state.pods, *asked}):
        rest = _sum([one for one in pairs if one.address != address])
        blue, green, evidence = without(state, address)
        own = _sum([_known(state, address)[0], asked.get(address, PairsObserved(address))])
        proof = evidence + _gain(blue, green, rest, bursts)
        found[address] = f"{own.pairs} {own.failed} {own.control_failed} {proof:.{_DIGITS}f}"
    return found


def _gain(blue: Tally, green: Tally, now: PairsObserved, bursts: float) -> float:
    """What a round adds to log E, after `blue` and `green` were seen."""
    gain = sequential.log_gain_two_sample(
        Tally(now.control_failed, now.pairs),
        Tally(now.failed, now.pairs),
        blue_rate=blue.estimate,
        green_rate=green.estimate,
    )
    return min(gain / bursts, MAX_LOG_GAIN)


def _most_gain(past: int, pairs: int) -> float:
    """What a round of so many pairs adds if all of green's samples ever failed, and none of blue's."""
    worst, best = Tally(past, past).estimate, Tally(0, past).estimate
    null = (worst + best) / 2
    return pairs * (log(worst / null) + log1p(-best) - log1p(-null)) if worst > best else 0.0


def _sum(pairs: Sequence[PairsObserved]) -> PairsObserved:
    return PairsObserved(
        "",
        sum(one.pairs for one in pairs),
        sum(one.failed for one in pairs),
        sum(one.control_failed for one in pairs),
    )


def _pushed(packed: str, failed: int, pairs: int) -> str:
    return " ".join([*packed.split(), f"{failed}/{pairs}"][-RECENT_ROUNDS:])
