"""What the operator asks of the API server, counted from its audit log: ``python -m tests.e2e.reconcile_cost``.

One team is created, changed once and left alone under a light load; docs/benchmarks/reconcile-cost.md takes the result.
Requests are the same on any machine; seconds aren't, so none are given but those that the manifest asks for.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections import Counter
from dataclasses import dataclass

from demo.kube import Json
from demo.target import ROOT
from tests.e2e.harness import QUICK_ROLLOUT, WRITE_VERBS, Cluster, Team, manifest, phases
from tests.e2e.install import install

DOCUMENT = ROOT / "docs" / "benchmarks" / "reconcile-cost.md"
RATE_PER_SECOND = 20.0
STEADY_SECONDS = 30.0


@dataclass(frozen=True)
class Cost:
    """Requests of the operator in one stretch of a team's life."""

    title: str
    requests: Counter[str]
    """By verb and resource, such as ``patch agentteams/status``; answers other than 2xx with their code."""

    @property
    def writes(self) -> int:
        """Those that change something."""
        return sum(count for request, count in self.requests.items() if request.split()[0] in WRITE_VERBS)

    @property
    def reads(self) -> int:
        """The rest."""
        return self.requests.total() - self.writes


def count(events: list[Json], title: str) -> Cost:
    """Audit events of one team's namespace, by kind of request. Watches are shared by all teams and not among them."""
    return Cost(title, Counter(_kind(event) for event in events if event["verb"] != "watch"))


def _kind(event: Json) -> str:
    reference, code = event.get("objectRef", {}), event["responseStatus"]["code"]
    resource = "/".join(filter(None, (reference.get("resource"), reference.get("subresource"))))
    return f"{event['verb']} {resource}" + ("" if code < 300 else f" ({code})")


def measure(cluster: Cluster, namespace: str) -> list[Cost]:
    """Create a team, change it, leave it alone, each counted."""
    costs = []
    with cluster.team(namespace, manifest("cost", replicas=3, rollout=QUICK_ROLLOUT)) as team:
        position = cluster.audit_position()
        team.await_first()
        costs.append(count(cluster.requests_since(position, namespace=namespace), "creation"))
        with team.load(RATE_PER_SECOND):
            position, before = cluster.audit_position(), team.active
            team.change(version="1.1.0")
            after = team.await_end(before)
            _await_quiet(team)
            events = cluster.requests_since(position, namespace=namespace)
            costs.append(count(events, f"one whole rollout ({' → '.join(phases(after))})"))
            position = cluster.audit_position()
            _await_quiet(team, STEADY_SECONDS)
            costs.append(
                count(cluster.requests_since(position, namespace=namespace), f"steady for {STEADY_SECONDS:g} s")
            )
    return costs


def _await_quiet(team: Team, seconds: float = 10.0) -> None:
    """Until the team's object hasn't changed for so long."""
    while team.changes_within(seconds):
        pass


def document(costs: list[Cost], builder: str) -> str:
    """The result as Markdown."""
    lines = [
        "# What the operator asks of the API server",
        "",
        "Counted from the API server's audit log, by `.venv/bin/python -m tests.e2e.reconcile_cost`, for a team of 3",
        f"replicas without autoscaler or Ingress, under {RATE_PER_SECOND:g} requests/s, judged every second. Watches",
        f"are shared by all teams and not counted. Operator {builder}.",
        "",
        "| | writes | reads |",
        "|---|---|---|",
        *(f"| {cost.title} | {cost.writes} | {cost.reads} |" for cost in costs),
        "",
    ]
    for cost in costs:
        lines += [f"## {cost.title.partition(' (')[0].capitalize()}", ""]
        rows = [f"| {number} | {request} |" for request, number in cost.requests.most_common()]
        lines += ["| count | request |", "|---|---|", *rows, ""] if rows else ["Nothing.", ""]
    return "\n".join(lines)


def main() -> int:
    """Measure and write the document; ``--print`` only prints it."""
    parser = argparse.ArgumentParser(prog="reconcile_cost", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--print", action="store_true", help="write nothing")
    options = parser.parse_args()
    cluster = install()
    with cluster.namespace(f"cost-{uuid.uuid4().hex[:5]}") as namespace:
        text = document(measure(cluster, namespace), "0.1.0")
    print(text)
    if not options.print:
        DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
        DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
