"""Versions whose pods never get ready: blue serves throughout, and the status says what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from demo.kube import Json
from demo.timeline import rollout
from tests.e2e.harness import QUICK_ROLLOUT, Cluster, Team, condition, manifest, phases
from tests.load.report import LoadReport

pytestmark = pytest.mark.e2e

SHORT_SECONDS = 20
LONG_SECONDS = 60
MOST_SECONDS = 50
"""From the change to the rollback: well before the long timeout, and with time to spare after the short one."""
HANGS_AT_START = "import threading\nthreading.Event().wait()\n"


@dataclass(frozen=True)
class Case:
    """A change of the spec whose pods don't get ready, and what the status must say of them."""

    name: str
    change: dict[str, Any]
    ready_timeout_seconds: int
    least_seconds: float
    """From the change to the rollback."""
    reason: str
    words: tuple[str, ...]
    extra: list[Json] = field(default_factory=list)

    def apply(self, team: Team) -> None:
        """Change the team. The timeout comes with the change: the first version may take its time on a busy node."""
        settings = QUICK_ROLLOUT | {"readyTimeoutSeconds": self.ready_timeout_seconds}
        team.change(version="1.1.0", rollout=settings, **self.change)


def _refused_by_autogen() -> dict[str, Any]:
    """A model that AutoGen doesn't know, and nobody says what it can do: no rule of the API's sees that."""
    model = {key: value for key, value in manifest("any")["spec"]["models"][0].items() if key != "modelInfo"}
    return {"models": [model | {"model": "home-made"}]}


def _secret(name: str) -> dict[str, Any]:
    model = manifest("any")["spec"]["models"][0]
    return {"models": [model | {"apiKeySecretRef": {"name": name, "key": "api-key"}}]}


CASES = (
    Case(
        "never-ready",
        {
            "pod": {
                "env": [{"name": "PYTHONPATH", "value": "/hang"}],
                "volumes": [{"name": "hang", "configMap": {"name": "hang"}}],
                "volumeMounts": [{"name": "hang", "mountPath": "/hang"}],
            }
        },
        ready_timeout_seconds=SHORT_SECONDS,
        least_seconds=SHORT_SECONDS,
        reason="ReadyTimeout",
        words=(f"0 of 1 pod ready after {SHORT_SECONDS} s",),
        extra=[
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "hang"},
                "data": {"sitecustomize.py": HANGS_AT_START},
            }
        ],
    ),
    # Waiting doesn't mend it, so it is given up long before its time.
    Case(
        "no-image",
        {"image": "localhost/no-such-image:dev"},
        ready_timeout_seconds=LONG_SECONDS,
        least_seconds=0,
        reason="ImagePullFailed",
        words=("no-such-image",),
    ),
    # Neither does it mend a team that AutoGen can't build: the first pod that says so is enough.
    Case(
        "refused-by-autogen",
        _refused_by_autogen(),
        ready_timeout_seconds=LONG_SECONDS,
        least_seconds=0,
        reason="TeamRefused",
        words=("spec.models[0].modelInfo (home-made)",),
    ),
    # A Secret may still be made, so this one waits, but says what for.
    Case(
        "no-secret",
        _secret("nobody-made-this"),
        ready_timeout_seconds=SHORT_SECONDS,
        least_seconds=SHORT_SECONDS,
        reason="ReadyTimeout",
        words=(f"0 of 1 pod ready after {SHORT_SECONDS} s", "nobody-made-this"),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What the rollout left behind."""

    case: Case
    before: str
    after: Json
    report: LoadReport
    seconds: float


@pytest.fixture(scope="module")
def outcomes(cluster: Cluster, namespace: str) -> Iterator[dict[str, Outcome]]:
    """All at once: they only wait."""
    with contextlib.ExitStack() as stack:
        teams = {
            case.name: stack.enter_context(cluster.team(namespace, manifest(case.name, replicas=1))) for case in CASES
        }
        for team in teams.values():
            team.await_first()
        before = {name: team.active for name, team in teams.items()}
        loads = {name: stack.enter_context(team.load(10.0)) for name, team in teams.items()}
        for case in CASES:
            if case.extra:
                cluster.tools.apply(case.extra, namespace)
            case.apply(teams[case.name])
        found = {}
        for case in CASES:
            after = teams[case.name].await_end(before[case.name], 120)
            found[case.name] = Outcome(case, before[case.name], after, loads[case.name].stop(), _seconds(after))
        yield found


def _seconds(team: Json) -> float:
    latest = rollout(team)
    started, ended = (datetime.fromisoformat(latest[key]) for key in ("startedAt", "phaseStartedAt"))
    return (ended - started).total_seconds()


@pytest.fixture(params=[case.name for case in CASES])
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[request.param]


def test_it_gets_no_traffic_and_is_rolled_back(outcome: Outcome) -> None:
    assert rollout(outcome.after)["phase"] == "RolledBack"
    assert "Shifting" not in phases(outcome.after)
    assert outcome.after["status"]["activeRevision"] == outcome.before
    assert set(outcome.report.by_revision) == {outcome.before}


def test_blue_serves_throughout(outcome: Outcome) -> None:
    assert (outcome.report.counts.lost, outcome.report.counts.bad) == (0, 0), outcome.report.text()
    assert outcome.report.counts.ok > 100
    assert condition(outcome.after, "Available")["status"] == "True"


def test_the_status_says_what_is_wrong(outcome: Outcome) -> None:
    said = condition(outcome.after, "RolledBack")
    assert said["status"] == "True"
    assert said["reason"] == outcome.case.reason
    assert [words for words in outcome.case.words if words not in said["message"]] == [], said["message"]


def test_it_is_given_up_in_time(outcome: Outcome) -> None:
    assert outcome.case.least_seconds <= outcome.seconds <= MOST_SECONDS
