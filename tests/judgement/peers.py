"""Rules of other tools as we model them from their documentation, on releases with the same faults.

They are models of the rules, not the tools: the same counters, scraped the same way, on the fixed schedule of the
default steps (one green pod beside three for 60 s, equal halves for 600 s). Each is set up as its documentation does
it, with limits that fit the team: 5 % errors, and a 95th percentile of 3 s where 2.3 s is normal.

* threshold with a failure limit (as Argo Rollouts' AnalysisTemplate): every 10 s, the error rate and the 95th
  percentile of the last minute; more than `failureLimit` 1 failed measurements of a metric fail it.
* threshold on failed checks (as Flagger's): every 60 s, both over the last minute; 2 failed checks roll back.
* Mann-Whitney (as Kayenta's classifier): at 300 s and at 600 s of equal halves, both metrics as series of one point in
  10 s; one whose 98 % confidence interval of the shift lies above a quarter of the estimated shift is high.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from agentteam_operator.core.histogram import quantile_seconds
from scipy.stats import norm

from tests.judgement.faults import Faults
from tests.judgement.kinds import Floats, Kind
from tests.judgement.traffic import BUCKETS, FAILED, SUCCEEDED, Traffic

STEP_SECONDS, WATCH_SECONDS = 60, 600
MAX_ERROR_RATE = 0.05
MAX_P95_SECONDS = 3.0
WINDOW_SECONDS = 60

ARGO_INTERVAL_SECONDS, ARGO_FAILURE_LIMIT = 10, 1
FLAGGER_INTERVAL_SECONDS, FLAGGER_THRESHOLD = 60, 2
KAYENTA_POINT_SECONDS, KAYENTA_AT_SECONDS = 10, (300, 600)
KAYENTA_CONFIDENCE, KAYENTA_TOLERANCE = 0.98, 0.25

PEERS = ("threshold, failureLimit 1", "threshold, 2 failed checks", "Mann-Whitney")


class _Seen:
    """What the tools could have queried: each colour's counters at any scrape."""

    def __init__(self, kind: Kind, seed: int) -> None:
        faults = Faults(kind, seed)
        self.traffic, size = Traffic(faults, seed), kind.replicas
        self.blue, self.green = slice(0, size), slice(size, 2 * size)
        self.traffic.advance(STEP_SECONDS, [*range(size), size])
        self.traffic.advance(STEP_SECONDS + WATCH_SECONDS, list(range(2 * size)))

    def window(self, pods: slice, second: int, length: int) -> tuple[float | None, float | None]:
        """Error rate and 95th percentile of the seconds before; None without finished runs."""
        scraped = int(self.traffic.kind.scrape_seconds)
        end = second // scraped * scraped
        row = self.traffic.totals(pods, end) - self.traffic.totals(pods, max(end - length, 0))
        finished = int(row[FAILED] + row[SUCCEEDED])
        if not finished:
            return None, None
        return float(row[FAILED]) / finished, quantile_seconds(tuple(row[BUCKETS:].tolist()), 0.95)


def judged_by_peers(kind: Kind, seed: int) -> Mapping[str, float | None]:
    """When each rule rolls the release back, in seconds since the candidate's first traffic; None if it doesn't."""
    seen = _Seen(kind, seed)
    found = (_argo(seen), _flagger(seen), _kayenta(seen))
    return dict(zip(PEERS, found, strict=True))


def _argo(seen: _Seen) -> float | None:
    failures = [0, 0]
    for second in range(ARGO_INTERVAL_SECONDS, STEP_SECONDS + WATCH_SECONDS + 1, ARGO_INTERVAL_SECONDS):
        for index, failed in enumerate(_over(seen, second)):
            failures[index] += failed
        if max(failures) > ARGO_FAILURE_LIMIT:
            return float(second)
    return None


def _flagger(seen: _Seen) -> float | None:
    failed_checks = 0
    for second in range(FLAGGER_INTERVAL_SECONDS, STEP_SECONDS + WATCH_SECONDS + 1, FLAGGER_INTERVAL_SECONDS):
        failed_checks += any(_over(seen, second))
        if failed_checks >= FLAGGER_THRESHOLD:
            return float(second)
    return None


def _over(seen: _Seen, second: int) -> Iterator[bool]:
    """Whether each metric of the last minute is over its limit; no data is no failure."""
    limits = (MAX_ERROR_RATE, MAX_P95_SECONDS)
    for value, limit in zip(seen.window(seen.green, second, WINDOW_SECONDS), limits, strict=True):
        yield value is not None and value > limit


def _kayenta(seen: _Seen) -> float | None:
    for watched in KAYENTA_AT_SECONDS:
        seconds = range(STEP_SECONDS + KAYENTA_POINT_SECONDS, STEP_SECONDS + watched + 1, KAYENTA_POINT_SECONDS)
        for metric in (0, 1):
            green, blue = (_series(seen, pods, seconds, metric) for pods in (seen.green, seen.blue))
            if _is_high(green, blue):
                return float(STEP_SECONDS + watched)
    return None


def _series(seen: _Seen, pods: slice, seconds: range, metric: int) -> Floats:
    found = (seen.window(pods, second, KAYENTA_POINT_SECONDS)[metric] for second in seconds)
    return np.array([value for value in found if value is not None])


def _is_high(experiment: Floats, control: Floats) -> bool:
    """The shift's confidence interval (Hodges-Lehmann, by the Mann-Whitney distribution) lies above the tolerance."""
    n, m = experiment.size, control.size
    if not n or not m:
        return False
    shifts = np.sort((experiment[:, None] - control[None, :]).ravel())
    reach = norm.ppf(1 - (1 - KAYENTA_CONFIDENCE) / 2) * np.sqrt(n * m * (n + m + 1) / 12)
    rank = int(n * m / 2 - reach)
    if rank < 1:
        return False
    return bool(shifts[rank - 1] > KAYENTA_TOLERANCE * abs(np.median(shifts)))
