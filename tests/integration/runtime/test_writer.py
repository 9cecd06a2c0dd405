"""What Kubernetes itself makes of our writes: ownership, preconditions, canonical forms, dropped fields."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from agentteam_operator.api.revision import revision_document
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Phase, RolloutStatus, TeamPhase
from agentteam_operator.apply import KubeWriter, NameConflict
from agentteam_operator.core import names
from agentteam_operator.core.build import (
    checks,
    configmap,
    deployment,
    hpa,
    ingress,
    pdb,
    service,
    serviceaccount,
)
from agentteam_operator.core.build.diff import differs
from agentteam_operator.core.decision import EmitEvent
from agentteam_operator.core.observed import Manifest, TeamRef
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import MERGE_PATCH, KubeClient
from agentteam_operator.kube.errors import Conflict, NamespaceEnding, NotFound, Retryable, Terminal
from agentteam_operator.observe.assemble import read_status, team_ref
from agentteam_operator.observe.store import Store
from agentteam_operator.observe.trim import trim

from tests.integration.runtime.until import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REVISION = "0123456789"

SPEC: dict[str, Any] = {
    "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["hello"]}}],
    "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "greeter", "model": "main"}]},
    "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetMemoryUtilization": 80},
    "ingress": {"host": "chat.example", "className": "nginx", "tlsSecretName": "chat-tls", "annotations": {"a/b": "c"}},
    "service": {"annotations": {"example.com/lb": "internal"}},
}


@pytest.fixture
async def team_object(kube: KubeClient, namespace: str) -> dict[str, Any]:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": SPEC,
    }
    return await kube.request("POST", resources.AGENT_TEAM.path(namespace), what="create a team", body=body)


@pytest.fixture
def team(team_object: dict[str, Any]) -> TeamRef:
    return team_ref(team_object)


@pytest.fixture
def store(team_object: dict[str, Any]) -> Store:
    filled = Store(lambda _: None)
    filled.put(resources.AGENT_TEAM, team_object)
    return filled


@pytest.fixture
def writer(kube: KubeClient, store: Store) -> KubeWriter:
    return KubeWriter(kube, store, lambda: True)


def manifests(team: TeamRef) -> dict[str, Manifest]:
    """Each child that changes in place."""
    spec = AgentTeamSpec.parse(SPEC)
    assert spec.autoscaling is not None
    assert spec.ingress is not None
    selector = names.server_selector(team.name, REVISION)
    return {
        "active-service": service.build(team, spec, selector=selector),
        "preview-service": service.build(team, spec, selector=selector, preview=True),
        "autoscaler": hpa.build(team, REVISION, spec.autoscaling, frozen=False, current=3),
        "frozen-autoscaler": hpa.build(team, REVISION, spec.autoscaling, frozen=True, current=4),
        "disruption-budget": pdb.build(team, REVISION, spec),
        "service-account": serviceaccount.build(team),
        "ingress": ingress.build(team, spec.ingress),
    }


async def live(kube: KubeClient, namespace: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    return await kube.get(resources.BY_KIND[manifest["kind"]], namespace, manifest["metadata"]["name"])


async def at_rest(kube: KubeClient, namespace: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The live object, once its controllers have said what they had to say of it."""
    found = await live(kube, namespace, manifest)

    async def is_still() -> bool:
        nonlocal found
        await asyncio.sleep(0.5)
        before, found = found, await live(kube, namespace, manifest)
        return bool(found["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"])

    await until(is_still, what="the object to come to rest")
    return found


def without_status(item: Mapping[str, Any]) -> dict[str, Any]:
    """All of an object but what its controllers say of it."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}
    metadata["managedFields"] = [entry for entry in metadata["managedFields"] if entry.get("subresource") != "status"]
    return {**item, "metadata": metadata, "status": None}


CHILDREN = (
    "active-service",
    "preview-service",
    "autoscaler",
    "frozen-autoscaler",
    "disruption-budget",
    "service-account",
    "ingress",
)


@pytest.mark.parametrize("child", CHILDREN)
async def test_what_is_written_is_what_is_stored(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef, child: str
) -> None:
    manifest = manifests(team)[child]
    resource = resources.BY_KIND[manifest["kind"]]
    await writer.create(team, manifest)
    created = await live(kube, namespace, manifest)
    assert not differs(manifest, trim(resource, created))
    await writer.apply(team, manifest, "")
    applied = await live(kube, namespace, manifest)
    assert not differs(manifest, trim(resource, applied))
    await writer.apply(team, manifest, "")
    again = await live(kube, namespace, manifest)
    assert without_status(again) == without_status(applied), "applying twice wrote twice"


async def test_an_autoscaler_is_frozen_and_set_free_again(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef
) -> None:
    built = manifests(team)
    for child in ("autoscaler", "frozen-autoscaler", "autoscaler"):
        await writer.apply(team, built[child], "")
        found = await live(kube, namespace, built[child])
        assert not differs(built[child], found)
    assert found["spec"]["minReplicas"] == 2
    assert found["spec"]["behavior"]["scaleDown"]["selectPolicy"] == "Max"


async def test_fields_that_are_no_longer_wanted_go(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef
) -> None:
    first = manifests(team)["active-service"]
    await writer.create(team, first)
    plain = AgentTeamSpec.parse({**SPEC, "service": {"port": 8080}})
    second = service.build(team, plain, selector=names.server_selector(team.name))
    await writer.apply(team, second, "")
    found = await live(kube, namespace, second)
    assert "example.com/lb" not in found["metadata"]["annotations"]
    assert [port["port"] for port in found["spec"]["ports"]] == [8080]
    assert found["spec"]["selector"] == names.server_selector(team.name)
    assert not differs(second, found)


async def test_what_others_added_to_a_selector_goes(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef
) -> None:
    manifest = manifests(team)["active-service"]
    await writer.create(team, manifest)
    path = resources.SERVICE.path(namespace, "chat")
    tampered = {"spec": {"selector": {"app": "somebody-elses"}}}
    await kube.request("PATCH", path, what="tamper", body=tampered, content_type="application/merge-patch+json")
    found = await at_rest(kube, namespace, manifest)
    assert differs(manifest, found)
    await writer.apply(team, manifest, found["metadata"]["resourceVersion"])
    assert (await live(kube, namespace, manifest))["spec"]["selector"] == manifest["spec"]["selector"]


@pytest.mark.parametrize("write", ["create", "apply"])
@pytest.mark.parametrize("child", CHILDREN)
async def test_a_foreign_object_is_never_written(
    kube: KubeClient, store: Store, writer: KubeWriter, team: TeamRef, *, child: str, write: str
) -> None:
    namespace = team.namespace
    manifest = manifests(team)[child]
    foreign = copy.deepcopy({**manifest})
    foreign["metadata"] = {"name": manifest["metadata"]["name"], "namespace": namespace}
    resource = resources.BY_KIND[manifest["kind"]]
    made = await kube.request("POST", resource.path(namespace), what="make it first", body=foreign)
    with pytest.raises(NameConflict, match="exists and isn't this AgentTeam's"):
        await (writer.create(team, manifest) if write == "create" else writer.apply(team, manifest, ""))
    found = await live(kube, namespace, manifest)
    assert without_status(found) == without_status(made)
    entry = store.entry((namespace, team.name))
    assert entry is not None
    assert entry.foreign == {(manifest["kind"], manifest["metadata"]["name"])}, "the next tick knows of it"


async def test_what_an_earlier_team_of_the_name_owns_is_left_to_go(
    writer: KubeWriter, team: TeamRef, kube: KubeClient, namespace: str
) -> None:
    manifest = manifests(team)["service-account"]
    await writer.create(team, manifest)
    reborn = TeamRef(namespace, team.name, "another-uid", 1, "1")
    with pytest.raises(Conflict, match="of an earlier AgentTeam has still to go"):
        await writer.apply(reborn, manifests(reborn)["service-account"], "")
    assert not differs(manifest, await live(kube, namespace, manifest))


@pytest.mark.parametrize("child", CHILDREN)
async def test_creating_what_is_ours_already_is_success(writer: KubeWriter, team: TeamRef, child: str) -> None:
    manifest = manifests(team)[child]
    await writer.create(team, manifest)
    await writer.create(team, manifest)


async def test_a_stale_apply_changes_nothing(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef
) -> None:
    built = manifests(team)
    await writer.create(team, built["autoscaler"])
    seen = (await at_rest(kube, namespace, built["autoscaler"]))["metadata"]["resourceVersion"]
    await writer.apply(team, built["frozen-autoscaler"], seen)
    with pytest.raises(Conflict, match="changed since it was read"):
        await writer.apply(team, built["autoscaler"], seen)
    assert (await live(kube, namespace, built["autoscaler"]))["spec"]["minReplicas"] == 4


async def test_applying_what_went_is_a_conflict(writer: KubeWriter, team: TeamRef) -> None:
    with pytest.raises(Conflict, match="went since it was read"):
        await writer.apply(team, manifests(team)["ingress"], "12345")


def revision_of(team: TeamRef) -> tuple[Manifest, Manifest, Manifest]:
    """ConfigMap, Deployment and probe Job of the team's revision."""
    spec = AgentTeamSpec.parse(SPEC)
    document = revision_document(
        spec, name=team.name, namespace=team.namespace, default_image="localhost/agent:dev", builder_version="test"
    )
    return (
        configmap.build(team, document),
        deployment.build(team, document, replicas=2),
        checks.health(team, document, spec.rollout.health, addresses=["10.0.0.1"]),
    )


async def test_a_revision_is_made_and_scaled(
    kube: KubeClient, namespace: str, writer: KubeWriter, store: Store, team: TeamRef
) -> None:
    config, deployed, probe = revision_of(team)
    for manifest in (config, deployed, probe):
        await writer.create(team, manifest)
    name = deployed["metadata"]["name"]
    seen = await at_rest(kube, namespace, deployed)
    await writer.scale(team, name, 1, seen["metadata"]["resourceVersion"])
    entry = store.entry((namespace, team.name))
    assert entry is not None
    assert entry.children["Deployment", name]["spec"]["replicas"] == 1, "what was written is read back"
    with pytest.raises(Conflict):
        await writer.scale(team, name, 5, seen["metadata"]["resourceVersion"])
    assert (await live(kube, namespace, deployed))["spec"]["replicas"] == 1


async def test_the_pods_meet_the_restricted_standard(kube: KubeClient, namespace: str, team: TeamRef) -> None:
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await kube.request(
        "PATCH",
        f"/api/v1/namespaces/{namespace}",
        what="enforce the standard",
        body=enforce,
        content_type="application/merge-patch+json",
    )
    account = manifests(team)["service-account"]
    await kube.request("POST", resources.SERVICE_ACCOUNT.path(namespace), what="account", body=account)
    _, deployed, probe = revision_of(team)
    for kind, manifest in (("server", deployed), ("probe", probe)):
        template = manifest["spec"]["template"]
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": kind, "labels": template["metadata"]["labels"]},
            "spec": template["spec"],
        }
        made = await kube.request("POST", resources.POD.path(namespace), what=f"create a {kind} pod", body=body)
        assert "token" not in str(made["spec"]["volumes"]), "a pod of ours has no token of the API server"


async def test_a_config_map_of_a_revision_cannot_be_changed(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef
) -> None:
    config, _, _ = revision_of(team)
    await writer.create(team, config)
    with pytest.raises(Terminal, match="immutable"):
        await kube.request(
            "PATCH",
            resources.CONFIG_MAP.path(namespace, config["metadata"]["name"]),
            what="change it",
            body={"data": {"app.yaml": "other"}},
            content_type="application/merge-patch+json",
        )


async def test_deleting_only_what_was_meant(
    kube: KubeClient, namespace: str, writer: KubeWriter, store: Store, team: TeamRef
) -> None:
    _, deployed, _ = revision_of(team)
    await writer.create(team, deployed)
    name, uid = deployed["metadata"]["name"], (await live(kube, namespace, deployed))["metadata"]["uid"]
    with pytest.raises(Conflict):
        await writer.delete(team, resources.DEPLOYMENT, name, "uid-of-a-namesake")
    await writer.delete(team, resources.DEPLOYMENT, name, uid)
    entry = store.entry((namespace, team.name))
    assert entry is not None
    assert ("Deployment", name) not in entry.children
    await writer.delete(team, resources.DEPLOYMENT, name, uid)


async def test_status_is_replaced_only_on_the_version_that_was_read(
    kube: KubeClient, namespace: str, writer: KubeWriter, team: TeamRef
) -> None:
    rollout = RolloutStatus(phase=Phase.PREPARING, revision=REVISION, started_at=NOW, phase_started_at=NOW, message="x")
    first = AgentTeamStatus(observed_generation=1, phase=TeamPhase.PROGRESSING, rollout=rollout)
    await writer.write_status(team, first, team.resource_version)
    stored = await kube.get(resources.AGENT_TEAM, namespace, team.name)
    assert read_status(stored) == first
    with pytest.raises(Conflict):
        await writer.write_status(team, AgentTeamStatus(), team.resource_version)
    second = AgentTeamStatus(observed_generation=2, phase=TeamPhase.HEALTHY)
    await writer.write_status(team, second, stored["metadata"]["resourceVersion"])
    assert read_status(await kube.get(resources.AGENT_TEAM, namespace, team.name)) == second


async def test_an_event_is_told_once_even_by_another_process(
    kube: KubeClient, namespace: str, store: Store, team: TeamRef
) -> None:
    event = EmitEvent("uid/rev/Preparing", "Normal", "Preparing", "revision 0123456789: Valid", NOW)
    for _ in range(2):
        writer = KubeWriter(kube, store, lambda: True)
        await writer.create_event(team, event)
        await writer.create_event(team, event)
    found = await kube.list(resources.EVENT, namespace, fields=f"involvedObject.uid={team.uid}")
    (told,) = found["items"]
    assert (told["reason"], told["message"], told["count"]) == ("Preparing", "revision 0123456789: Valid", 1)


async def test_nothing_is_written_without_the_lease(kube: KubeClient, store: Store, team: TeamRef) -> None:
    writer = KubeWriter(kube, store, lambda: False)
    manifest = manifests(team)["service-account"]
    with pytest.raises(Retryable, match="holds the lease"):
        await writer.create(team, manifest)
    with pytest.raises(NotFound):
        await live(kube, team.namespace, manifest)


async def test_the_refusal_in_a_namespace_that_is_being_deleted_is_known(kube: KubeClient, namespace: str) -> None:
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    await kube.request("POST", resources.CONFIG_MAP.path(namespace), what="hold the namespace up", body=held)
    await kube.request(
        "DELETE", resources.Resource("Namespace", "v1", "namespaces").path(name=namespace), what="delete the namespace"
    )
    team = TeamRef(namespace, "chat", "uid-of-chat", 1, "1")
    writer = KubeWriter(kube, Store(lambda _: None), lambda: True)
    try:
        with pytest.raises(NamespaceEnding, match="because it is being terminated"):
            await writer.create(team, serviceaccount.build(team))
    finally:
        release = {"metadata": {"finalizers": None}}
        path = resources.CONFIG_MAP.path(namespace, "held")
        await kube.request("PATCH", path, what="let it go", body=release, content_type=MERGE_PATCH)
