"""The autoscaler is edited in every phase, in the spec and by kubectl, up and down: nothing wedges, nothing shrinks.

The team has no load to speak of, so its autoscalers would take pods away at any time if they were let. One that is
edited by hand may act before the edit is undone, which takes the operator a moment: then what it took is given back.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import pytest

from demo.kube import Json, Watch
from demo.timeline import TERMINAL_PHASES, phase, rollout
from tests.cluster.client import tls_context
from tests.cluster.profiles import FULL
from tests.e2e.harness import QUICK_ROLLOUT, REVISION_LABEL, TEAM_LABEL, WRITE_VERBS, Cluster, Team, manifest
from tests.load.report import LoadReport
from tests.support.waiting import poll

pytestmark = pytest.mark.e2e

RATE_PER_SECOND = 10.0
SIZE = 4
FORWARD = (
    "Preparing", "Testing", "HealthChecking", "AwaitingPromotion", "Shifting", "Watching", "Switching", "Settling",
)  # fmt: skip
ROLLBACKS_TRIED = 3
CREATED = {"minReplicas": SIZE, "maxReplicas": 5, "targetCPUUtilization": 90}
UP = {"minReplicas": SIZE, "maxReplicas": 6, "targetCPUUtilization": 90}
# A third can be made of 2 pods as well as of 4: a spec whose steps can't be made is refused.
DOWN = {"minReplicas": 2, "maxReplicas": 3, "targetCPUUtilization": 95}
BY_HAND: dict[str, Json] = {
    "up": {"minReplicas": 5, "maxReplicas": 9},
    "down": {"minReplicas": 1, "maxReplicas": 1, "behavior": {"scaleDown": {"selectPolicy": "Max"}}},
}
ROLLOUT = QUICK_ROLLOUT | {
    # The candidate's other pods start in Switching, which takes its time then.
    "traffic": {"steps": [{"weight": 33, "holdSeconds": 3}]},
    "conversations": [{"name": "greeting", "turns": [{"user": "order 17"}], "samples": 1}],
    "autoPromote": False,
}
AUTOSCALER_USER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
ALL_EDITS = {"by hand, up", "by hand, down", "spec, up", "spec, down"}
EDIT_SECONDS = 10.0
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"


class Editor:
    """Edits a team's autoscaling at the first sight of each phase, over a connection that is open already."""

    def __init__(self, team: Team) -> None:
        """Nothing is edited yet."""
        self._team = team
        self._connection = http.client.HTTPSConnection(
            FULL.api_address, FULL.ports.apiserver, context=tls_context(FULL), timeout=EDIT_SECONDS
        )
        self._seen: set[tuple[str, str]] = set()
        self.edits: list[tuple[str, float, float]] = []
        """What was edited, when it was asked for and when it was done, in Unix seconds."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._connection.close()

    def saw(self, _: Json | None, state: Json) -> None:
        """Do all edits if the phase is a new one."""
        now = (rollout(state).get("revision", ""), phase(state))
        if now[1] in TERMINAL_PHASES | {"", "Validating"} or now in self._seen:
            return
        self._seen.add(now)
        for kind, edit in BY_HAND.items():
            for name in self._autoscalers():
                self._edit(f"by hand, {kind}", f"{AUTOSCALERS}/{name}", edit)
        for kind, autoscaling in {"up": UP, "down": DOWN}.items():
            path = f"/apis/agentteam.dev/v1alpha1/namespaces/{{}}/agentteams/{self._team.name}"
            self._edit(f"spec, {kind}", path, {"autoscaling": autoscaling})

    def _autoscalers(self) -> list[str]:
        query = f"?labelSelector={TEAM_LABEL}={self._team.name}"
        return [item["metadata"]["name"] for item in self._ask("GET", AUTOSCALERS + query)["items"]]

    def _edit(self, what: str, path: str, spec: Json) -> None:
        asked = time.time()
        answer = self._ask("PATCH", path, {"spec": spec})
        if answer["kind"] == "Status":
            assert answer["reason"] == "NotFound", answer  # one that is gone again can't be edited
            return
        self.edits.append((what, asked, time.time()))

    def _ask(self, method: str, path: str, body: Json | None = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Content-Type": "application/merge-patch+json"}
        self._connection.request(method, path.format(self._team.namespace), json.dumps(body) if body else None, headers)
        return json.load(self._connection.getresponse())

    def edits_in(self, began: float, ended: float) -> set[str]:
        """What was edited between two moments, in Unix seconds."""
        return {what for what, asked, done in self.edits if began <= asked and done <= ended}


@dataclass
class Edited:
    """A rollout through which the autoscaling was edited."""

    before: str
    after: Json
    sizes: dict[str, list[int]]
    """Pods that each colour's Deployment was to have, from the beginning of the rollout to its end, by revision."""
    edits_by_phase: dict[str, set[str]]
    scaled_by_autoscalers: int
    """How often autoscalers scaled anything meanwhile."""
    report: LoadReport


@contextlib.contextmanager
def _edited(cluster: Cluster, team: Team) -> Iterator[tuple[Editor, Watch]]:
    """Edits at the first sight of each phase inside the context."""
    editor = Editor(team)
    with editor, Watch(cluster.tools, "agentteam", team.name, team.namespace, editor.saw) as watch:
        yield editor, watch


def _roll_out(cluster: Cluster, team: Team, version: str, words: Mapping[str, str], **spec: Any) -> Edited:  # noqa: ANN401
    """Change the version, say the words at the sight of their phases, and edit all the while."""
    before, position = team.active, cluster.audit_position()
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(team.load(RATE_PER_SECOND))
        editor, watch = stack.enter_context(_edited(cluster, team))
        blue = stack.enter_context(Watch(cluster.tools, "deployment", f"{team.name}-{before}", team.namespace))
        preparing = team.change_and_await_phase("Preparing", lambda: team.change(version=version, **spec))
        candidate = rollout(preparing)["revision"]
        green = stack.enter_context(Watch(cluster.tools, "deployment", f"{team.name}-{candidate}", team.namespace))
        for name, word in words.items():
            team.await_phase(name)
            where = ("-n", team.namespace, "agentteam", team.name)
            cluster.tools.kubectl("annotate", "--overwrite", *where, f"agentteam.dev/{word}={candidate}")
        after = team.await_end(before)
        edits = {name: editor.edits_in(*span) for name, span in _spans(after).items()}
        report = load.stop()
        first = next(state for _, state in watch.history if rollout(state)["revision"] == candidate)
        sizes = {revision: _sizes(one, first, after) for revision, one in ((before, blue), (candidate, green))}
    asked = cluster.requests_since(position, user=AUTOSCALER_USER, namespace=team.namespace)
    scaled = [one for one in asked if one["verb"] in WRITE_VERBS and one["objectRef"].get("subresource") == "scale"]
    return Edited(before, after, sizes, edits, len(scaled), report)


def _spans(team: Json) -> dict[str, tuple[float, float]]:
    """From when to when the rollout was in each phase, in Unix seconds; of steps in a phase, all of them."""
    spans: dict[str, tuple[float, float]] = {}
    steps = rollout(team)["transitions"]
    for entry, following in itertools.pairwise(steps):
        began, ended = (datetime.fromisoformat(one["at"]).timestamp() for one in (entry, following))
        spans[entry["phase"]] = spans.get(entry["phase"], (began, ended))[0], ended
    return spans


def _sizes(watch: Watch, first: Json, last: Json) -> list[int]:
    """A Deployment's sizes between two states of the team, by etcd's revisions, which count all objects' changes."""
    since, until = (int(state["metadata"]["resourceVersion"]) for state in (first, last))
    states = [(int(state["metadata"]["resourceVersion"]), state["spec"]["replicas"]) for _, state in watch.history]
    return [size for version, size in states if version < since][-1:] + [
        size for version, size in states if since <= version <= until
    ]


def _await_restored(team: Team) -> None:
    """Until there is one autoscaler again, that of what serves, as the spec has it."""
    wanted = {"minReplicas": DOWN["minReplicas"], "maxReplicas": DOWN["maxReplicas"]}

    def restored() -> bool:
        found = team.tools.list("hpa", team.namespace, f"{TEAM_LABEL}={team.name}")
        if [one["metadata"]["labels"][REVISION_LABEL] for one in found] != [team.active]:
            return False
        spec = found[0]["spec"]
        return bool(wanted.items() <= spec.items() and spec["behavior"]["scaleDown"]["selectPolicy"] == "Max")

    poll(restored, 30, "the autoscaler to be as the spec has it")
    team.await_size(team.active, DOWN["maxReplicas"])  # which it now may


@pytest.fixture(scope="module")
def team(cluster: Cluster, namespace: str) -> Iterator[Team]:
    document = manifest("edited", autoscaling=CREATED, rollout=ROLLOUT)
    del document["spec"]["replicas"]
    with cluster.team(namespace, document) as team:
        team.await_first()
        yield team


def test_edited_on_the_way_forward(cluster: Cluster, team: Team) -> None:
    edited = _roll_out(cluster, team, "1.1.0", {"AwaitingPromotion": "promote"})
    assert phase(edited.after) == "Completed", rollout(edited.after)
    assert {name: edited.edits_by_phase[name] for name in FORWARD} == dict.fromkeys(FORWARD, ALL_EDITS)
    _assert_nothing_shrank(edited)
    for sizes in edited.sizes.values():
        assert sizes[-1] == max(sizes) >= SIZE, edited.sizes
    _await_restored(team)


def test_edited_on_the_way_back(cluster: Cluster, team: Team) -> None:
    """The way back takes a moment only, so it is taken until the edits fall into it."""
    at_once = ROLLOUT | {"autoPromote": True, "conversations": []}
    for attempt in range(ROLLBACKS_TRIED):
        edited = _roll_out(cluster, team, f"1.{attempt + 2}.0", {"Watching": "abort"}, rollout=at_once)
        assert phase(edited.after) == "RolledBack", rollout(edited.after)
        assert edited.after["status"]["activeRevision"] == edited.before
        _assert_nothing_shrank(edited)
        team.await_size(rollout(edited.after)["revision"], 0)
        if edited.edits_by_phase["RollingBack"]:
            break
    assert edited.edits_by_phase["RollingBack"]
    _await_restored(team)


def _assert_nothing_shrank(edited: Edited) -> None:
    """But for what an autoscaler took in the moment in which its bounds were somebody else's."""
    assert all(edited.sizes.values())
    falls = sum(after < before for sizes in edited.sizes.values() for before, after in itertools.pairwise(sizes))
    assert falls <= edited.scaled_by_autoscalers, edited.sizes
    assert (edited.report.counts.lost, edited.report.counts.bad) == (0, 0), edited.report.text()


def test_what_is_taken_by_hand_is_given_back(cluster: Cluster, team: Team) -> None:
    """As an autoscaler does that was edited, only surely: the old revision loses all pods but one in mid-watch."""
    before = team.active
    grown = {"minReplicas": SIZE, "maxReplicas": 5, "targetCPUUtilization": 90}
    at_once = ROLLOUT | {"autoPromote": True, "conversations": []}
    with team.load(RATE_PER_SECOND) as load:
        team.change_and_await_phase(
            "Watching", lambda: team.change(version="2.0.0", rollout=at_once, autoscaling=grown), 90
        )
        team.change(version="2.0.0", rollout=at_once, autoscaling=DOWN)  # the spec asks for no more than three
        name = f"{team.name}-{before}"
        size = _size(team, name)  # its own autoscaler may have added some
        assert size >= SIZE
        cluster.tools.kubectl("scale", f"deployment/{name}", "-n", team.namespace, "--replicas=1")
        poll(lambda: _size(team, name) >= size, 60, f"{name} to be given back its {size} pods")
        after = team.await_end(before)
        assert phase(after) == "Completed", rollout(after)
        assert load.stop().counts.lost == 0
    _await_restored(team)


def _size(team: Team, deployment: str) -> int:
    return int(team.tools.get("deployment", deployment, team.namespace)["spec"]["replicas"])
