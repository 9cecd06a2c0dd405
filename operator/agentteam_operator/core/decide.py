"""The rollout's state machine: what is, in; what should be, out.

Theory of operation
===================
A tick looks at one team as it is now and never asks what woke it. `decide` moves the rollout on by `TRANSITIONS`, and
`plan` then derives from the new status alone which objects should exist, with which sizes and which traffic; what
differs from the cluster becomes the actions. The status is written before they are carried out, and so:

* intent is persisted before its effect. Whoever dies in between, the next tick reads the same intent and derives the
  same actions; nothing depends on what this process remembers.
* `status.activeRevision` is the traffic's intent. It moves in two places only: to the candidate when the switch is
  committed (Switching -> Switching), and back to the base on entering RollingBack.
* guards read what was observed (ready pods, EndpointSlices, the checks' Jobs, the metrics), never what was wished for.
  A phase is left when its effect is seen in the cluster.
* a person's word (`core/actions.py`) is heard once, in the tick in which it comes, and refused if it makes no sense.
* going back needs nothing of the candidate: RollingBack asks only for the old revision's pods.
* every phase has an absolute deadline, persisted when it is entered. 0 seconds means now.

Reading the table
=================
Rules are tried from the top; the first whose gate finds something fires, and its finding becomes the phase's reason and
message. Rules fire on until none does, so one tick can pass phases whose effects are there already. Entering the phase
that one is in (Shifting, Switching) is a step within it: the next weight, or the commit of the switch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agentteam_operator.api.status import Phase
from agentteam_operator.core import (
    actions,
    guarding,
    held,
    incidents,
    last_verdicts,
    notices,
    plan,
    reached,
    round_starts,
    rounds,
    timing,
    verdicts,
)
from agentteam_operator.core.adopt import adopted
from agentteam_operator.core.beginning import begun, restarted_clock
from agentteam_operator.core.conditions import summarize
from agentteam_operator.core.decision import Decision
from agentteam_operator.core.entering import EFFECTS
from agentteam_operator.core.gates import Finding, checks, intent, judgement, pods, traffic
from agentteam_operator.core.observed import Environment, Observed
from agentteam_operator.core.view import JUDGED, View

Gate = Callable[[View], Finding | None]

_WEIGHTY = frozenset({Phase.PREPARING, Phase.AWAITING_PROMOTION, Phase.ROLLING_BACK, Phase.FAILED})
"""Phases that aren't entered on the word of a cache, which may have missed something."""

_BY_SETTINGS = frozenset(
    {
        checks.tests_passed,
        checks.undecided_promote,
        checks.healthy,
        checks.healthy_and_immediate,
        checks.recovered_untested,
        pods.recovered,
        judgement.step_held,
        judgement.last_step_held,
        judgement.watched,
        judgement.settled,
        judgement.acquitted_in_pause,
        judgement.step_held_in_pause,
        judgement.last_step_held_in_pause,
        judgement.undecided_promote,
    }
)
"""Ways forward that rest on `spec.rollout` alone: closed while a part of it can't be read.

When the phase's time is over, a person is asked; at creation, what was given up waits (`judgement.settings_unread`).
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """When `gate` finds something, go `to`."""

    gate: Gate
    to: Phase


_INTERRUPTED = (
    Rule(intent.superseded, Phase.ROLLING_BACK),
    Rule(intent.aborted, Phase.ROLLING_BACK),
)
_CANT_SERVE = (
    Rule(pods.refused, Phase.ROLLING_BACK),
    Rule(pods.broken, Phase.ROLLING_BACK),
)
_SERVING_BADLY = (
    Rule(traffic.lost, Phase.ROLLING_BACK),
    Rule(pods.broken, Phase.ROLLING_BACK),
    Rule(judgement.worse, Phase.ROLLING_BACK),
)
_NO_VERDICT = (
    Rule(judgement.undecided_pause, Phase.AWAITING_PROMOTION),
    Rule(judgement.undecided_rollback, Phase.ROLLING_BACK),
)

TRANSITIONS: Mapping[Phase | None, tuple[Rule, ...]] = {
    None: (Rule(intent.new_target, Phase.VALIDATING),),
    Phase.VALIDATING: (
        Rule(intent.superseded, Phase.VALIDATING),
        Rule(intent.invalid, Phase.FAILED),
        Rule(intent.valid, Phase.PREPARING),
    ),
    Phase.PREPARING: (
        *_INTERRUPTED,
        *_CANT_SERVE,
        Rule(pods.ready_and_known, Phase.SWITCHING),
        Rule(checks.to_be_tested, Phase.TESTING),
        Rule(pods.ready, Phase.HEALTH_CHECKING),
        Rule(pods.not_ready_in_time, Phase.ROLLING_BACK),
    ),
    Phase.TESTING: (
        *_INTERRUPTED,
        *_CANT_SERVE,
        Rule(checks.tests_passed, Phase.HEALTH_CHECKING),
        Rule(checks.failed, Phase.ROLLING_BACK),
        Rule(judgement.settings_unread, Phase.AWAITING_PROMOTION),
        Rule(checks.late, Phase.ROLLING_BACK),
        Rule(checks.asked_others, Phase.TESTING),
        Rule(checks.undecided_pause, Phase.AWAITING_PROMOTION),
        Rule(checks.undecided_rollback, Phase.ROLLING_BACK),
        Rule(checks.undecided_promote, Phase.HEALTH_CHECKING),
    ),
    Phase.HEALTH_CHECKING: (
        *_INTERRUPTED,
        *_CANT_SERVE,
        Rule(checks.healthy_and_held, Phase.AWAITING_PROMOTION),
        Rule(checks.healthy_and_immediate, Phase.SWITCHING),
        Rule(checks.healthy, Phase.SHIFTING),
        Rule(checks.asked_others, Phase.HEALTH_CHECKING),
        Rule(checks.failed, Phase.ROLLING_BACK),
        Rule(judgement.settings_unread, Phase.AWAITING_PROMOTION),
        Rule(checks.late, Phase.ROLLING_BACK),
    ),
    Phase.SHIFTING: (
        *_INTERRUPTED,
        *_SERVING_BADLY,
        Rule(intent.paused, Phase.AWAITING_PROMOTION),
        Rule(judgement.last_step_held, Phase.WATCHING),
        Rule(judgement.step_held, Phase.SHIFTING),
        Rule(traffic.strays_stayed, Phase.ROLLING_BACK),
        Rule(traffic.step_not_reached, Phase.ROLLING_BACK),
        Rule(judgement.settings_unread, Phase.AWAITING_PROMOTION),
        *_NO_VERDICT,
        Rule(judgement.undecided_promote, Phase.SWITCHING),
    ),
    Phase.WATCHING: (
        *_INTERRUPTED,
        *_SERVING_BADLY,
        Rule(intent.paused, Phase.AWAITING_PROMOTION),
        Rule(judgement.watched, Phase.SWITCHING),
        Rule(traffic.strays_stayed, Phase.ROLLING_BACK),
        Rule(judgement.settings_unread, Phase.AWAITING_PROMOTION),
        *_NO_VERDICT,
        Rule(judgement.undecided_promote, Phase.SWITCHING),
    ),
    Phase.AWAITING_PROMOTION: (
        *_INTERRUPTED,
        *_SERVING_BADLY,
        Rule(intent.paused, Phase.AWAITING_PROMOTION),
        Rule(judgement.acquitted_while_serving, Phase.COMPLETED),
        Rule(intent.promoted_untested, Phase.HEALTH_CHECKING),
        Rule(intent.promoted_by_steps, Phase.SHIFTING),
        Rule(intent.promoted, Phase.SWITCHING),
        Rule(intent.resumed_test, Phase.TESTING),
        Rule(intent.resumed_shift, Phase.SHIFTING),
        Rule(intent.resumed_watch, Phase.WATCHING),
        Rule(intent.resumed_settling, Phase.SETTLING),
        Rule(judgement.last_step_held_in_pause, Phase.WATCHING),
        Rule(judgement.step_held_in_pause, Phase.SHIFTING),
        Rule(judgement.acquitted_in_pause, Phase.SWITCHING),
        Rule(judgement.nobody_promoted, Phase.ROLLING_BACK),
    ),
    Phase.SWITCHING: (
        *_INTERRUPTED,
        Rule(traffic.lost_while_serving, Phase.ROLLING_BACK),
        Rule(pods.broken, Phase.ROLLING_BACK),
        Rule(judgement.worse, Phase.ROLLING_BACK),
        Rule(traffic.first_switched, Phase.COMPLETED),
        Rule(traffic.switched, Phase.SETTLING),
        Rule(traffic.sized, Phase.SWITCHING),
        Rule(traffic.switch_not_verified, Phase.ROLLING_BACK),
    ),
    Phase.SETTLING: (
        *_INTERRUPTED,
        *_SERVING_BADLY,
        Rule(checks.failed, Phase.ROLLING_BACK),
        Rule(judgement.settled, Phase.COMPLETED),
        Rule(checks.late, Phase.ROLLING_BACK),
        *_NO_VERDICT,
        Rule(judgement.undecided_promote, Phase.COMPLETED),
        Rule(pods.fewer_than_before, Phase.ROLLING_BACK),
        Rule(judgement.settled_in_the_end, Phase.COMPLETED),
    ),
    Phase.ROLLING_BACK: (
        Rule(traffic.superseded_at_creation, Phase.ROLLED_BACK),
        Rule(traffic.nothing_to_restore, Phase.FAILED),
        Rule(traffic.restored, Phase.ROLLED_BACK),
        Rule(traffic.never_left, Phase.ROLLED_BACK),
        Rule(traffic.given_up_restoring, Phase.ROLLED_BACK),
    ),
    Phase.COMPLETED: (Rule(intent.new_target, Phase.VALIDATING),),
    Phase.ROLLED_BACK: (
        Rule(intent.reverted, Phase.COMPLETED),
        Rule(intent.new_target, Phase.VALIDATING),
    ),
    Phase.FAILED: (
        Rule(intent.reverted, Phase.COMPLETED),
        Rule(intent.new_target, Phase.VALIDATING),
        Rule(intent.mended, Phase.VALIDATING),
        Rule(checks.recovered_untested, Phase.TESTING),
        Rule(pods.recovered, Phase.HEALTH_CHECKING),
    ),
}


def decide(observed: Observed, environment: Environment, now: datetime) -> Decision:
    """Say what one team needs now: its next status, and the actions that bring the cluster to it.

    Total and deterministic: the same arguments give the same answer, and no input raises.
    """
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as it will be read back from the status
    spec = held.spec_in_force(observed)
    view = View(observed=observed, environment=environment, now=now, spec=spec, status=observed.status)
    if not view.spec.suspend:
        view = round_starts.update(guarding.update(advance(verdicts.judge(actions.heard(adopted(view))))))
    view = view.with_status(summarize(view))
    if view.spec.suspend:
        view = notices.with_outcomes(view)
        return Decision(status=view.status, actions=plan.actions_while_suspended(view))
    view = notices.update(view)
    planned = plan.actions(view)
    return Decision(
        status=view.status,
        actions=planned.actions,
        needs_live_read=(planned.needs_live_read or _is_weighty(view)) and not observed.live,
        requeue_after_seconds=0 if planned.more else timing.next_look_seconds(view),
        sampling=view.phase in JUDGED and judgement.judged(view),
        guarding=guarding.watched(view),
    )


def _is_weighty(view: View) -> bool:
    """What was decided in this tick mustn't rest on a cache that missed something.

    At the beginning of a rollout names may be taken; and neither a candidate nor a round of golden conversations is
    given up for what nobody has told yet.
    """
    rollout = view.rollout
    if rollout is None:
        return False
    news = [entry.phase for entry in rollout.transitions if entry.at == view.now]
    begun = rollout.started_at == view.now
    return begun or bool(_WEIGHTY & set(news)) or incidents.changed(view) or rounds.given_up(view)


def advance(view: View) -> View:
    """Fire rules until none has anything to say, each way at most once: a circle is left for the next tick."""
    gone: set[tuple[Phase | None, Phase]] = set()
    settings_unread = view.settings_unread
    while True:
        view = reached.noted(view)
        rules = (rule for rule in TRANSITIONS[view.phase] if not (settings_unread and rule.gate in _BY_SETTINGS))
        fired = next(((rule, found) for rule in rules if (found := rule.gate(view))), None)
        if fired is None or (view.phase, fired[0].to) in gone:
            return view
        rule, found = fired
        gone.add((view.phase, rule.to))
        view = view.with_status(verdicts.record(view, rule.to, found)) if view.rollout else view
        view = view.with_status(last_verdicts.noted(view, rule.to, found)) if view.rollout else view
        view = _enter(view, rule.to, found)


def _enter(view: View, to: Phase, found: Finding) -> View:
    """The view after entering a phase, with what the phase means for the revisions written into the status."""
    rollout = begun(view) if to is Phase.VALIDATING else view.rollout
    if rollout is None:
        raise AssertionError(f"phase {to} was entered without a rollout")
    rollout = restarted_clock(view, rollout, to, found)
    status = view.status.model_copy(update={"rollout": rollout})
    entered = replace(view.with_status(status), said=frozenset())  # a word is heard once
    return EFFECTS[to](entered, view.phase) if to in EFFECTS else entered
