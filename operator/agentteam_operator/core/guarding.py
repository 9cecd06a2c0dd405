"""The guard on the serving revision: what it watches, what its finding means for the status, and its way back.

`core/guard.py` judges; here its finding becomes a line in the status, an incident (`core/incidents.py`), and with
`onDegraded: Rollback` an order to go back. That order is a person's `rollback` in all but who gave it: it is bound to
the spec that it was given against, and goes out like any other. A revision is left once and never gone back to, and
while an order stands there is no other, so that nothing ever goes to and fro.
"""

from __future__ import annotations

from agentteam_operator.api.guard_status import GuardReason, GuardStatus
from agentteam_operator.api.metrics import AnalysisMetric, MetricName
from agentteam_operator.api.order_status import Orderer, RollbackStatus
from agentteam_operator.api.rollout import DegradedAction
from agentteam_operator.api.status import Phase, RevisionStatus
from agentteam_operator.core import evidence, names
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.guard import Alarm, GuardFinding, Guarding, GuardSettings, Health
from agentteam_operator.core.metric_verdict import failing, percent
from agentteam_operator.core.sequential import Tally
from agentteam_operator.core.view import View

REASONS = frozenset(GuardReason)
WENT_BACK = "RolledBackByGuard"
"""Reason of a team that the guard took back."""

STEADY = frozenset({Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED})

_REASON_OF = {Health.WORSE: GuardReason.WORSE_THAN_BEFORE, Health.SICK_POD: GuardReason.SICK_POD}
_HEALTH_OF = {reason: health for health, reason in _REASON_OF.items()}
_GROSS = 0.5
"""From this share of failing runs on an incident is critical: too little serves."""


def watched(view: View) -> Guarding | None:
    """What is to be watched: the revision that serves, while nothing is rolled out."""
    revision = view.status.active_revision
    if not _is_on(view) or not _at_rest(view) or view.spec.suspend:
        return None
    held = view.status.guard
    alarm = None
    if held is not None and held.revision == revision:
        alarm = Alarm(_HEALTH_OF[held.reason], held.since, held.usual_rate, Tally(held.failed, held.finished))
    return Guarding(revision, _settings(view), alarm)


def _is_on(view: View) -> bool:
    return view.settings.guard.enabled and view.environment.metrics_configured


def _at_rest(view: View) -> bool:
    return view.phase in STEADY and bool(view.status.active_revision) and not view.stranded


def _settings(view: View) -> GuardSettings:
    analysis = view.settings.analysis
    metric = evidence.metric_of(analysis, MetricName.ERROR_RATE) or AnalysisMetric(name=MetricName.ERROR_RATE)
    return GuardSettings(
        max_rate=evidence.max_error_rate(analysis),
        min_effect=metric.resolved().min_effect or 0.0,
        min_runs=analysis.min_samples,
    )


def update(view: View) -> View:
    """The view with what the guard has found, once the rules have fired; during a rollout it keeps what it had."""
    if not _at_rest(view):
        return view
    held, finding = view.status.guard, view.observed.guard
    about_another = held is not None and held.revision != view.status.active_revision
    if about_another or not _is_on(view):
        return _with(view, None)
    if finding is None or finding.revision != view.status.active_revision:
        return view
    if finding.health is Health.WELL:
        return _with(view, None)
    reason = _REASON_OF[finding.health]
    if held is None or held.reason is not reason:
        held = _status(view, finding, reason)
        view = _with(view, held)
    return _gone_back(view, finding) if finding.proven else view


def _with(view: View, held: GuardStatus | None) -> View:
    if held is view.status.guard:
        return view
    return view.with_status(view.status.model_copy(update={"guard": held}))


def _status(view: View, finding: GuardFinding, reason: GuardReason) -> GuardStatus:
    return GuardStatus(
        revision=finding.revision,
        reason=reason,
        at=view.now,
        since=finding.since or view.now,
        failed=finding.seen.bad,
        finished=finding.seen.total,
        usual_rate=finding.usual,
        message=_measured(finding)[:1024],
    )


# --- the way back ----------------------------------------------------------------------------------------------------


def _gone_back(view: View, finding: GuardFinding) -> View:
    """The view with an order to go back, if that is wanted and there is a way."""
    wanted = view.settings.guard.on_degraded is DegradedAction.ROLLBACK
    way = _way_back(view)
    if not wanted or way is None or _stays(view):
        return view
    order = RollbackStatus(
        revision=way.hash, instead_of=view.observed.spec_target, by=Orderer.GUARD, because=_measured(finding)[:512]
    )
    entries = [
        entry.model_copy(update={"left_at": view.now}) if entry.hash == finding.revision else entry
        for entry in view.status.revisions
    ]
    return view.with_status(view.status.model_copy(update={"rollback_to": order, "revisions": entries}))


def _stays(view: View) -> str:
    """Why the guard doesn't leave what serves, in words; empty if nothing speaks against it."""
    serving = view.status.active_revision
    back = view.status.rollback_to
    if back is not None:
        return f"{serving} serves by order already" if back.revision == serving else f"{back.revision} is ordered"
    if view.settings_unread:
        return "a part of spec.rollout can't be read"
    if view.phase is not Phase.COMPLETED or view.observed.target != serving:
        return f"{serving} isn't what the spec asks for"
    if any(entry.hash == serving and entry.left_at for entry in view.status.revisions):
        return f"it was gone back from {serving} before"
    return ""


def _way_back(view: View) -> RevisionStatus | None:
    """The last revision that passed, is kept, and was never gone back from."""
    serving = view.status.active_revision
    kept = (entry for entry in view.status.revisions if entry.hash != serving and not entry.left_at)
    return next((entry for entry in kept if view.retained(entry.hash)), None)


# --- what is said ----------------------------------------------------------------------------------------------------


def _measured(finding: GuardFinding) -> str:
    since = f" since {finding.since:%H:%M} UTC" if finding.since else ""
    without = f", but hardly without pod {finding.pod}" if finding.pod else ""
    return (
        f"{finding.revision} {failing(finding.seen)}{since}, usually {percent(finding.usual)}, "
        f"above the limit of {percent(finding.limit)}{without}"
    )


def _advice(view: View, held: GuardStatus) -> str:
    """What the operator does, or what people can: as things are now, for an order may have come to nothing since."""
    if held.reason is GuardReason.SICK_POD:
        return "look at that pod, or delete it for another one"
    back = view.status.rollback_to
    if back is not None and back.revision != held.revision:
        return _of_order(view, back)
    way, stays = _way_back(view), _stays(view)
    if view.settings.guard.on_degraded is DegradedAction.ROLLBACK:
        if stays:
            return f"the operator doesn't go back, for {stays}; look at the model's endpoint, or change the spec"
        if way is None:
            return "there is no other revision to go back to; look at the model's endpoint, or change the spec"
        return f"the operator goes back to {way.hash} once the others prove it with any one pod left out"
    look = "look at the model's endpoint, whose outage looks the same"
    return f"{look}; to go back, annotate {names.action_annotation('rollback')}={way.hash}" if way else look


def _of_order(view: View, back: RollbackStatus) -> str:
    """What becomes of an order to go back. How to have it tried again stands after that in the team's one line."""
    rollout = view.rollout
    if rollout is not None and rollout.revision == back.revision and rollout.phase is not Phase.COMPLETED:
        return f"going back to {back.revision} failed: {rollout.reason}"
    return f"the operator goes back to {back.revision}"


def complaint(view: View) -> Finding | None:
    """What the guard has against the revision that serves; None if nothing, and during a rollout."""
    held = view.status.guard
    if held is None or not _at_rest(view):
        return None
    return Finding(held.reason.value, f"{held.message}: {_advice(view, held)}")


def went_back(view: View) -> str:
    """Why the guard's order to go back stands, in words; empty if none does."""
    back = view.status.rollback_to
    return back.because if back is not None and back.by is Orderer.GUARD else ""


def stands(view: View) -> bool:
    """The guard still has something to say: during a rollout, too, which may come back to what it is about."""
    if view.phase not in STEADY:
        return True
    return _is_on(view) and (view.status.guard is not None or bool(went_back(view)))


def switched_off(view: View) -> str:
    """Why the guard says nothing any more, in words; empty if it does."""
    if not view.settings.guard.enabled:
        return "GuardDisabled: spec.rollout.guard.enabled is false"
    return "" if view.environment.metrics_configured else "NoPrometheus: the operator knows no Prometheus any more"


def is_gross(held: GuardStatus) -> bool:
    """So much fails that too little serves."""
    return held.failed >= _GROSS * held.finished
