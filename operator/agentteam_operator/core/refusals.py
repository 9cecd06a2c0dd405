"""What the API server refuses of the objects that a candidate can't do without."""

from __future__ import annotations

from agentteam_operator.core import checks, names
from agentteam_operator.core.observed import Refusal
from agentteam_operator.core.view import View


def of_candidate(view: View) -> Refusal | None:
    """Why the candidate's pods or their health check aren't made; a final refusal comes first.

    Only what was refused in this very phase counts: what an earlier one left is tried again first.
    """
    rollout, team = view.rollout, view.observed.team.name
    if rollout is None or rollout.phase_started_at >= view.now:
        return None
    revision = names.revision_object(team, rollout.revision)
    needed = {
        ("ServiceAccount", team),
        ("ConfigMap", revision),
        ("Deployment", revision),
        *(("Job", job) for job in checks.job_names(view, checks.wanted(view))),
    }
    found = [refusal for refusal in view.observed.refusals if (refusal.kind, refusal.name) in needed]
    return min(found, key=lambda refusal: not refusal.final, default=None)
