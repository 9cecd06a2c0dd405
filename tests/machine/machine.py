"""The rules by which a team's world goes on, and what must hold after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentteam_operator.api.order_status import ActionName
from agentteam_operator.api.revision import EXIT_CONFIG, revision_hash
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus, Phase
from agentteam_operator.core import names
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Decision
from agentteam_operator.core.guard import GuardFinding, Health
from agentteam_operator.core.sequential import Tally
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.machine import checks
from tests.machine.model import ENVIRONMENT, START, VERSIONS, Model
from tests.simulation.specs import spec

REVISIONS = tuple(revision_hash(AgentTeamSpec.parse(spec(version))) for version in VERSIONS)
QUIET_AFTER_TICKS = 12
"""Ticks at one moment, without anything happening between them, after which nothing may be left to do."""

LOOK_SECONDS = 5.0
"""`intervalSeconds` of the teams."""

CONVERSATIONS = [{"name": "refund", "turns": [{"user": "I want my money back"}]}]
HOOKS = [
    {"name": "smoke", "job": {"image": "smoke:1"}},
    {"name": "billing", "when": "AfterSwitch", "job": {"image": "smoke:1"}},
]
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"replicas": 1},
    {"replicas": 5},
    {"rollout": {"traffic": {"mode": "Immediate"}}},
    {"rollout": {"traffic": {}}},
    {"rollout": {"watchSeconds": 0, "settleSeconds": 0, "drainSeconds": 0}},
    {"rollout": {"analysis": {"onInconclusive": "Rollback"}, "promotionTimeoutSeconds": 30}},
    {"rollout": {"analysis": {"onInconclusive": "Promote"}}},
    {"rollout": {"revisionHistoryLimit": 0}},
    {"rollout": {"conversations": CONVERSATIONS, "hooks": HOOKS}},
    {"rollout": {"conversations": CONVERSATIONS, "analysis": {"onInconclusive": "Promote"}}},
    {"rollout": {"autoPromote": False, "promotionTimeoutSeconds": 30}},
    {"rollout": {"guard": {"onDegraded": "Rollback"}}},
    {"rollout": {"guard": {"enabled": False}}},
    {"suspend": True},
    {"replicas": None, "autoscaling": {"minReplicas": 2, "maxReplicas": 6, "targetCPUUtilization": 70}},
)
LAST_WORDS: tuple[Mapping[str, Any], ...] = (
    {},
    {"reason": checks.WORD, "message": "caf\ud83d", "samples": 10**30},
    {"reason": "Superseded", "message": "x" * 5000, "value": "\udfff" * 100, "threshold": "x" * 500},
    {"reason": "Aborted", "samples": -1},
)
"""What a check may have left: no word of its own decides anything, and none keeps a status from being stored."""
_FOUND = GuardFinding("", Health.WORSE, START, Tally(300, 1000), usual=0.01, limit=0.05)
FINDINGS = (
    None,
    GuardFinding("", Health.WELL),
    replace(_FOUND, health=Health.SICK_POD, pod="pod-0"),
    _FOUND,
    replace(_FOUND, proven=True),
)
KINDS = ("Deployment", "ConfigMap", "Job", "Service", "PodDisruptionBudget")


class TeamMachine(RuleBasedStateMachine):
    """A team, its cluster, its people, and an operator that is interrupted at any action."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    @initialize(
        fields=st.sampled_from([{}] * len(SETTINGS) + [*SETTINGS]), served=st.sampled_from([True, True, True, False])
    )
    def begins(self, fields: dict[str, Any], *, served: bool) -> None:
        """Mostly with a version that serves and another one that was applied just now."""
        self.model.fields = {} if fields.get("suspend") else fields
        if served:
            for _ in range(4):
                self.goes_well(5)
            self.model.version = "2"

    # --- the operator ---

    @rule(actions=st.sampled_from([0, 1, 2, 99]), status_is_lost=st.booleans())
    def tick(self, actions: int, *, status_is_lost: bool) -> None:
        """One look; the operator dies after some actions, or before its status is stored."""
        decision = self._decide()
        if not status_is_lost:
            self._store(decision, actions)

    def _decide(self) -> Decision:
        observed = self.model.observe(live=False)
        decision = decide(observed, ENVIRONMENT, self.model.now)
        if decision.needs_live_read:
            observed = self.model.observe(live=True)
            decision = decide(observed, ENVIRONMENT, self.model.now)
        assert decision == decide(observed, ENVIRONMENT, self.model.now), "the same is decided of the same"
        checks.after(self.model, decision)
        return decision

    def _store(self, decision: Decision, actions: int = 99) -> bool:
        model = self.model
        changed = decision.status.to_document() != model.status.to_document()
        model.status = AgentTeamStatus.parse(decision.status.to_document())
        model.refusals = ()
        for action in decision.actions[:actions]:
            checks.before(model, model.status, action)
            model.carry_out(action)
            changed |= type(action).__name__ not in {"EmitEvent", "Notify"}
        return changed

    @rule()
    def ticks_until_quiet(self) -> None:
        """Nothing happens meanwhile: then there is an end to what is to be done."""
        for _ in range(QUIET_AFTER_TICKS):
            if not self._store(self._decide()):
                checks.restored(self.model)
                return
            if self.model.refused_kinds:
                return
        phase = self.model.status.rollout and self.model.status.rollout.phase
        raise AssertionError(f"5: still busy after {QUIET_AFTER_TICKS} ticks in {phase}: {self._decide().actions}")

    @rule(seconds=st.sampled_from([1, 5, 30]))
    def goes_well(self, seconds: float) -> None:
        """The cluster catches up, pods get ready, the probe passes, time goes by, and the operator does its work."""
        self.model.catch_up()
        for revision in self.model.revisions:
            self.model.set_pods(revision, ready=True, waiting_reason="", restarts=0)
        self.jobs_end(succeeded=True, inconclusive=False, words={})
        self.model.catch_up()
        for _ in range(max(1, round(seconds / LOOK_SECONDS))):
            self.model.pass_time(min(seconds, LOOK_SECONDS))
            self.ticks_until_quiet()
            self.model.catch_up()

    @rule(seconds=st.sampled_from([1, 5]))
    def goes_on(self, seconds: float) -> None:
        """The same once more, for most of what happens goes well."""
        self.goes_well(seconds)

    # --- the cluster ---

    @rule()
    def cluster_catches_up(self) -> None:
        """Pods come and go as the Deployments say, and endpoints follow."""
        self.model.catch_up()

    @rule(seconds=st.sampled_from([0.005, 1.0, 5.0, 31.0, 61.0, 300.0, 90000.0]))
    def time_passes(self, seconds: float) -> None:
        """Nobody looks meanwhile."""
        self.model.pass_time(seconds)

    @rule(
        revision=st.sampled_from(REVISIONS),
        change=st.sampled_from(
            [
                {"ready": True, "waiting_reason": ""},
                {"ready": False},
                {"ready": False, "waiting_reason": "CrashLoopBackOff", "restarts": 3},
                {"ready": False, "waiting_reason": "ImagePullBackOff"},
                {"ready": False, "exit_code": EXIT_CONFIG, "message": "no such tool"},
                {"terminating": True},
            ]
        ),
        most=st.sampled_from([1, 99]),
    )
    def pods_change(self, revision: str, change: dict[str, Any], most: int) -> None:
        """One pod of a revision, or all of them, which the EndpointSlices don't know yet."""
        self.model.set_pods(revision, most=most, **change)

    @rule(revision=st.sampled_from(REVISIONS), most=st.sampled_from([1, 99]))
    def pods_go(self, revision: str, most: int) -> None:
        """A node goes with one pod of a revision, or with all of them."""
        live = self.model.revisions.get(revision)
        if live is not None:
            self.model.revisions[revision] = replace(live, pods=live.pods[most:])

    @precondition(lambda self: bool(self.model.jobs))
    @rule(succeeded=st.booleans(), inconclusive=st.booleans(), words=st.sampled_from(LAST_WORDS))
    def jobs_end(self, *, succeeded: bool, inconclusive: bool, words: Mapping[str, Any]) -> None:
        """The checks' Jobs come to their verdicts, and say of them what they like."""
        ended: dict[str, Any] = {
            "finished": True,
            "succeeded": succeeded,
            "inconclusive": inconclusive and not succeeded,
        }
        for name, job in self.model.jobs.items():
            if not job.finished:
                self.model.jobs[name] = replace(job, **ended, **words)

    @rule(strays=st.sampled_from([frozenset[str](), frozenset({"stray"})]))
    def strays_come_and_go(self, strays: frozenset[str]) -> None:
        """Pods that nobody's Deployment made."""
        self.model.strays = strays

    @rule(kinds=st.frozensets(st.sampled_from(KINDS), max_size=2))
    def a_policy_refuses(self, kinds: frozenset[str]) -> None:
        """From now on writes of these kinds, and of no others."""
        self.model.refused_kinds = kinds

    @rule(answers=st.sampled_from(["good", "none", "connection refused"]))
    def prometheus_says(self, answers: str) -> None:
        """From now on."""
        self.model.answers = answers

    @rule(failing=st.frozensets(st.sampled_from(REVISIONS), max_size=2))
    def revisions_fail(self, failing: frozenset[str]) -> None:
        """From now on half of their runs."""
        self.model.failing = failing

    @rule(revision=st.sampled_from([*REVISIONS, "active", "active"]), finding=st.sampled_from(FINDINGS))
    def the_guard_says(self, revision: str, finding: GuardFinding | None) -> None:
        """From now on, of the revision that serves, or still of another one."""
        named = {"active": self.model.status.active_revision}.get(revision, revision)
        self.model.guard = replace(finding, revision=named) if finding and named else None

    # --- people ---

    @rule(version=st.sampled_from(VERSIONS))
    def people_apply(self, version: str) -> None:
        """Another version, or one that was there before."""
        self.model.version = version

    @rule(fields=st.sampled_from(SETTINGS))
    def people_change_settings(self, fields: dict[str, Any]) -> None:
        """What makes no revision."""
        self.model.fields = fields

    @rule(
        word=st.sampled_from([*map(names.action_annotation, ActionName)]),
        revision=st.sampled_from([*REVISIONS, "candidate", "active", ""]),
        nonce=st.sampled_from(["", "/1", "/2"]),
    )
    def people_annotate(self, word: str, revision: str, nonce: str) -> None:
        """A person's word, or its removal."""
        status = self.model.status
        named = {"candidate": status.candidate_revision, "active": status.active_revision}.get(revision, revision)
        self.model.annotations = {word: f"{named}{nonce}"} if named else {}

    @precondition(lambda self: self.model.status.rollout is not None)
    @rule()
    def the_status_gets_lost(self) -> None:
        """The team comes out of a backup."""
        self.model.status = AgentTeamStatus()

    # --- after each step ---

    @invariant()
    def is_counted(self) -> None:
        """For the figures of a long run."""
        TeamMachine.steps += 1

    def teardown(self) -> None:
        """Left alone, with all well and the spec readable, every team comes to rest: no phase is for ever."""
        model = self.model
        model.refused_kinds, model.strays, model.failing, model.answers = frozenset(), frozenset(), frozenset(), "good"
        model.fields = {}
        for _ in range(30):
            self.goes_well(70)
            rollout = model.status.rollout
            if rollout is not None and rollout.phase in {Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED}:
                return
            if rollout is not None and rollout.phase is Phase.AWAITING_PROMOTION:
                model.pass_time(90000)
        raise AssertionError(f"no end: {model.status.rollout and model.status.rollout.phase}")
