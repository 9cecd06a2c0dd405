"""Which requests the writer makes, and what of their answers it keeps; Kubernetes' part is tests/integration's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from agentteam_operator.api.status import AgentTeamStatus, TeamPhase
from agentteam_operator.apply import writer as apply_writer
from agentteam_operator.apply.execute import NameConflict
from agentteam_operator.apply.writer import KubeWriter
from agentteam_operator.core import names
from agentteam_operator.core.decision import EmitEvent
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.kube import resources
from agentteam_operator.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, Retryable, Terminal
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.store import Store

from tests.unit.runtime import objects

KEY = (objects.NAMESPACE, objects.TEAM)
TEAM = TeamRef(objects.NAMESPACE, objects.TEAM, objects.UID, 1, "7")
DEPLOYMENT = f"{objects.TEAM}-{objects.REVISION}"
MANIFEST = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat"}, "spec": {"ports": []}}
OURS, OTHERS = {"manager": names.FIELD_MANAGER}, {"manager": "kubectl", "operation": "Update"}
SERVICES = f"/api/v1/namespaces/{objects.NAMESPACE}/services"
EVENT = EmitEvent("uid/Preparing/1", "Normal", "Preparing", "as said", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

Answer = Mapping[str, Any] | KubeError


def service(version: str, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of an object's metadata
    """The live Service of the team."""
    return {
        "kind": "Service",
        "metadata": {**objects.metadata("chat", int(version)), **metadata},
        "spec": {"selector": {}},
    }


@dataclass
class Api:
    """An API server that answers in turn, and remembers what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def request(self, method: str, path: str, **said: Any) -> Mapping[str, Any]:  # noqa: ANN401
        self.asked.append((method, path))
        self.sent.append(said)
        answer = self.answers.pop(0)
        if isinstance(answer, KubeError):
            raise answer
        return answer

    async def get(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any]:
        return await self.request("GET", resource.path(namespace, name))


@dataclass
class Bench:
    api: Api
    store: Store
    writer: KubeWriter
    holds_lease: list[bool]

    def held(self, kind: str = "Service", name: str = "chat") -> str | None:
        """The version of a child in the cache."""
        entry = self.store.entry(KEY)
        found = entry.children.get((kind, name)) if entry else None
        return found["metadata"]["resourceVersion"] if found else None

    def foreign(self) -> frozenset[tuple[str, str]]:
        entry = self.store.entry(KEY)
        assert entry is not None
        return entry.foreign


@pytest.fixture
def bench() -> Bench:
    api, store, lease = Api(), Store(lambda _: None), [True]
    store.put(resources.AGENT_TEAM, objects.team())
    store.put(resources.DEPLOYMENT, objects.deployment(version=5))
    return Bench(api, store, KubeWriter(api, store, lambda: lease[0]), lease)  # type: ignore[arg-type]


async def test_a_status_is_replaced_at_the_version_that_it_was_decided_on(bench: Bench) -> None:
    bench.api.answers = [objects.team(9, status={"phase": "Degraded"})]
    await bench.writer.write_status(TEAM, AgentTeamStatus(phase=TeamPhase.DEGRADED), "7")
    path = f"/apis/agentteam.dev/v1alpha1/namespaces/{objects.NAMESPACE}/agentteams/chat/status"
    assert bench.api.asked == [("PUT", path)]
    body = bench.api.sent[0]["body"]
    assert body["metadata"] == {
        "name": "chat",
        "namespace": objects.NAMESPACE,
        "uid": objects.UID,
        "resourceVersion": "7",
    }
    assert (body["apiVersion"], body["kind"], body["status"]["phase"]) == (names.API_VERSION, names.KIND, "Degraded")
    entry = bench.store.entry(KEY)
    assert entry is not None
    assert entry.team is not None
    assert entry.team["metadata"]["resourceVersion"] == "9"


async def test_what_is_created_is_read_back(bench: Bench) -> None:
    bench.api.answers = [service("8")]
    await bench.writer.create(TEAM, MANIFEST)
    assert bench.api.asked == [("POST", SERVICES)]
    assert bench.api.sent[0]["body"] == MANIFEST
    assert bench.api.sent[0]["query"] == {"fieldManager": names.FIELD_MANAGER}
    assert bench.held() == "8"


async def test_what_was_created_already_counts_as_created(bench: Bench) -> None:
    bench.api.answers = [AlreadyExists("there"), service("6")]
    await bench.writer.create(TEAM, MANIFEST)
    assert bench.api.asked == [("POST", SERVICES), ("GET", f"{SERVICES}/chat")]
    assert bench.held() == "6"


FOREIGN = service("6", ownerReferences=[])
FORMER = service("6", ownerReferences=[objects.owner("uid-of-an-earlier-one")])
ENDING = service("6", ownerReferences=[], deletionTimestamp=objects.CREATED)


@pytest.mark.parametrize("write", ["create", "apply"])
@pytest.mark.parametrize(
    ("live", "error", "foreign", "held"),
    [
        (FOREIGN, NameConflict, {("Service", "chat")}, None),
        (FORMER, Conflict, set(), "6"),
        (ENDING, Conflict, set(), "6"),
    ],
    ids=["somebody-elses", "an-earlier-teams", "on-its-way-out"],
)
async def test_what_is_not_the_teams_is_left_as_it_is(
    bench: Bench,
    *,
    write: str,
    live: dict[str, Any],
    error: type[KubeError],
    foreign: set[tuple[str, str]],
    held: str | None,
) -> None:
    bench.api.answers = [AlreadyExists("there"), live] if write == "create" else [live]
    with pytest.raises(Conflict) as raised:
        await (bench.writer.create(TEAM, MANIFEST) if write == "create" else bench.writer.apply(TEAM, MANIFEST, ""))
    assert type(raised.value) is error
    assert str(raised.value).startswith(f"Service {objects.NAMESPACE}/chat ")
    assert bench.foreign() == foreign
    assert bench.held() == held
    assert bench.api.asked[-1] == ("GET", f"{SERVICES}/chat")


@pytest.mark.parametrize("version", ["", "6"], ids=["whatever-version", "the-version-that-was-read"])
async def test_what_is_applied_is_this_very_object(bench: Bench, version: str) -> None:
    bench.api.answers = [service("6"), service("8")]
    await bench.writer.apply(TEAM, MANIFEST, version)
    assert bench.api.asked == [("GET", f"{SERVICES}/chat"), ("PATCH", f"{SERVICES}/chat")]
    sent = bench.api.sent[1]
    assert sent["body"] == {**MANIFEST, "metadata": {"name": "chat", "uid": "uid-of-chat", "resourceVersion": "6"}}
    assert sent["query"] == {"fieldManager": names.FIELD_MANAGER, "force": "true"}
    assert sent["content_type"] == "application/apply-patch+yaml"
    assert bench.held() == "8"


async def test_what_changed_since_it_was_read_is_read_and_not_written(bench: Bench) -> None:
    bench.api.answers = [service("6")]
    with pytest.raises(Conflict, match="Service support/chat changed since it was read"):
        await bench.writer.apply(TEAM, MANIFEST, "5")
    assert bench.held() == "6"


async def test_what_went_since_it_was_read_is_not_made(bench: Bench) -> None:
    bench.api.answers = [NotFound("gone")]
    with pytest.raises(Conflict, match="Service support/chat went since it was read"):
        await bench.writer.apply(TEAM, MANIFEST, "5")


async def test_what_was_never_there_is_created(bench: Bench) -> None:
    bench.api.answers = [NotFound("gone"), service("8")]
    await bench.writer.apply(TEAM, MANIFEST, "")
    assert bench.api.asked == [("GET", f"{SERVICES}/chat"), ("POST", SERVICES)]
    assert bench.held() == "8"


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ([OTHERS, {**OURS, "operation": "Update"}], 1),
        ([{**OURS, "operation": "Update"}, OTHERS], 0),
        ([{**OURS, "operation": "Update"}, {**OURS, "operation": "Update", "subresource": "status"}], 0),
        ([{**OURS, "operation": "Update"}, {"manager": "kubectl", "operation": "Apply"}], 0),
        ([{**OURS, "operation": "Update"}, {**OURS, "operation": "Apply"}], None),
        ([{**OURS, "operation": "Apply"}], None),
        ([OTHERS], None),
        ([], None),
        (None, None),
    ],
    ids=[
        "ours-is-the-second",
        "ours-is-the-first",
        "the-first-of-ours",
        "somebody-else-applied",
        "both-on-record",
        "applied",
        "others-alone",
        "none",
        "not-told",
    ],
)
async def test_what_was_created_is_marked_as_applied_before_it_is_applied(
    bench: Bench, fields: list[dict[str, str]] | None, index: int | None
) -> None:
    bench.api.answers = [service("6", managedFields=fields), service("7"), service("8")]
    await bench.writer.apply(TEAM, MANIFEST, "6")
    patches = [said for said in bench.api.sent if said.get("content_type") == "application/json-patch+json"]
    assert [said["body"] for said in patches] == (
        []
        if index is None
        else [
            [
                {"op": "test", "path": "/metadata/resourceVersion", "value": "6"},
                {"op": "replace", "path": f"/metadata/managedFields/{index}/operation", "value": "Apply"},
            ]
        ]
    )
    assert bench.api.asked[-1] == ("PATCH", f"{SERVICES}/chat")
    assert bench.api.sent[-1]["body"]["metadata"]["resourceVersion"] == ("6" if index is None else "7")


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("5", {"metadata": {"resourceVersion": "5"}, "spec": {"replicas": 4}}),
        ("", {"spec": {"replicas": 4}}),
    ],
    ids=["at-its-version", "at-any"],
)
async def test_a_deployment_is_scaled_through_its_subresource(bench: Bench, version: str, body: object) -> None:
    bench.api.answers = [{"metadata": {"resourceVersion": "9"}}]
    await bench.writer.scale(TEAM, DEPLOYMENT, 4, version)
    path = f"/apis/apps/v1/namespaces/{objects.NAMESPACE}/deployments/{DEPLOYMENT}/scale"
    assert bench.api.asked == [("PATCH", path)]
    sent = bench.api.sent[0]
    assert sent["body"] == body
    assert sent["query"] == {"fieldManager": names.FIELD_MANAGER}
    assert sent["content_type"] == "application/merge-patch+json"
    entry = bench.store.entry(KEY)
    assert entry is not None
    assert entry.children["Deployment", DEPLOYMENT]["spec"]["replicas"] == 4
    assert bench.held("Deployment", DEPLOYMENT) == "9"


@pytest.mark.parametrize(
    ("answer", "uid", "held"),
    [
        ({}, f"uid-of-{DEPLOYMENT}", None),
        (NotFound("gone"), f"uid-of-{DEPLOYMENT}", None),
        ({}, "uid-of-another", "5"),
    ],
    ids=["there", "gone-already", "another-of-its-name-is-held"],
)
async def test_what_is_deleted_is_this_very_object(bench: Bench, answer: Answer, uid: str, held: str | None) -> None:
    bench.api.answers = [answer]
    await bench.writer.delete(TEAM, resources.DEPLOYMENT, DEPLOYMENT, uid)
    assert bench.api.asked == [("DELETE", f"/apis/apps/v1/namespaces/{objects.NAMESPACE}/deployments/{DEPLOYMENT}")]
    body = bench.api.sent[0]["body"]
    assert (body["preconditions"], body["propagationPolicy"]) == ({"uid": uid}, "Background")
    assert bench.held("Deployment", DEPLOYMENT) == held


async def test_a_team_that_is_not_held_can_be_cleared_up(bench: Bench) -> None:
    other = TeamRef("elsewhere", "chat", "uid", 1, "1")
    bench.api.answers = [{}]
    await bench.writer.delete(other, resources.DEPLOYMENT, DEPLOYMENT, "uid")
    assert bench.held("Deployment", DEPLOYMENT) == "5"


async def test_an_event_is_told_once(bench: Bench) -> None:
    bench.api.answers = [{}]
    await bench.writer.create_event(TEAM, EVENT)
    await bench.writer.create_event(TEAM, EVENT)
    assert bench.api.asked == [("POST", f"/api/v1/namespaces/{objects.NAMESPACE}/events")]
    body = bench.api.sent[0]["body"]
    name = body["metadata"].pop("name")
    assert name.startswith("chat.")
    assert len(name) == len("chat.") + 16
    assert body["metadata"] == {"namespace": objects.NAMESPACE}
    assert (body["involvedObject"]["uid"], body["involvedObject"]["name"]) == (objects.UID, "chat")
    assert (body["type"], body["reason"], body["message"]) == ("Normal", "Preparing", "as said")
    assert (body["firstTimestamp"], body["lastTimestamp"], body["count"]) == (
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z",
        1,
    )


async def test_what_an_earlier_process_told_is_not_told_again(bench: Bench) -> None:
    bench.api.answers = [AlreadyExists("told")]
    await bench.writer.create_event(TEAM, EVENT)
    await bench.writer.create_event(TEAM, EVENT)
    assert len(bench.api.asked) == 1


async def test_what_could_not_be_told_is_told_later(bench: Bench) -> None:
    bench.api.answers = [Retryable("busy"), {}]
    with pytest.raises(Retryable):
        await bench.writer.create_event(TEAM, EVENT)
    await bench.writer.create_event(TEAM, EVENT)
    assert len(bench.api.asked) == 2


async def test_only_the_last_events_are_remembered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before them are refused by the API server for their name."""
    monkeypatch.setattr(apply_writer, "EVENTS_REMEMBERED", 2)
    events = [EmitEvent(f"key-{number}", "Normal", "Preparing", "m", EVENT.at) for number in range(3)]
    bench.api.answers = [{}, {}, {}, {}]
    for event in (*events, events[1], events[2]):
        await bench.writer.create_event(TEAM, event)
    assert len(bench.api.asked) == 3
    await bench.writer.create_event(TEAM, events[0])
    assert len(bench.api.asked) == 4


WRITES: Mapping[str, Callable[[KubeWriter], Any]] = {
    "status": lambda writer: writer.write_status(TEAM, AgentTeamStatus(), "7"),
    "create": lambda writer: writer.create(TEAM, MANIFEST),
    "scale": lambda writer: writer.scale(TEAM, DEPLOYMENT, 1, "5"),
    "delete": lambda writer: writer.delete(TEAM, resources.DEPLOYMENT, DEPLOYMENT, "uid"),
    "event": lambda writer: writer.create_event(TEAM, EVENT),
}


@pytest.mark.parametrize("write", list(WRITES))
async def test_without_the_lease_nothing_is_written(bench: Bench, write: str) -> None:
    bench.holds_lease[0] = False
    with pytest.raises(Retryable, match="holds the lease now"):
        await WRITES[write](bench.writer)
    assert bench.api.asked == []


async def test_a_failure_is_the_callers(bench: Bench) -> None:
    bench.api.answers = [Terminal("forbidden", status=403)]
    with pytest.raises(Terminal):
        await bench.writer.create(TEAM, MANIFEST)
    assert bench.held() is None
