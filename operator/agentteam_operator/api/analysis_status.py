"""The judge's memory between two looks: small, and kept in status so that a restart changes no verdict.

Numbers of one pod are packed into short strings, so that a look at 100 pods costs some KiB of status, and each is
still readable by a person. `core/counting.py` and `core/histogram.py` pack and unpack them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentteam_operator.api.base import LenientModel, Time

MAX_PODS = 2048
"""Most pods of both revisions together that a judgement keeps counters of."""

MOST_COUNTED = 2**53
"""JSON has no larger whole numbers that all readers agree on."""

Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Durations = Annotated[str, Field(max_length=512, pattern=r"^([0-9]{1,16}( [0-9]{1,16}){0,29})?$")]
Blocks = Annotated[str, Field(max_length=512, pattern=r"^([0-9]{1,16}/[0-9]{1,16}( [0-9]{1,16}/[0-9]{1,16}){0,11})?$")]
Buckets = Annotated[str, Field(max_length=1024, pattern=r"^([0-9]+( [0-9]+)*)?$")]
PodCounts = Annotated[
    str,
    Field(
        max_length=2048,
        pattern=r"^[0-9]{1,16}( [0-9]{1,16}){2}\|([0-9]{1,16}( [0-9]{1,16}){0,29})?(\|[a-zA-Z]+( [0-9]+)*)*$",
    ),
]
PodEvidence = Annotated[
    str, Field(max_length=640, pattern=r"^([A-Za-z]{1,40}=-?[0-9]{1,9}(\.[0-9]{1,6})?( |$)){0,16}$")
]


class QueryStatus(LenientModel):
    """What is known of one query that the team wrote."""

    at: Time | None = None
    """When the last answer that was counted was asked for."""
    consecutive_errors: Count = 0
    """Failed queries in a row."""


CpuWindow = Annotated[str, Field(max_length=80, pattern=r"^[0-9]+(\.[0-9]+)? [0-9]+(\.[0-9]+)?( [0-9]+(\.[0-9]+)?)?$")]


class ColourCounts(LenientModel):
    """Runs of one revision since the judgement began."""

    started: Count = 0
    """Runs started."""
    finished: Count = 0
    """Runs that ended in success, an error or a timeout, or were rejected."""
    failed: Count = 0
    """Runs that ended in an error or a timeout, or were rejected."""
    durations: Durations = ""
    """Finished runs by histogram bucket, shortest first, trailing zeros left out."""
    recent: Blocks = ""
    """Failed/finished runs of the last blocks of answers, oldest first."""
    first_answer_at: Time | None = None
    """When its first runs were seen."""
    quantities: dict[str, Buckets] = Field(default_factory=dict, max_length=8)
    """Runs that succeeded by bucket, of each metric that is an average or a share of them; trailing zeros left out."""


class AnalysisStatus(LenientModel):
    """All that the judgement needs to go on where it stood."""

    started_at: Time | None = None
    """When the candidate took its first traffic. Pods made since are counted from their first run on, others from when
    they were first looked at."""
    baseline_pending: list[Annotated[str, Field(max_length=253)]] = Field(default_factory=list, max_length=MAX_PODS)
    """The candidate's pods of before of which no scrape was seen yet that was surely made since: nothing is counted."""
    last_sample_at: Time | None = None
    """When Prometheus was last looked at."""
    last_block_at: Time | None = None
    """When the last block of answers ended."""
    looks: Count = 0
    """Blocks of answers seen so far."""
    consecutive_errors: Count = 0
    """Failed queries in a row."""
    blue: ColourCounts = ColourCounts()
    """Runs of the active revision."""
    green: ColourCounts = ColourCounts()
    """Runs of the candidate."""
    log_evidence: dict[str, float] = Field(default_factory=dict, max_length=32)
    """Natural logarithm of the evidence against the candidate, by test; 6.9 means odds of 1,000 : 1."""
    log_evidence_without: dict[str, PodEvidence] = Field(default_factory=dict, max_length=MAX_PODS)
    """The same with each of the candidate's pods left out, by pod: "errorRate=7.1 slowness=-0.2". Up to 16 that are
    gone are among them."""
    reachable_log_evidence: float = Field(default=0.0, ge=0)
    """What the looks so far could have added to logEvidence at most: what can't prove a fault can't acquit either."""
    failures: dict[str, Count] = Field(default_factory=dict, max_length=32)
    """Looks in a row at which a metric was over its limit, by metric."""
    over_limit_clocks: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict, max_length=MAX_PODS)
    """Seconds up, at its last scrape, of each of the candidate's pods whose memory or queue was over its limit then."""
    queries: dict[str, QueryStatus] = Field(default_factory=dict, max_length=16)
    """What is known of each query that the team wrote, by metric."""
    cpu: dict[str, CpuWindow] = Field(default_factory=dict, max_length=MAX_PODS)
    """Each of the candidate's pods' processor use, where it is judged: seconds used and seconds up at the beginning of
    the window, and the share of the limit that was used in the last one that is whole."""
    recent_by_pod: dict[str, Blocks] = Field(default_factory=dict, max_length=MAX_PODS)
    """Failed/finished runs of each of the candidate's pods in the last blocks of answers, oldest first."""
    slow_by_pod: dict[str, Blocks] = Field(default_factory=dict, max_length=MAX_PODS)
    """Slow/finished runs of each of the candidate's pods in the last blocks of answers, oldest first."""
    alone: bool = False
    """Whether the candidate served alone at the last look."""
    warming_since: dict[str, Time] = Field(default_factory=dict, max_length=MAX_PODS)
    """Since when those of the candidate's pods have been serving that haven't done so for as long as the active
    revision's runs take: of their runs only the quickest have ended, so none is counted yet."""
    counted_from: dict[str, PodCounts] = Field(default_factory=dict, max_length=MAX_PODS)
    """Raw counters of the candidate's pods when they had warmed up, from which on their runs are counted; 0 where not
    given."""
    counters: dict[str, PodCounts] = Field(default_factory=dict, max_length=MAX_PODS)
    """Raw counters of each pod when the last block ended, from which the next one is differenced; the last
    ones of a pod that is gone, and still left out."""
