from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from agentteam_operator.core import names
from agentteam_operator.core.observed import Snapshot
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.kube.errors import Retryable
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.observer import Observer, awaits_words
from agentteam_operator.observe.store import Store, TeamKey

from tests.unit.runtime import objects
from tests.unit.runtime.objects import JsonObject

KEY = (objects.NAMESPACE, objects.TEAM)
CREATED = datetime.fromisoformat(objects.CREATED)
ROLLED_OUT = {
    "activeRevision": objects.REVISION,
    "rollout": {
        "phase": "Completed",
        "revision": "",
        "startedAt": objects.CREATED,
        "phaseStartedAt": objects.CREATED,
    },
}


class ApiServer(KubeClient):
    """Holds objects by (kind, name) and counts what is asked."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], JsonObject] = {}
        self.asked: list[str] = []
        self.version = "100"
        self.events: list[JsonObject] = []
        self.events_fail = False
        self.meanwhile: Callable[[str], object] = lambda _: None
        """Called after each answer was given, before it is heard."""

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        assert namespace == objects.NAMESPACE
        self.asked.append(f"get {resource.kind} {name}")
        answer = self.held.get((resource.kind, name))
        self.meanwhile(f"{resource.kind} {name}")
        return answer

    async def list(self, resource: Resource, namespace: str = "", **arguments: Any) -> JsonObject:  # noqa: ANN401
        assert namespace == objects.NAMESPACE
        self.asked.append(f"list {resource.kind} {arguments.get('labels') or arguments.get('fields')}")
        if resource == resources.EVENT:
            if self.events_fail:
                raise Retryable("down")
            return {"metadata": {"resourceVersion": self.version}, "items": self.events}
        items = [item for (kind, _), item in self.held.items() if kind == resource.kind]
        return {"metadata": {"resourceVersion": self.version}, "items": items}


class NoSnapshots:
    def latest(self, key: TeamKey) -> Snapshot | None:
        assert key == KEY
        return None


class Bench:
    def __init__(self) -> None:
        self.server = ApiServer()
        self.store = Store(lambda _: None)
        self.now = CREATED + timedelta(seconds=3)
        self.observer = Observer(self.server, self.store, NoSnapshots(), lambda: self.now)

    def put_rolled_out_team(self) -> str:
        """A team whose spec is what its last rollout brought; the revision."""
        team = objects.team()
        self.store.put(resources.AGENT_TEAM, team)
        entry = self.store.entry(KEY)
        assert entry is not None
        target = self.observer._assemble(entry, {}, {}, live=False).target
        status = {**ROLLED_OUT, "rollout": {**ROLLED_OUT["rollout"], "revision": target}}  # type: ignore[dict-item]
        self.store.put(resources.AGENT_TEAM, objects.team(2, status=status))
        return target


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_steady_team_is_read_from_the_cache_alone(bench: Bench) -> None:
    bench.put_rolled_out_team()
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.live is False
    assert bench.server.asked == []


@pytest.mark.parametrize(
    "team",
    [
        pytest.param(None, id="not-there"),
        pytest.param({"deletionTimestamp": objects.CREATED}, id="on-its-way-out"),
    ],
)
async def test_there_may_be_nothing_to_observe(bench: Bench, team: JsonObject | None) -> None:
    if team is not None:
        item = objects.team()
        item["metadata"] |= team
        bench.store.put(resources.AGENT_TEAM, item)
    assert await bench.observer.observe(KEY) is None


async def test_before_a_rollout_the_names_that_it_needs_are_looked_up(bench: Bench) -> None:
    bench.store.put(resources.AGENT_TEAM, objects.team(ingress={"host": "chat.example"}))
    foreign = {**objects.service(), "metadata": {"name": "chat", "namespace": objects.NAMESPACE, "uid": "x"}}
    bench.server.held["Service", "chat"] = foreign
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.foreign == {("Service", "chat")}
    name = names.revision_object("chat", observed.target)
    assert set(bench.server.asked) == {
        f"get ConfigMap {name}",
        f"get Deployment {name}",
        "get Ingress chat",
        "get Service chat",
        "get Service chat-preview",
        "get ServiceAccount chat",
    }


async def test_names_are_looked_up_once_for_each_version_of_a_team(bench: Bench) -> None:
    bench.store.put(resources.AGENT_TEAM, objects.team(1))
    await bench.observer.observe(KEY)
    asked = len(bench.server.asked)
    await bench.observer.observe(KEY)
    assert len(bench.server.asked) == asked
    bench.store.put(resources.AGENT_TEAM, objects.team(2))
    await bench.observer.observe(KEY)
    assert len(bench.server.asked) == 2 * asked


async def test_a_name_that_was_given_back_is_free_again(bench: Bench) -> None:
    bench.put_rolled_out_team()
    bench.store.set_foreign(KEY, frozenset({("Service", "chat-preview")}))
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.foreign == frozenset()
    assert "get Service chat-preview" in bench.server.asked


async def test_what_is_ours_but_not_in_the_cache_is_taken_in(bench: Bench) -> None:
    bench.store.put(resources.AGENT_TEAM, objects.team())
    bench.server.held["Service", "chat"] = objects.service()
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.active_service is not None
    assert observed.foreign == frozenset()


async def test_a_live_read_replaces_what_was_held(bench: Bench) -> None:
    target = bench.put_rolled_out_team()
    bench.store.put(resources.DEPLOYMENT, objects.deployment(target, replicas=3))
    bench.store.put(resources.POD, objects.pod("gone", target))
    bench.server.held = {
        ("AgentTeam", "chat"): {**objects.team(3), "status": bench.store.entry(KEY).team["status"]},  # type: ignore[union-attr, index]
        ("Deployment", "d"): objects.deployment(target, 5, replicas=1),
        ("ConfigMap", "c"): {**objects.config_map(target, 5), "data": {"app.yaml": "image: agent:1\n"}},
    }
    observed = await bench.observer.observe(KEY, live=True)
    assert observed is not None
    assert observed.live is True
    assert observed.team.resource_version == "3"
    revision = observed.revisions[target]
    assert (revision.replicas, revision.pods, revision.document) == (1, (), {"image": "agent:1"})
    assert "list Deployment agentteam.dev/team=chat,app.kubernetes.io/managed-by=agentteam-operator" in (
        bench.server.asked
    )
    assert "list Pod agentteam.dev/team=chat,agentteam.dev/role in (probe,server)" in bench.server.asked, (
        "pods are found by the Service's own labels"
    )


async def test_a_live_read_of_a_team_that_went(bench: Bench) -> None:
    bench.put_rolled_out_team()
    assert await bench.observer.observe(KEY, live=True) is None
    assert bench.store.teams() == []


def stuck_pod() -> JsonObject:
    return objects.pod("a", ready=False, state={"waiting": {"reason": "ContainerCreating"}})


@pytest.mark.parametrize(
    ("age_seconds", "message"),
    [
        pytest.param(3, "", id="young"),
        pytest.param(6, 'FailedMount: secret "llm" not found', id="stuck"),
    ],
)
async def test_events_are_asked_for_pods_that_are_stuck(bench: Bench, age_seconds: int, message: str) -> None:
    target = bench.put_rolled_out_team()
    pod = stuck_pod()
    pod["metadata"] |= {"labels": objects.pod("a", target)["metadata"]["labels"]}
    pod["metadata"]["ownerReferences"] = objects.pod("a", target)["metadata"]["ownerReferences"]
    bench.store.put(resources.DEPLOYMENT, objects.deployment(target))
    bench.store.put(resources.POD, pod)
    bench.server.events = [
        {"reason": "Older", "message": "x", "lastTimestamp": "2026-01-01T00:00:01Z", "metadata": {}},
        {
            "reason": "FailedMount",
            "message": 'secret "llm" not found',
            "lastTimestamp": "2026-01-01T00:00:02Z",
            "metadata": {},
        },
    ]
    bench.now = CREATED + timedelta(seconds=age_seconds)
    for _ in range(3):
        observed = await bench.observer.observe(KEY)
        assert observed is not None
        assert awaits_words(observed) is (not message)
        assert [seen.message for seen in observed.revisions[target].pods] == [message]
    asked = [question for question in bench.server.asked if question.startswith("list Event")]
    assert asked == (["list Event involvedObject.uid=uid-of-a,type=Warning"] if message else [])


@pytest.mark.parametrize(
    ("phase", "age_seconds", "pods", "message"),
    [
        pytest.param("HealthChecking", 3, 0, "", id="young"),
        pytest.param("HealthChecking", 6, 0, "FailedCreate: exceeded quota", id="without-a-pod"),
        pytest.param("HealthChecking", 6, 1, "", id="with-its-pod"),
        pytest.param("Failed", 6, 0, "", id="over"),
    ],
)
async def test_events_are_asked_for_a_probe_that_gets_no_pod(
    bench: Bench, phase: str, age_seconds: int, pods: int, message: str
) -> None:
    since = {"startedAt": objects.CREATED, "phaseStartedAt": objects.CREATED}
    rollout = {**since, "phase": phase, "revision": objects.REVISION}
    name = names.check_job(objects.TEAM, objects.REVISION, names.CHECK_HEALTH)
    job = {"metadata": objects.metadata(name), "status": {}}
    bench.store.put(resources.AGENT_TEAM, objects.team(status={"rollout": rollout}))
    bench.store.put(resources.JOB, job)
    for _ in range(pods):
        pod = objects.pod("probe")
        pod["metadata"]["ownerReferences"] = [{"kind": "Job", "name": name, "uid": job["metadata"]["uid"]}]
        bench.store.put(resources.POD, pod)
    bench.server.events = [{"reason": "FailedCreate", "message": "exceeded quota", "lastTimestamp": objects.CREATED}]
    bench.now = CREATED + timedelta(seconds=age_seconds)
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.jobs[name].message == message
    assert awaits_words(observed) is (not message)
    asked = [question for question in bench.server.asked if question.startswith("list Event")]
    assert asked == ([f"list Event involvedObject.uid=uid-of-{name},reason=FailedCreate"] if message else [])


async def test_an_explanation_that_cannot_be_had_is_done_without(bench: Bench) -> None:
    target = bench.put_rolled_out_team()
    bench.store.put(resources.DEPLOYMENT, objects.deployment(target))
    pod = stuck_pod()
    pod["metadata"] |= objects.pod("a", target)["metadata"]
    bench.store.put(resources.POD, pod)
    bench.server.events_fail = True
    bench.now = datetime(2026, 1, 2, tzinfo=UTC)
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert [seen.message for seen in observed.revisions[target].pods] == [""]


@pytest.mark.parametrize(("immutable", "parsed"), [(True, 1), (False, 3)])
async def test_a_document_that_never_changes_is_parsed_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, immutable: bool, parsed: int
) -> None:
    target = bench.put_rolled_out_team()
    config = {**objects.config_map(target, 5), "immutable": immutable, "data": {"app.yaml": "image: agent:1\n"}}
    bench.server.held = {("AgentTeam", "chat"): objects.team(9), ("ConfigMap", "c"): config}
    texts: list[str] = []
    load = yaml.safe_load

    def counted(text: str) -> object:
        texts.append(text)
        return load(text)

    monkeypatch.setattr(yaml, "safe_load", counted)
    for _ in range(3):
        observed = await bench.observer.observe(KEY, live=True)
        assert observed is not None
        assert observed.revisions[target].document == {"image": "agent:1"}
    assert len(texts) == parsed


@pytest.mark.parametrize(
    ("whose", "remembered"),
    [
        pytest.param({}, True, id="its-own"),
        pytest.param({"namespace": "elsewhere"}, False, id="of-a-namesake"),
        pytest.param({"revision": "f" * 10}, False, id="of-another-revision"),
        pytest.param({"revision": ["f"]}, False, id="of-no-revision"),
    ],
)
async def test_the_document_of_a_config_map_that_is_gone_is_remembered(
    bench: Bench, whose: JsonObject, *, remembered: bool
) -> None:
    target = bench.put_rolled_out_team()
    metadata = {"name": "chat", "namespace": objects.NAMESPACE, "revision": target, **whose}
    text = yaml.safe_dump({"metadata": metadata})
    config = {**objects.config_map(target, 5), "immutable": True, "data": {"app.yaml": text}}
    bench.server.held = {
        ("AgentTeam", "chat"): objects.team(9),
        ("Deployment", "d"): objects.deployment(target, 6),
        ("ConfigMap", "c"): config,
    }
    await bench.observer.observe(KEY, live=True)
    bench.store.remove(resources.CONFIG_MAP, objects.config_map(target, 7))
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.revisions[target].config_uid == ""
    assert observed.revisions[target].document == ({"metadata": metadata} if remembered else None)


async def test_the_document_of_a_config_map_that_was_made_again_is_its_own(bench: Bench) -> None:
    target = bench.put_rolled_out_team()
    for version, image in enumerate(("agent:1", "agent:2"), start=5):
        config = {**objects.config_map(target, version), "immutable": True, "data": {"app.yaml": f"image: {image}\n"}}
        config["metadata"] = {**config["metadata"], "uid": f"uid-{version}"}
        bench.server.held = {("AgentTeam", "chat"): objects.team(9), ("ConfigMap", "c"): config}
        observed = await bench.observer.observe(KEY, live=True)
        assert observed is not None
        assert observed.revisions[target].document == {"image": image}


async def test_a_team_that_was_made_again_during_a_read_is_not_forgotten(bench: Bench) -> None:
    bench.put_rolled_out_team()
    again = {**objects.team(120), "metadata": {**objects.team(120)["metadata"], "uid": "uid-of-the-second"}}
    bench.server.meanwhile = lambda _: bench.store.put(resources.AGENT_TEAM, again)
    observed = await bench.observer.observe(KEY, live=True)
    assert observed is not None
    assert observed.team.uid == "uid-of-the-second"


async def test_a_name_that_was_taken_during_a_look_is_not_forgotten(bench: Bench) -> None:
    bench.store.put(resources.AGENT_TEAM, objects.team())
    former = objects.service()
    former["metadata"]["ownerReferences"] = [objects.owner("uid-of-an-earlier-chat")]
    bench.store.put(resources.SERVICE, former)

    def made(what: str) -> None:
        if what == "Service chat":
            bench.store.put(resources.SERVICE, objects.service(version=120))

    bench.server.meanwhile = made
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.active_service is not None
    assert observed.former == frozenset()


async def test_what_an_earlier_team_owned_is_forgotten_though_no_watch_told_of_its_end(bench: Bench) -> None:
    bench.store.put(resources.AGENT_TEAM, objects.team())
    former = objects.service()
    former["metadata"]["ownerReferences"] = [objects.owner("uid-of-an-earlier-chat")]
    bench.store.put(resources.SERVICE, former)
    observed = await bench.observer.observe(KEY)
    assert observed is not None
    assert observed.former == frozenset()
