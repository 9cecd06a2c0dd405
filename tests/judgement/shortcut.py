"""What a tick needn't do where nothing but the judge's memory changes; a test holds releases with and without it equal.

Most looks can do no more than be remembered: nothing is due at that moment, and no metric can speak. The judge counts
and weighs them as ever (`analysis.remembered`, and the phase's clocks); left out are the verdicts in words and the
rules, which could only say "go on". Where they may say more, the plan is left out, if they don't.
"""

from __future__ import annotations

from agentteam_operator.api.analysis_status import AnalysisStatus
from agentteam_operator.api.rollout import AnalysisSettings
from agentteam_operator.api.status import AgentTeamStatus, Phase, RolloutStatus
from agentteam_operator.core import actions, analysis, evidence, sight, verdicts
from agentteam_operator.core.analysis import Judgement, Mode
from agentteam_operator.core.counting import recent_blocks
from agentteam_operator.core.decide import advance
from agentteam_operator.core.gates.judgement import settle_seconds
from agentteam_operator.core.gross import MARGIN
from agentteam_operator.core.sequential import NONE
from agentteam_operator.core.view import View


def after_look(view: View) -> AgentTeamStatus | None:
    """The status after a look that is only remembered; None if more may come of it.

    To be asked only if nothing but the look is new since `decide` last had nothing to do.
    """
    rollout, snapshot = view.rollout, view.observed.snapshot
    if rollout is None or rollout.analysis is None or snapshot is None or not _all_ready(view):
        return None
    if rollout.deadline is None or view.now >= rollout.deadline or _may_speak(view.settings.analysis, rollout.analysis):
        return None
    settings, mode = view.settings.analysis, Mode.ONE_SAMPLE if view.committed else Mode.CONCURRENT
    blue = verdicts._colour(view, view.blue, view.full_size)
    green = verdicts._colour(view, view.green, view.green_needed)
    state = analysis.remembered(settings, rollout.analysis, snapshot, blue=blue, green=green, mode=mode, now=view.now)
    unseen = sight.unseen(settings.metrics, snapshot, blue=blue, green=green, mode=mode)
    found = Judgement(state, (), sight.any_unseen(unseen))
    after = rollout.model_copy(update={"analysis": state, **verdicts._clocks(view, rollout, found)})
    if _is_due(view, after) or _may_speak(view.settings.analysis, state):
        return None
    return view.status.model_copy(update={"rollout": after})


def without_a_plan(view: View) -> AgentTeamStatus | None:
    """The status after a tick as `decide` has it, without the plan that follows; None if more came of it.

    Half of a tick's time goes into comparing manifests.
    """
    status = advance(verdicts.judge(actions.heard(view))).status
    before, after = view.rollout, status.rollout
    if before is None or after is None:
        return None
    if (before.phase, before.step, before.step_started_at) != (after.phase, after.step, after.step_started_at):
        return None
    return status


def _all_ready(view: View) -> bool:
    colours = (view.blue, view.green)
    return all(len(colour.ready_pods) == len(colour.pods) for colour in colours if colour)


def _is_due(view: View, after: RolloutStatus) -> bool:
    """Whether a rule that goes by time may fire."""
    looked = max(after.attended_seconds, after.judged_seconds)
    match after.phase:
        case Phase.SHIFTING:
            return after.step_started_at is None or view.elapsed(after.step_started_at) >= view.step.hold_seconds
        case Phase.WATCHING:
            return looked >= view.settings.watch_seconds
        case Phase.SETTLING:
            return max(looked, view.in_phase_seconds) >= settle_seconds(view)
        case _:
            return True


def _may_speak(settings: AnalysisSettings, state: AnalysisStatus) -> bool:
    """Whether a metric may be Failed: by evidence, by a gross fault, or by a limit."""
    proven = max(state.log_evidence.values(), default=0.0) > evidence.log_threshold(settings)
    gross = sum(recent_blocks(state.green.recent)[-2:], NONE).rate > MARGIN  # both of them, or both together, must be
    return proven or gross or any(state.failures.values()) or bool(state.consecutive_errors)
