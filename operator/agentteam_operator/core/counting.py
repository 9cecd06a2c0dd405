"""From raw counters to blocks of answers: reset-safe differences between two looks.

Counters are differenced here rather than by PromQL's `increase()`, which extrapolates, loses the first increment of a
new series and makes 1.07 failures of one. A block ends at a look by which both colours have answered, so that scrapes
of different pods at different moments don't leave the comparison without its other half; when it ends depends on the
numbers of answers alone, never on how they turned out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, reduce

from agentteam_operator.api.analysis_status import MOST_COUNTED, AnalysisStatus, ColourCounts
from agentteam_operator.core import baselines, histogram
from agentteam_operator.core.baselines import Baselines
from agentteam_operator.core.counters import Counters, Increment
from agentteam_operator.core.observed import Snapshot
from agentteam_operator.core.sequential import Tally

USUAL_QUANTILE = 0.95
"""Blue's 95th percentile is what a run usually takes at most."""

MAX_BLOCK_SECONDS = 30.0
"""A block isn't kept open longer than this for a colour that gives no answers."""

RECENT_BLOCKS = 12
"""Blocks that count as "recent" of a colour."""

RECENT_BLOCKS_OF_POD = 4
"""Blocks that are kept of each of the candidate's pods."""


class Mode(StrEnum):
    """Who gets traffic while the candidate is judged."""

    CONCURRENT = "Concurrent"
    """Both colours serve: green is held against blue at the same time."""
    ONE_SAMPLE = "OneSample"
    """Green serves alone: it can be held against fixed limits only."""


@dataclass(frozen=True, slots=True)
class Colour:
    """One of the two revisions, as the operator knows it from the cluster."""

    pods: frozenset[str]
    """Names of its server pods."""
    created_at: Mapping[str, datetime]
    """When each of its pods was created."""
    offline_agents: int
    """Agents of pods that are wanted but not ready."""
    serves: bool = True
    """Whether any of its pods takes traffic."""
    tried: bool = False
    """Whether there are hooks that may have had runs of its pods before they took traffic."""


@dataclass(frozen=True, slots=True)
class Block:
    """The answers between two looks."""

    blue: Increment
    green: Increment
    green_by_pod: Mapping[str, Increment]


def count(
    state: AnalysisStatus,
    snapshot: Snapshot,
    *,
    blue: Colour,
    green: Colour,
    mode: Mode,
    interval_seconds: float,
    quantities: Collection[str] = (),
) -> tuple[AnalysisStatus, Block | None]:
    """The state after a look, and the block that it ended, if it ended one.

    The state's counts and counters move only when a block ends; evidence is left to others. `interval_seconds` is what
    lies between two looks; `quantities` are the ones that are judged.
    """
    listed = blue.pods | green.pods
    scraped = {
        name: found for name in listed & snapshot.pods.keys() if (found := Counters.of(snapshot.pods[name], quantities))
    }
    kept = listed | state.log_evidence_without.keys()  # of green's pods that are gone, too
    known = {name: Counters.unpack(text) for name, text in state.counters.items() if name in kept}
    based = baselines.of(state, scraped, known, {**blue.created_at, **green.created_at}, tried=green.tried)
    state, known = based.state, based.known
    usual = _usual_seconds({**known, **scraped}, blue)
    if usual <= interval_seconds:
        usual = 0.0  # the first block alone is lopsided, and no proof rests on one
    state = _warmed(based, scraped, green=green, mode=mode, at=snapshot.at, usual_seconds=usual)
    known |= {name: scraped[name] for name in state.warming_since.keys() & scraped.keys()}
    changes = {name: found.since(known[name]) for name, found in scraped.items()}
    by_pod = {name: changes[name] for name in green.pods & changes.keys()}
    block = Block(_sum(changes[name] for name in blue.pods & changes.keys()), _sum(by_pod.values()), by_pod)
    opened_at = state.last_block_at or snapshot.at
    looked = state.model_copy(update={"last_block_at": opened_at})
    if not _ends(block, mode, open_seconds=(snapshot.at - opened_at).total_seconds()):
        return looked.model_copy(update={"counters": _packed(known)}), None
    return _with_block(looked, block, green.pods, mode, snapshot.at).model_copy(
        update={"counters": _packed({**known, **scraped})}
    ), block


def _usual_seconds(counters: Mapping[str, Counters], blue: Colour) -> float:
    """What blue's runs take at most, as a rule, by all that its pods have ever counted; 0 if they have no runs."""
    durations = (counters[name].durations for name in blue.pods & counters.keys())
    usual = histogram.quantile_seconds(reduce(histogram.add, durations, ()), USUAL_QUANTILE)
    longest = histogram.DURATION_BOUNDS_SECONDS[-2]
    return min(histogram.first_bound_at_or_above(usual), longest) if usual else 0.0


def _warmed(
    found: Baselines,
    scraped: Mapping[str, Counters],
    *,
    green: Colour,
    mode: Mode,
    at: datetime,
    usual_seconds: float,
) -> AnalysisStatus:
    """The state with those of green's pods that are still warming up, as of this look.

    A pod that has just begun to serve has ended its quickest runs only, which failed ones often are: beside blue's it
    looks worse than it is. The same goes for one that began anew, and for all when blue's traffic comes on top.
    """
    alone, state, known = mode is Mode.ONE_SAMPLE, found.state, found.known
    warming, counted_from = dict(state.warming_since), dict(state.counted_from)
    kept = green.pods | known.keys()
    for name in green.pods & scraped.keys():
        before, now = known[name], scraped[name]
        begins = not before.started or now.started < before.started or (alone and not state.alone)
        if now.started and (begins or name in found.begun):
            warming[name] = at
        if name in warming and (at - warming[name]).total_seconds() >= usual_seconds:
            del warming[name]
        elif name in warming:
            counted_from[name] = now.pack()
    return state.model_copy(
        update={
            "alone": alone,
            "baseline_pending": [name for name in state.baseline_pending if name in green.pods],
            "warming_since": {name: warming[name] for name in sorted(warming.keys() & green.pods)},
            "counted_from": {name: counted_from[name] for name in sorted(counted_from.keys() & kept)},
        }
    )


def _sum(increments: Iterable[Increment]) -> Increment:
    return reduce(Increment.__add__, increments, Increment())


def _packed(counters: Mapping[str, Counters]) -> dict[str, str]:
    return {name: counters[name].pack() for name in sorted(counters)}


def _ends(block: Block, mode: Mode, *, open_seconds: float) -> bool:
    """Whether the block is ready to be judged."""
    if mode is Mode.ONE_SAMPLE:
        return bool(block.green.finished.total or block.green.started)
    if block.blue.finished.total and block.green.finished.total:
        return True
    active = block.blue.started or block.green.started or block.blue.finished.total or block.green.finished.total
    return bool(active) and open_seconds >= MAX_BLOCK_SECONDS


def _with_block(
    state: AnalysisStatus, block: Block, green_pods: frozenset[str], mode: Mode, at: datetime
) -> AnalysisStatus:
    """The state with the block's answers counted."""
    blue = _with_increment(state.blue, block.blue, at)
    if mode is Mode.ONE_SAMPLE:
        # Blue's last blocks before the switch stay what is known of it: it takes no traffic now.
        blue = blue.model_copy(update={"recent": state.blue.recent})
    return state.model_copy(
        update={
            "looks": state.looks + 1,
            "last_block_at": at,
            "blue": blue,
            "green": _with_increment(state.green, block.green, at),
            "recent_by_pod": {
                name: pushed(
                    state.recent_by_pod.get(name, ""),
                    block.green_by_pod.get(name, Increment()).finished,
                    RECENT_BLOCKS_OF_POD,
                )
                for name in sorted(green_pods)
            },
        }
    )


def _with_increment(counts: ColourCounts, increment: Increment, at: datetime) -> ColourCounts:
    return ColourCounts(
        started=min(counts.started + increment.started, MOST_COUNTED),
        finished=min(counts.finished + increment.finished.total, MOST_COUNTED),
        failed=min(counts.failed + increment.finished.bad, MOST_COUNTED),
        durations=_sums(counts.durations, increment.durations),
        recent=pushed(counts.recent, increment.finished, RECENT_BLOCKS),
        first_answer_at=counts.first_answer_at or (at if increment.started or increment.finished.total else None),
        quantities=_added(counts.quantities, increment.quantities),
    )


def _added(counts: Mapping[str, str], increments: Mapping[str, histogram.Counts]) -> dict[str, str]:
    return {
        name: _sums(counts.get(name, ""), increments.get(name, ()))
        for name in sorted(counts.keys() | increments.keys())
    }


def _sums(packed: str, increment: histogram.Counts) -> str:
    sums = histogram.add(histogram.unpack(packed), increment)
    return histogram.pack(tuple(min(count, MOST_COUNTED) for count in sums))


def pushed(recent: str, tally: Tally, limit: int) -> str:
    """A `recent` string with another block, and no more than `limit` of them."""
    return " ".join([*recent.split(), f"{tally.bad}/{tally.total}"][-limit:])


@lru_cache(maxsize=1024)
def recent_blocks(packed: str) -> tuple[Tally, ...]:
    """The tallies of the last blocks, oldest first, of a `recent` string."""
    return tuple(Tally(*map(int, word.split("/"))) for word in packed.split())


@lru_cache(maxsize=1024)
def recent_tally(packed: str) -> Tally:
    """All of the last blocks together."""
    return reduce(Tally.__add__, recent_blocks(packed), Tally())


def finished_tally(counts: ColourCounts) -> Tally:
    """Failed ones of all finished runs of a colour."""
    return Tally(counts.failed, counts.finished)
