"""What a rollback leaves for people: one incident, one Event, and a line that can be understood at night."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from demo.kube import Json
from demo.timeline import rollout
from tests.e2e.harness import Team
from tests.support.waiting import poll

EVENT_SECONDS = 30


@dataclass(frozen=True)
class Told:
    """All that people are told of a team."""

    incidents: list[Json]
    """Each that was ever in `status.lastIncident`, by its id, as it was seen last."""
    events: list[Json]
    line: dict[str, str]
    """`kubectl get agentteam -o wide`, by column."""


def told(team: Team) -> Told:
    """What there is to see of a team whose rollout went back; its last step's Event is waited for."""
    incidents = {}
    for _, state in team.watch.history:
        held = state.get("status", {}).get("lastIncident")
        if held:
            incidents[held["id"]] = held
    bad = rollout(team.watch.latest)["revision"]
    poll(lambda: bool(_rolled_back(_events(team), bad)), EVENT_SECONDS, f"the Event RolledBack of {bad}")
    header, line = team.tools.kubectl("get", "agentteam", team.name, "-n", team.namespace, "-o", "wide").splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", header)]  # a column may be empty
    columns = zip(header.split(), starts, [*starts[1:], None], strict=True)
    print(header, line, team.watch.latest["status"]["message"], sep="\n")  # for who reads a failed test's report
    return Told(
        list(incidents.values()), _events(team), {name: line[start:end].strip() for name, start, end in columns}
    )


def assert_told_as_one_incident(after: Json, told: Told, *, earlier: int = 0) -> None:
    """The rollback is an incident that is open, has the evidence, and is told in one Event.

    Args:
        after: the team at rest after it.
        told: what there was to see.
        earlier: incidents that the team had before.
    """
    bad = rollout(after)["revision"]
    turn = next(step for step in rollout(after)["transitions"] if step["phase"] == "RollingBack")
    assert len(told.incidents) == earlier + 1
    incident = told.incidents[-1]
    assert incident == after["status"]["lastIncident"]
    assert re.fullmatch("[0-9a-f]{16}", incident["id"])
    assert (incident["revision"], incident["reason"], incident["openedAt"]) == (bad, turn["reason"], turn["at"])
    assert (incident["severity"], incident.get("resolvedAt")) == ("Warning", None)
    assert incident["title"].endswith(f"version {after['spec']['version']} ({bad}) is rolled back: {turn['reason']}")
    assert incident["description"].startswith(turn["message"])
    assert [event["type"] for event in _rolled_back(told.events, bad)] == ["Warning"]


def assert_told_in_a_line(after: Json, told: Told, *, before: str, version_before: str) -> None:
    """Who is woken sees at a glance that the old version serves, whole, and why the new one doesn't."""
    status, line = after["status"], told.line
    wanted = {"VERSION": after["spec"]["version"], "PHASE": "Degraded", "ROLLOUT": "RolledBack", "WEIGHT": "0"}
    assert {column: line[column] for column in wanted} == wanted
    assert (line["ACTIVE"], line["REASON"]) == (before, status["lastIncident"]["reason"])
    assert line["READY"] == f"{status['replicas']}/{status['replicas']}"
    took = f"version {after['spec']['version']} ({rollout(after)['revision']}) was rolled back"
    assert status["message"].startswith(f"{took}, version {version_before} ({before}) serves: ")
    assert rollout(after)["message"] in status["message"]


def _events(team: Team) -> list[Json]:
    selector = f"involvedObject.name={team.name},involvedObject.kind=AgentTeam"
    text = team.tools.kubectl("get", "events", "-n", team.namespace, "--field-selector", selector, "-o", "json")
    found: list[Json] = json.loads(text)["items"]
    return found


def _rolled_back(events: list[Json], revision: str) -> list[Json]:
    told = [event for event in events if event["reason"] == "RolledBack"]
    return [event for event in told if event["message"].startswith(f"revision {revision}: ")]
