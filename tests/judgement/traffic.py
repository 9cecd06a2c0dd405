"""Runs and the counters that they leave, second by second; and what Prometheus has scraped of them."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

import numpy as np
from agentteam_operator.api.metrics import MetricName
from agentteam_operator.core.histogram import DURATION_BOUNDS_SECONDS
from agentteam_operator.core.observed import PodCounters
from agentteam_operator.core.quantities import QUANTITIES
from scipy.special import ndtr

from tests.judgement.faults import HORIZON_SECONDS, PAST_SECONDS, Faults, generator
from tests.judgement.kinds import Floats, Integers, Tokens

STARTED, SUCCEEDED, FAILED, BUCKETS = 0, 1, 2, 3
_TOKENS = BUCKETS + len(DURATION_BOUNDS_SECONDS)
"""From here on, where tokens are counted, runs that succeeded by the tokens that they took."""
_BOUNDS = np.array(DURATION_BOUNDS_SECONDS[:-1])
_TOKEN_BOUNDS = np.array(QUANTITIES[MetricName.TOKENS_PER_RUN].bounds[:-1])
_HEAVY_FACTOR = 100.0
_SPREAD = 0.5
_SHORTEST_SECONDS = 0.5
"""Of Pareto durations."""
_CAPACITY_SECONDS = int(HORIZON_SECONDS) + PAST_SECONDS
_MEMORY_LIMIT_BYTES = 2.0**30


class Traffic:
    """All runs of a release. Time goes on by `advance`; who serves is said for each stretch of it."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults, self.kind = faults, faults.kind
        self._random = generator(self.kind, seed, "traffic")
        columns = _TOKENS + (_TOKEN_BOUNDS.size + 1 if self.kind.tokens else 0)
        shape = (faults.pods, _CAPACITY_SECONDS + 1, columns)
        self._added = np.zeros(shape, dtype=np.int32)
        self._total = np.zeros(shape, dtype=np.int32)
        """By pod and second: all that the pod has counted by the beginning of that second."""
        self._now = -PAST_SECONDS
        self.since = np.full(faults.pods, np.inf)
        """When each pod took its first traffic."""
        self._begin_scrapes()
        self.advance(0, list(range(self.kind.replicas)))

    def _begin_scrapes(self) -> None:
        every = self.kind.scrape_seconds
        self._phases = self._random.uniform(0, every, self.faults.pods)
        count = int(_CAPACITY_SECONDS / every) + 1
        missed = self._random.random((self.faults.pods, count)) < self.kind.missed_scrapes
        self._last_scrapes = np.maximum.accumulate(np.where(missed, -1, np.arange(count)), axis=1)

    def advance(self, until: int, serving: list[int]) -> None:
        """Let time pass to the second `until`, while these pods take the traffic."""
        begin, self._now = self._now, max(until, self._now)
        if self._now == begin:
            return
        times = np.arange(begin, self._now, dtype=np.float64)
        if serving:
            self.since[serving] = np.minimum(self.since[serving], begin)
            self._serve(serving, times)
        here = slice(begin + PAST_SECONDS, self._now + PAST_SECONDS)
        after = slice(here.start + 1, here.stop + 1)
        totals = self._total[:, here.start : here.start + 1] + np.cumsum(self._added[:, here], axis=1)
        self._total[:, after] = totals

    def _serve(self, pods: list[int], times: Floats) -> None:
        kind, random = self.kind, self._random
        shares = self.faults.shares[pods]
        means = (kind.runs_per_second * kind.load(times))[None, :] * (shares / shares.sum())[:, None]
        rates = self.faults.rates(pods, times, self.since)
        bad = kind.clump * random.poisson(means * rates / kind.clump)
        session = kind.tokens.session if kind.tokens else 1
        good = session * random.poisson(means * (1 - rates) / session)
        good, bad = self._with_retries(good, bad, rates, times)
        at = np.array(pods)[:, None], (times.astype(np.int64) + PAST_SECONDS)[None, :]
        self._added[*at, STARTED] += good + bad
        self._added[*at, FAILED] += bad
        greens = np.array(pods)[:, None] >= kind.replicas
        good = good - random.binomial(good, np.where(greens, kind.green_hangs(times)[None, :], 0.0))
        if kind.answer_seconds:
            later = at[0], np.minimum(at[1] + int(kind.answer_seconds), _CAPACITY_SECONDS)
            self._added[*later, SUCCEEDED] += good
            self._added[*later, BUCKETS + bisect_left(DURATION_BOUNDS_SECONDS, kind.answer_seconds)] += good
            self._added[*at, BUCKETS] += bad
            return
        self._added[*at, SUCCEEDED] += good
        slow = self.faults.slowdowns(pods, times, self.since, means)
        self._added[*at, BUCKETS:_TOKENS] += random.multinomial(good + bad, self._durations(slow))
        if kind.tokens:
            shares = self._tokens(kind.tokens, self.faults.tokens(pods, times))
            self._added[*at, _TOKENS:] += session * random.multinomial(good // session, shares)

    def _with_retries(self, good: Integers, bad: Integers, rates: Floats, times: Floats) -> tuple[Integers, Integers]:
        storms = self.kind.storms
        if storms is None:
            return good, bad
        again = bad * self.faults.in_storm(times)
        for _ in range(storms.retries):
            failed = self._random.binomial(again, rates)
            good, bad, again = good + again - failed, bad + failed, failed
        return good, bad

    def _durations(self, slowdowns: Floats) -> Floats:
        """Probability of each bucket, (pods, times, buckets)."""
        scaled = _BOUNDS / slowdowns[..., None]
        if self.kind.tail:
            below = 1 - (_SHORTEST_SECONDS / np.maximum(scaled, _SHORTEST_SECONDS)) ** self.kind.tail
        else:
            below = ndtr(np.log(scaled) / _SPREAD)
        shares = np.diff(below, axis=-1, prepend=0.0, append=1.0)
        whole: Floats = shares / shares.sum(axis=-1, keepdims=True)
        return whole

    def _tokens(self, tokens: Tokens, medians: Floats) -> Floats:
        """Probability of each bucket of tokens, (pods, times, buckets)."""
        apart = np.log(_TOKEN_BOUNDS / medians[..., None])
        usual, heavy = (ndtr((apart - far) / tokens.spread) for far in (0.0, np.log(_HEAVY_FACTOR)))
        below = (1 - tokens.heavy) * usual + tokens.heavy * heavy
        shares = np.diff(below, axis=-1, prepend=0.0, append=1.0)
        whole: Floats = shares / shares.sum(axis=-1, keepdims=True)
        return whole

    def totals(self, pods: slice, second: int) -> Integers:
        """All that these pods have ever counted, restarts or not, by the columns of a row."""
        row: Integers = self._total[pods, second + PAST_SECONDS].sum(axis=0)
        return row

    def scraped(self, pod: int, now: float, up_since: float) -> PodCounters | None:
        """What Prometheus holds of the pod; None if it has scraped nothing of it."""
        every, phase = self.kind.scrape_seconds, self._phases[pod] - PAST_SECONDS
        number = int((now - phase) // every)
        last = self._last_scrapes[pod, number]
        at = phase + last * every
        if last < 0 or at < up_since:
            return None
        row = self._total[pod, int(at) + PAST_SECONDS]
        begun = self.faults.restarts[pod][:, 1]
        begun = begun[(begun <= at) & (begun > up_since)]
        if begun.size:
            row = row - self._total[pod, int(begun[-1]) + PAST_SECONDS]
        started, succeeded, failed, *buckets = row[:_TOKENS].tolist()
        share = self.kind.green_memory(np.array([at]))[0] if pod >= self.kind.replicas else 0.4
        used = float(share) * _MEMORY_LIMIT_BYTES
        counts = tuple(accumulate(map(float, buckets)))
        tokens = tuple(accumulate(map(float, row[_TOKENS:].tolist())))
        quantities = {MetricName.TOKENS_PER_RUN.value: tokens} if tokens else {}
        return PodCounters(started, succeeded, failed, counts, used, _MEMORY_LIMIT_BYTES, quantities=quantities)
