from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from agentteam_operator.core import names
from agentteam_operator.core.observed import JobObserved, Observed
from agentteam_operator.kube import resources
from agentteam_operator.kube.resources import Resource
from agentteam_operator.observe.assemble import UnknownStatus, assemble
from agentteam_operator.observe.trim import trim

from tests.unit.runtime import objects
from tests.unit.runtime.objects import JsonObject

Item = tuple[Resource, JsonObject]


def observed(*items: Item, status: JsonObject | None = None, **arguments: Any) -> Observed:  # noqa: ANN401
    trimmed = [trim(resource, item) for resource, item in items]
    held = {(item["kind"], item["metadata"]["name"]): item for item in trimmed}
    return assemble(trim(resources.AGENT_TEAM, objects.team(status=status)), held, **arguments)


def deployed(*pods: JsonObject, **deployment: Any) -> list[Item]:  # noqa: ANN401
    return [
        (resources.DEPLOYMENT, objects.deployment(**deployment)),
        (resources.CONFIG_MAP, objects.config_map()),
        *((resources.POD, pod) for pod in pods),
    ]


def test_a_new_team() -> None:
    found = observed()
    assert found.spec is not None
    assert found.problems == ()
    assert len(found.target) == 10
    assert found.status.observed_generation == -1
    assert found.revisions == {}
    assert found.active_service is None


def test_a_revision_with_its_pods() -> None:
    found = observed(*deployed(objects.pod("a"), objects.pod("b", ready=False), replicas=2))
    revision = found.revisions[objects.REVISION]
    assert (revision.replicas, revision.image, revision.version) == (2, "agent:1", "1.0")
    assert [pod.name for pod in revision.pods] == ["a", "b"]
    assert [pod.name for pod in revision.ready_pods] == ["a"]
    assert revision.config_uid
    assert found.stray_pods == frozenset()


def test_a_revision_of_which_only_the_config_is_left() -> None:
    revision = observed((resources.CONFIG_MAP, objects.config_map())).revisions[objects.REVISION]
    assert revision.deployment_uid == ""
    assert revision.config_uid


@pytest.mark.parametrize(
    ("change", "stray"),
    [
        pytest.param({}, True, id="nobodys"),
        pytest.param({"deletionTimestamp": objects.CREATED}, False, id="on-its-way-out"),
    ],
)
def test_pods_that_no_deployment_made(change: Mapping[str, str], *, stray: bool) -> None:
    pod = objects.pod("lost")
    pod["metadata"]["ownerReferences"] = []
    pod["metadata"] |= change
    found = observed(*deployed(), (resources.POD, pod))
    assert found.stray_pods == (frozenset({"lost"}) if stray else frozenset())


def test_pods_of_a_deleted_deployment_are_stray() -> None:
    assert observed((resources.POD, objects.pod("late"))).stray_pods == {"late"}


def test_pods_of_jobs_and_pods_that_ended_serve_nobody() -> None:
    probe = objects.pod("probe")
    probe["metadata"]["labels"][names.LABEL_ROLE] = names.ROLE_PROBE
    evicted = objects.pod("evicted")
    evicted["status"]["phase"] = "Failed"
    found = observed(*deployed(probe, evicted))
    assert found.revisions[objects.REVISION].pods == ()
    assert found.stray_pods == frozenset()


def test_an_object_of_another_owner_is_foreign() -> None:
    foreign = objects.service()
    foreign["metadata"]["ownerReferences"] = [{**objects.owner("uid-of-another-team"), "name": "other"}]
    team = trim(resources.AGENT_TEAM, objects.team(ingress={"host": "chat.example"}))
    found = assemble(team, {("Service", "chat"): foreign}, foreign=frozenset({("Ingress", "chat")}))
    assert found.foreign == {("Service", "chat"), ("Ingress", "chat")}
    assert found.active_service is None
    assert found.children == {}


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"ownerReferences": [objects.owner("uid-of-an-earlier-chat")]}, id="an-earlier-teams"),
        pytest.param({"ownerReferences": [], "deletionTimestamp": objects.CREATED}, id="anybodys-on-its-way-out"),
    ],
)
def test_what_is_about_to_go_is_not_foreign(metadata: dict[str, object]) -> None:
    service = objects.service()
    service["metadata"] |= metadata
    found = assemble(trim(resources.AGENT_TEAM, objects.team()), {("Service", "chat"): service})
    assert found.former == {("Service", "chat")}
    assert found.foreign == frozenset()
    assert found.active_service is None


def test_pods_of_a_deployment_that_is_gone_are_in_the_way_of_one_of_its_name() -> None:
    revision = observed().target
    pod = objects.pod("left", revision)
    found = observed((resources.POD, pod))
    assert found.former == {("Pod", "left")}
    leaving = {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": objects.CREATED}}
    assert observed((resources.POD, leaving)).former == frozenset()
    assert observed((resources.POD, pod), (resources.DEPLOYMENT, objects.deployment(revision))).former == frozenset()


@pytest.mark.parametrize(
    ("kind", "name", "is_foreign"),
    [
        pytest.param("Service", "chat-preview", True, id="a-service-of-ours"),
        pytest.param("Deployment", "chat-{target}", True, id="the-candidates-deployment"),
        pytest.param("PodDisruptionBudget", f"chat-{objects.REVISION}", True, id="the-active-ones-budget"),
        pytest.param("Job", "chat-{target}-health-1", True, id="the-probe-to-come"),
        pytest.param("Service", "chat-metrics", False, id="a-service-beside-ours"),
        pytest.param("Deployment", "chat-ffffffffff", False, id="a-revision-that-nobody-asks-for"),
        pytest.param("ConfigMap", "chat-dashboards", False, id="a-config-map-beside-ours"),
        pytest.param("Ingress", "chat", False, id="an-ingress-that-the-spec-does-not-ask-for"),
        pytest.param("HorizontalPodAutoscaler", f"chat-{objects.REVISION}", False, id="no-autoscaling"),
    ],
)
def test_only_a_name_that_we_would_use_can_be_taken(kind: str, name: str, *, is_foreign: bool) -> None:
    status = {"activeRevision": objects.REVISION}
    name = name.format(target=observed().target)
    item = {"metadata": {**objects.metadata(name), "ownerReferences": []}}
    found = assemble(trim(resources.AGENT_TEAM, objects.team(status=status)), {(kind, name): item})
    assert found.foreign == (frozenset({(kind, name)}) if is_foreign else frozenset())


def test_a_name_that_was_taken_no_longer_counts_once_the_spec_lets_go_of_it() -> None:
    found = observed(foreign=frozenset({("Ingress", "chat")}))
    assert found.foreign == frozenset()


@pytest.mark.parametrize(
    ("conditions", "serves"),
    [
        pytest.param({}, True, id="ready"),
        pytest.param({"ready": False}, False, id="not-ready"),
        pytest.param({"terminating": True}, False, id="terminating"),
        pytest.param({"serving": True, "ready": False, "terminating": True}, False, id="draining"),
    ],
)
def test_endpoints_are_those_that_get_new_traffic(conditions: dict[str, bool], *, serves: bool) -> None:
    found = observed(
        (resources.SERVICE, objects.service()),
        (resources.SERVICE, objects.service("chat-preview")),
        (resources.ENDPOINT_SLICE, objects.endpoint_slice("chat", objects.endpoint("a", **conditions))),
        (resources.ENDPOINT_SLICE, objects.endpoint_slice("chat-preview", objects.endpoint("b"))),
    )
    assert found.active_service is not None
    assert found.active_service.endpoints == (frozenset({"a"}) if serves else frozenset())


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        pytest.param(
            {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
            "ImagePullBackOff",
            "no such image",
            id="image",
        ),
        pytest.param(
            {"terminated": {"exitCode": 3, "reason": "Error", "message": "ValueError: no\n"}},
            "",
            "ended with exit code 3 (Error): ValueError: no",
            id="crashed",
        ),
        pytest.param(
            {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            "",
            "ended with exit code 137 (OOMKilled)",
            id="memory",
        ),
    ],
)
def test_why_a_pod_is_not_ready(state: JsonObject, reason: str, message: str) -> None:
    (pod,) = observed(*deployed(objects.pod("a", ready=False, state=state))).revisions[objects.REVISION].pods
    assert (pod.waiting_reason, pod.message) == (reason, message)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        pytest.param(
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: pods"},
            "FailedCreate: exceeded quota: pods",
            id="quota",
        ),
        pytest.param({"type": "ReplicaFailure", "status": "False", "message": "it was so"}, "", id="over"),
        pytest.param({"type": "Progressing", "status": "True", "message": "on its way"}, "", id="other"),
    ],
)
def test_why_no_pod_is_made(condition: JsonObject, message: str) -> None:
    deployment = {**objects.deployment(), "status": {"conditions": [condition]}}
    assert observed((resources.DEPLOYMENT, deployment)).revisions[objects.REVISION].message == message


def test_a_crash_loop_is_told_by_its_last_words() -> None:
    pod = objects.pod("a", ready=False, state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}})
    pod["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 1, "message": "boom"}}
    (seen,) = observed(*deployed(pod)).revisions[objects.REVISION].pods
    assert (seen.waiting_reason, seen.message) == ("CrashLoopBackOff", "ended with exit code 1 (Error): boom")
    assert seen.exit_code == 1


def test_a_pod_without_a_node_says_why() -> None:
    pod = objects.pod("a", ready=False)
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}],
    }
    (seen,) = observed(*deployed(pod)).revisions[objects.REVISION].pods
    assert seen.message == "0/1 nodes are available"


def test_the_agents_container_speaks_not_a_sidecar() -> None:
    pod = objects.pod("a", ready=False, state={"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}})
    sidecar = {"name": "mesh", "restartCount": 7, "state": {"waiting": {"reason": "PodInitializing"}}}
    pod["status"]["containerStatuses"].insert(0, sidecar)
    (seen,) = observed(*deployed(pod)).revisions[objects.REVISION].pods
    assert (seen.waiting_reason, seen.message, seen.restarts) == ("ImagePullBackOff", "no such image", 0)


def test_last_words_are_told_without_secrets() -> None:
    words = f"{'x' * 600}\nopenai.AuthenticationError: Incorrect API key provided: sk-proj-0123456789"
    pod = objects.pod("a", ready=False, state={"terminated": {"exitCode": 1, "message": words}})
    (seen,) = observed(*deployed(pod)).revisions[objects.REVISION].pods
    assert seen.message.endswith("Incorrect API key provided: [redacted]")
    assert len(seen.message) == 512


def test_a_secret_that_is_cut_in_two_is_no_less_one() -> None:
    words = f"token={'a' * 600}"
    pod = objects.pod("a", ready=False, state={"terminated": {"exitCode": 1, "message": words}})
    (seen,) = observed(*deployed(pod)).revisions[objects.REVISION].pods
    assert seen.message == "ended with exit code 1 (Error): token=[redacted]"


def test_events_speak_for_a_pod_that_says_nothing() -> None:
    words = {"a": 'FailedMount: secret "llm" not found'}
    (seen,) = observed(*deployed(objects.pod("a", ready=False)), pod_words=words).revisions[objects.REVISION].pods
    assert seen.message == 'FailedMount: secret "llm" not found'


def owned_by(job: str) -> JsonObject:
    return {"kind": "Job", "name": job, "uid": f"uid-of-{job}", "controller": True}


def probing(conditions: list[JsonObject], words: str = "") -> Observed:
    job = names.check_job(objects.TEAM, objects.REVISION, names.CHECK_HEALTH)
    pod = objects.pod("p", ready=False, state={"terminated": {"exitCode": 0, "message": words}})
    pod["metadata"]["labels"][names.LABEL_ROLE] = names.ROLE_PROBE
    pod["metadata"]["ownerReferences"] = [owned_by(job)]
    pod["status"] |= {"phase": "Succeeded"}
    pod["status"]["containerStatuses"][0]["name"] = names.PROBE_CONTAINER
    pod["status"]["containerStatuses"].insert(0, {"name": "mesh", "state": {"running": {}}})
    rollout = {
        "phase": "HealthChecking",
        "revision": objects.REVISION,
        "startedAt": objects.CREATED,
        "phaseStartedAt": objects.CREATED,
    }
    return observed(
        (resources.JOB, {"metadata": objects.metadata(job), "status": {"conditions": conditions}}),
        (resources.POD, pod),
        status={"rollout": rollout},
    )


@pytest.mark.parametrize(
    ("conditions", "words", "expected"),
    [
        pytest.param([], "", (False, False, ""), id="running"),
        pytest.param(
            [{"type": "SuccessCriteriaMet", "status": "True"}], "", (False, False, ""), id="about-to-complete"
        ),
        pytest.param(
            [{"type": "Complete", "status": "True"}],
            '{"message": "all healthy"}',
            (True, True, "all healthy"),
            id="passed",
        ),
        pytest.param(
            [{"type": "Failed", "status": "True"}],
            '{"message": "main: refused"}',
            (True, False, "main: refused"),
            id="failed",
        ),
        pytest.param(
            [{"type": "Failed", "status": "True"}], "Traceback: boom\n", (True, False, "Traceback: boom"), id="crashed"
        ),
        pytest.param(
            [{"type": "Failed", "status": "True"}],
            '{"message": "main: HTTP 401, key sk-proj-0123456789", "passed": false}',
            (True, False, "main: HTTP 401, key [redacted]"),
            id="with-a-key",
        ),
        pytest.param(
            [{"type": "Failed", "status": "True"}],
            "token=abc\n",
            (True, False, "token=[redacted]"),
            id="crashed-with-a-key",
        ),
        pytest.param(
            [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}],
            "",
            (True, False, "DeadlineExceeded: too long"),
            id="no-word",
        ),
    ],
)
def test_the_probes_verdict(conditions: list[JsonObject], words: str, expected: tuple[bool, bool, str]) -> None:
    (probe,) = probing(conditions, words).jobs.values()
    assert (probe.finished, probe.succeeded, probe.message) == expected


def test_a_check_whose_pod_does_not_start_says_why() -> None:
    job = names.check_job(objects.TEAM, objects.REVISION, names.hook_check("smoke"))
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod = objects.pod("p", ready=False, state=waiting)
    pod["metadata"]["ownerReferences"] = [owned_by(job)]
    pod["status"] |= {"phase": "Pending"}
    pod["status"]["containerStatuses"][0]["name"] = names.PROBE_CONTAINER
    found = observed((resources.JOB, {"metadata": objects.metadata(job), "status": {}}), (resources.POD, pod)).jobs[job]
    assert (found.finished, found.waiting_reason, found.message) == (
        False,
        "ImagePullBackOff",
        "ImagePullBackOff: no such image",
    )


SMOKE = names.check_job(objects.TEAM, objects.REVISION, names.hook_check("smoke"))
OVER = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "tried once"}]}
EVICTED: JsonObject = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
DRAINED: JsonObject = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}


def spoke(words: str, phase: str = "Failed", **status: Any) -> JsonObject:  # noqa: ANN401
    """The status of a pod that ended with these words."""
    ended = {"terminated": {"exitCode": 1, "message": words}}
    return {"phase": phase, "containerStatuses": [{"name": names.PROBE_CONTAINER, "state": ended}], **status}


def of_job(pods: Mapping[str, JsonObject], status: JsonObject = OVER, **fields: Any) -> JobObserved:  # noqa: ANN401
    """The Job of a hook with these pods, in the order in which they were made. "other" is of a namesake of it."""
    job = {"metadata": objects.metadata(SMOKE, **fields), "status": status}
    items = []
    for minute, (name, seen) in enumerate(pods.items()):
        metadata = objects.metadata(name, creationTimestamp=f"2026-01-01T00:{minute:02}:00Z")
        owner = owned_by(SMOKE) | ({"uid": "an-earlier-one"} if name == "other" else {})
        items.append((resources.POD, {"metadata": {**metadata, "ownerReferences": [owner]}, "status": seen}))
    return observed((resources.JOB, job), *items).jobs[SMOKE]


@pytest.mark.parametrize(
    ("pods", "message"),
    [
        pytest.param({"a": EVICTED, "z": spoke("both fail")}, "both fail", id="the-evicted-ones-replacement"),
        pytest.param({"z": EVICTED, "a": spoke("both fail")}, "both fail", id="whatever-their-names"),
        pytest.param({"a": spoke("first"), "b": EVICTED}, "first", id="who-left-a-word"),
        pytest.param({"a": spoke("first"), "b": spoke("second")}, "second", id="the-newest"),
        pytest.param({"a": spoke("cut off", **DRAINED)}, "BackoffLimitExceeded: tried once", id="not-a-drained-one"),
        pytest.param({"a": spoke("well", "Succeeded", **DRAINED)}, "well", id="but-one-that-passed-all-the-same"),
        pytest.param({"other": spoke("long ago")}, "BackoffLimitExceeded: tried once", id="not-a-namesakes"),
    ],
)
def test_who_speaks_for_a_job(pods: Mapping[str, JsonObject], message: str) -> None:
    assert of_job(pods).message == message


def test_a_drained_pods_replacement_says_what_it_waits_for() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pending = {"phase": "Pending", "containerStatuses": [{"name": names.PROBE_CONTAINER, "state": waiting}]}
    found = of_job({"b": spoke("cut off", **DRAINED), "a": pending}, {})
    assert (found.finished, found.waiting_reason) == (False, "ImagePullBackOff")


def test_a_hooks_verdict_is_how_it_ends() -> None:
    pods = {"a": spoke('{"verdict": "Inconclusive", "reason": "Superseded", "message": "no"}')}
    hook = of_job(pods, annotations={names.ANNOTATION_CHECK: names.hook_check("smoke")})
    assert (hook.inconclusive, hook.reason, hook.message) == (False, "", "no")
    own = of_job(pods, annotations={names.ANNOTATION_CHECK: names.CHECK_CONVERSATIONS})
    assert (own.inconclusive, own.reason) == (True, "Superseded")


def test_a_spec_that_cannot_be_read_is_told_field_by_field() -> None:
    team = objects.team(replicas="three", nonsense=1)
    found = assemble(trim(resources.AGENT_TEAM, team), {})
    assert found.unread == {"replicas"}
    assert {problem.path for problem in found.problems} == {"spec.replicas", "spec.nonsense"}


def test_a_spec_that_contradicts_itself_is_read_and_told() -> None:
    found = assemble(trim(resources.AGENT_TEAM, objects.team(replicas=2, autoscaling={"maxReplicas": 3})), {})
    assert found.problems
    assert not found.unread


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"rollout": {"phase": "Testing", "revision": "x"}}, id="phase-of-a-newer-operator"),
        pytest.param({"revisions": "none"}, id="edited-by-hand"),
    ],
)
def test_a_status_that_cannot_be_read_is_held(status: JsonObject) -> None:
    with pytest.raises(UnknownStatus, match=r"status\.r.* which this operator doesn't know"):
        observed(status=status)
