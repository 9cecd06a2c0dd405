"""The guard: does what serves fail more than on its own last day, and for long enough to say so?

The formula
===========
The last day is cut into pieces of some runs each. `u`, the usual rate of failures, is the upper quartile of their
rates: a bad hour doesn't raise it, the busy part of each day does. The limit is

    l = max(errorRate's `max`, u + its `minEffect`)

At each look k of the n runs that ended since the last one have failed, and the evidence changes by

    log E := max(0, log E) + min(BAR / 10, k log 2 - n log(1 + l))

which is the likelihood ratio of the odds being twice those of `l`: each failure doubles E, each run divides it by
1 + l. It grows where more than log2(1 + l) of the runs fail (7.0 % for a limit of 5 %), and falls to 0 where fewer do.
This is Page's CUSUM (Biometrika 1954). With a rate of at most `l`, whatever it does below, a factor's expectation is at
most 1, clipped or not, so that looks come to a false alarm after exp(BAR) = 1,000,000 of them on average, or more
(Lorden 1971; as an e-detector, without any model: Shin, Ramdas, Rinaldo, NEJSDS 2023). It is over when the same sum,
capped at BAR and clipped both ways, is back at 0. So either takes ten looks at the least.

What it can't tell: the past is no concurrent control. An outage of the model provider looks like a bad revision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from math import ceil, log, log1p

from agentteam_operator.core.sequential import NONE, Tally

BAR = log(1_000_000)
"""What log E must reach: so many looks come to one false alarm at the most, on average."""

FEWEST_LOOKS = 10
"""Looks that it takes at the least to open, and to close: bursts, breakers and short outages last less."""

USUAL_QUANTILE = 0.75
FEWEST_PIECES = 2
"""Pieces of the past without which nobody knows what is usual."""

_MOST_GAIN = BAR / FEWEST_LOOKS
_ROUNDING = 1e-6
"""Ten tenths of BAR are all of it, whatever floating point makes of them."""

_WELL_WITHOUT = BAR / 4
"""Evidence that the other pods don't have: the pod left out is sick by itself."""


class Health(StrEnum):
    """How the serving revision does."""

    WELL = "Well"
    SICK_POD = "SickPod"
    """Worse than usual, but hardly without one of its pods."""
    WORSE = "Worse"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What the team says of its error rate."""

    max_rate: float
    """The highest rate that is good anyhow."""
    min_effect: float
    """Smallest difference from the usual rate that matters."""
    min_runs: int
    """Fewest runs for a verdict, and in a piece of the past."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was found of a revision, and stands until it is well again."""

    health: Health
    since: datetime
    usual: float
    seen: Tally


@dataclass(frozen=True, slots=True)
class Guarding:
    """What is to be watched of a team."""

    revision: str
    settings: GuardSettings
    alarm: Alarm | None = None
    """What the status says already: whoever begins to watch goes on from there."""


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """What the guard says of a revision now."""

    revision: str
    health: Health
    since: datetime | None = None
    """When the failures began to be more than usual."""
    seen: Tally = NONE
    """Runs since then."""
    usual: float = 0.0
    limit: float = 0.0
    proven: bool = False
    """Any one of its pods may be left out: the others alone prove it."""
    pod: str = ""
    """The pod that is sick by itself."""


@dataclass(frozen=True, slots=True)
class GuardState:
    """What is remembered between two looks."""

    health: Health = Health.WELL
    evidence: float = 0.0
    """log E, between 0 and BAR."""
    since: datetime | None = None
    seen: Tally = NONE
    without: Mapping[str, float] = field(default_factory=dict)
    """log E of all runs but one pod's, by pod."""
    usual: float = 0.0
    """As it was when the present stretch began: what is bad doesn't become usual by lasting."""


def begun(alarm: Alarm | None) -> GuardState:
    """The state of whoever begins to watch: that the others prove it without each pod must be seen anew."""
    if alarm is None:
        return GuardState()
    return GuardState(alarm.health, BAR, alarm.since, alarm.seen, usual=alarm.usual)


def usual_rate(pieces: Iterable[Tally], min_runs: int) -> float | None:
    """What share of runs usually fails, from consecutive pieces of the past; None if too little is known.

    Pieces that are too small are joined with what follows.
    """
    rates: list[float] = []
    piece = NONE
    for part in pieces:
        piece += part
        if piece.total >= max(min_runs, 1):
            rates.append(piece.rate)
            piece = NONE
    if len(rates) < FEWEST_PIECES:
        return None
    return sorted(rates)[ceil(USUAL_QUANTILE * len(rates)) - 1]


def limit_of(settings: GuardSettings, usual: float) -> float:
    """The rate that is still good."""
    return max(settings.max_rate, usual + settings.min_effect)


def looked(
    state: GuardState, by_pod: Mapping[str, Tally], usual: float | None, settings: GuardSettings, began: datetime
) -> GuardState:
    """The state after a look at the runs that ended since `began`, by pod.

    Without runs, or (unless something was found already) without a usual rate, it stays as it is.
    """
    rising = state.since is not None
    base = state.usual if rising else usual
    whole = sum(by_pod.values(), NONE)
    if base is None or not whole.total:
        return state
    limit, both_ways = limit_of(settings, base), state.health is not Health.WELL
    evidence = _changed(state.evidence, whole, limit, both_ways=both_ways)
    if not evidence:
        return GuardState()
    unknown = min(state.without.values(), default=0.0)  # of a new pod: no more than is known of the others
    without = {
        pod: _changed(state.without.get(pod, unknown), whole - runs, limit, both_ways=both_ways)
        for pod, runs in by_pod.items()
    }
    return _judged(
        GuardState(
            health=state.health,
            evidence=evidence,
            since=state.since or began,
            seen=state.seen + whole,
            without=without,
            usual=base,
        ),
        settings,
    )


def _changed(evidence: float, runs: Tally, limit: float, *, both_ways: bool) -> float:
    gain = min(_MOST_GAIN, runs.bad * log(2) - runs.total * log1p(limit))
    if both_ways:
        gain = max(-_MOST_GAIN, gain)
    changed = evidence + gain
    return min(BAR, changed) if changed > _ROUNDING else 0.0


def _judged(state: GuardState, settings: GuardSettings) -> GuardState:
    """The state with what it comes to. What was found stands until the evidence is gone; a sick pod may become more."""
    if _is_proven(state):
        health = Health.WORSE if _over(state, settings) else state.health
    elif state.health is Health.WELL and _over(state, settings):
        health = Health.SICK_POD if min(state.without.values()) < _WELL_WITHOUT else Health.WORSE
    else:
        health = state.health
    return replace(state, health=health)


def _over(state: GuardState, settings: GuardSettings) -> bool:
    return _reached(state.evidence) and state.seen.total >= settings.min_runs


def _is_proven(state: GuardState) -> bool:
    """With any one pod left out; of a single pod none can be."""
    values: Collection[float] = state.without.values()
    return len(values) == 1 or (len(values) > 1 and all(map(_reached, values)))


def _reached(evidence: float) -> bool:
    return evidence >= BAR - _ROUNDING


def found(state: GuardState, guarding: Guarding) -> GuardFinding:
    """What the state says of a revision."""
    sickest = min(state.without, key=lambda pod: (state.without[pod], pod), default="")
    return GuardFinding(
        revision=guarding.revision,
        health=state.health,
        since=state.since,
        seen=state.seen,
        usual=state.usual,
        limit=limit_of(guarding.settings, state.usual),
        proven=state.health is Health.WORSE and _reached(state.evidence) and _is_proven(state),
        pod=sickest if state.health is Health.SICK_POD else "",
    )
