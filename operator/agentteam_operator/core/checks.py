"""The checks that Jobs make on the candidate: which a phase wants, and what they have found."""

from __future__ import annotations

from agentteam_operator.api.hooks import Hook, HookStage
from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.build import checks as build
from agentteam_operator.core.observed import JobObserved
from agentteam_operator.core.view import View

CHECKED_AT_MOST = 3
"""How often a phase's checks are made in all, when pods go while they are asked."""


def wanted(view: View) -> tuple[str, ...]:
    """Names of the checks of the present phase, in the order in which they are told of."""
    match view.phase:
        case Phase.TESTING:
            return tests(view)
        case Phase.HEALTH_CHECKING:
            return (names.CHECK_HEALTH,)
        case Phase.SETTLING:
            return after_switch(view)
        case _:
            return ()


def tests(view: View) -> tuple[str, ...]:
    """What the candidate has to pass before anything else looks at it; nothing where only its health is asked for."""
    if view.rollout is None or view.rollout.only_health:
        return ()
    return (*_conversations(view), *_hooks(view, HookStage.BEFORE_SHIFT))


def after_switch(view: View) -> tuple[str, ...]:
    """What is looked at again once all traffic is on the candidate: pods that were added since were never asked.

    With no time to settle there is none for it; but who asks for a hook then gets it.
    """
    rollout = view.rollout
    if rollout is None or rollout.gates_skipped or not view.has_base:
        return ()
    hooks = () if rollout.only_health else _hooks(view, HookStage.AFTER_SWITCH)
    if view.settings.settle_seconds == 0:
        return hooks
    return (names.CHECK_HEALTH, *(() if rollout.only_health else _conversations(view)), *hooks)


def every(view: View) -> tuple[str, ...]:
    """All checks that there may be of this rollout, whatever its phase."""
    hooks = (names.hook_check(hook.name) for hook in view.settings.hooks)
    return (names.CHECK_HEALTH, names.CHECK_CONVERSATIONS, *hooks)


def unfinished(view: View) -> tuple[str, ...]:
    """Checks of the present phase whose Job hasn't ended, isn't even there, or has asked pods that are gone."""
    return tuple(check for check in wanted(view) if _is_open(view, view.job(check)))


def _is_open(view: View, job: JobObserved | None) -> bool:
    return job is None or not job.finished or replaced(view, job)


def replaced(view: View, job: JobObserved) -> bool:
    """A check that failed asked pods that are gone, which says nothing of those that took their place."""
    green = view.green
    if job.succeeded or not job.finished or job.created_at is None or green is None or view.rollout is None:
        return False
    staying = [pod for pod in green.pods if not pod.terminating]
    changed = len(staying) < green.replicas or any(pod.created_at > job.created_at for pod in staying)
    # After the switch the deadline is the bound: entering the phase once more would move it.
    return changed and (view.rollout.rechecks + 1 < CHECKED_AT_MOST or view.phase is Phase.SETTLING)


def is_undecided(check: str, job: JobObserved) -> bool:
    """It failed for both revisions alike. Only conversations are had with both, so that no other check can say so."""
    return job.inconclusive and check == names.CHECK_CONVERSATIONS


def words(check: str) -> str:
    """A check as people speak of it."""
    return check.replace("/", " ")


def deadline_seconds(view: View, checks: tuple[str, ...]) -> float:
    """When the last of these checks' Jobs is given up, counted from their beginning; 0 for none."""
    return max((float(_deadline_seconds(view, check)) for check in checks), default=0.0)


def job_names(view: View, checks: tuple[str, ...]) -> set[str]:
    """Names of these checks' Jobs in the current attempt."""
    rollout, team = view.rollout, view.observed.team.name
    return {names.check_job(team, rollout.revision, check, rollout.attempt) for check in checks} if rollout else set()


def _conversations(view: View) -> tuple[str, ...]:
    return (names.CHECK_CONVERSATIONS,) if view.settings.conversations else ()


def _hooks(view: View, stage: HookStage) -> tuple[str, ...]:
    return tuple(names.hook_check(hook.name) for hook in view.settings.hooks if hook.when is stage)


def hook_of(view: View, check: str) -> Hook | None:
    """The hook that a check is; None if it is none, or none any more."""
    return next((hook for hook in view.settings.hooks if names.hook_check(hook.name) == check), None)


def _deadline_seconds(view: View, check: str) -> int:
    settings, hook = view.settings, hook_of(view, check)
    if hook is not None:
        return build.hook_deadline_seconds(hook)
    if check == names.CHECK_CONVERSATIONS:
        return build.conversations_deadline_seconds(settings.conversations_timeout_seconds)
    return build.health_deadline_seconds(settings.health)
