"""`decide` answers whatever is observed: without raising, always the same, and never with a dangerous action."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from agentteam_operator.api.incident_status import DeliveryState, DeliveryStatus, NoticeKind, NoticeStatus
from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.rollout import TrafficMode
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Outcome, Phase, RevisionStatus, RolloutStatus
from agentteam_operator.core import names
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import ApplyObject, CreateObject, DeleteObject, ScaleDeployment
from agentteam_operator.core.guard import GuardFinding, Health
from agentteam_operator.core.observed import (
    Environment,
    JobObserved,
    Observed,
    PodCounters,
    PodObserved,
    QueryReading,
    Refusal,
    RevisionObserved,
    ServiceObserved,
    Snapshot,
    TeamRef,
)
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.telling import Delivery, NotifierFacts
from agentteam_operator.core.view import IN_PROGRESS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.storing import can_be_stored
from tests.unit.core.situations import BLUE, GREEN, NOW, OTHER, SPEC, TEAM, TESTED

HASHES = st.sampled_from([BLUE, GREEN, OTHER])
MAYBE_HASH = st.sampled_from(["", BLUE, GREEN, OTHER])
MOMENTS = st.integers(-2000, 2000).map(lambda seconds: NOW + timedelta(seconds=seconds))
REASONS = st.sampled_from(["", "Superseded", "Aborted", "InvalidSpec", "NameConflict", "HealthCheckFailed", "Because"])
WAITING = st.sampled_from(["", "ContainerCreating", "ImagePullBackOff", "CrashLoopBackOff"])
HALF_A_PAIR = "caf\ud83d"
"""What JSON may hold ("caf\\ud83d"), and UTF-8 can't."""
WORDS = (
    st.sampled_from(["", HALF_A_PAIR, "x" * 5000, "é" * 1200, "nul \x00 in it", "Superseded", "Aborted"])
    | st.text(st.characters(), max_size=8)
    | st.text(st.characters(categories=["Cs"]), max_size=3)
)
"""What others may have written, in any length; half surrogate pairs, too."""
NUMBERS = st.sampled_from([0, 1, 2**31, 2**53, 2**63, 10**30]) | st.integers(0, 10**40)
KINDS = ("Service", "Job", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceAccount", "Ingress", "PodMonitor")
CHECKS = ("health", "conversations", "hook/smoke")
JOBS = [names.check_job(TEAM, revision, check) for revision in (BLUE, GREEN) for check in CHECKS]
OBJECT_NAMES = (
    names.active_service(TEAM),
    names.preview_service(TEAM),
    *(names.revision_object(TEAM, revision) for revision in (BLUE, GREEN, OTHER)),
    *JOBS,
)
KEYS = st.tuples(st.sampled_from(KINDS), st.sampled_from(OBJECT_NAMES))


@st.composite
def pods(draw: st.DrawFn, revision: str) -> tuple[PodObserved, ...]:
    return tuple(
        PodObserved(
            name=f"{TEAM}-{revision}-{index}",
            ip=draw(st.sampled_from(["", f"10.0.0.{index}"])),
            ready=draw(st.booleans()),
            terminating=draw(st.booleans()),
            created_at=draw(MOMENTS),
            restarts=draw(st.integers(0, 4)),
            exit_code=draw(st.sampled_from([None, 0, 1, 78])),
            waiting_reason=draw(WAITING | WORDS),
            message=draw(WORDS),
        )
        for index in range(draw(st.integers(0, 4)))
    )


@st.composite
def revisions(draw: st.DrawFn) -> Mapping[str, RevisionObserved]:
    found = {}
    for name in draw(st.sets(HASHES)):
        deployed = draw(st.booleans())
        found[name] = RevisionObserved(
            hash=name,
            created_at=draw(MOMENTS),
            deployment_uid=f"uid-{name}" if deployed else "",
            replicas=draw(st.integers(0, 5)) if deployed else 0,
            image=draw(st.just("agent:1") | WORDS),
            version=draw(st.just("1") | WORDS),
            pods=draw(pods(name)),
            config_uid=draw(st.sampled_from(["", f"config-{name}"])),
            message=draw(WORDS),
        )
    return found


ROLLOUTS = st.fixed_dictionaries(
    {
        "phase": st.sampled_from(Phase),
        "revision": HASHES,
        "base_revision": MAYBE_HASH,
        "gates_skipped": st.booleans(),
        "started_at": MOMENTS,
        "phase_started_at": MOMENTS,
        "deadline": st.none() | MOMENTS,
        "attempt": st.integers(1, 3),
        "rechecks": st.integers(0, 3),
        "paused_in": st.none() | st.sampled_from(Phase),
        "only_health": st.booleans(),
        "held_by_person": st.booleans(),
        "mode": st.sampled_from(TrafficMode),
        "step": st.integers(0, 30),
        "step_started_at": st.none() | MOMENTS,
        "reason": REASONS,
    }
).map(lambda fields: RolloutStatus(**fields))

HISTORIES = st.lists(
    st.tuples(HASHES, MOMENTS, st.sampled_from(Outcome)), max_size=3, unique_by=lambda entry: entry[0]
).map(lambda entries: [RevisionStatus(hash=name, created_at=at, outcome=end) for name, at, end in entries])

DELIVERIES = st.builds(
    Delivery,
    notice=st.just("notice"),
    notifier=st.just("pager"),
    state=st.sampled_from(DeliveryState),
    attempts=st.integers(0, 2**40),
    at=MOMENTS,
    message=WORDS,
)
NOTICES = st.builds(
    NoticeStatus,
    id=st.just("notice"),
    kind=st.sampled_from(NoticeKind),
    at=MOMENTS,
    since=MOMENTS,
    deliveries=st.just([DeliveryStatus(notifier="pager")]),
)

STATUSES = st.fixed_dictionaries(
    {
        "active_revision": MAYBE_HASH,
        "stable_revision": MAYBE_HASH,
        "candidate_revision": MAYBE_HASH,
        "rollout": st.none() | ROLLOUTS,
        "revisions": HISTORIES,
        "notifications": st.lists(NOTICES, max_size=1),
    }
).map(lambda fields: AgentTeamStatus(**fields))

SELECTORS = st.sampled_from(
    [
        {},
        {"app": "somebody-elses"},
        names.server_selector(TEAM),
        *(names.server_selector(TEAM, revision) for revision in (BLUE, GREEN, OTHER)),
    ]
)

REFUNDS = {"name": "refunds", "query": "sum(app_refunds_total{$selector})", "max": 5}

ROLLOUT_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "traffic": st.sampled_from([{"mode": "Immediate"}, {"steps": [{"weight": 25, "holdSeconds": 0}]}]),
        "watchSeconds": st.sampled_from([0, 30]),
        "settleSeconds": st.sampled_from([0, 30]),
        "drainSeconds": st.sampled_from([0, 30]),
        "revisionHistoryLimit": st.sampled_from([0, 1]),
        "guard": st.sampled_from([{"onDegraded": "Rollback"}, {"enabled": False}]),
        "analysis": st.sampled_from(
            [{"onInconclusive": "Promote"}, {"onInconclusive": "Rollback"}, {"metrics": []}, {"metrics": [REFUNDS]}]
        ),
        **{field: st.just(value) for field, value in TESTED.items()},
    },
)


@st.composite
def specs(draw: st.DrawFn) -> AgentTeamSpec:
    sizes: list[dict[str, Any]] = [
        {"replicas": 1},
        {"replicas": 4},
        {"autoscaling": {"minReplicas": 2, "maxReplicas": 6, "targetCPUUtilization": 70}},
    ]
    return AgentTeamSpec.parse(
        {
            **SPEC,
            **draw(st.sampled_from(sizes)),
            **draw(st.sampled_from([{}, {"ingress": {"host": "chat.example"}}, {"suspend": True}])),
            "rollout": draw(ROLLOUT_SETTINGS),
        }
    )


READINGS = st.dictionaries(
    st.just("refunds"),
    st.builds(QueryReading, at=MOMENTS, value=st.none() | st.floats(allow_nan=False, allow_infinity=False))
    | st.builds(QueryReading, at=MOMENTS, problem=WORDS)
    | st.builds(QueryReading, at=MOMENTS, error=WORDS),
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    counts = st.integers(0, 100)
    counters = {
        f"{TEAM}-{revision}-{index}": PodCounters(
            started=draw(counts),
            succeeded=draw(counts),
            failed=draw(counts),
            duration_buckets=(),
            memory_bytes=draw(st.sampled_from([None, 0.0, float("nan"), 2.0**29])),
            memory_limit_bytes=draw(st.sampled_from([None, 0.0, 2.0**30])),
        )
        for revision in (BLUE, GREEN)
        for index in range(2)
    }
    return Snapshot(
        draw(MOMENTS), counters, error=draw(st.sampled_from(["", "refused"]) | WORDS), queries=draw(READINGS)
    )


FINDINGS = st.builds(
    JobObserved,
    finished=st.booleans(),
    succeeded=st.booleans(),
    created_at=st.none() | MOMENTS,
    inconclusive=st.booleans(),
    message=WORDS,
    waiting_reason=WAITING | WORDS,
    reason=REASONS | WORDS,
    value=WORDS,
    threshold=WORDS,
    samples=NUMBERS,
)

REFUSALS = st.builds(
    Refusal,
    kind=st.sampled_from(["ServiceAccount", "ConfigMap", "Deployment", "Job"]),
    name=st.sampled_from(OBJECT_NAMES),
    message=WORDS,
    final=st.booleans(),
)


GUARD_FINDINGS = st.builds(
    GuardFinding,
    revision=HASHES,
    health=st.sampled_from(Health),
    since=st.none() | MOMENTS,
    seen=st.sampled_from([Tally(), Tally(9, 10)]),
    proven=st.booleans(),
    pod=st.sampled_from(["", "pod-0"]),
)


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    found = draw(revisions())
    endpoints = [pod.name for revision in found.values() for pod in revision.pods]
    service = st.builds(
        ServiceObserved,
        selector=SELECTORS,
        resource_version=st.just("5"),
        endpoints=st.frozensets(st.sampled_from(endpoints)) if endpoints else st.just(frozenset()),
    )
    actions = [names.action_annotation(action) for action in ActionName]
    values = st.tuples(HASHES, st.sampled_from(["", "/1"])).map("".join) | st.sampled_from(["", "/", "x" * 200]) | WORDS
    annotations = st.dictionaries(st.sampled_from(actions), values)
    keys = draw(st.sets(KEYS, max_size=5))
    children = {
        key: {"metadata": {"name": key[1], "uid": f"uid-{key[1]}", "resourceVersion": "9"}, "spec": {}} for key in keys
    }
    active = draw(st.none() | service)
    if active:
        child = {"metadata": {"name": TEAM, "uid": "uid-service", "resourceVersion": "5"}, "spec": {}}
        children["Service", TEAM] = child
    return Observed(
        team=TeamRef("sim", TEAM, "uid-team", 3, "11", draw(annotations)),
        status=draw(STATUSES),
        spec=draw(specs()),
        unread=draw(st.frozensets(st.sampled_from(sorted(AgentTeamSpec.model_fields)), max_size=3)),
        target=draw(HASHES),
        spec_target=draw(HASHES),
        revisions=found,
        active_service=active,
        children=children,
        foreign=frozenset(draw(st.sets(KEYS, max_size=3)) - children.keys()),
        jobs=draw(st.dictionaries(st.sampled_from(JOBS), FINDINGS)),
        preview_endpoints=draw(st.frozensets(st.just("preview"))),
        stray_pods=draw(st.frozensets(st.just("stray"))),
        snapshot=draw(st.none() | snapshots()),
        refusals=tuple(draw(st.lists(REFUSALS, max_size=2))),
        deliveries=tuple(draw(st.lists(DELIVERIES, max_size=1))),
        guard=draw(st.none() | GUARD_FINDINGS),
        live=draw(st.booleans()),
    )


ENVIRONMENTS = st.builds(
    Environment,
    default_image=st.just("agent:1"),
    builder_version=st.just("0.1.0"),
    metrics_configured=st.booleans(),
    pod_monitors_available=st.booleans(),
    notifiers=st.sampled_from([(), (NotifierFacts("pager", frozenset(NoticeKind), default=True),)]),
)


@settings(max_examples=300, deadline=None)
@given(observed=observations(), environment=ENVIRONMENTS)
def test_whatever_is_observed_is_answered_alike_and_safely(observed: Observed, environment: Environment) -> None:
    decision = decide(observed, environment, NOW)
    assert decision == decide(observed, environment, NOW)
    can_be_stored(decision.status)
    assert decision.requeue_after_seconds is None or decision.requeue_after_seconds >= 0
    for action in decision.actions:
        if isinstance(action, ApplyObject | CreateObject):
            _is_a_safe_write(observed, action)
        elif isinstance(action, DeleteObject):
            assert (action.kind, action.name) not in observed.foreign
            assert action.uid
            _takes_nothing_that_serves(observed, decision.status, action.name, 0, kind=action.kind)
        elif isinstance(action, ScaleDeployment):
            _takes_nothing_that_serves(observed, decision.status, action.name, action.replicas, kind="Deployment")


def _is_a_safe_write(observed: Observed, action: ApplyObject | CreateObject) -> None:
    manifest = action.manifest
    key = manifest["kind"], manifest["metadata"]["name"]
    assert key not in observed.foreign
    assert [owner["uid"] for owner in manifest["metadata"]["ownerReferences"]] == [observed.team.uid]
    if manifest["kind"] == "Service":
        assert manifest["spec"]["selector"][names.LABEL_TEAM] == TEAM
    if manifest["kind"] in {"Deployment", "ConfigMap"}:
        assert isinstance(action, CreateObject)


def _takes_nothing_that_serves(observed: Observed, status: AgentTeamStatus, name: str, size: int, *, kind: str) -> None:
    """No revision that traffic points to (live, or by intent) loses pods, nor blue before the rollout is over."""
    if kind != "Deployment":
        return
    revision = next(live for live in observed.revisions.values() if names.revision_object(TEAM, live.hash) == name)
    if size >= revision.replicas and size > 0:
        return
    selector = observed.active_service.selector if observed.active_service else {}
    rollout = status.rollout
    in_progress = rollout is not None and rollout.phase in IN_PROGRESS
    assert not (rollout and in_progress and revision.hash == rollout.base_revision)
    if revision.hash == status.active_revision or selector.get(names.LABEL_REVISION) == revision.hash:
        assert not in_progress
        assert size > 0
