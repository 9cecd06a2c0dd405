"""What Prometheus is asked: selectors of the series of many teams at once, short enough for every proxy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentteam_operator.providers.prometheus_samples import FINISHED, METRICS, SERIES_BY_METRIC, STATUSES

MAX_QUERY_BYTES = 16 * 1024
"""Longer queries are split: proxies and Prometheus itself bound the size of a form."""

TeamKey = tuple[str, str]
"""(namespace, team)."""


@dataclass(frozen=True, slots=True)
class TeamPods:
    """A team under judgement, and the pods that its counters are wanted of."""

    namespace: str
    team: str
    revisions: frozenset[str]
    """Hashes of the revisions on trial: blue's and green's."""
    pods: frozenset[str]
    """Names of these revisions' server pods."""
    metrics: frozenset[str] = frozenset()
    """Built-in metrics that need more series than every judgement does."""

    @property
    def key(self) -> TeamKey:
        """(namespace, team)."""
        return self.namespace, self.team


def chunks(requests: Iterable[TeamPods], most_bytes: int = MAX_QUERY_BYTES) -> Iterator[list[TeamPods]]:
    """The requests in groups whose query isn't longer than `most_bytes`, namespaces kept together."""
    chunk: list[TeamPods] = []
    size = empty = len(query_of([]))
    for request in sorted(requests, key=lambda one: one.key):
        more = len(query_of([request])) - empty + 2  # two alternation signs
        if chunk and size + more > most_bytes:
            yield chunk
            chunk, size = [], empty
        chunk.append(request)
        size += more
    if chunk:
        yield chunk


def query_of(requests: Iterable[TeamPods]) -> str:
    """The PromQL selector of all metrics of all these teams' revisions.

    It may select more (a team of the same name in another of the namespaces): what isn't listed is dropped afterwards.
    """
    requests = list(requests)
    wanted = frozenset(name for request in requests for name in request.metrics)
    more = [series for name, names in SERIES_BY_METRIC.items() if name in wanted for series in names]
    matchers = (
        f"__name__=~{_alternatives(dict.fromkeys((*METRICS, *more)))}",
        f"status=~{_alternatives(('', *STATUSES))}",
        *_of_pods(requests),
    )
    return "{" + ",".join(matchers) + "}"


def runs_query(requests: Iterable[TeamPods]) -> str:
    """The PromQL selector of all these teams' ended runs, good and bad."""
    matchers = (f"status=~{_alternatives(STATUSES)}", *_of_pods(list(requests)))
    return FINISHED + "{" + ",".join(matchers) + "}"


def _of_pods(requests: list[TeamPods]) -> tuple[str, str]:
    """Matchers on the scrape target's labels that all these teams' revisions meet."""
    namespaces = {request.namespace for request in requests}
    pods = {f"{request.team}-{revision}" for request in requests for revision in request.revisions}
    return (
        f"namespace=~{_alternatives(sorted(namespaces))}",
        f"pod=~{_alternatives(sorted(pods), '-.*')}",
    )


def _alternatives(names: Iterable[str], suffix: str = "") -> str:
    """A PromQL string that holds a regular expression of these names, each taken literally."""
    # JSON's escapes are among those of PromQL's strings; RE2 takes an escaped punctuation mark for itself.
    escaped = ("".join(char if char.isalnum() or char in "_-" else f"\\{char}" for char in name) for name in names)
    return json.dumps("|".join(f"{name}{suffix}" for name in escaped))
