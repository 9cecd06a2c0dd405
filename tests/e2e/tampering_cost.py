"""How long a tampered active Service is felt: ``python -m tests.e2e.tampering_cost`` writes the page of the benchmark.

One team at rest, two loads: new connections, and one that is kept. Each deed is done several times; when it was done
and when it was mended are the API server's own times, from its audit log.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from demo.kube import Json
from demo.target import ROOT
from tests.e2e import tampering
from tests.e2e.harness import OPERATOR_USER, Cluster, Team, manifest
from tests.e2e.install import installed
from tests.e2e.tampering import Tampering
from tests.load.process import LoadProcess
from tests.load.report import UNKNOWN_REVISION, LoadReport

DOCUMENT = ROOT / "docs" / "benchmarks" / "tampered-service.md"
CALM_ANSWERS = 20


@dataclass(frozen=True)
class Gap:
    """One deed."""

    name: str
    done_at: float
    """Unix seconds when the API server took the change."""
    mended_at: float
    """Unix seconds when it took the operator's."""


def _deeds(other: Team) -> list[Tampering]:
    return [
        tampering.selecting_nothing(),
        tampering.without_selector(),
        tampering.selecting(other.name, name="select another app"),
    ]


def measure(cluster: Cluster, namespace: str, times: int) -> tuple[list[Gap], LoadReport, LoadReport, str]:
    """Every deed so many times; the gaps, what both loads felt, and the revision that should have answered."""
    with (
        cluster.team(namespace, manifest("other", version="0.1.0", replicas=1)) as other,
        cluster.team(namespace, manifest("tampered")) as team,
    ):
        other.await_first()
        team.await_first()
        tampering.take_over(team)
        with tampering.loads(team) as (new, kept):
            gaps = [_play(cluster, team, new, deed) for _ in range(times) for deed in _deeds(other)]
            return gaps, new.stop(), kept.stop(), team.active


def _play(cluster: Cluster, team: Team, load: LoadProcess, deed: Tampering) -> Gap:
    position, selector = cluster.audit_position(), tampering.server_selector(team.name, team.active)
    deed.do(team)
    tampering.await_selector(team, selector)
    before = load.progress["counts"]["ok"]
    load.wait_for(lambda line: line["counts"]["ok"] >= before + CALM_ANSWERS, tampering.RESTORE_SECONDS)
    done = max(_patches(cluster, team, position, "admin"))
    return Gap(deed.name, done, max(_patches(cluster, team, position, OPERATOR_USER)))


def _patches(cluster: Cluster, team: Team, position: int, user: str) -> Iterator[float]:
    """When a user's patches of the team's active Service were answered."""
    for event in cluster.requests_since(position, user=user, namespace=team.namespace):
        reference = event.get("objectRef", {})
        if event["verb"] == "patch" and (reference["resource"], reference["name"]) == ("services", team.name):
            yield _seconds(event)


def _seconds(event: Json) -> float:
    return datetime.fromisoformat(event["stageTimestamp"]).timestamp()


def page(gaps: list[Gap], new: LoadReport, kept: LoadReport, revision: str) -> str:
    """The figures for people."""
    names = list(dict.fromkeys(gap.name for gap in gaps))
    rows = [_row(name, [gap for gap in gaps if gap.name == name], new) for name in names]
    strays = sum(one.counts.total for name, one in new.by_revision.items() if name not in {revision, UNKNOWN_REVISION})
    return f"""# A tampered Service

Made by `python -m tests.e2e.tampering_cost` on the local cluster, {os.cpu_count()} cores that are busy with other work,
too. A team of two pods at rest gets {new.counts.total} requests on new connections at {tampering.NEW_PER_SECOND:g}/s,
and {kept.counts.total} on a single one that is kept at {tampering.KEPT_PER_SECOND:g}/s, while somebody changes the
selector of its active Service again and again. It was taken over for that (annotation
`agentteam.dev/unprotected=true`): otherwise the API server refuses the change, and nothing is lost at all.

| what is done to the selector | times | mended after: median, longest | lost each time: median, most |
|---|---|---|---|
{chr(10).join(rows)}

Lost are requests on new connections; {strays} more were answered by the other app's pods while the Service selected
them. On the connection that is kept {kept.counts.lost} of {kept.counts.total} were lost{_reasons(kept)}.

Mended means that the API server has taken the operator's write. Kubernetes acts on the wrong selector meanwhile: the
EndpointSlices follow it within some 10 ms, and kube-proxy follows them. So new connections are refused, or led
elsewhere, until both have followed the mend. No operator can be quicker than that, for it only hears of what is done
already, which is why the chart has it refused ([ADR 0017](../adr/0017-the-selector-is-the-operators.md)).
Without any selector Kubernetes leaves the EndpointSlices alone.
"""


def _reasons(report: LoadReport) -> str:
    return "".join(f" ({reason})" for reason in report.by_reason)


def _row(name: str, gaps: list[Gap], new: LoadReport) -> str:
    seconds = [gap.mended_at - gap.done_at for gap in gaps]
    lost = [
        sum(0 <= one.at + one.seconds - gap.done_at < tampering.FELT_SECONDS for one in new.lost_requests)
        for gap in gaps
    ]
    middle = f"{1000 * statistics.median(seconds):.0f} ms, {1000 * max(seconds):.0f} ms"
    return f"| {name} | {len(gaps)} | {middle} | {statistics.median(lost):g}, {max(lost)} |"


def main() -> int:
    """Measure and write the page; the exit code."""
    parser = argparse.ArgumentParser(prog="tampering_cost", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how often each deed is done")
    options = parser.parse_args()
    cluster = installed()
    with cluster.namespace(f"e2e-tampering-{uuid.uuid4().hex[:5]}") as namespace:
        text = page(*measure(cluster, namespace, options.times))
    DOCUMENT.write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
