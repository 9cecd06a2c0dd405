"""What Kubernetes does with the objects over time, as far as a rollout observes it.

Deployments make and take away pods, pods get ready or fail by the `Behaviour` of their version, Services get
EndpointSlices, Jobs a verdict, autoscalers set sizes, and what belonged to a deleted owner goes. Each reacts after a
short delay of its own, as its real counterpart does.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from functools import partial

from agentteam_operator.api.conversations import ENVIRONMENT_PREFIX
from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.api_server import ApiServer, matches
from tests.simulation.behaviour import GOOD, Behaviour
from tests.simulation.past import Change, JsonObject, Key
from tests.simulation.pods import conditions, is_ready
from tests.simulation.timeline import Timeline, stamp

REACTION_SECONDS = 0.05
SCALER_SECONDS = 1.0
PULL_FAILS_SECONDS = 1.0
JOB_SECONDS = 3.0
MOUNT_AGAIN_SECONDS = 2.0
JOB_KEPT_SECONDS = 600.0
TERMINATION_SECONDS = 1.0
GRACE_SECONDS = 330.0


class Controllers:
    """All of Kubernetes' controllers, and the kubelet, for one namespace."""

    def __init__(self, timeline: Timeline, server: ApiServer, behaviours: Mapping[str, Behaviour]) -> None:
        self.timeline = timeline
        self.server = server
        self.behaviours = behaviours
        self.load_pods: int | None = None
        """Pods that an autoscaler finds the present load to need on a revision that serves."""
        self.collects_after_seconds = REACTION_SECONDS
        """How long what a deleted object owned is left standing."""
        self.is_full = False
        """No node takes another pod."""
        self.disturbed_jobs: set[str] = set()
        """Jobs that lose a pod they ask, and so find a fault, by name."""
        self._queued: set[Key] = set()
        self._pods_made = 0
        self._queue_of = {
            "Deployment": self._scale_pods,
            "Job": self._run_job,
            "HorizontalPodAutoscaler": self._autoscale,
            "Service": self._publish_endpoints,
        }
        server.observers.append(self.notice)

    def notice(self, change: Change) -> None:
        """Queue whatever a change concerns."""
        kind, _ = change.key
        if kind in self._queue_of and change.after is not None:
            self._queue(change.key, SCALER_SECONDS if kind == "HorizontalPodAutoscaler" else REACTION_SECONDS)
        if kind == "Pod":
            self._pod_changed(change)
        if kind == "Deployment":
            self._queue_all(resources.HORIZONTAL_POD_AUTOSCALER.kind, SCALER_SECONDS)
        if change.after is None:
            self._collect_soon(change)

    def set_load(self, pods: int) -> None:
        """Change what the autoscalers find."""
        self.load_pods = pods
        self._queue_all("HorizontalPodAutoscaler", SCALER_SECONDS)

    def _queue_all(self, kind: str, seconds: float) -> None:
        for key in self.server.objects:
            if key[0] == kind:
                self._queue(key, seconds)

    def _queue(self, key: Key, seconds: float) -> None:
        if key not in self._queued:
            self._queued.add(key)
            self.timeline.after(seconds, partial(self._reconcile, key))

    def _reconcile(self, key: Key) -> None:
        self._queued.discard(key)
        item = self.server.objects.get(key)
        if item is not None:
            self._queue_of[key[0]](item)

    # --- garbage ---

    def _collect_soon(self, change: Change) -> None:
        uid = (change.before or {})["metadata"]["uid"]
        self.timeline.after(self.collects_after_seconds, partial(self._collect, uid))

    def _collect(self, uid: str) -> None:
        """Delete what the gone object controlled; pods go the way of all pods."""
        for (kind, name), item in list(self.server.objects.items()):
            if any(owner["uid"] in {uid, f"rs-{uid}"} for owner in item["metadata"].get("ownerReferences") or []):
                if kind == "Pod":
                    self.terminate(item)
                else:
                    self.server.remove(resources.BY_KIND[kind], name)

    # --- Deployments and pods ---

    def _scale_pods(self, deployment: JsonObject) -> None:
        pods = [pod for pod in self.pods_of(deployment) if "deletionTimestamp" not in pod["metadata"]]
        excess = len(pods) - deployment["spec"]["replicas"]
        for pod in sorted(pods, key=_takes_leave_first)[: max(excess, 0)]:
            self.terminate(pod)
        for _ in range(-excess):
            self._start_pod(deployment)

    def pods_of(self, deployment: JsonObject) -> list[JsonObject]:
        """All pods that a Deployment made, the terminating ones too."""
        owner = f"rs-{deployment['metadata']['uid']}"
        return [
            pod
            for pod in self.server.of_kind(resources.POD)
            if (pod["metadata"].get("ownerReferences") or [{}])[0].get("uid") == owner
        ]

    def _start_pod(self, deployment: JsonObject) -> None:
        self._pods_made += 1
        name = deployment["metadata"]["name"]
        template = deployment["spec"]["template"]
        pod = self._make_pod(
            f"{name}-{self._pods_made:05d}",
            template["metadata"]["labels"],
            {"kind": "ReplicaSet", "name": f"{name}-rs", "uid": f"rs-{deployment['metadata']['uid']}"},
        )
        behaviour, pod_name = self.behaviour_of(pod), pod["metadata"]["name"]
        if not behaviour.image_found:
            self.timeline.after(PULL_FAILS_SECONDS, partial(self.wait, pod_name, "ImagePullBackOff"))
        elif behaviour.crashes_at_start:
            self.timeline.after(1.0, partial(self._crash, pod_name))
        elif behaviour.ready_after_seconds is not None and not self.is_full:
            self.timeline.after(behaviour.ready_after_seconds, partial(self._get_ready, pod_name))

    def run_stray_pod(self, name: str, labels: Mapping[str, str]) -> None:
        """A pod that no Deployment made."""
        self._make_pod(name, labels, {"kind": "ReplicaSet", "name": "strays-rs", "uid": "rs-strays"})
        self._get_ready(name)

    def _make_pod(self, name: str, labels: Mapping[str, str], owner: JsonObject) -> JsonObject:
        manifest = {
            "metadata": {"name": name, "labels": dict(labels), "ownerReferences": [{**owner, "controller": True}]},
            "status": {
                "phase": "Pending",
                "podIP": f"10.244.0.{self._pods_made % 250 + 1}",
                "startTime": stamp(self.timeline.now),
                "conditions": conditions({}, self.timeline.now, ready=False),
                "containerStatuses": [{"name": names.CONTAINER, "restartCount": 0, "state": {}}],
            },
        }
        return self.server.create(resources.POD, manifest)

    def behaviour_of(self, item: JsonObject) -> Behaviour:
        """By the version label."""
        return self.behaviours.get((item["metadata"].get("labels") or {}).get(names.LABEL_VERSION, ""), GOOD)

    def _set_pod(self, name: str, *, ready: bool = False, **changes: object) -> None:
        pod = self.server.objects.get(("Pod", name))
        if pod is not None:
            status = {
                **pod["status"],
                **changes,
                "conditions": conditions(pod["status"], self.timeline.now, ready=ready),
            }
            self.server.replace(resources.POD, {**pod, "status": status})

    def _get_ready(self, name: str) -> None:
        pod = self.server.objects.get(("Pod", name))
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return
        if self._can_mount(pod):
            running = [{"name": names.CONTAINER, "restartCount": 0, "state": {"running": {}}}]
            self._set_pod(name, ready=True, phase="Running", containerStatuses=running)
        else:
            self.timeline.after(MOUNT_AGAIN_SECONDS, partial(self._get_ready, name))

    def _can_mount(self, pod: JsonObject) -> bool:
        """Its revision's configuration is there; without it no container is started."""
        labels = pod["metadata"]["labels"]
        if names.LABEL_REVISION not in labels:
            return True
        configuration = names.revision_object(labels[names.LABEL_TEAM], labels[names.LABEL_REVISION])
        return ("ConfigMap", configuration) in self.server.objects

    def wait(self, name: str, reason: str) -> None:
        """A pod's container isn't started any more."""
        state = {"waiting": {"reason": reason, "message": f"it waits: {reason}"}}
        self._set_pod(name, containerStatuses=[{"name": names.CONTAINER, "restartCount": 0, "state": state}])

    def _crash(self, name: str) -> None:
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
        ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "it crashed"}}
        container = {"name": names.CONTAINER, "restartCount": 1, "state": waiting, "lastState": ended}
        self._set_pod(name, ready=False, containerStatuses=[container])

    def terminate(self, pod: JsonObject) -> None:
        """Somebody deletes a pod."""
        if "deletionTimestamp" in pod["metadata"]:
            return
        metadata = {**pod["metadata"], "deletionTimestamp": stamp(self.timeline.now)}
        status = {**pod["status"], "conditions": conditions(pod["status"], self.timeline.now, ready=False)}
        self.server.replace(resources.POD, {**pod, "metadata": metadata, "status": status})
        seconds = GRACE_SECONDS if self.behaviour_of(pod).hangs_in_termination else TERMINATION_SECONDS
        self.timeline.after(seconds, partial(self.server.remove, resources.POD, pod["metadata"]["name"]))

    def _pod_changed(self, change: Change) -> None:
        item = change.after or change.before or {}
        owner = item["metadata"]["ownerReferences"][0]
        if owner["kind"] == "ReplicaSet":
            self._queue(("Deployment", owner["name"].removesuffix("-rs")), REACTION_SECONDS)
            self._queue_all("Service", REACTION_SECONDS)

    # --- Services ---

    def _publish_endpoints(self, service: JsonObject) -> None:
        name, selector = service["metadata"]["name"], service["spec"].get("selector") or {}
        pods = [pod for pod in self.server.of_kind(resources.POD) if selector and matches(selector, pod)]
        endpoints = [
            {
                "conditions": {"ready": is_ready(pod), "terminating": "deletionTimestamp" in pod["metadata"]},
                "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]},
            }
            for pod in pods
        ]
        labels = {**service["metadata"]["labels"], "kubernetes.io/service-name": name}
        held = self.server.objects.get(("EndpointSlice", name))
        if held is not None:
            self.server.replace(resources.ENDPOINT_SLICE, {**held, "endpoints": endpoints})
        else:
            owner = {"kind": "Service", "name": name, "uid": service["metadata"]["uid"], "controller": True}
            metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
            self.server.create(resources.ENDPOINT_SLICE, {"metadata": metadata, "endpoints": endpoints})
        self._crash_those_alone(name, selector, pods)

    def _crash_those_alone(self, service: str, selector: Mapping[str, str], pods: list[JsonObject]) -> None:
        """Some versions fail only when they carry all the traffic."""
        if names.LABEL_REVISION not in selector or service.endswith("-preview"):
            return
        for pod in pods:
            seconds = self.behaviour_of(pod).crashes_alone_after_seconds
            if seconds is not None:
                self.timeline.after(seconds, partial(self._crash, pod["metadata"]["name"]))

    # --- Jobs ---

    def _run_job(self, job: JsonObject) -> None:
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        if job.get("status") or ("Pod", _pod_of_job(job)) in self.server.objects:
            return
        owner = {"kind": "Job", "name": name, "uid": uid}
        self._pods_made += 1
        self._make_pod(_pod_of_job(job), job["spec"]["template"]["metadata"]["labels"], owner)
        self.timeline.after(JOB_SECONDS, partial(self._finish_job, uid, name))

    def _finish_job(self, uid: str, name: str) -> None:
        job = self.server.objects.get(("Job", name))
        if job is None or job["metadata"]["uid"] != uid:
            return
        check, behaviour = job["metadata"]["annotations"][names.ANNOTATION_CHECK], self.behaviour_of(job)
        if check.startswith(names.hook_check("")) and not behaviour.hooks_end:
            return
        if check == names.CHECK_ROUND and not behaviour.rounds_end:
            return
        good, verdict = self._verdict(job)
        ended = {"terminated": {"exitCode": 0 if good else 1, "message": json.dumps(verdict)}}
        container = {"name": "probe", "restartCount": 0, "state": ended}
        self._set_pod(_pod_of_job(job), phase="Succeeded" if good else "Failed", containerStatuses=[container])
        condition = {"type": "Complete" if good else "Failed", "status": "True"}
        self.server.replace(resources.JOB, {**job, "status": {"conditions": [condition]}})
        self.timeline.after(JOB_KEPT_SECONDS, partial(self._forget_job, uid, name))

    def _verdict(self, job: JsonObject) -> tuple[bool, JsonObject]:
        """What a check finds, and its last words."""
        behaviour, check = self.behaviour_of(job), job["metadata"]["annotations"][names.ANNOTATION_CHECK]
        service = self.server.objects.get(
            ("Service", names.active_service(job["metadata"]["labels"][names.LABEL_TEAM]))
        )
        selected = (service["spec"].get("selector") or {}).get(names.LABEL_REVISION) if service else None
        alone = selected == job["metadata"]["labels"][names.LABEL_REVISION]
        good = {names.CHECK_HEALTH: behaviour.healthy, names.CHECK_CONVERSATIONS: behaviour.converses}
        passed = good.get(check, behaviour.passes_hooks) and not (alone and behaviour.spoilt_by_traffic)
        passed = passed and job["metadata"]["name"] not in self.disturbed_jobs
        if check == names.CHECK_ROUND:
            return _round_verdict(job, behaviour)
        if check == names.CHECK_CONVERSATIONS and behaviour.shares_faults:
            return False, {"verdict": "Inconclusive", "reason": "SharedFault", "message": "both revisions fail"}
        cost = {} if behaviour.conversations_cost is None else {"cost": behaviour.conversations_cost}
        return passed, {"message": f"{check} passed" if passed else f"{check}: 401 Unauthorized", **cost}

    def _forget_job(self, uid: str, name: str) -> None:
        job = self.server.objects.get(("Job", name))
        if job is not None and job["metadata"]["uid"] == uid:
            self.server.remove(resources.JOB, name)

    # --- autoscalers ---

    def _autoscale(self, scaler: JsonObject) -> None:
        """Serving revisions by the load, others down to the least; never down while that is switched off."""
        spec = scaler["spec"]
        deployment = self.server.objects.get(("Deployment", spec["scaleTargetRef"]["name"]))
        if deployment is None or self.load_pods is None or not deployment["spec"]["replicas"]:
            return
        size = deployment["spec"]["replicas"]
        wanted = self.load_pods if self._gets_traffic(deployment) else 0
        if spec["behavior"]["scaleDown"]["selectPolicy"] == "Disabled":
            wanted = max(wanted, size)
        wanted = min(max(wanted, spec["minReplicas"]), spec["maxReplicas"])
        if wanted != size:
            self.server.set_replicas(deployment, wanted)

    def _gets_traffic(self, deployment: JsonObject) -> bool:
        team = deployment["metadata"]["labels"][names.LABEL_TEAM]
        service = self.server.objects.get(("Service", names.active_service(team)))
        selector = service["spec"].get("selector") if service else None
        return bool(selector) and any(matches(selector or {}, pod) for pod in self.pods_of(deployment))


def _round_verdict(job: JsonObject, behaviour: Behaviour) -> tuple[bool, JsonObject]:
    """What a round of the watch tells: the samples go to the targets in turn."""
    if not behaviour.rounds_speak:
        return False, {}
    container = job["spec"]["template"]["spec"]["containers"][0]
    arguments: list[str] = container["args"]
    targets = [value for option, value in itertools.pairwise(arguments) if option == "--target"]
    variables = [entry["value"] for entry in container["env"] if entry["name"].startswith(ENVIRONMENT_PREFIX)]
    samples = sum(json.loads(value)["samples"] for value in variables)
    pairs = [
        {
            "target": target,
            "pairs": had,
            "failed": round(had * behaviour.sample_failures),
            "controlFailed": round(had * behaviour.sample_failures) if behaviour.both_fail_samples else 0,
        }
        for index, target in enumerate(targets)
        if (had := len(range(index, samples, len(targets))))
    ]
    cost = {} if behaviour.conversations_cost is None else {"cost": behaviour.conversations_cost}
    return True, {"reason": "RoundHad", "message": "a round was had", "pairs": pairs, **cost}


def _pod_of_job(job: JsonObject) -> str:
    """A Job that is made again under its name gets a pod of another."""
    return f"{job['metadata']['name']}-{job['metadata']['uid']}"


def _takes_leave_first(pod: JsonObject) -> tuple[bool, str]:
    """Unready pods first, then the youngest: as a ReplicaSet chooses."""
    return is_ready(pod), "".join(chr(0x10FFFF - ord(character)) for character in pod["metadata"]["name"])
