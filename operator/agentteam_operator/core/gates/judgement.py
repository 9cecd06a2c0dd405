"""Judgement: what the metrics say of the candidate, and what is made of their silence."""

from __future__ import annotations

from agentteam_operator.api.rollout import InconclusiveAction, TrafficMode
from agentteam_operator.api.status import Phase, RolloutStatus, Verdict
from agentteam_operator.core import analysis, checks, queries, round_verdict
from agentteam_operator.core.gates import Finding, intent
from agentteam_operator.core.gates.asking import INCONCLUSIVE, PAUSED, asking
from agentteam_operator.core.gates.pods import ready, too_few_words
from agentteam_operator.core.gates.traffic import stray_words
from agentteam_operator.core.view import View

INCONCLUSIVE_HOLD_SECONDS = 60
"""How long a judgement that has come to no verdict is waited for after its time is up."""

STEP_HELD = "StepHeld"
"""Reason to go on to what follows a traffic step."""

SUSPICIONS = frozenset({"Suspicious", "SickPod", "RunsHang"})
"""Reasons of metrics that hold because something was seen, not because too little was."""

_OPEN = frozenset({Verdict.PENDING, Verdict.INCONCLUSIVE})


def judged(view: View) -> bool:
    """There is somebody to ask about the candidate, and something to hold it against."""
    known = view.environment.metrics_configured and view.has_base
    return known and not _gates_skipped(view) and not view.awaits_first_traffic


def _gates_skipped(view: View) -> bool:
    return view.rollout is not None and view.rollout.gates_skipped


def worse(view: View) -> Finding | None:
    """A metric speaks against the candidate."""
    for verdict in view.judgement.verdicts if view.judgement else ():
        if verdict.verdict is Verdict.FAILED:
            return Finding(verdict.reason, f"{verdict.name}: {verdict.message}")
    return None


def acquitted(view: View) -> Finding | None:
    """Every metric that can be judged was, and none speaks against the candidate."""
    if not judged(view):
        return Finding("JudgementSkipped", "no Prometheus is configured: judged by readiness alone")
    if _nothing_to_judge(view):
        return Finding("JudgementSkipped", "none of the metrics of spec.rollout.analysis can be judged here")
    if view.judgement is None or analysis.overall(view.judgement) is not Verdict.PASSED:
        return None
    said = "; ".join(f"{found.name}: {found.message}" for found in view.judgement.verdicts if found.message)
    return Finding("NoWorse", said or "no metric speaks against the new revision")


def _nothing_to_judge(view: View) -> bool:
    """No metric is asked for, or none of them means anything here (no memory limit, say)."""
    return view.judgement is not None and analysis.overall(view.judgement) is Verdict.SKIPPED


def acquitted_while_serving(view: View) -> Finding | None:
    """Out of a pause with all traffic on the candidate already: promoted by a person, or acquitted since."""
    if not view.committed:
        return None
    return intent.promoted(view) or (_acquitted_since(view) if ready(view) and not _paused(view) else None)


def acquitted_in_pause(view: View) -> Finding | None:
    """What was missing came while a person was asked: the whole watch, on enough answers, with nothing against it."""
    return _acquitted_since(view) if _asked_in(view, Phase.WATCHING) else None


def step_held_in_pause(view: View) -> Finding | None:
    """What a step was missing came while a person was asked: the next one begins."""
    return step_held(view) if _asked_in(view, Phase.SHIFTING) else None


def last_step_held_in_pause(view: View) -> Finding | None:
    """What the last step was missing came while a person was asked: what follows is the watch."""
    return last_step_held(view) if _asked_in(view, Phase.SHIFTING) else None


def _asked_in(view: View, phase: Phase) -> bool:
    """A person was asked in this phase, for want of something; where a person paused it, nobody waits for that."""
    return bool(view.rollout and view.rollout.paused_in is phase) and not _paused(view) and not view.committed


def _paused(view: View) -> bool:
    return view.rollout is not None and view.rollout.reason == PAUSED


def _acquitted_since(view: View) -> Finding | None:
    if view.judgement is None or _watched_seconds(view) < view.settings.watch_seconds:
        return None
    return acquitted(view) if _enough(view, view.judgement) else None


def _enough(view: View, judgement: analysis.Judgement) -> bool:
    """The candidate has answered often enough: people, or golden conversations where people are too few."""
    return analysis.enough(judgement, view.settings.analysis, stood_in=round_verdict.stands_in(view))


def step_held(view: View) -> Finding | None:
    """The step's weight was reached and held, on enough answers to go on."""
    if view.rollout is None or view.elapsed(view.rollout.step_started_at) < view.step.hold_seconds or view.stray_pods:
        return None
    if view.step.hold_seconds == 0:
        return Finding(STEP_HELD, f"reached {view.weight_percent} %, which isn't to be held")
    if not judged(view) or _nothing_to_judge(view):
        return Finding(STEP_HELD, f"held {view.weight_percent} % for {view.step.hold_seconds:g} s")
    if view.judgement is None or not _enough(view, view.judgement):
        return None
    return Finding(STEP_HELD, f"held {view.weight_percent} % for {view.step.hold_seconds:g} s, no worse so far")


def last_step_held(view: View) -> Finding | None:
    """The last step was held: what follows is the watch."""
    is_last = view.rollout is not None and view.rollout.step >= len(view.steps) - 1
    return step_held(view) if is_last else None


def watched(view: View) -> Finding | None:
    """The watch is over and the candidate acquitted."""
    if view.stray_pods:  # they keep the candidate from its traffic, so there is nothing to watch
        return None
    if view.settings.watch_seconds == 0:
        return Finding("WatchSkipped", "spec.rollout.watchSeconds is 0: not watched")
    return acquitted(view) if _watched_seconds(view) >= view.settings.watch_seconds else None


def _watched_seconds(view: View) -> float:
    """How long the candidate was looked at in this phase: time without answers (a dead Prometheus, no operator) isn't.

    Where there is nobody to ask, the clock's time.
    """
    if view.rollout is None or not judged(view) or _nothing_to_judge(view):
        return view.in_phase_seconds
    return view.rollout.judged_seconds


def settle_seconds(view: View) -> float:
    """How long blue stays whole after the switch: the whole watch when traffic went over at once."""
    return view.settings.watch_seconds if _judged_after_switch(view) else view.settings.settle_seconds


def _judged_after_switch(view: View) -> bool:
    rollout = view.rollout
    if rollout is None or rollout.gates_skipped or rollout.only_health:
        return False
    return rollout.mode is TrafficMode.IMMEDIATE


def settled(view: View) -> Finding | None:
    """The candidate carried all the traffic for its time, and every check on it ended.

    A gradual rollout was judged before; with Immediate this is the watch, so it must be acquitted here.
    """
    seconds = settle_seconds(view)
    if view.in_phase_seconds < seconds or ready(view) is None or checks.unfinished(view):
        return None
    if not _judged_after_switch(view) or seconds == 0:
        return Finding("Settled", f"carried all traffic for {seconds:g} s")
    return acquitted(view) if _watched_seconds(view) >= seconds else None


def settled_in_the_end(view: View) -> Finding | None:
    """The deadline passed, and the old revision has no more ready pods than the candidate."""
    if not view.overdue:
        return None
    return Finding("Settled", too_few_words(view) or f"carried all traffic for {view.in_phase_seconds:.0f} s")


def undecided(view: View) -> Finding | None:
    """The judgement's time and its hold are over without a verdict.

    After a time without an operator, somebody looks before anything is made of it.
    """
    if not judged(view) or view.rollout is None or view.observed.snapshot is None or _settles_on_a_verdict(view):
        return None
    if _seconds_since_due(view) < INCONCLUSIVE_HOLD_SECONDS:
        return None
    if checks.unfinished(view) and not view.overdue:  # they have a time of their own, and may decide it
        return None
    if round_verdict.still_to_come(view):
        return None
    if queries.unasked(view.settings.analysis, view.observed.snapshot) and not view.overdue:
        return None  # this process has just begun to ask
    return None if _only_time_is_missing(view) else Finding(INCONCLUSIVE, _undecided_words(view, view.rollout))


def _settles_on_a_verdict(view: View) -> bool:
    """The verdict was given before the switch, or, with Immediate, is there since.

    If pods are missing, or the second look at their health, there are rules for that.
    """
    if view.phase is not Phase.SETTLING:
        return False
    watched_whole = _watched_seconds(view) >= settle_seconds(view)
    return not _judged_after_switch(view) or (watched_whole and acquitted(view) is not None)


def _only_time_is_missing(view: View) -> bool:
    """Nothing is open but the time without answers or traffic: until the deadline it is made up for."""
    if view.overdue or view.phase is Phase.SHIFTING or view.judgement is None:
        return False
    short = bool(view.stray_pods) or _watched_seconds(view) < due_seconds(view)
    return short and analysis.overall(view.judgement) is Verdict.PASSED


def _undecided_words(view: View, rollout: RolloutStatus) -> str:
    verdicts = view.judgement.verdicts if view.judgement else ()
    said = _each_once([(found.name, found.message) for found in verdicts if found.verdict in _OPEN])
    if view.phase is Phase.SETTLING and (missing := too_few_words(view)):
        said.insert(0, missing)
    if view.phase is not Phase.SETTLING and (strays := stray_words(view)):
        said.insert(0, strays)
    if not said and rollout.judged_seconds:
        watched_for = f"{rollout.judged_seconds:.0f} of {due_seconds(view):g} s"
        said = [f"nothing speaks against it, but it was watched for {watched_for}"]
    return "; ".join(said) or "Prometheus has given no answer yet"


def _each_once(said: list[tuple[str, str]]) -> list[str]:
    """What is said of several, such as that Prometheus is down, once with all their names."""
    names_by_message: dict[str, list[str]] = {}
    for name, message in said:
        names_by_message.setdefault(message, []).append(name)
    return [f"{', '.join(names)}: {message}" for message, names in names_by_message.items()]


def due_seconds(view: View) -> float:
    """How long this phase's judgement takes, when there are answers."""
    if view.phase is Phase.SHIFTING:
        return view.step.hold_seconds + view.settings.watch_seconds
    return view.settings.watch_seconds if view.phase is Phase.WATCHING else settle_seconds(view)


def _seconds_since_due(view: View) -> float:
    """Seconds since a verdict should have been there, as far as anybody looked; enough once the deadline passed."""
    if view.rollout is None or (view.phase is Phase.SHIFTING and view.rollout.step_started_at is None):
        return 0.0
    if view.overdue:
        return INCONCLUSIVE_HOLD_SECONDS
    attended = view.rollout.attended_seconds
    if view.phase is Phase.SHIFTING:  # pods were waited for first
        attended = min(attended, view.elapsed(view.rollout.step_started_at))
    return attended - due_seconds(view)


def _undecided_means(view: View, action: InconclusiveAction) -> Finding | None:
    return undecided(view) if view.settings.analysis.on_inconclusive is action else None


def undecided_pause(view: View) -> Finding | None:
    """No verdict, and the spec says to ask a person; or to go on, which nobody meant for what is under suspicion."""
    if _suspected(view):
        return asking(view, _undecided_means(view, InconclusiveAction.PROMOTE))
    return asking(view, _undecided_means(view, InconclusiveAction.PAUSE))


def _suspected(view: View) -> bool:
    """Something speaks against the candidate, though it isn't proven: no mere want of answers."""
    asks_anyhow = view.settings.analysis.on_inconclusive is not InconclusiveAction.PROMOTE
    if asks_anyhow or _lacks_pods(view) or view.judgement is None:
        return False
    return any(found.reason in SUSPICIONS and found.verdict in _OPEN for found in view.judgement.verdicts)


def settings_unread(view: View) -> Finding | None:
    """The phase's time is over, and what is to follow stands in a part of the spec that can't be read."""
    if not view.overdue or not view.settings_unread:
        return None
    said = "spec.rollout can't be read, so nothing says how to go on (see condition Validated)"
    return asking(view, Finding(intent.SETTINGS_UNREAD, said))


def undecided_rollback(view: View) -> Finding | None:
    """No verdict, and the spec says to go back."""
    return _undecided_means(view, InconclusiveAction.ROLLBACK)


def undecided_promote(view: View) -> Finding | None:
    """No verdict, and the spec says to go on."""
    return None if _lacks_pods(view) or _suspected(view) else _undecided_means(view, InconclusiveAction.PROMOTE)


def _lacks_pods(view: View) -> bool:
    """After the switch pods are missing: that is no want of a verdict, and has rules of its own."""
    return view.phase is Phase.SETTLING and ready(view) is None


def nobody_promoted(view: View) -> Finding | None:
    """The pause's deadline passed."""
    if not view.overdue:
        return None
    return Finding("PromotionTimeout", f"nobody promoted it within {view.settings.promotion_timeout_seconds} s")
