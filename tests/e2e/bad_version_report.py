"""What `bad_version.py` measured, as plain data and as Markdown. Pure, so that it is tested without a cluster."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo.kube import Json

KINDS = {"new": "a new one for each request", "keep-alive": "kept"}


@dataclass(frozen=True)
class Setting:
    """A way to go out, and the clients that are there meanwhile."""

    name: str
    title: str
    traffic: Json
    keep_alive_share: float = 0.5
    """Of the requests; the rest open a connection each."""


@dataclass(frozen=True)
class Felt:
    """What clients of one kind felt of a bad version."""

    seconds: float
    """From the first bad answer to the last; 0 without any."""
    bad_answers: int
    answers: int


@dataclass(frozen=True)
class Run:
    """One bad version, from its first traffic to its end."""

    setting: str
    felt: dict[str, Felt]
    """By kind of connection."""
    way_back: dict[str, float]
    """When what was done, in seconds after the first bad answer."""
    looks: int
    """Blocks of answers that the verdict took."""
    verdict: str
    lost: int
    latency_seconds: dict[str, float]
    """Of good answers, by quantile, the start of the new pods included."""
    load_average: float
    """Processes that wanted a processor, over the last minute."""


_IMMEDIATE: Json = {"mode": "Immediate"}
_HALVES: Json = {"mode": "Gradual", "steps": [{"weight": 50, "holdSeconds": 0}]}
SETTINGS = (
    Setting("immediate", "`mode: Immediate`", _IMMEDIATE),
    Setting("gradual", "`mode: Gradual`, `steps: [{weight: 50, holdSeconds: 0}]`", _HALVES),
    Setting("immediate-kept", "`mode: Immediate`, all clients keep their connections", _IMMEDIATE, 1.0),
    Setting("gradual-kept", "`mode: Gradual` as above, all clients keep their connections", _HALVES, 1.0),
    Setting("automatic", "`mode: Gradual`, steps left to the operator", {"mode": "Gradual"}),
)

_PEER = (
    "| Argo Rollouts v1.10, as we measured it earlier on such a machine: 50 % errors after the switch, 1 s scrapes and"
    " interval"
)


def document(result: Json) -> str:
    """The result as Markdown."""
    return "\n".join((*_opening(result), *_felt(result), "", *_ways_back(result), "", *_notes(), ""))


def _opening(result: Json) -> Iterator[str]:
    host, load = result["host"], result["load"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    averages = [run["load_average"] for runs in result["runs"].values() for run in runs]
    team = f"a team of {load['replicas']} replicas under {load['requests_per_second']:g} requests/s"
    yield from (
        "# How long a bad version is felt",
        "",
        "A version that fails half of its answers goes out. Counted is the time from the first bad answer to the last,",
        f"as clients see it, by `.venv/bin/python -m tests.e2e.bad_version`: {team}, half of",
        "them on new connections and half on 8 that are kept (or all on those, where it says so), scraped every second",
        "(chart value `prometheus.scrapeIntervalSeconds`), with",
        "",
        "```yaml",
        "rollout:",
        "  analysis: {intervalSeconds: 1}    # a look as often as Prometheus scrapes; metrics and alpha as by default",
        "  health: {retries: 1, intervalSeconds: 1}",
        "  watchSeconds: 120",
        "  settleSeconds: 120",
        "```",
        "",
        f"{versions}; {host['processors']} processors, Linux {host['linux']};",
        f"load average at the ends of the runs {min(averages):g} to {max(averages):g}. {result['note']}".rstrip(),
        "",
    )


def _felt(result: Json) -> Iterator[str]:
    yield "| | connections | runs | median | worst | bad answers: median, most | lost |"
    yield "|---|---|---|---|---|---|---|"
    for setting in SETTINGS:
        runs = result["runs"].get(setting.name, [])
        for kind in KINDS:
            felt = [run["felt"][kind] for run in runs if kind in run["felt"]]
            if felt:
                yield _row(setting, kind, felt, sum(run["lost"] for run in runs))
    yield f"{_PEER} | {KINDS['new']} | | 3.8 s | 5.0 s | | |"
    yield f"{_PEER} | {KINDS['keep-alive']} | | 33.5 s | | 3,299 | |"


def _row(setting: Setting, kind: str, felt: list[Any], lost: int) -> str:
    seconds = [one["seconds"] for one in felt]
    bad = [one["bad_answers"] for one in felt]
    counts = f"{statistics.median(bad):g}, {max(bad)}"
    times = f"{statistics.median(seconds):.1f} s | {max(seconds):.1f} s"
    return f"| {setting.title} | {KINDS[kind]} | {len(felt)} | {times} | {counts} | {lost} |"


def _ways_back(result: Json) -> Iterator[str]:
    yield "Where the time goes, in seconds after the first bad answer (medians):"
    yield ""
    yield "| | looks with answers | verdict | traffic turned back | pods told to end |"
    yield "|---|---|---|---|---|"
    for setting in SETTINGS:
        runs = result["runs"].get(setting.name, [])
        if runs:
            steps = ("verdict", "traffic turned back", "pods told to end")
            times = (f"{statistics.median(run['way_back'][step] for run in runs):.2f}" for step in steps)
            looks = statistics.median(run["looks"] for run in runs)
            yield f"| {setting.title} | {looks:g} | {' | '.join(times)} |"


def _notes() -> tuple[str, ...]:
    return (
        "Argo Rollouts' runs had a load of their own: compare seconds rather than counts.",
        "",
        "Seconds of 0.0 stand for no bad answer, or one. A verdict takes two looks at answers that are far worse, on",
        "every pod of the new version that has answered, and on two of them at least (the fast path of",
        "[judgement.md](../judgement.md)). Looks and scrapes are a second apart, so that is two seconds, or three",
        "where the first scrapes bring too little. Three writes follow, and the node's kube-proxy, which writes",
        "its rules at most every 100 ms here; with its default it may be up to a second more.",
        "",
        "Kept connections stay on the pod that they lead to. The agent server ends each with an answer once it is 8 to",
        "10 s old, and as soon as its pod is told to end: so they come to a bad version late, and leave it at once.",
        "Where some clients open new connections, the bad version may be gone before the others have met it.",
        "Where all requests go over a few kept connections, these may lead to one pod alone, and that pod may",
        "be ill: it takes until they are renewed and lead to others, some 10 s.",
        "",
        "With the steps left to the operator a single pod serves beside three at first, a quarter of the traffic. For",
        "the same reason it takes four looks at least to tell; fewer clients feel it meanwhile.",
        "",
        "The new pods start on the processors that serve: on a host that is short of them scrapes come late, and with",
        "them the verdict.",
    )
