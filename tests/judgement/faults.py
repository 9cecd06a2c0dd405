"""What goes wrong in one release, drawn from its seed: when, and on which pod.

Pods are numbered: blue's from 0 on, then as many of green. Everything is drawn at the beginning, so that whoever judges
the release meets the same faults.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.random import Generator

from tests.judgement.kinds import Episodes, Flags, Floats, Kind, Who

HORIZON_SECONDS = 6000.0
"""No release lasts longer."""
PAST_SECONDS = 600
"""Blue has served alone for so long before."""

COLD_FACTOR = 3.0
NEIGHBOUR_FACTOR = 2.0
RESTART_SECONDS = 5.0
FIRST_RESTART_SECONDS = 90.0
"""Not before: a candidate whose only pod is lost is taken back at once, whatever its metrics say."""

Spans = Floats
"""Rows of (begin, end), in seconds."""


def generator(kind: Kind, seed: int, purpose: str) -> Generator:
    """A stream of random numbers of its own for each kind, seed and purpose."""
    return np.random.default_rng([zlib.crc32(f"{kind.name}/{purpose}".encode()), seed])


def _spans(random: Generator, episodes: Episodes | None) -> Spans:
    if episodes is None:
        return np.empty((0, 2))
    first, hours = -PAST_SECONDS - episodes.seconds, (HORIZON_SECONDS + PAST_SECONDS + episodes.seconds) / 3600
    begins = np.sort(random.uniform(first, HORIZON_SECONDS, random.poisson(episodes.per_hour * hours)))
    return np.stack([begins, begins + episodes.seconds], axis=1)


def _within(spans: Spans, times: Floats) -> Flags:
    inside = ((spans[:, :1] <= times) & (times < spans[:, 1:])).any(axis=0)
    return np.asarray(inside, dtype=np.bool_)


class Faults:
    """The faults of one release."""

    def __init__(self, kind: Kind, seed: int) -> None:
        random = generator(kind, seed, "faults")
        self.kind, self.pods = kind, 2 * kind.replicas
        self.breakers = [_spans(random, kind.breaker) for _ in range(self.pods)]
        self.neighbours = [_spans(random, kind.neighbour) for _ in range(self.pods)]
        latest = max(kind.restarts_within_seconds, FIRST_RESTART_SECONDS)
        begins = random.uniform(FIRST_RESTART_SECONDS, latest, (self.pods, 1))
        self.restarts = np.concatenate([begins, begins + RESTART_SECONDS], axis=1)[:, None, :]
        """By pod, its spans out of service."""
        if not kind.restarts_within_seconds:
            self.restarts = self.restarts[:, :0]
        storms = kind.storms
        self.storms = _spans(random, Episodes(storms.per_hour, storms.seconds) if storms else None)
        if storms:
            self.storms = self.storms[self.storms[:, 0] <= storms.latest]
        self.sick_pod, self.sick = -1, np.empty((0, 2))
        if kind.sick:
            first = kind.replicas if kind.sick.who in {Who.GREEN, Who.FIRST} else 0
            count = {Who.ANY: self.pods, Who.FIRST: 1}.get(kind.sick.who, kind.replicas)
            self.sick_pod = first + int(random.integers(count))
            begin = random.uniform(kind.sick.earliest, kind.sick.latest)
            self.sick = np.array([[begin, begin + kind.sick.seconds]])
        self.outage = np.empty((0, 2))
        if kind.outage:
            begin = random.uniform(kind.outage.earliest, kind.outage.latest)
            self.outage = np.array([[begin, begin + kind.outage.seconds]])
        self.shares = np.exp(random.normal(0.0, kind.load_spread, self.pods))
        self.shares[kind.replicas :] *= kind.green_share

    def rates(self, pods: list[int], times: Floats, since: Floats) -> Floats:
        """Share of bad runs, (pods, times); `since` holds each pod's first traffic, in seconds."""
        kind = self.kind
        rates = np.stack([(kind.blue if pod < kind.replicas else kind.green)(times) for pod in pods])
        if kind.storms:
            rates[:, _within(self.storms, times)] = kind.storms.rate
        if kind.outage:
            rates[:, _within(self.outage, times)] = kind.outage.rate
        for row, pod in enumerate(pods):
            if kind.sick and pod == self.sick_pod:
                rates[row, _within(self.sick, times)] = kind.sick.rate
            if kind.breaker:
                opened = self.breakers[pod][self.breakers[pod][:, 0] >= since[pod]]
                rates[row, _within(opened, times)] = 1.0
        return rates

    def slowdowns(self, pods: list[int], times: Floats, since: Floats, means: Floats) -> Floats:
        """Factors on durations, (pods, times); `means` are the expected runs a second, of the same shape."""
        kind = self.kind
        slow = np.ones((len(pods), times.size))
        for row, pod in enumerate(pods):
            if pod >= kind.replicas:
                slow[row] *= kind.green_slowdown(times)
                if kind.cold_seconds:
                    slow[row, times < since[pod] + kind.cold_seconds] *= COLD_FACTOR
            if kind.neighbour:
                slow[row, _within(self.neighbours[pod], times)] *= NEIGHBOUR_FACTOR
        if kind.busy:
            fair = kind.runs_per_second / kind.replicas
            slow *= (1 - kind.busy) / (1 - np.minimum(kind.busy * means / fair, 0.95))
        return slow

    def tokens(self, pods: list[int], times: Floats) -> Floats:
        """Median number of tokens that a run takes, (pods, times); 0 where none are counted."""
        tokens, medians = self.kind.tokens, np.zeros((len(pods), times.size))
        if tokens is None:
            return medians
        for row, pod in enumerate(pods):
            medians[row] = tokens.blue if pod < self.kind.replicas else tokens.green
            if pod == self.sick_pod:
                medians[row, _within(self.sick, times)] *= tokens.sick
        return medians

    def in_storm(self, times: Floats) -> Flags:
        """When callers try failed runs again."""
        return _within(self.storms, times)
