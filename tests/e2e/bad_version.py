"""How long a bad version is felt: ``python -m tests.e2e.bad_version``.

A team goes over and over from a good version to one that fails half of its answers, under a steady load of clients that
open a connection for each request, or keep them. What counts is the time from the first bad answer to the last, as
those clients see it. Writes docs/benchmarks/bad-version.md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version

from demo.kube import Json, Tools
from demo.target import ROOT
from demo.timeline import TERMINAL_PHASES, phase, rollout
from tests.e2e.bad_version_report import SETTINGS, Felt, Run, Setting, document
from tests.e2e.harness import OPERATOR, OPERATOR_NAMESPACE, QUICK_ROLLOUT, Cluster, Team, manifest
from tests.e2e.install import install, installed
from tests.load.report import LoadReport
from tests.support.waiting import poll

OUT = ROOT / "docs" / "benchmarks" / "bad-version"
RUNS = 5
RATE_PER_SECOND = 100.0
REPLICAS = 3
GOOD, BAD = "scripted-ok", "scripted-fail-50"
END_SECONDS = 180
PODS_END_SECONDS = 60
QUIET_SECONDS = 2


def rollout_settings(traffic: Json) -> Json:
    """What a user sets who wants to be quick: a look as often as Prometheus scrapes here, all metrics as by default."""
    return {
        "health": QUICK_ROLLOUT["health"],
        "traffic": traffic,
        "analysis": {"intervalSeconds": 1},
        "watchSeconds": 120,
        "settleSeconds": 120,
    }


def measure(cluster: Cluster, namespace: str, setting: Setting, runs: int) -> Iterator[Run]:
    """So many bad versions of one team, one after the other."""
    settings = rollout_settings(setting.traffic)
    with cluster.team(namespace, manifest(setting.name, replicas=REPLICAS, rollout=settings, model=GOOD)) as team:
        team.await_first()
        for number in range(1, runs + 1):
            yield _run(cluster, team, setting, f"2.{number}.0")
    cluster.tools.kubectl("delete", "agentteam", setting.name, "-n", namespace, "--cascade=foreground")


def _run(cluster: Cluster, team: Team, setting: Setting, bad_version: str) -> Run:
    before = team.active
    with team.load(RATE_PER_SECOND, keep_alive_share=setting.keep_alive_share, steady_answers=500) as load:
        position = cluster.audit_position()
        team.change_model(BAD, version=bad_version)
        after = team.watch.wait_for(lambda state: _is_over(state, bad_version), END_SECONDS, "the rollout to end")
        bad = rollout(after)["revision"]
        # Pods that have gone answer no more: only until then may a bad answer come late.
        poll(lambda: not team.pods(bad), PODS_END_SECONDS, f"the pods of {bad} to go")
        report = load.stop()
    if phase(after) != "RolledBack" or after["status"]["activeRevision"] != before:
        raise RuntimeError(f"{setting.name}: the bad version ended in {rollout(after)}")
    while team.changes_within(QUIET_SECONDS):
        pass
    return _outcome(setting, after, report, _way_back(cluster, position, team, after))


def _is_over(state: Json, wanted: str) -> bool:
    observed = state["status"].get("observedGeneration", -1) >= state["metadata"]["generation"]
    return observed and state["spec"]["version"] == wanted and phase(state) in TERMINAL_PHASES


def _outcome(setting: Setting, after: Json, report: LoadReport, way_back: dict[str, float]) -> Run:
    zero = report.first_bad_at
    if zero is None:
        raise RuntimeError(f"{setting.name}: no bad answer was seen, so nothing was measured\n{report.text()}")
    felt = {}
    for kind, counts in report.by_connection.items():
        span = report.bad_by_connection.get(kind)
        if counts.total:
            felt[kind] = Felt(round(span.seconds, 2) if span else 0.0, counts.bad, counts.total)
    return Run(
        setting=setting.name,
        felt=felt,
        way_back={what: round(at - zero, 2) for what, at in way_back.items()},
        looks=rollout(after)["analysis"]["looks"],
        verdict=next(gate["message"] for gate in rollout(after)["gates"] if gate["verdict"] == "Failed"),
        lost=report.counts.lost,
        latency_seconds={name: round(seconds, 3) for name, seconds in report.latency_seconds.items()},
        load_average=round(os.getloadavg()[0], 1),
    )


def _way_back(cluster: Cluster, position: int, team: Team, after: Json) -> dict[str, float]:
    """Unix seconds of the verdict, by the operator's clock, and of what followed from it, by the API server's."""
    turned = next(_unix(step["at"]) for step in rollout(after)["transitions"] if step["phase"] == "RollingBack")
    found = {"verdict": turned}
    names = {
        ("services", team.name): "traffic turned back",
        ("deployments", f"{team.name}-{rollout(after)['revision']}"): "pods told to end",
    }
    for event in cluster.requests_since(position, namespace=team.namespace):
        reference, at = event.get("objectRef", {}), _unix(event["stageTimestamp"])
        what = names.get((reference.get("resource", ""), reference.get("name", "")))
        if what and event["verb"] in {"patch", "update"} and event["responseStatus"]["code"] < 300 and at > turned:
            found.setdefault(what, at)
    return found


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def conditions(cluster: Cluster) -> Json:
    """What it was measured with, and on."""
    tools = cluster.tools
    kubernetes = json.loads(tools.kubectl("get", "--raw", "/version"))["gitVersion"]
    return {
        "versions": {"operator": version("agentteam-operator"), "kubernetes": kubernetes, **_prometheus(tools)},
        "host": {"processors": os.cpu_count(), "linux": platform.release()},
        "load": {"requests_per_second": RATE_PER_SECOND, "replicas": REPLICAS, "bad": BAD},
    }


def _prometheus(tools: Tools) -> dict[str, str]:
    """Its version, if its binary knows one: what is built from source may not."""
    proxy = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/{OPERATOR}-prometheus:9090/proxy"
    found = json.loads(tools.kubectl("get", "--raw", f"{proxy}/api/v1/status/buildinfo"))["data"]["version"]
    return {"prometheus": found} if found else {}


def kept(made_in: Json, chosen: list[Setting]) -> Json:
    """Earlier runs of the settings that aren't measured now, if nothing else has changed."""
    path = OUT.with_suffix(".json")
    earlier = json.loads(path.read_text()) if path.exists() else {}
    if any(earlier.get(what) != now for what, now in made_in.items()):
        return {}
    names = {setting.name for setting in chosen}
    return {name: runs for name, runs in earlier["runs"].items() if name not in names}


def main() -> int:
    """Measure and write both files; 1 if a request was lost."""
    parser = argparse.ArgumentParser(prog="bad_version", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--only", action="append", choices=[one.name for one in SETTINGS], help="measure this one")
    parser.add_argument("--runs", type=int, default=RUNS, help="bad versions of each setting")
    parser.add_argument("--note", default="", help="what else is to be known of the host, for the document")
    parser.add_argument("--installed", action="store_true", help="take the operator as it was installed")
    options = parser.parse_args()
    cluster = installed() if options.installed else install()
    chosen = [one for one in SETTINGS if not options.only or one.name in options.only]
    made_in = conditions(cluster)
    result = made_in | {"note": options.note, "runs": kept(made_in, chosen)}
    with cluster.namespace(f"bad-version-{uuid.uuid4().hex[:5]}") as namespace:
        for setting in chosen:
            runs = []
            for run in measure(cluster, namespace, setting, options.runs):
                print(json.dumps(asdict(run)), flush=True)
                runs.append(asdict(run))
            result["runs"][setting.name] = runs
            OUT.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
            OUT.with_suffix(".md").write_text(document(result))
    print(document(result))
    return 1 if any(run["lost"] for runs in result["runs"].values() for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
