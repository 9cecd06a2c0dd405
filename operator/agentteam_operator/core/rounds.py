"""Rounds of golden conversations during the watch: when one may go on, is over, and what is kept of it.

A round is a Job like that of Testing, had with both revisions at once. Its number is written into the status before
the Job is made, and is written down as ended together with what the Job brought, in one write. So a round is counted
once or not at all, whoever dies in between. `round_starts.py` says when the next one is needed.
"""

from __future__ import annotations

from agentteam_operator.api.conversations import Conversation
from agentteam_operator.api.rollout import RolloutSettings
from agentteam_operator.api.rounds_status import RoundsStatus
from agentteam_operator.api.status import Phase, RolloutStatus
from agentteam_operator.core import names
from agentteam_operator.core.build import checks as build
from agentteam_operator.core.gates.checks import has_ended
from agentteam_operator.core.observed import JobObserved, RevisionObserved
from agentteam_operator.core.round_evidence import with_round
from agentteam_operator.core.view import View

PHASES = frozenset({Phase.SHIFTING, Phase.WATCHING})
"""Where both revisions serve, and are to be compared."""

FAILED_AT_MOST = 3
"""Rounds in a row that bring nothing, after which no other begins in the phase."""

LAST_START_SECONDS = 60
"""A round that begins so shortly before the phase's deadline wouldn't end in time."""

VERDICT_ALLOWANCE_SECONDS = 15
"""For a Job's end to be seen, beyond its own deadline."""


def conversations(settings: RolloutSettings) -> tuple[Conversation, ...]:
    """The conversations that are repeated; none without a bound on what they may cost."""
    if settings.max_synthetic_cost is None:
        return ()
    return tuple(conversation for conversation in settings.conversations if conversation.repeat_during_watch)


def wanted(view: View) -> tuple[Conversation, ...]:
    """The conversations that this team's rounds are made of; none while a part of `spec.rollout` can't be read."""
    return () if "rollout" in view.observed.unread else conversations(view.settings)


def state_of(view: View) -> RoundsStatus:
    """What is known of the rounds of this rollout."""
    return (view.rollout.rounds if view.rollout else None) or RoundsStatus()


def carried(before: RolloutStatus | None, revision: str) -> RoundsStatus | None:
    """What the next rollout of the same revision begins with: the numbers, for the old Jobs bear the lower ones."""
    if before is None or before.rounds is None or before.revision != revision:
        return None
    return RoundsStatus(begun=before.rounds.begun, ended=before.rounds.begun)


def is_running(view: View) -> bool:
    """A round has begun and isn't over."""
    state = state_of(view)
    return state.begun > state.ended


def job_name(view: View) -> str:
    """Name of the Job of the last round that began; empty before the first."""
    rollout, state = view.rollout, state_of(view)
    if rollout is None or not state.begun:
        return ""
    return names.check_job(view.observed.team.name, rollout.revision, names.CHECK_ROUND, state.begun)


def addresses(revision: RevisionObserved | None) -> list[str]:
    """Where a revision's ready pods are asked."""
    return sorted(pod.ip for pod in revision.ready_pods if pod.ip) if revision else []


def expected_cost(state: RoundsStatus) -> float | None:
    """What the next round is taken to cost: as much as the dearest so far, or as the tests before the traffic.

    None where nobody knows.
    """
    return state.tests_cost if state.dearest is None else state.dearest


def failed_in_row(view: View) -> int:
    """Rounds in a row that brought nothing, in this phase: a person who resumes it wants it tried anew."""
    state, rollout = state_of(view), view.rollout
    if rollout is None or state.ended_at is None or state.ended_at < rollout.phase_started_at:
        return 0
    return state.failed_in_row


def stopped(view: View) -> tuple[str, str]:
    """Why no other round may begin, in a word and in words; empty if one may."""
    state, cap = state_of(view), view.settings.max_synthetic_cost or 0.0
    cost = expected_cost(state)
    if state.cost_unknown or cost is None:
        said = "a revision's agent server doesn't tell what its answers cost (has each of its models a price, and does "
        return "CostUnknown", f"{said}its endpoint count tokens?), so that maxSyntheticCost couldn't be kept"
    if state.spent + cost > cap:
        spent = f"{money(state.spent)} of maxSyntheticCost {money(cap)} is spent"
        return "CostCapReached", f"{spent}, and another round may cost {money(cost)}"
    if failed_in_row(view) >= FAILED_AT_MOST:
        return "RoundsFailed", f"{FAILED_AT_MOST} rounds in a row couldn't be had: {state.trouble}"
    return "", ""


def money(amount: float) -> str:
    """An amount in the currency of the models' prices: "0.42"."""
    return f"{amount:.4g}"


# --- what ends a round ---


def looked_at(view: View) -> View:
    """The view with the running round counted or dropped if it is over, and with what the tests before cost."""
    view = _with_tests_cost(view)
    if not is_running(view):
        return view
    job, state = view.observed.jobs.get(job_name(view)), state_of(view)
    if job is not None and has_ended(job) and (job.pairs or not job.succeeded):
        return _with(view, _counted(view, state, job))  # the words of one that succeeded come with its pod
    if seconds_left(view) >= 0:
        return view
    return _with(view, _dropped(view, state, job.message if job and job.message else "its Job came to no end"))


def given_up(view: View) -> bool:
    """A round was dropped in this tick, for what its Job didn't bring."""
    state = state_of(view)
    return state.failed_in_row > 0 and state.ended_at == view.now


def seconds_left(view: View) -> float:
    """How long the round that runs is waited for, in seconds."""
    given_up = build.conversations_deadline_seconds(view.settings.conversations_timeout_seconds)
    return given_up + VERDICT_ALLOWANCE_SECONDS - view.elapsed(state_of(view).begun_at)


def may_go_on(view: View) -> bool:
    """Another round would still end in time, and nothing forbids it."""
    deadline = view.rollout.deadline if view.rollout else None
    in_time = deadline is None or -view.elapsed(deadline) >= LAST_START_SECONDS
    return bool(wanted(view)) and in_time and not stopped(view)[0]


def closed(view: View) -> View:
    """The view with a round that nobody waits for any more dropped: the phase is over, or the spec wants none."""
    if not is_running(view) or (view.phase in PHASES and wanted(view)):
        return view
    state = state_of(view)
    return _with(view, _ended(view, state).model_copy(update={"spent": _charged(state, None)}))


def _counted(view: View, state: RoundsStatus, job: JobObserved) -> RoundsStatus:
    most = sum(conversation.samples for conversation in wanted(view))
    if not job.pairs or sum(pairs.pairs for pairs in job.pairs) > most:
        return _dropped(view, state, job.message or "its Job failed without a word", cost=job.cost)
    dearest = state.dearest if job.cost is None else max(job.cost, state.dearest or 0.0)
    update = {
        "spent": _charged(state, job.cost),
        "dearest": dearest,
        "cost_unknown": state.cost_unknown or job.cost is None,
        "failed_in_row": 0,
        "trouble": "",
    }
    return with_round(_ended(view, state), job.pairs).model_copy(update=update)


def _dropped(view: View, state: RoundsStatus, why: str, cost: float | None = None) -> RoundsStatus:
    update = {"failed_in_row": failed_in_row(view) + 1, "trouble": why[:256], "spent": _charged(state, cost)}
    return _ended(view, state).model_copy(update=update)


def _charged(state: RoundsStatus, cost: float | None) -> float:
    """What is spent after a round; one that told nothing of its cost may have cost as much as any."""
    return round(state.spent + ((expected_cost(state) or 0.0) if cost is None else cost), 9)


def _ended(view: View, state: RoundsStatus) -> RoundsStatus:
    return state.model_copy(update={"ended": state.begun, "ended_at": view.now})


def _with_tests_cost(view: View) -> View:
    """The view with what the conversations before any traffic cost, once they have ended."""
    job = view.job(names.CHECK_CONVERSATIONS) if view.phase is Phase.TESTING and wanted(view) else None
    if job is None or job.cost is None:
        return view
    state = state_of(view)
    return _with(view, state.model_copy(update={"tests_cost": max(job.cost, state.tests_cost or 0.0)}))


def _with(view: View, state: RoundsStatus) -> View:
    if view.rollout is None:
        return view
    rollout = view.rollout.model_copy(update={"rounds": state})
    return view.with_status(view.status.model_copy(update={"rollout": rollout}))


def begun(view: View) -> View:
    """The view with the next round begun; its Job follows from the status."""
    state = state_of(view)
    return _with(view, state.model_copy(update={"begun": state.begun + 1, "begun_at": view.now}))
